/**
 * One schema of a description as JSON Schema 2020-12, for arguments (`input`) or answers (`output`). Only known
 * keywords are taken over; `$ref`s become references into `$defs`, so nothing is ever unrolled.
 */
import type { JsonSchema } from '../../model/conversion.ts'
import { areExclusive, tagsOf } from './alternatives.ts'
import type { Dialect } from './dialect.ts'
import type { Documents } from './documents.ts'
import { type Base, discriminatorOf, type Forms } from './forms.ts'
import { type Direction, isHidden } from './hidden.ts'
import {
  flagAt,
  isObject,
  type JsonDraft,
  type JsonObject,
  listAt,
  memberOf,
  membersOf,
  objectAt,
  setMember,
  textAt,
  textsAt,
} from './json.ts'
import { readPattern, readTypes } from './keywords.ts'
import { placeIn, type Spot } from './place.ts'
import type { Reporter } from './report.ts'
import { addWords } from './schema-words.ts'
import { addValues } from './values.ts'

/** What a schema refers to, by the name in `$defs`. */
export interface Reference {
  readonly name: string
  /** Applied to the same value, not to a part of it: a circle of these would never end. */
  readonly inPlace: boolean
  readonly holder: JsonDraft
}

export interface Scope {
  readonly direction: Direction
  readonly references: Reference[]
  readonly depth: number
  readonly inPlace: boolean
  /** Of a base with a discriminator what it says itself, and not the forms that it stands for. */
  readonly asBase: boolean
  /** Within `allOf`, where `additionalProperties: false` would forbid what the neighbours describe. */
  readonly open: boolean
}

/** Names the target of a reference in `$defs`. */
export type Define = (target: Spot, scope: Pick<Scope, 'direction' | 'asBase'>) => string

export interface SchemaTools {
  readonly documents: Documents
  readonly dialect: Dialect
  readonly reporter: Reporter
  readonly forms: Forms
  readonly define: Define
}

/** Levels of schemas within one definition. JSON has twice as many, and the check of arguments takes 64 of these. */
const depthMax = 24

export function scopeOf(direction: Direction): Scope {
  return { direction, references: [], depth: 0, inPlace: true, asBase: false, open: false }
}

/** Converts what stands at `spot`. References that it holds are added to the scope. */
export function convertSchema(spot: Spot, scope: Scope, tools: SchemaTools): JsonSchema {
  const { value, at } = spot
  if (value === true) return {}
  if (value === false) return { not: {} }
  if (!isObject(value)) {
    tools.reporter.note('schema_unusable', 'It is no schema; any value is taken.', at)
    return {}
  }
  if (scope.depth > depthMax) {
    tools.reporter.note(
      'schema_unusable',
      `It is nested more than ${depthMax} deep; from here any value is taken.`,
      at,
    )
    return {}
  }
  if (typeof value['$ref'] === 'string' && Object.hasOwn(value, '$ref'))
    return convertReference(value, value['$ref'], spot, scope, tools)
  return new SchemaConverter(value, spot, scope, tools).convert()
}

function convertReference(
  value: JsonObject,
  reference: string,
  spot: Spot,
  scope: Scope,
  tools: SchemaTools,
): JsonSchema {
  const leaf = leafOf(spot, tools.documents)
  if (leaf !== undefined) return convertSchema(leaf, { ...scope, depth: scope.depth + 1 }, tools)
  const target = tools.documents.resolve(reference, spot.at)
  const siblings =
    Object.keys(value).length > 1 ? new SchemaConverter(value, spot, scope, tools).convert() : {}
  if (target.kind === 'lost') {
    tools.reporter.note(
      target.code,
      `${target.reason.replace(/\.?$/, '.')} Any value is taken.`,
      spot.at,
    )
    return siblings
  }
  if (!isObject(target.spot.value) && typeof target.spot.value !== 'boolean') {
    tools.reporter.note('schema_unusable', `${reference} points at no schema.`, spot.at)
    return siblings
  }
  const name = tools.define(target.spot, scope)
  const holder: JsonDraft = { ...siblings, $ref: `#/$defs/${name}` }
  scope.references.push({ name, inPlace: scope.inPlace, holder })
  if (tools.dialect === '3.1' || flagAt(value, 'nullable') !== true) return holder
  return { anyOf: [holder, { type: 'null' }] }
}

/** Keywords that say something about a value, and judge nothing. */
const words = new Set([
  ...['description', 'title', 'default', 'example', 'examples', 'deprecated', 'readOnly'],
  ...['writeOnly', 'externalDocs', 'xml', '$comment'],
])

/**
 * What a reference leads to, when it is small and without parts: it is written in place, which models read more easily
 * than a reference. Undefined where that, or what stands beside the references on the way, says more.
 */
