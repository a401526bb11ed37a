/** JSON Schema of values of columns: what a result holds, and what an argument may be. */
import type { JsonSchema } from '../../../model/conversion.ts'
import type { SqlColumn, SqlValueKind } from '../../../model/kinds/sql.ts'

const forms: Readonly<Record<SqlValueKind, JsonSchema>> = {
  integer: { type: 'integer' },
  // Beyond 2^53 a JSON number would not survive most clients.
  bigint: { type: ['integer', 'string'], pattern: '^-?\\d+$' },
  numeric: { type: ['number', 'string'] },
  float: { type: ['number', 'string'] },
  boolean: { type: 'boolean' },
  text: { type: 'string' },
  bytes: { type: 'string', contentEncoding: 'base64' },
  date: { type: 'string', format: 'date' },
  time: { type: 'string' },
  timestamp: { type: 'string', description: 'ISO 8601 without a zone, e.g. 2026-01-31T13:45:00' },
  timestamptz: { type: 'string', description: 'ISO 8601, e.g. 2026-01-31T13:45:00Z' },
  interval: { type: 'string', description: 'ISO 8601 duration, e.g. P1DT2H' },
  json: {},
  uuid: { type: 'string', format: 'uuid' },
  array: { type: 'array' },
  other: { type: ['string', 'number', 'boolean'] },
}

/** Of a value that is not NULL, as an argument. */
export function argumentSchema(column: SqlColumn): JsonSchema {
  const { kind, element, values } = column
  if (values !== undefined) return { type: 'string', enum: values }
  // Dimensions are no part of a type (PostgreSQL 8.15.1): elements may be lists of elements.
  if (kind === 'array')
    return {
      type: 'array',
      items: element === undefined ? {} : { anyOf: [nullable(forms[element]), { type: 'array' }] },
    }
  return forms[kind]
}

/** Of a value in a row. Databases hold more than their types promise, so formats and enums are not promised. */
export function resultSchema(column: SqlColumn): JsonSchema {
  switch (column.kind) {
    case 'json':
    case 'other':
      return {}
    case 'array':
      return { type: ['array', 'null'] }
    case 'integer':
    case 'bigint':
    case 'numeric':
    case 'float':
      return { type: ['number', 'string', 'null'] }
    case 'boolean':
      return { type: ['boolean', 'number', 'string', 'null'] }
    default:
      return { type: ['string', 'number', 'null'] }
  }
}

/** The same schema, with NULL allowed. */
export function nullable(schema: JsonSchema): JsonSchema {
  const { type, enum: values } = schema
  if (type === undefined) return schema
  return {
    ...schema,
    type: [...(Array.isArray(type) ? type : [type]), 'null'],
    ...(Array.isArray(values) ? { enum: [...values, null] } : {}),
  }
}

/** What a person would want to know of a column in a few words. */
export function columnNote(column: SqlColumn, extra: string): string {
  const { comment, type, default: standard } = column
  return [comment, type, extra, standard === undefined ? '' : `default ${standard.slice(0, 80)}`]
    .filter((part) => part !== undefined && part !== '')
    .join('; ')
}
