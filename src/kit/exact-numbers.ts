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

/** Whether a double holds the value that this number of JSON has, whatever its spelling. */
export function fitsDouble(source: string): boolean {
  const value = Number(source)
  return Number.isFinite(value) && significant(String(value)) === significant(source)
}

function significant(text: string): string {
  const digits = text.replace(/[eE].*$/, '').replaceAll(/\D/g, '')
  let [start, end] = [0, digits.length]
  while (digits[start] === '0') start++
  while (end > start && digits[end - 1] === '0') end--
  return digits.slice(start, end)
}

/** The shortest decimal that a 32-bit float is read back from, as a number (IEEE 754 binary32: nine digits at most). */
export function shortestFloat(value: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === value) return short
  }
  return Number.isFinite(value) ? Number(value.toPrecision(9)) : value
}