function leafOf(spot: Spot, documents: Documents): Spot | undefined {
  const layers = documents.layers(spot)
  const last = layers.at(-1)
  if (last === undefined || !isObject(last.value) || !isLeaf(last.value)) return undefined
  const merged: JsonDraft = {}
  for (const { value } of [...layers].reverse()) {
    if (!isObject(value) || hasParts(value)) return undefined
    for (const [keyword, said] of Object.entries(value)) {
      // Both judge; one object can hold only one of them.
      if (!words.has(keyword) && Object.hasOwn(merged, keyword) && merged[keyword] !== said)
        return undefined
      setMember(merged, keyword, said)
    }
  }
  return { value: merged, at: last.at }
}

const partKeywords = [
  ...['$ref', 'allOf', 'anyOf', 'oneOf', 'not', 'if', 'then', 'else', 'properties', 'items'],
  ...['additionalProperties', 'patternProperties', 'prefixItems', 'dependentSchemas', 'contains'],
]
const hasParts = (value: JsonObject): boolean =>
  partKeywords.some((keyword) => Object.hasOwn(value, keyword))

function isLeaf(value: JsonObject): boolean {
  if (listAt(value, 'enum').length > 40) return false
  const { types } = readTypes(memberOf(value, 'type'))
  return (
    types.length > 0 && !types.includes('object') && !types.includes('array') && !hasParts(value)
  )
}

const annotations = new Set(['description', 'title', 'deprecated', 'default', 'examples'])
/** Keywords whose value is a schema that judges a part of the value. */
const partSchemas = ['contains', 'propertyNames', 'unevaluatedItems', 'unevaluatedProperties']
class SchemaConverter {
  private readonly value: JsonObject
  private readonly spot: Spot
  private readonly scope: Scope
  private readonly tools: SchemaTools
  private readonly result: JsonDraft = {}
  private readonly hints: string[] = []

  constructor(value: JsonObject, spot: Spot, scope: Scope, tools: SchemaTools) {
    this.value = value
    this.spot = spot
    this.scope = scope
    this.tools = tools
  }

  convert(): JsonSchema {
    const base = this.scope.asBase ? undefined : this.tools.forms.of(this.spot)
    if (base !== undefined) return this.formsOf(base)
    const types = this.types()
    addValues(this.value, this.result, {
      types,
      isNullable: this.isNullable,
      hasConst: this.tools.dialect === '3.1',
      hints: this.hints,
      note: (reason, key) => this.note(reason, key),
    })
    this.items(types)
    this.properties()
    this.combinations()
    this.conditions()
    addWords(this.value, this.result, { direction: this.scope.direction, hints: this.hints })
    this.unwrap()
    return this.nullable(types)
  }

  /** The schemas that a base stands for, each with the value that picks it. */
  private formsOf({ property, forms }: Base): JsonSchema {
    const { direction, references, inPlace } = this.scope
    const types = this.types()
    this.result['anyOf'] = forms.map(({ spot, tags }) => {
      const name = this.tools.define(spot, { direction, asBase: false })
      const holder: JsonDraft = { $ref: `#/$defs/${name}` }
      if (tags.length > 0) {
        const properties: JsonDraft = {}
        setMember(properties, property, tags.length === 1 ? { const: tags[0] } : { enum: tags })
        holder['properties'] = properties
      }
      references.push({ name, inPlace, holder })
      return holder
    })
    addWords(this.value, this.result, { direction, hints: [] })
    return this.nullable(types)
  }

  private note(reason: string, key?: string): void {
    const at = key === undefined ? this.spot.at : placeIn(this.spot.at, key)
    this.tools.reporter.note('schema_unusable', reason, at)
  }

  private part(value: unknown, ...keys: readonly string[]): JsonSchema {
    return this.partAt({ value, at: keys.reduce(placeIn, this.spot.at) })
  }

  private partAt(spot: Spot): JsonSchema {
    const scope = {
      ...{ ...this.scope, depth: this.scope.depth + 1 },
      ...{ inPlace: false, asBase: false, open: false },
    }
    return convertSchema(spot, scope, this.tools)
  }

  private sameValue(value: unknown, open: boolean, ...keys: readonly string[]): JsonSchema {
    const spot = { value, at: keys.reduce(placeIn, this.spot.at) }
    const asBase = keys[0] === 'allOf' && this.tools.forms.isForm(this.value, spot)
    const scope = { ...this.scope, depth: this.scope.depth + 1, asBase, open }
    return convertSchema(spot, scope, this.tools)
  }

  private types(): readonly string[] {
    const raw = memberOf(this.value, 'type')
    if (raw === undefined) return []
    const { types, unknown } = readTypes(raw)
    if (unknown.length > 0) this.note(`${JSON.stringify(unknown[0])} is no type.`, 'type')
    if (types.length === 1) this.result['type'] = types[0]
    else if (types.length > 1) this.result['type'] = types
    return types
  }

