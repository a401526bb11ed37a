/** What tells the alternatives of a schema apart: discriminators, fixed values of members, types. */
import type { Dialect } from './dialect.ts'
import type { Documents } from './documents.ts'
import {
  flagAt,
  isObject,
  type JsonObject,
  jsonOf,
  listAt,
  memberOf,
  membersOf,
  objectAt,
  textAt,
  textsAt,
} from './json.ts'
import { readTypes } from './keywords.ts'
import { type Place, placeIn, type Spot } from './place.ts'

interface Whereabouts {
  readonly documents: Documents
  readonly dialect: Dialect
  /** Where the alternatives stand. */
  readonly at: Place
}

/** Values of the discriminator that pick an alternative (OpenAPI 3.1 section 4.8.25). */
export function tagsOf(
  holder: JsonObject,
  branch: unknown,
  { documents, at }: Omit<Whereabouts, 'dialect'>,
): readonly string[] | undefined {
  const property = textAt(objectAt(holder, 'discriminator'), 'propertyName')
  const reference = textAt(branch, '$ref')
  if (property === undefined || reference === undefined) return undefined
  const mapping = membersOf(memberOf(holder['discriminator'], 'mapping'))
  const name = reference.split('/').at(-1) ?? reference
  const mapped = mapping.filter(([, to]) => to === reference || to === name).map(([tag]) => tag)
  if (mapped.length > 0) return mapped
  if (mapping.length > 0) return undefined
  // Without a mapping the name of the schema is the value, unless the schema says otherwise itself.
  const found = documents.resolve(reference, at)
  const target = found.kind === 'found' ? found.spot.value : undefined
  const own = objectAt(objectAt(target, 'properties'), property)
  if (own === undefined || listAt(own, 'enum').length > 0 || Object.hasOwn(own, 'const'))
    return undefined
  return [name]
}

/** What is known of all values that fit an alternative. */
interface Facts {
  /** Undefined: any. */
  types: ReadonlySet<string> | undefined
  /** JSON texts of the values that are allowed. */
  values: ReadonlySet<string> | undefined
  /** The same of members. */
  readonly members: Map<string, ReadonlySet<string>>
  readonly required: Set<string>
  isNullable: boolean
}

const branchesMax = 60
const membersMax = 60
const valuesMax = 100
const depthMax = 4
const partsMax = 20
/** Schemas that are looked at for one list of alternatives. */
const stepsMax = 1_000

/** Whether no value can fit two of the alternatives, as far as that is simply said. */
export function areExclusive(
  holder: JsonObject,
  branches: readonly unknown[],
  { documents, dialect, at }: Whereabouts,
): boolean {
  if (branches.length > branchesMax) return false
  const property = textAt(objectAt(holder, 'discriminator'), 'propertyName')
  const reading: Reading = { documents, hasConst: dialect === '3.1', left: stepsMax }
  const all = branches.map((branch, index) => {
    const facts: Facts = {
      types: undefined,
      values: undefined,
      members: new Map(),
      required: new Set(property === undefined ? [] : [property]),
      isNullable: false,
    }
    const spot = { value: branch, at: placeIn(at, String(index)) }
    collect(spot, reading, facts, depthMax)
    const tags = tagsOf(holder, branch, { documents, at })
    if (property !== undefined && tags !== undefined)
      facts.members.set(property, new Set(tags.map((tag) => JSON.stringify(tag))))
    return facts
  })
  return all.every((one, index) => all.slice(index + 1).every((other) => differ(one, other)))
}

interface Reading {
  readonly documents: Documents
  /** Before 3.1 it is no keyword, so nothing checks it. */
  readonly hasConst: boolean
  left: number
}

function collect(spot: Spot, reading: Reading, facts: Facts, depth: number): void {
  const { documents } = reading
  for (const layer of documents.layers(spot)) collectLayer(layer, reading, facts, depth)
}

function collectLayer(spot: Spot, reading: Reading, facts: Facts, depth: number): void {
  const { documents, hasConst } = reading
  const { value, at } = spot
  if (!isObject(value) || depth === 0 || reading.left-- <= 0) return
  const { types } = readTypes(memberOf(value, 'type') ?? [])
  if (types.length > 0) facts.types ??= new Set(types)
  facts.isNullable ||= takesNull(value) || types.includes('null')
  facts.values ??= valuesOf(value, hasConst)
  for (const name of textsAt(value, 'required')) facts.required.add(name)
  for (const [name, schema] of documents.entries(spot, 'properties').slice(0, membersMax)) {
    if (reading.left-- <= 0) return
    const values = documents
      .layers(schema)
      .map((layer) => valuesOf(layer.value, hasConst))
      .find((one) => one !== undefined)
    if (values !== undefined && !facts.members.has(name)) facts.members.set(name, values)
  }
  for (const [index, part] of listAt(value, 'allOf').slice(0, partsMax).entries()) {
    const place = placeIn(placeIn(at, 'allOf'), String(index))
    collect({ value: part, at: place }, reading, facts, depth - 1)
  }
}

const takesNull = (schema: unknown): boolean =>
  flagAt(schema, 'nullable') === true || flagAt(schema, 'x-nullable') === true

function valuesOf(schema: unknown, hasConst: boolean): ReadonlySet<string> | undefined {
  const fixed = hasConst ? memberOf(schema, 'const') : undefined
  const values = fixed === undefined ? listAt(schema, 'enum') : [fixed]
  if (values.length === 0 || values.length > valuesMax) return undefined
  const texts = (takesNull(schema) ? [...values, null] : values).map((value) => jsonOf(value))
  return new Set(texts.flatMap((text) => (text === undefined ? [] : [text])))
}

function differ(one: Facts, other: Facts): boolean {
  if (one.isNullable && other.isNullable) return false
  if (apart(withInteger(one.types), withInteger(other.types))) return true
  if (apart(one.values, other.values)) return true
  return [...one.members].some(
    ([name, values]) =>
      one.required.has(name) && other.required.has(name) && apart(values, other.members.get(name)),
  )
}

type Known = ReadonlySet<string> | undefined

/** An integer is a number, too. */
const withInteger = (types: Known): Known =>
  types?.has('number') === true ? new Set([...types, 'integer']) : types

const apart = (one: Known, other: Known): boolean =>
  one !== undefined && other !== undefined && one.isDisjointFrom(other)
