/**
 * Reads an `inputSchema` before it is compiled: bounds it, drops what does not judge, and writes
 * into every subschema what its evaluation costs (budget.ts).
 */
import { pointerKey } from '../kit/json-pointer.ts'
export type Dialect = '2020-12' | '2019-09' | 'draft-07'
export type SchemaNode = boolean | SchemaObject
type SchemaObject = { [keyword: string]: unknown }

/** A schema that cannot be used, and why; the sentence is for people. */
export class SchemaFault extends Error {}

export const costKeyword = 'sallyport-cost'
export const sizeKeyword = 'sallyport-size'
/** The JSON pointer of a subschema, by which problems behind a `$ref` are told apart. */
export const placeKeyword = 'sallyport-place'

const bytesMax = 256_000
const depthMax = 64
const subschemasMax = 4_000
const patternsMax = 500

/** Draft-06 is a subset of draft-07. */
const dialects: Readonly<Record<string, Dialect>> = {
  'https://json-schema.org/draft/2020-12/schema': '2020-12',
  'https://json-schema.org/draft/2019-09/schema': '2019-09',
  'http://json-schema.org/draft-07/schema': 'draft-07',
  'http://json-schema.org/draft-06/schema': 'draft-07',
  'http://json-schema.org/schema': 'draft-07',
}

/** Keywords that never refuse a value, and those with which ajv leaves the standards. */
const dropped = new Set([
  ...['title', 'description', 'default', 'examples', 'example', '$comment', 'deprecated'],
  ...['readOnly', 'writeOnly', 'contentMediaType', 'contentEncoding', 'contentSchema'],
  ...['$schema', '$vocabulary', '$async', '$data', 'id', 'discriminator', 'nullable'],
  ...['__proto__', costKeyword, sizeKeyword, placeKeyword],
])
const schemaMaps = new Set([
  ...['properties', 'patternProperties', '$defs', 'definitions'],
  ...['dependentSchemas', 'dependencies'],
])
const values = new Set(['enum', 'const', 'required', 'type', 'dependentRequired'])
/** Keywords whose test looks at the whole value. */
const sized = new Set([
  ...['minLength', 'maxLength', 'minProperties', 'maxProperties', 'additionalProperties'],
  ...['patternProperties', 'propertyNames', 'unevaluatedProperties', 'unevaluatedItems'],
  ...['contains', 'items', 'additionalItems', 'uniqueItems'],
])

/** The schema to compile, and the dialects to try in this order. Throws SchemaFault. */
export function readSchema(text: string): {
  readonly schema: SchemaNode
  readonly dialects: readonly [Dialect, ...Dialect[]]
} {
  if (Buffer.byteLength(text) > bytesMax) throw new SchemaFault('it is larger than 256 KB')
  const root = parse(text)
  if (typeof root === 'boolean') return { schema: root, dialects: ['2020-12'] }
  if (!isObject(root)) throw new SchemaFault('it is not an object')
  measure(root, 0)
  return { schema: new Reader().object(root, ''), dialects: dialectsOf(root) }
}

/**
 * Without `$schema` the dialect is 2020-12. Servers of the older revisions, which named none,
 * wrote draft-07; where only that can read the schema, it is taken.
 */
function dialectsOf(root: SchemaObject): readonly [Dialect, ...Dialect[]] {
  const uri = root['$schema']
  if (uri === undefined) return ['2020-12', 'draft-07']
  const dialect = typeof uri === 'string' ? dialects[uri.replace(/#$/, '')] : undefined
  if (dialect === undefined)
    throw new SchemaFault(`its dialect is not known: ${String(JSON.stringify(uri)).slice(0, 80)}`)
  return [dialect]
}

class Reader {
  private subschemas = 0
  private patterns = 0

  object(node: SchemaObject, place: string): SchemaObject {
    if (++this.subschemas > subschemasMax)
      throw new SchemaFault(`it has more than ${subschemasMax} parts`)
    const result: SchemaObject = {}
    let cost = 1
    let size = 0
    for (const [keyword, value] of Object.entries(node)) {
      if (dropped.has(keyword)) continue
      result[keyword] = this.value(keyword, value, `${place}/${escapePointer(keyword)}`)
      if (values.has(keyword) || schemaMaps.has(keyword)) cost += members(value)
      if (sized.has(keyword)) size += 1
      if (keyword === 'enum' || keyword === 'const') size += objectsIn(value)
      if (keyword === 'pattern') this.count(1)
      if (keyword === 'patternProperties') this.count(members(value))
    }
    // OpenAPI's `nullable` is kept where ajv can use it: beside a type.
    if (node['nullable'] === true && 'type' in node) result['nullable'] = true
    if (Object.keys(result).length === 0) return result
    result[costKeyword] = cost
    result[placeKeyword] = place
    if (size > 0) result[sizeKeyword] = size
    return result
  }

  private node(value: unknown, place: string): unknown {
    return isObject(value) ? this.object(value, place) : value
  }

  private count(patterns: number): void {
    this.patterns += patterns
    if (this.patterns > patternsMax)
      throw new SchemaFault(`it has more than ${patternsMax} patterns`)
  }

  /** Unknown keywords are read like schemas too: a `$ref` may point into them. */
  private value(keyword: string, value: unknown, place: string): unknown {
    if (values.has(keyword)) return value
    if (Array.isArray(value))
      return value.map((entry: unknown, index) => this.node(entry, `${place}/${index}`))
    if (!isObject(value)) return value
    if (!schemaMaps.has(keyword)) return this.object(value, place)
    const result: SchemaObject = {}
    for (const [name, entry] of Object.entries(value))
      if (name !== '__proto__') result[name] = this.node(entry, `${place}/${escapePointer(name)}`)
    return result
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new SchemaFault('it is not valid JSON', { cause: error })
  }
}

function measure(value: unknown, depth: number): void {
  if (typeof value !== 'object' || value === null) return
  if (depth >= depthMax) throw new SchemaFault(`it is nested more than ${depthMax} deep`)
  for (const entry of Object.values(value)) measure(entry, depth + 1)
}

/** One part of a JSON pointer. */
export function escapePointer(name: string): string {
  return pointerKey(name)
}

function members(value: unknown): number {
  return typeof value === 'object' && value !== null ? Object.keys(value).length : 1
}

/** How many values of an `enum` or `const` are compared member by member. */
function objectsIn(value: unknown): number {
  if (Array.isArray(value)) return value.filter((entry) => typeof entry === 'object').length
  return typeof value === 'object' ? 1 : 0
}

function isObject(value: unknown): value is SchemaObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
