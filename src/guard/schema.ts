/**
 * Reads an `inputSchema` before it is compiled: bounds it, drops what does not judge, leaves out what cannot be read
 * (and says so), and writes into every subschema what its evaluation costs (budget.ts).
 *
 * A keyword that is left out must never refuse what the schema allows. Most keywords only narrow, so leaving one out
 * widens; where an inner widening narrows the whole (`not`, `oneOf`, `if`, `unevaluated*`, `maxContains`,
 * `additionalProperties` beside lost properties), the outer keyword is left out, too.
 */

import { namedBy, pointerKey } from '../kit/json-pointer.ts'
import { messageOf } from '../kit/thrown.ts'
import { compilePattern } from './pattern.ts'

export type Dialect = '2020-12' | '2019-09' | 'draft-07'
export type SchemaNode = boolean | SchemaObject
type SchemaObject = { [keyword: string]: unknown }

/** A schema that must not be compiled, since that could take any time; the sentence is for people. */
export class SchemaFault extends Error {}

/** A keyword that nobody checks but the server. */
export interface Skipped {
  /** JSON pointer of the keyword, or of a subschema that is none. */
  readonly place: string
  /** Why it cannot be read, for people. */
  readonly reason: string
}

export const costKeyword = 'sallyport-cost'
export const sizeKeyword = 'sallyport-size'
/** The JSON pointer of a subschema, by which problems behind a `$ref` are told apart. */
export const placeKeyword = 'sallyport-place'

const bytesMax = 256_000
const depthMax = 64
const subschemasMax = 4_000
const patternsMax = 500
/** No schema of this length breaks one of these bounds. */
const harmlessChars = 500

/** Draft-03, 04 and 06 are read as draft-07; what means something else there is put right below. */
const dialects: Readonly<Record<string, Dialect>> = {
  'json-schema.org/draft/2020-12/schema': '2020-12',
  'json-schema.org/draft/2019-09/schema': '2019-09',
  'json-schema.org/draft-07/schema': 'draft-07',
  'json-schema.org/draft-06/schema': 'draft-07',
  'json-schema.org/draft-04/schema': 'draft-07',
  'json-schema.org/draft-03/schema': 'draft-07',
  'json-schema.org/schema': 'draft-07',
}

/**
 * Keywords that never refuse a value, and those with which ajv leaves the standards. `format` is an annotation
 * (JSON Schema 2020-12 validation 7.2.1): servers take more than the formats say.
 */
