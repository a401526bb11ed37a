/** A schema from samples: types and names only. No value of a sample is kept, since any of them may be private. */
import {
  isObject,
  type JsonDraft,
  type JsonObject,
  memberOf,
  setMember,
} from '../../../document/json.ts'

const depthMax = 12
const membersMax = 300
const itemsMax = 50

export function inferSchema(sample: unknown, depth = 0): JsonObject {
  if (depth > depthMax || sample === null || sample === undefined) return {}
  if (Array.isArray(sample)) {
    const items = sample
      .slice(0, itemsMax)
      .map((entry: unknown) => inferSchema(entry, depth + 1))
      .reduce<JsonObject | undefined>(
        (all, one) => (all === undefined ? one : mergeSchemas(all, one)),
        undefined,
      )
    return { type: 'array', items: items ?? {} }
  }
  if (isObject(sample)) {
    const properties: JsonDraft = {}
    for (const [name, value] of Object.entries(sample).slice(0, membersMax))
      setMember(properties, name, inferSchema(value, depth + 1))
    return { type: 'object', properties }
  }
  if (typeof sample === 'number') return { type: Number.isInteger(sample) ? 'integer' : 'number' }
  return { type: typeof sample === 'boolean' ? 'boolean' : 'string' }
}

/** What both samples are; anything where they have nothing in common. */
export function mergeSchemas(a: JsonObject, b: JsonObject): JsonObject {
  const [typeA, typeB] = [a['type'], b['type']]
  if (typeA === undefined) return b
  if (typeB === undefined) return a
  if (typeA !== typeB) {
    const both = [typeA, typeB]
    return both.includes('integer') && both.includes('number') ? { type: 'number' } : {}
  }
  if (typeA === 'array') {
    const [itemsA, itemsB] = [memberOf(a, 'items'), memberOf(b, 'items')]
    return isObject(itemsA) && isObject(itemsB)
      ? { type: 'array', items: mergeSchemas(itemsA, itemsB) }
      : a
  }
  if (typeA !== 'object') return a['format'] === b['format'] ? a : { type: typeA }
  const properties: JsonDraft = {}
  for (const side of [memberOf(a, 'properties'), memberOf(b, 'properties')])
    for (const [name, schema] of isObject(side) ? Object.entries(side) : []) {
      const known = memberOf(properties, name)
      const own = isObject(schema) ? schema : {}
      setMember(properties, name, isObject(known) ? mergeSchemas(known, own) : own)
    }
  return { type: 'object', properties }
}

/** What two values of one name are that travel as texts: where they differ in type, all of them are texts. */
export function mergeTexts(a: JsonObject, b: JsonObject): JsonObject {
  // A key that stood once here and twice there is a list.
  const [itemsA, itemsB] = [a, b].map((one) =>
    one['type'] === 'array' && isObject(one['items']) ? one['items'] : undefined,
  )
  if ((itemsA === undefined) !== (itemsB === undefined))
    return { type: 'array', items: mergeTexts(itemsA ?? a, itemsB ?? b) }
  const both = mergeSchemas(a, b)
  return memberOf(both, 'type') === undefined ? { type: 'string' } : both
}

/** The type of a value that travels as text. */
export function textSchema(value: string): JsonObject {
  if (/^-?\d{1,15}$/.test(value)) return { type: 'integer' }
  if (/^-?\d{1,15}\.\d{1,15}$/.test(value)) return { type: 'number' }
  return { type: value === 'true' || value === 'false' ? 'boolean' : 'string' }
}
