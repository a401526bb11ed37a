/** What is known of custom scalars by their name or their `@specifiedBy` (GraphQL specification, section 3.5.5). */
import type { GraphQLScalarType } from 'graphql'
import type { JsonSchema } from '../../../model/conversion.ts'

/** Section 3.5: what servers take for the five that each has. An ID is a string; integers are taken too. */
const builtIn: Readonly<Record<string, JsonSchema>> = {
  Int: { type: 'integer' },
  Float: { type: 'number' },
  String: { type: 'string' },
  Boolean: { type: 'boolean' },
  ID: { type: ['string', 'integer'] },
}

const text: JsonSchema = { type: 'string' }
const whole: JsonSchema = { type: ['integer', 'string'], pattern: '^-?[0-9]+$' }
const decimal: JsonSchema = { type: ['number', 'string'] }
const base64: JsonSchema = { type: 'string', contentEncoding: 'base64' }
const format = (name: string): JsonSchema => ({ type: 'string', format: name })

/** Lower-case names without underscores. */
const byName: Readonly<Record<string, JsonSchema>> = {
  datetime: format('date-time'),
  datetimeiso: format('date-time'),
  iso8601datetime: format('date-time'),
  timestamptz: format('date-time'),
  offsetdatetime: format('date-time'),
  instant: format('date-time'),
  awsdatetime: format('date-time'),
  date: format('date'),
  localdate: format('date'),
  iso8601date: format('date'),
  awsdate: text,
  time: text,
  localtime: text,
  localdatetime: text,
  awstime: text,
  duration: text,
  iso8601duration: text,
  uri: format('uri'),
  url: format('uri'),
  awsurl: format('uri'),
  uuid: format('uuid'),
  guid: format('uuid'),
  email: format('email'),
  emailaddress: format('email'),
  awsemail: format('email'),
  ipv4: format('ipv4'),
  ipv6: format('ipv6'),
  bigint: whole,
  int64: whole,
  long: whole,
  unsignedint64: whole,
  awstimestamp: { type: 'integer' },
  decimal,
  bigdecimal: decimal,
  money: decimal,
  numeric: decimal,
  double: { type: 'number' },
  positiveint: { type: 'integer', minimum: 1 },
  nonnegativeint: { type: 'integer', minimum: 0 },
  positivefloat: { type: 'number', exclusiveMinimum: 0 },
  json: {},
  jsonb: {},
  any: {},
  jsonobject: { type: 'object' },
  awsjson: text,
  awsphone: text,
  awsipaddress: text,
  html: text,
  markdown: text,
  cursor: text,
  base64,
  base64string: base64,
  byte: base64,
  bytes: base64,
  void: { type: 'null' },
}

const bySpecification: readonly (readonly [part: string, schema: JsonSchema])[] = [
  ['rfc3339', format('date-time')],
  ['andimarek/date-time', format('date-time')],
  ['rfc3986', format('uri')],
  ['rfc4122', format('uuid')],
  ['rfc9562', format('uuid')],
  ['rfc5322', format('email')],
  ['url.spec.whatwg.org', format('uri')],
]

/** The schema of a scalar; undefined when nothing is known of it. */
export function scalarSchema(type: GraphQLScalarType): JsonSchema | undefined {
  const own = Object.hasOwn(builtIn, type.name) ? builtIn[type.name] : undefined
  if (own !== undefined) return own
  const name = type.name.toLowerCase().replaceAll('_', '')
  const { specifiedByURL } = type
  if (typeof specifiedByURL === 'string') {
    const found = bySpecification.find(([part]) => specifiedByURL.toLowerCase().includes(part))
    if (found !== undefined) return found[1]
  }
  return Object.hasOwn(byName, name) ? byName[name] : undefined
}

/** The multipart upload that many servers know (graphql-multipart-request-spec); it does not travel as JSON. */
export const isUpload = (name: string): boolean => name === 'Upload'

/** The schema without `null`, which no server takes for a `T!` whatever T is (GraphQL section 3.12). */
export function notNull(schema: JsonSchema): JsonSchema {
  const isOpen = ['type', '$ref', 'anyOf'].every((keyword) => schema[keyword] === undefined)
  return isOpen ? { type: ['string', 'number', 'boolean', 'object', 'array'], ...schema } : schema
}

/** The schema with `null` beside its types. */
export function orNull(schema: JsonSchema): JsonSchema {
  const { type } = schema
  if (Array.isArray(schema['enum']) && typeof type === 'string')
    return { ...schema, type: [type, 'null'], enum: [...schema['enum'], null] }
  if (typeof type === 'string')
    return type === 'null' ? schema : { ...schema, type: [type, 'null'] }
  if (Array.isArray(type)) return { ...schema, type: [...type, 'null'] }
  if (typeof schema['$ref'] === 'string') {
    const { description, default: preset, ...rest } = schema
    return {
      ...(description === undefined ? {} : { description }),
      ...(preset === undefined ? {} : { default: preset }),
      anyOf: [rest, { type: 'null' }],
    }
  }
  return schema
}