  private get isNullable(): boolean {
    return (
      flagAt(this.value, 'nullable') === true ||
      flagAt(this.value, 'x-nullable') === true ||
      (this.tools.dialect !== '3.1' && memberOf(this.value, 'type') === 'null')
    )
  }

  private items(types: readonly string[]): void {
    const items = memberOf(this.value, 'items')
    const prefix = memberOf(this.value, 'prefixItems')
    if (Array.isArray(prefix) && prefix.length > 0)
      this.result['prefixItems'] = prefix.map((entry: unknown, index) =>
        this.part(entry, 'prefixItems', String(index)),
      )
    if (Array.isArray(items)) {
      if (items.length > 0)
        this.result['prefixItems'] = items.map((entry: unknown, index) =>
          this.part(entry, 'items', String(index)),
        )
    } else if (items !== undefined && items !== null)
      this.result['items'] = this.part(items, 'items')
    // Some model providers refuse an array that does not say of what.
    if (types.includes('array') && this.result['items'] === undefined && prefix === undefined)
      this.result['items'] = {}
    for (const keyword of partSchemas) {
      const raw = memberOf(this.value, keyword)
      if (isObject(raw) || (typeof raw === 'boolean' && !this.scope.open))
        this.result[keyword] = this.part(raw, keyword)
    }
  }

  private properties(): void {
    const hidden = new Set<string>()
    if (objectAt(this.value, 'properties') !== undefined) {
      const { documents } = this.tools
      const converted: JsonDraft = {}
      for (const [name, schema] of documents.entries(this.spot, 'properties'))
        if (isHidden(schema, this.scope.direction, documents)) hidden.add(name)
        else setMember(converted, name, this.partAt(schema))
      this.result['properties'] = converted
    }
    this.required(hidden)
    const patterns = objectAt(this.value, 'patternProperties')
    if (patterns !== undefined) this.patternProperties(patterns)
    const additional = memberOf(this.value, 'additionalProperties')
    if (additional === false) {
      // A hidden property is one that answers have; arguments do not.
      if (!this.scope.open && this.scope.direction === 'input')
        this.result['additionalProperties'] = false
    } else if (isObject(additional) && Object.keys(additional).length > 0)
      this.result['additionalProperties'] = this.part(additional, 'additionalProperties')
    else if (additional === true || isObject(additional)) this.result['additionalProperties'] = true
  }

  private required(hidden: ReadonlySet<string>): void {
    const raw = memberOf(this.value, 'required')
    if (!Array.isArray(raw)) return
    const wanted = [...new Set(textsAt(this.value, 'required'))].filter((name) => !hidden.has(name))
    const impossible = wanted.filter((name) => this.forbids(name))
    if (impossible.length > 0)
      this.note(
        `It asks for ${impossible.map((name) => JSON.stringify(name)).join(', ')} and takes no such member; it is not asked for.`,
        'required',
      )
    const names = wanted.filter((name) => !impossible.includes(name))
    if (names.length > 0) this.result['required'] = names
  }

  /** Whether no value may have a member of this name, by what stands here. */
  private forbids(name: string): boolean {
    const { open, direction } = this.scope
    if (memberOf(this.value, 'additionalProperties') !== false || open || direction !== 'input')
      return false
    if (objectAt(this.value, 'patternProperties') !== undefined) return false
    const properties = objectAt(this.value, 'properties')
    return properties === undefined || !Object.hasOwn(properties, name)
  }

  private patternProperties(patterns: JsonObject): void {
    const converted: JsonDraft = {}
    for (const [raw, schema] of Object.entries(patterns)) {
      const pattern = readPattern(raw)
      if (pattern === undefined) this.note('The pattern cannot be used.', 'patternProperties')
      else setMember(converted, pattern, this.part(schema, 'patternProperties', raw))
    }
    if (Object.keys(converted).length > 0) this.result['patternProperties'] = converted
  }

  private combinations(): void {
    for (const keyword of ['allOf', 'anyOf', 'oneOf'] as const) {
      const raw = memberOf(this.value, keyword)
      const branches: readonly unknown[] = Array.isArray(raw) ? raw : isObject(raw) ? [raw] : []
      if (branches.length === 0) continue
      const among = branches.length > 1 || objectAt(this.value, 'properties') !== undefined
      const converted = branches.map((branch, index) =>
        this.branch(keyword, branch, index, keyword === 'allOf' && among),
      )
      if (keyword !== 'oneOf' || this.staysOneOf(branches)) this.result[keyword] = converted
      else if (this.result['anyOf'] === undefined) this.result['anyOf'] = converted
      else this.result['allOf'] = [...listAt(this.result, 'allOf'), { anyOf: converted }]
    }
    const not = memberOf(this.value, 'not')
    if (isObject(not)) this.result['not'] = this.sameValue(not, false, 'not')
    this.discriminator()
  }

