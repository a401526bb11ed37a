/** Values in few words. */
export const shownChars = 80

/** Type and shortened value, at most 80 characters. */
export function describeValue(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (typeof value === 'string')
    return cut(`string ${json(value.slice(0, shownChars))}`, shownChars)
  if (Array.isArray(value)) return `array of ${value.length} items`
  if (!isObject(value)) return cut(`${typeof value} ${String(value)}`, shownChars)
  const names = Object.keys(value)
  return cut(
    names.length === 0 ? 'object without members' : `object with ${names.slice(0, 20).join(', ')}`,
    shownChars,
  )
}

/** The JSON type of a value. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}

/** A value as JSON, shortened. */
export function json(value: unknown): string {
  return cut(JSON.stringify(value) ?? 'nothing', shownChars)
}

export function cut(text: string, chars: number): string {
  return text.length <= chars ? text : `${text.slice(0, chars - 1)}…`
}

export function isObject(value: unknown): value is { readonly [name: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
