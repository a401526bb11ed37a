/**
 * A reviver for `JSON.parse` that keeps every number digit by digit: one that a double cannot hold is written by
 * `JSON.stringify` as it was read (ECMAScript 2026, JSON.parse source text access).
 */
declare global {
  interface JSON {
    rawJSON(text: string): { readonly rawJSON: string }
  }
}

export function exactNumbers(
  _key: string,
  value: unknown,
  context?: { readonly source?: string },
): unknown {
  if (typeof value !== 'number') return value
  const source = context?.source
  return source === undefined || String(value) === source ? value : JSON.rawJSON(source)
}