  /**
   * Arguments that fit several alternatives are as good for an API as those that fit one: few descriptions mean what
   * they say with `oneOf`. So it stays only where no value can fit two.
   */
  private staysOneOf(branches: readonly unknown[]): boolean {
    const at = placeIn(this.spot.at, 'oneOf')
    return (
      this.scope.direction === 'output' || areExclusive(this.value, branches, { ...this.tools, at })
    )
  }

  /** `allOf` around a single reference only gives it a description, as 3.0 took none beside a `$ref`. */
  private unwrap(): void {
    const { allOf, ...others } = this.result
    if (!Array.isArray(allOf) || allOf.length !== 1) return
    if (Object.keys(others).some((keyword) => !annotations.has(keyword))) return
    const [only]: readonly unknown[] = allOf
    if (!isObject(only)) return
    delete this.result['allOf']
    for (const [keyword, value] of Object.entries(only))
      if (!Object.hasOwn(others, keyword)) setMember(this.result, keyword, value)
    reholding(only, this.result, this.scope)
  }

  private branch(keyword: string, branch: unknown, index: number, open: boolean): JsonSchema {
    const schema = this.sameValue(branch, open || this.scope.open, keyword, String(index))
    const property = textAt(objectAt(this.value, 'discriminator'), 'propertyName')
    if (keyword === 'allOf' || property === undefined) return schema
    const tag = tagsOf(this.value, branch, { documents: this.tools.documents, at: this.spot.at })
    // Beside the reference, so that a model sees at once which value picks which alternative.
    if (tag === undefined || memberOf(schema, 'properties') !== undefined) return schema
    const properties: JsonDraft = {}
    setMember(properties, property, tag.length === 1 ? { const: tag[0] } : { enum: tag })
    return reholding(schema, { ...schema, properties }, this.scope)
  }

  private discriminator(): void {
    const property = discriminatorOf(this.value)
    if (property === undefined || this.scope.asBase || this.result['oneOf'] !== undefined) return
    if (this.result['anyOf'] !== undefined) return
    const mapping = memberOf(memberOf(this.value, 'discriminator'), 'mapping')
    const tags = membersOf(mapping).map(([tag]) => tag)
    const known = tags.length === 0 ? '' : ` (one of ${tags.slice(0, 20).join(', ')})`
    this.hints.push(`${property}${known} says which form it has.`)
  }

  private conditions(): void {
    if (this.tools.dialect !== '3.1') return
    for (const keyword of ['if', 'then', 'else']) {
      const raw = memberOf(this.value, keyword)
      if (isObject(raw) || typeof raw === 'boolean')
        this.result[keyword] = this.sameValue(raw, true, keyword)
    }
    const schemas = objectAt(this.value, 'dependentSchemas')
    if (schemas !== undefined) {
      const converted: JsonDraft = {}
      for (const [name, schema] of Object.entries(schemas))
        setMember(converted, name, this.sameValue(schema, true, 'dependentSchemas', name))
      this.result['dependentSchemas'] = converted
    }
    const dependent = objectAt(this.value, 'dependentRequired')
    if (dependent === undefined) return
    const lists: JsonDraft = {}
    for (const name of Object.keys(dependent)) setMember(lists, name, textsAt(dependent, name))
    this.result['dependentRequired'] = lists
  }

  /** 3.0.3 section 4.7.24.1: null is added to the types; without types it is added to what stands for them. */
  private nullable(types: readonly string[]): JsonSchema {
    const { result } = this
    if (!this.isNullable || types.includes('null')) return result
    const own = result['type']
    if (types.length > 0 || typeof own === 'string') {
      result['type'] = [...(types.length > 0 ? types : [own]), 'null']
      return result
    }
    if (!['allOf', 'oneOf', 'anyOf', '$ref'].some((keyword) => result[keyword] !== undefined))
      return result
    const { description, deprecated, ...inner } = result
    reholding(result, inner, this.scope)
    const words = {
      ...(description === undefined ? {} : { description }),
      ...(deprecated === undefined ? {} : { deprecated }),
    }
    return { ...words, anyOf: [inner, { type: 'null' }] }
  }
}

/** The copy takes the place of the holder of a reference, so that a circle can still be broken there. */
function reholding(schema: JsonSchema, copy: JsonDraft, scope: Scope): JsonSchema {
  const index = scope.references.findLastIndex(({ holder }) => holder === schema)
  const reference = scope.references[index]
  if (reference !== undefined) scope.references[index] = { ...reference, holder: copy }
  return copy
}
