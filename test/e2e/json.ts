// Reads values of unknown shape, since what a test receives is what it must prove.

/** The value at a path, or undefined where the path ends early. */
export function dig(value: unknown, ...path: readonly (string | number)[]): unknown {
  let at = value
  for (const step of path) {
    if (typeof at !== 'object' || at === null) return undefined
    at = Object.entries(at).find(([key]) => key === String(step))?.[1]
  }
  return at
}

export function digText(value: unknown, ...path: readonly (string | number)[]): string {
  const found = dig(value, ...path)
  if (typeof found !== 'string') throw new Error(`no text at ${path.join('.')}: ${shown(value)}`)
  return found
}

export function digNumber(value: unknown, ...path: readonly (string | number)[]): number {
  const found = dig(value, ...path)
  if (typeof found !== 'number') throw new Error(`no number at ${path.join('.')}: ${shown(value)}`)
  return found
}

export function digList(value: unknown, ...path: readonly (string | number)[]): readonly unknown[] {
  const found = dig(value, ...path)
  if (!Array.isArray(found)) throw new Error(`no list at ${path.join('.')}: ${shown(value)}`)
  return found
}

/** The names in a list result. */
export function names(message: unknown, member: string, key = 'name'): readonly string[] {
  return digList(message, 'result', member).map((entry) => digText(entry, key))
}

function shown(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 500) ?? 'undefined'
}
