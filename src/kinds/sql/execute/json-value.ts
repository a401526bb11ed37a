/** JSON of single values, spelled so that nothing of them is lost. docs/guides/sql.md lists the forms. */

/** Digits that every double keeps (IEEE 754 binary64, DBL_DIG). */
const exactDigits = 15
const exactExponent = 290

export const quoted = (text: string): string => JSON.stringify(text)

/** A number of any size as the database wrote it: a JSON number while a double keeps it, else a string. */
export function numberJson(text: string): string {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text)
  if (match === null) return quoted(text)
  const [, sign = '', whole = '', fraction, exponent] = match
  const integer = whole.replace(/^0+(?=\d)/, '')
  const plain = `${sign}${integer}${fraction === undefined ? '' : `.${fraction}`}`
  if (fraction === undefined && exponent === undefined)
    return Number.isSafeInteger(Number(plain)) ? plain : quoted(text)
  const digits = `${integer}${fraction ?? ''}`.replace(/^0+/, '').replace(/0+$/, '')
  if (digits.length > exactDigits || Math.abs(Number(exponent ?? 0)) > exactExponent)
    return quoted(text)
  if (integer.length > exactExponent || (fraction?.length ?? 0) > exactExponent) return quoted(text)
  return exponent === undefined ? plain : `${plain}e${Number(exponent)}`
}

/** A binary floating-point number, which JSON has but for NaN and the infinities. */
export function floatJson(value: number): string {
  return Number.isFinite(value) ? JSON.stringify(value) : quoted(String(value))
}

export function bytesJson(bytes: Uint8Array): string {
  return quoted(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64'))
}

/** JSON that the database holds, spliced in as it is; what is none after all becomes a string. */
export function spliceJson(text: string): string {
  try {
    JSON.parse(text)
    // A line break inside would be legal, but events of a stream are made of lines.
    return /[\r\n\u2028\u2029]/.test(text) ? text.replace(/[\r\n]+/g, ' ') : text
  } catch {
    return quoted(text)
  }
}
