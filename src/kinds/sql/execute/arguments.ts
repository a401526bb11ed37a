/** Arguments of a call, with every number as its digits were written. */
import { exactNumbers, fitsDouble } from '../../../kit/exact-numbers.ts'
import { StatementFault } from './fault.ts'

/** A number that is not what a double would be written as; `JSON.stringify` writes it as it was read. */
export interface RawNumber {
  readonly rawJSON: string
}

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | RawNumber
  | readonly JsonValue[]
  | JsonObject
export type JsonObject = { readonly [member: string]: JsonValue }

export function isRaw(value: unknown): value is RawNumber {
  return JSON.isRawJSON(value)
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isRaw(value)
}

export function parseArguments(text: string): JsonObject {
  const parsed: JsonValue = JSON.parse(text, exactNumbers)
  return isObject(parsed) ? parsed : {}
}

/** A whole number such as 5 or 5.0; undefined for what is none. */
export function integerOf(value: JsonValue | undefined): number | undefined {
  const number = isRaw(value) ? Number(value.rawJSON) : value
  return typeof number === 'number' && Number.isSafeInteger(number) ? number : undefined
}

/** The same text for the same arguments, in whatever order they stand. */
export function canonical(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (isObject(value))
    return `{${Object.keys(value)
      .sort()
      .map((key) => `${JSON.stringify(key)}:${canonical(value[key] ?? null)}`)
      .join(',')}}`
  return JSON.stringify(value)
}

/** How a number can be kept whole. */
export type WholeNumber =
  | { readonly kind: 'integer'; readonly value: bigint; readonly text: string }
  | { readonly kind: 'double'; readonly value: number; readonly text: string }
  /** Only by its digits. */
  | { readonly kind: 'decimal'; readonly text: string }

/** Longer ones no engine has, and to read them takes time that grows with the square of their length. */
const integerDigitsMax = 400

export function wholeNumber(number: number | RawNumber): WholeNumber {
  const text = isRaw(number) ? number.rawJSON : String(number)
  const value = Number(text)
  const fits = fitsDouble(text)
  if (fits && Number.isSafeInteger(value))
    return { kind: 'integer', value: BigInt(value), text: String(value) }
  if (/^-?\d+$/.test(text) && text.length <= integerDigitsMax)
    return { kind: 'integer', value: BigInt(text), text }
  return fits ? { kind: 'double', value, text } : { kind: 'decimal', text }
}

export const isInt64 = (value: bigint): boolean => BigInt.asIntN(64, value) === value
export const isUint64 = (value: bigint): boolean => BigInt.asUintN(64, value) === value

/** Said of a number whose digits the database would change without a word. */
export function digitsFault(what: string, text: string): StatementFault {
  const shown = text.length > 60 ? `${text.slice(0, 60)}...` : text
  return new StatementFault('number', `${what} cannot keep all digits of ${shown}.`, {
    hint: 'Nothing was run. Give fewer digits, or a string where text will do.',
  })
}

/** The bytes of base64 in either alphabet. @throws StatementFault for what is none, instead of other bytes */
export function bytesOf(text: string): Buffer {
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(text) || text.replace(/=+$/, '').length % 4 === 1)
    throw new StatementFault('bytes', 'Bytes are given as base64, as they come in answers.')
  return Buffer.from(text, 'base64')
}