const dropped = new Set([
  ...['title', 'description', 'default', 'examples', 'example', '$comment', 'deprecated'],
  ...['readOnly', 'writeOnly', 'contentMediaType', 'contentEncoding', 'contentSchema', 'format'],
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
/** What a keyword that is left out takes along, since it would refuse what the lost one allowed. */
const companions: Readonly<Record<string, readonly string[]>> = {
  properties: ['additionalProperties'],
  patternProperties: ['additionalProperties'],
  prefixItems: ['items'],
  items: ['additionalItems'],
  contains: ['minContains', 'maxContains'],
}
/** Keywords that refuse more when a subschema of theirs refuses less, and what goes with them. */
const narrowing: Readonly<Record<string, readonly string[]>> = {
  not: [],
  oneOf: [],
  if: ['then', 'else'],
}
const unevaluated = ['unevaluatedProperties', 'unevaluatedItems']

/** One reading of a schema: what is compiled, and what was left out. */
export interface Reading {
  readonly schema: SchemaNode
  readonly dialect: Dialect
  readonly skipped: readonly Skipped[]
}

/**
 * The schema to compile.
 * @param faults places (JSON pointers) that compiling has shown to be unreadable, with the reason
 * @throws SchemaFault
 */
export function readSchema(text: string, faults: ReadonlyMap<string, string>): Reading {
  const root = boundedSchema(text)
  if (typeof root === 'boolean') return { schema: root, dialect: '2020-12', skipped: [] }
  if (!isObject(root))
    return {
      schema: true,
      dialect: '2020-12',
      skipped: [{ place: '', reason: 'it is not an object' }],
    }
  const dialect = dialectOf(root)
  const first = new Reader(faults, false)
  const schema = first.object(root, '').schema
  if (first.skipped.size === 0 || !first.narrowsReferences)
    return { schema, dialect: dialect.name, skipped: [...first.all(dialect.skipped)] }
  // Where something was left out, a reference may lead there.
  const careful = new Reader(faults, true)
  return {
    schema: careful.object(root, '').schema,
    dialect: dialect.name,
    skipped: [...careful.all(dialect.skipped)],
  }
}

/**
 * Parses a schema and holds it to the bounds without which compiling it could take any time.
 * @throws SchemaFault
 */
function boundedSchema(text: string): unknown {
  if (Buffer.byteLength(text) > bytesMax) throw new SchemaFault('it is larger than 256 KB')
  let root: unknown
  try {
    root = JSON.parse(text)
  } catch (error) {
    throw new SchemaFault('it is not valid JSON', { cause: error })
  }
  measure(root, 0)
  const { parts, patterns } = countParts(root)
  if (parts > subschemasMax) throw new SchemaFault(`it has more than ${subschemasMax} parts`)
  if (patterns > patternsMax) throw new SchemaFault(`it has more than ${patternsMax} patterns`)
  return root
}

/**
 * Why a schema is too large to be checked, for those who list it; undefined when it is not. That it takes too long to
 * compile is seen by the first call alone.
 */
export function tooLarge(text: string): string | undefined {
  if (text.length < harmlessChars) return undefined
  try {
    boundedSchema(text)
    return undefined
  } catch (error) {
    if (error instanceof SchemaFault) return error.message
    throw error
  }
}

/** How many subschemas and patterns a schema has, counted as they are read. */
function countParts(node: unknown, isMap = false): { parts: number; patterns: number } {
  let parts = isMap ? 0 : 1
  let patterns = 0
  if (typeof node !== 'object' || node === null) return { parts: 0, patterns }
  for (const [key, value] of Object.entries(node)) {
    if (!isMap && (dropped.has(key) || values.has(key))) continue
    if (!isMap && key === 'pattern') patterns++
    if (!isMap && key === 'patternProperties') patterns += members(value)
    const below = countParts(value, Array.isArray(value) || (!isMap && schemaMaps.has(key)))
    parts += below.parts
    patterns += below.patterns
  }
  return { parts, patterns }
}

/**
 * Without `$schema` the dialect is 2020-12. Servers of the older revisions, which named none, wrote draft-07; lists of
 * items are read as what they are under every name.
 */
function dialectOf(root: SchemaObject): { name: Dialect; skipped: readonly Skipped[] } {
  const uri = root['$schema']
  const known =
    typeof uri === 'string'
      ? dialects[uri.replace(/^https?:\/\//, '').replace(/[#/]+$/, '')]
      : undefined
  const name = known ?? '2020-12'
  return {
    name: name === '2020-12' && hasItemLists(root) ? '2019-09' : name,
    skipped:
      uri === undefined || known !== undefined
        ? []
        : [{ place: '/$schema', reason: 'the dialect is not known; it is read as 2020-12' }],
  }
}

/** `items` as a list, which 2020-12 calls `prefixItems`; a schema that has both is read by 2020-12. */
function hasItemLists(value: unknown): boolean {
  let isFound = false
  const look = (node: unknown): boolean => {
    if (Array.isArray(node)) return node.every(look)
    if (!isObject(node)) return true
    if ('prefixItems' in node || '$dynamicRef' in node) return false
    if (Array.isArray(node['items'])) isFound = true
    return Object.values(node).every(look)
  }
  return look(value) && isFound
}

interface ReadNode {
  readonly schema: SchemaObject
  /** Nothing was left out in it or below. */
  readonly isExact: boolean
  /** It or something below refers elsewhere. */
  readonly refers: boolean
}

class Reader {
  readonly skipped = new Map<string, string>()
  /** A reference stands where it would matter that its target lost something. */
  narrowsReferences = false
  private readonly faults: ReadonlyMap<string, string>
  private readonly isCareful: boolean

  constructor(faults: ReadonlyMap<string, string>, isCareful: boolean) {
    this.faults = faults
    this.isCareful = isCareful
  }

  all(more: readonly Skipped[]): readonly Skipped[] {
    return [...more, ...[...this.skipped].map(([place, reason]) => ({ place, reason }))]
  }

  object(node: SchemaObject, place: string): ReadNode {
    const given = withoutOldForms(node)
    const result: SchemaObject = {}
    const lost = new Set<string>()
    let cost = 1
    let size = 0
    let isExact = true
    let refers = '$ref' in given || '$dynamicRef' in given || '$recursiveRef' in given
    for (const [keyword, value] of Object.entries(given)) {
      if (dropped.has(keyword)) continue
      const at = `${place}/${escapePointer(keyword)}`
      const fault = this.faults.get(at) ?? this.faultOf(keyword, value)
      if (fault !== undefined) {
        this.skipped.set(at, fault)
        lost.add(keyword)
        isExact = false
        continue
      }
      const read = this.value(keyword, value, at)
      isExact &&= read.isExact
      if (keyword in narrowing) {
        if (read.refers) this.narrowsReferences = true
        if (!read.isExact || (this.isCareful && read.refers)) lost.add(keyword)
      }
      refers ||= read.refers
      result[keyword] = read.value
      if (keyword === 'patternProperties' && read.isShort) lost.add('additionalProperties')
      if (values.has(keyword) || schemaMaps.has(keyword)) cost += members(value)
      if (sized.has(keyword)) size += 1
      if (keyword === 'enum' || keyword === 'const') size += objectsIn(value)
    }
    if (unevaluated.some((keyword) => keyword in result)) {
      if (refers) this.narrowsReferences = true
      if (!isExact || (this.isCareful && refers)) for (const name of unevaluated) lost.add(name)
    }
    if ('contains' in result && 'maxContains' in result && !isExact) lost.add('maxContains')
    for (const keyword of lost)
      for (const name of [keyword, ...(companions[keyword] ?? []), ...(narrowing[keyword] ?? [])]) {
        if (name in result && !this.skipped.has(`${place}/${escapePointer(name)}`))
          this.skipped.set(
            `${place}/${escapePointer(name)}`,
            'it depends on something that cannot be read',
          )
        delete result[name]
      }
    // OpenAPI's `nullable` is kept where ajv can use it: beside a type.
    if (node['nullable'] === true && 'type' in result) result['nullable'] = true
    if (Object.keys(result).length === 0) return { schema: result, isExact, refers }
    result[costKeyword] = cost
    result[placeKeyword] = place
    if (size > 0) result[sizeKeyword] = size
    return { schema: result, isExact: isExact && lost.size === 0, refers }
  }

  /** What no meta-schema tells. */
  private faultOf(keyword: string, value: unknown): string | undefined {
    if (keyword === 'enum' && Array.isArray(value) && value.length === 0)
      return 'a list without values allows nothing'
    if (keyword === 'pattern' && typeof value === 'string') return patternFault(value)
    if ((keyword === 'const' || keyword === 'enum') && hasProto(value))
      return 'a value with a member "__proto__" cannot be compared'
    return undefined
  }

  private entry(value: unknown, place: string): { value: unknown } & Omit<ReadNode, 'schema'> {
    const fault = this.faults.get(place)
    if (fault !== undefined) {
      this.skipped.set(place, fault)
      return { value: true, isExact: false, refers: false }
    }
    if (!isObject(value)) return { value, isExact: true, refers: false }
    const { schema, ...rest } = this.object(value, place)
    return { value: schema, ...rest }
  }

  /** Unknown keywords are read like schemas too: a `$ref` may point into them. */
  private value(
    keyword: string,
    value: unknown,
    place: string,
  ): { value: unknown; isShort?: boolean } & Omit<ReadNode, 'schema'> {
    if (values.has(keyword)) return { value, isExact: true, refers: false }
    let isExact = true
    let refers = false
    const read = (entry: unknown, at: string): unknown => {
      const made = this.entry(entry, at)
      isExact &&= made.isExact
      refers ||= made.refers
      return made.value
    }
    if (Array.isArray(value)) {
      const list = value.map((entry: unknown, index) => read(entry, `${place}/${index}`))
      return { value: list, isExact, refers }
    }
    if (!isObject(value) || !schemaMaps.has(keyword)) {
      const made = read(value, place)
      return { value: made, isExact, refers }
    }
    const result: SchemaObject = {}
    let isShort = false
    for (const [name, entry] of Object.entries(value)) {
      if (name === '__proto__') continue
      const at = `${place}/${escapePointer(name)}`
      const fault = keyword === 'patternProperties' ? patternFault(name) : undefined
      if (fault === undefined) {
        result[name] = read(entry, at)
        continue
      }
      this.skipped.set(at, fault)
      isShort = true
      isExact = false
    }
    return { value: result, isExact, refers, isShort }
  }
}

function patternFault(source: string): string | undefined {
  try {
    compilePattern(source)
    return undefined
  } catch (error) {
    const why = messageOf(error)
    return `the pattern ${JSON.stringify(source).slice(0, 200)} cannot be matched in linear time: ${why}`
  }
}

/** Draft-04 says of a bound by `true` beside it that it is none of the values. A name that is required twice is required. */
function withoutOldForms(node: SchemaObject): SchemaObject {
  const { required } = node
  let result = Array.isArray(required) ? { ...node, required: [...new Set(required)] } : node
  for (const [exclusive, bound] of [
    ['exclusiveMinimum', 'minimum'],
    ['exclusiveMaximum', 'maximum'],
  ] as const) {
    if (typeof result[exclusive] !== 'boolean') continue
    const { [exclusive]: isExclusive, [bound]: limit, ...rest } = result
    result =
      isExclusive === true && typeof limit === 'number'
        ? { ...rest, [exclusive]: limit }
        : { ...rest, ...(limit === undefined ? {} : { [bound]: limit }) }
  }
  return result
}

/**
 * The keyword, or the subschema, that a JSON pointer into a read schema leads into: what can be left out of it.
 * A pointer to the schema itself leads to none.
 */
export function keywordPlace(schema: SchemaNode, pointer: string): string | undefined {
  const parts = pointer.split('/').slice(1)
  let node: unknown = schema
  let place = ''
  let found: string | undefined
  let within: 'schema' | 'map' | 'list' = 'schema'
  for (const part of parts) {
    const key = namedBy(part)
    place += `/${part}`
    found = place
    node = isObject(node) || Array.isArray(node) ? Reflect.get(node, key) : undefined
    if (within === 'schema') {
      if (values.has(key)) return found
      within = Array.isArray(node) ? 'list' : schemaMaps.has(key) ? 'map' : 'schema'
    } else within = 'schema'
    if (typeof node !== 'object' || node === null) return found
  }
  return found
}

/** The places of all references with this text. */
export function referencePlaces(schema: SchemaNode, reference: string): readonly string[] {
  const found: string[] = []
  const look = (node: unknown, place: string): void => {
    if (typeof node !== 'object' || node === null) return
    for (const [key, value] of Object.entries(node)) {
      const at = `${place}/${escapePointer(key)}`
      if (/^\$(ref|dynamicRef|recursiveRef)$/.test(key) && value === reference) found.push(at)
      else look(value, at)
    }
  }
  look(schema, '')
  return found
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

/** Written into source, such a member would be the prototype. */
function hasProto(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return Object.hasOwn(value, '__proto__') || Object.values(value).some(hasProto)
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
