/** Values of MySQL and MariaDB, as the driver reads them from the binary protocol, to JSON; and JSON to parameters. */
import { TypedParameter, type TypedParameterValue } from 'mysql2'
import { shortestFloat } from '../../../kit/exact-numbers.ts'
import {
  digitsFault,
  isInt64,
  isRaw,
  isUint64,
  type WholeNumber,
  wholeNumber,
} from './arguments.ts'
import type { SqlValue } from './engine.ts'
import { bytesJson, floatJson, numberJson, quoted, spliceJson } from './json-value.ts'

export interface Field {
  readonly name: string
  /** Type of the protocol (MySQL internals, enum_field_types). */
  readonly columnType: number
  readonly columnLength: number
  readonly flags: number
  readonly binary: boolean
  readonly json: boolean
}

const unsignedFlag = 32
const enumFlag = 256
const setFlag = 2048

const names: Readonly<Record<number, string>> = {
  0: 'decimal',
  1: 'tinyint',
  2: 'smallint',
  3: 'int',
  4: 'float',
  5: 'double',
  6: 'null',
  7: 'timestamp',
  8: 'bigint',
  9: 'mediumint',
  10: 'date',
  11: 'time',
  12: 'datetime',
  13: 'year',
  16: 'bit',
  245: 'json',
  246: 'decimal',
  247: 'enum',
  248: 'set',
  249: 'tinyblob',
  250: 'mediumblob',
  251: 'longblob',
  252: 'blob',
  253: 'varchar',
  254: 'char',
  255: 'geometry',
}
const binaryNames: Readonly<Record<string, string>> = { varchar: 'varbinary', char: 'binary' }

/** What a column of a result calls itself; the driver leaves some of it out of its types. */
export function fieldOf(field: unknown): Field {
  const read = (member: string): unknown =>
    typeof field === 'object' && field !== null ? Reflect.get(field, member) : undefined
  const flags = Number(read('flags') ?? 0)
  return {
    name: String(read('name') ?? ''),
    columnType: Number(read('columnType') ?? 253),
    columnLength: Number(read('columnLength') ?? 0),
    flags,
    // Collation 63 is `binary`: bytes, not text.
    binary: Number(read('characterSet') ?? 0) === 63,
    json: read('extendedFormat') === 'json' || read('columnType') === 245,
  }
}

export function fieldType(field: Field): string {
  if (field.json) return 'json'
  if ((field.flags & enumFlag) !== 0) return 'enum'
  if ((field.flags & setFlag) !== 0) return 'set'
  const name = names[field.columnType] ?? 'other'
  const precise = field.binary
    ? (binaryNames[name] ?? name)
    : name.endsWith('blob')
      ? name.replace('blob', 'text')
      : name
  return (field.flags & unsignedFlag) !== 0 && /int$/.test(name) ? `${precise} unsigned` : precise
}

/** JSON of one value that the driver read with `dateStrings`, `bigNumberStrings` and `jsonStrings`. */
export function fieldJson(field: Field, value: unknown): string {
  if (value === null || value === undefined) return 'null'
  if (Buffer.isBuffer(value)) {
    // BIT(1) is how booleans are kept, beside TINYINT(1).
    if (field.columnType === 16)
      return field.columnLength === 1
        ? String(value[0] === 1)
        : numberJson(BigInt(`0x${value.toString('hex') || '0'}`).toString())
    return bytesJson(value)
  }
  if (typeof value === 'number') return floatOrInteger(field, value)
  if (typeof value === 'bigint') return numberJson(value.toString())
  if (typeof value !== 'string') return JSON.stringify(value)
  switch (field.columnType) {
    case 0:
    case 8:
    case 246:
      return numberJson(value)
    case 7:
      return quoted(`${value.replace(' ', 'T')}Z`)
    case 12:
      return quoted(value.replace(' ', 'T'))
    default:
      return field.json ? spliceJson(value) : quoted(value)
  }
}

function floatOrInteger(field: Field, value: number): string {
  // FLOAT has 24 bits; its shortest decimal is what people wrote.
  return floatJson(field.columnType === 4 ? shortestFloat(value) : value)
}

/** DECIMAL has 65 digits, 30 of them behind the point (MySQL 13.1.3). */
const decimalDigitsMax = 65
const decimalScaleMax = 30

/**
 * A parameter for the binary protocol (COM_STMT_EXECUTE), of the type that it has: compared as text, 9 is more than
 * 10. Everything arrives as data, whatever is in it. @throws StatementFault for a number whose digits would be lost
 */
export function fieldParameter(value: SqlValue): string | Buffer | TypedParameterValue | null {
  if (value === null || typeof value === 'string') return value
  if (typeof value === 'boolean') return TypedParameter.TINY(Number(value))
  if (value instanceof Uint8Array) return Buffer.from(value)
  return typeof value === 'number' || isRaw(value)
    ? typed(wholeNumber(value))
    : JSON.stringify(value)
}

function typed(number: WholeNumber): TypedParameterValue {
  const { text } = number
  // As a double an integer would not do for LIMIT.
  if (number.kind === 'integer' && isInt64(number.value))
    return TypedParameter.LONGLONG(number.value)
  if (number.kind === 'integer' && isUint64(number.value))
    return TypedParameter.LONGLONG.unsigned(number.value)
  const [, whole = '', fraction = ''] = /^-?(\d+)(?:\.(\d+))?$/.exec(text) ?? []
  const isDecimal =
    whole !== '' &&
    whole.length + fraction.length <= decimalDigitsMax &&
    fraction.length <= decimalScaleMax
  if (isDecimal) return TypedParameter.NEWDECIMAL(text)
  if (number.kind === 'double') return TypedParameter.DOUBLE(number.value)
  throw digitsFault('The database', text)
}
