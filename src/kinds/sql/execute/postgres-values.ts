/** Values of PostgreSQL, which come as text (ISO dates and intervals, hex bytea), to JSON; and JSON to parameters. */
import pg from 'pg'
import { bytesOf, isRaw, type JsonValue, wholeNumber } from './arguments.ts'
import type { SqlValue } from './engine.ts'
import { bytesJson, numberJson, quoted, spliceJson } from './json-value.ts'

/** pg_type.oid of built-in types, and the names that models know. They never change (catalog/pg_type.dat). */
const scalars: Readonly<Record<number, string>> = {
  16: 'boolean',
  17: 'bytea',
  18: '"char"',
  19: 'name',
  20: 'bigint',
  21: 'smallint',
  23: 'integer',
  25: 'text',
  26: 'oid',
  114: 'json',
  142: 'xml',
  650: 'cidr',
  700: 'real',
  701: 'double precision',
  790: 'money',
  829: 'macaddr',
  869: 'inet',
  1042: 'character',
  1043: 'character varying',
  1082: 'date',
  1083: 'time',
  1114: 'timestamp',
  1184: 'timestamp with time zone',
  1186: 'interval',
  1266: 'time with time zone',
  1700: 'numeric',
  2950: 'uuid',
  3802: 'jsonb',
}

const arrays: Readonly<Record<number, number>> = {
  199: 114,
  1000: 16,
  1001: 17,
  1002: 18,
  1003: 19,
  1005: 21,
  1007: 23,
  1009: 25,
  1014: 1042,
  1015: 1043,
  1016: 20,
  1021: 700,
  1022: 701,
  1028: 26,
  1041: 869,
  1115: 1114,
  1182: 1082,
  1183: 1083,
  1185: 1184,
  1187: 1186,
  1231: 1700,
  1270: 1266,
  2951: 2950,
  3807: 3802,
}

/** Types that a database has of its own: name, and the element of an array. */
export type FurtherTypes = ReadonlyMap<number, { readonly name: string; readonly element: number }>

function elementOf(oid: number, further: FurtherTypes): number | undefined {
  const element = arrays[oid] ?? further.get(oid)?.element
  return element === undefined || element === 0 ? undefined : element
}

export function typeName(oid: number, further: FurtherTypes): string {
  const known = scalars[oid] ?? further.get(oid)?.name
  if (known !== undefined) return known
  const element = elementOf(oid, further)
  return element === undefined ? `oid ${oid}` : `${typeName(element, further)}[]`
}

export function isKnown(oid: number, further: FurtherTypes): boolean {
  return oid in scalars || oid in arrays || further.has(oid)
}

/** JSON of one value. */
export function valueJson(oid: number, text: string, further: FurtherTypes): string {
  switch (oid) {
    case 16:
      return text === 't' ? 'true' : text === 'f' ? 'false' : quoted(text)
    case 17:
      return text.startsWith('\\x') ? bytesJson(Buffer.from(text.slice(2), 'hex')) : quoted(text)
    case 20:
    case 21:
    case 23:
    case 26:
    case 700:
    case 701:
    case 1700:
      return numberJson(text)
    case 114:
    case 3802:
      return spliceJson(text)
    case 1114:
      return quoted(isoTimestamp(text))
    case 1184:
      return quoted(isoTimestamp(text).replace(/\+00$/, 'Z'))
    default: {
      const element = elementOf(oid, further)
      return element === undefined ? quoted(text) : arrayJson(element, text, further)
    }
  }
}

/** `2024-01-02 03:04:05.6+00` gets its T; `infinity` and years before Christ stay as they are. */
function isoTimestamp(text: string): string {
  return /^\d{4,6}-\d\d-\d\d \d\d:\d\d:\d\d/.test(text) && !text.endsWith(' BC')
    ? text.replace(' ', 'T')
    : text
}

/** text[]: the driver's parser of array literals that leaves the elements as they are. */
const textArray: unknown = new pg.TypeOverrides().getTypeParser(1009)

function arrayJson(element: number, text: string, further: FurtherTypes): string {
  const nested = (entry: unknown): string => {
    if (Array.isArray(entry)) return `[${entry.map(nested).join(',')}]`
    return typeof entry === 'string' ? valueJson(element, entry, further) : 'null'
  }
  const entries: unknown = typeof textArray === 'function' ? textArray(text) : []
  return nested(entries)
}

/** A parameter as text, for the type that the statement gives it. Everything arrives as data, whatever is in it. */
export function parameterText(value: SqlValue, oid: number, further: FurtherTypes): string | null {
  if (value === null) return null
  if (value instanceof Uint8Array) return hexOf(value)
  if (typeof value === 'string') return oid === byteaOid ? byteaText(value) : value
  if (typeof value === 'boolean') return String(value)
  if (isJson(oid)) return JSON.stringify(value)
  if (typeof value === 'number' || isRaw(value)) return wholeNumber(value).text
  const element = elementOf(oid, further)
  return Array.isArray(value) && element !== undefined
    ? arrayText(value, element)
    : JSON.stringify(value)
}

const byteaOid = 17
const isJson = (oid: number): boolean => oid === 114 || oid === 3802

function hexOf(bytes: Uint8Array): string {
  return `\\x${Buffer.from(bytes).toString('hex')}`
}

/** Bytes are base64 in both directions; the hex form of PostgreSQL itself, which no base64 is, is taken as well. */
function byteaText(text: string): string {
  return text.startsWith('\\x') ? text : hexOf(bytesOf(text))
}

/** An array literal (PostgreSQL 8.15.2): each element quoted, so that nothing in it is syntax. */
function arrayText(entries: readonly JsonValue[], element: number): string {
  const elements = entries.map((entry) => {
    // Dimensions are no part of a type (8.15.1), but an array of JSON has lists for elements.
    if (Array.isArray(entry) && !isJson(element)) return arrayText(entry, element)
    const text = parameterText(entry, element, new Map())
    return text === null ? 'NULL' : `"${text.replace(/["\\]/g, '\\$&')}"`
  })
  return `{${elements.join(',')}}`
}
