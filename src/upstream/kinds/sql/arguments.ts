/** Arguments of a call, with numbers that a double cannot hold kept whole. */

export type JsonValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | readonly JsonValue[]
  | JsonObject
export type JsonObject = { readonly [member: string]: JsonValue }

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

interface Source {
  readonly source?: string
}

/** Large integers become bigint; other numbers that would change become their text, which databases read exactly. */
export function parseArguments(text: string): JsonObject {
  const exact = (_: string, value: JsonValue, context?: Source): JsonValue => {
    if (typeof value !== 'number' || context?.source === undefined) return value
    const { source } = context
    if (/^-?\d+$/.test(source)) return Number.isSafeInteger(value) ? value : BigInt(source)
    return source.replace(/[^\d]/g, '').length > 15 ? source : value
  }
  const parsed: JsonValue = JSON.parse(text, exact)
  return isObject(parsed) ? parsed : {}
}

/** The same text for the same arguments, in whatever order they stand. */
export function canonical(value: JsonValue): string {
  if (typeof value === 'bigint') return `${value}n`
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (isObject(value))
    return `{${Object.keys(value)
      .sort()
      .map((key) => `${JSON.stringify(key)}:${canonical(value[key] ?? null)}`)
      .join(',')}}`
  return JSON.stringify(value)
}
