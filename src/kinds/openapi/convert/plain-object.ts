/** Whether a schema is a plain object, whose properties can stand as arguments of their own. */
import type { Documents } from '../../document/documents.ts'
import { flagAt, isObject, listAt, memberOf, objectAt, textsAt } from '../../document/json.ts'
import { readTypes } from '../../document/keywords.ts'
import { placeIn, type Spot } from '../../document/place.ts'

export interface PlainObject {
  readonly properties: ReadonlyMap<string, Spot>
  readonly required: ReadonlySet<string>
  /** Names of which at least one, or exactly one, list must be there: `anyOf: [{required: [a]}, ...]`. */
  readonly choices: readonly (readonly string[])[]
}

const membersMax = 30
const propertiesMax = 300
/** Keywords that say something about the object as a whole, which single arguments could not. */
const whole = [
  ...['not', 'if', 'then', 'else', 'patternProperties', 'propertyNames', 'minProperties'],
  ...['maxProperties', 'dependentRequired', 'dependentSchemas', 'dependencies', 'discriminator'],
  ...['enum', 'const', 'unevaluatedProperties', '$dynamicRef', 'items', 'prefixItems'],
]

interface Draft {
  readonly properties: Map<string, Spot>
  readonly required: Set<string>
  readonly choices: (readonly string[])[]
  left: number
}

/** Undefined when it is anything else. Members of `allOf` that are plain objects are taken together. */
export function plainObjectOf(spot: Spot, documents: Documents): PlainObject | undefined {
  const draft: Draft = { properties: new Map(), required: new Set(), choices: [], left: membersMax }
  return collect(spot, documents, draft, new Set()) && draft.properties.size > 0 ? draft : undefined
}

function collect(
  spot: Spot,
  documents: Documents,
  draft: Draft,
  above: ReadonlySet<unknown>,
): boolean {
  const layers = documents.layers(spot)
  return layers.length > 0 && layers.every((layer) => collectLayer(layer, documents, draft, above))
}

function collectLayer(
  { value, at }: Spot,
  documents: Documents,
  draft: Draft,
  above: ReadonlySet<unknown>,
): boolean {
  if (!isObject(value) || above.has(value) || draft.left-- <= 0) return false
  const { types } = readTypes(memberOf(value, 'type') ?? 'object')
  if (types.length !== 1 || types[0] !== 'object') return false
  if (flagAt(value, 'nullable') === true || whole.some((keyword) => Object.hasOwn(value, keyword)))
    return false
  const additional = memberOf(value, 'additionalProperties')
  if (additional === true || isObject(additional)) return false
  if (!choicesOf(value, draft)) return false
  for (const [name, schema] of documents.entries({ value, at }, 'properties')) {
    const known = draft.properties.get(name)
    if (known !== undefined && known.value !== schema.value) return false
    if (name === '__proto__' || draft.properties.size >= propertiesMax) return false
    draft.properties.set(name, schema)
  }
  for (const name of textsAt(value, 'required')) draft.required.add(name)
  const path = new Set([...above, value])
  return listAt(value, 'allOf').every((branch, index) =>
    collect(
      { value: branch, at: placeIn(placeIn(at, 'allOf'), String(index)) },
      documents,
      draft,
      path,
    ),
  )
}

/** `anyOf` or `oneOf` that only names what must be there is said in words; any other makes it no plain object. */
function choicesOf(value: unknown, draft: Draft): boolean {
  for (const keyword of ['anyOf', 'oneOf']) {
    const branches = listAt(value, keyword)
    if (branches.length === 0) continue
    if (!branches.every(isRequirement)) return false
    for (const branch of branches) draft.choices.push(textsAt(branch, 'required'))
  }
  return true
}

function isRequirement(branch: unknown): boolean {
  return (
    isObject(branch) &&
    textsAt(branch, 'required').length > 0 &&
    Object.keys(branch).every((key) => key === 'required' || key === 'type' || key === 'title')
  )
}

const kindStepsMax = 2_000

/** What JSON a schema describes: an object, something else, or that cannot be told. */
export function kindOf(spot: Spot, documents: Documents): 'object' | 'other' | 'unclear' {
  // Alternatives of alternatives can lead back and multiply.
  return kindWithin(spot, documents, { left: kindStepsMax })
}

function kindWithin(
  spot: Spot,
  documents: Documents,
  budget: { left: number },
  depth = 0,
): 'object' | 'other' | 'unclear' {
  const layers = documents.layers(spot)
  const kinds = layers.map((layer) => kindOfLayer(layer, documents, budget, depth))
  return kinds.find((kind) => kind !== 'unclear') ?? 'unclear'
}

function kindOfLayer(
  { value, at }: Spot,
  documents: Documents,
  budget: { left: number },
  depth: number,
): 'object' | 'other' | 'unclear' {
  if (depth > 10 || budget.left-- <= 0) return 'unclear'
  const raw = memberOf(value, 'type')
  if (raw !== undefined) {
    const { types } = readTypes(raw)
    if (types.length > 0) return types.includes('object') ? 'object' : 'other'
  }
  if (objectAt(value, 'properties') !== undefined || memberOf(value, 'additionalProperties'))
    return 'object'
  if (memberOf(value, 'items') !== undefined) return 'other'
  const inner = (keyword: string) =>
    listAt(value, keyword).map((branch) =>
      kindWithin({ value: branch, at: placeIn(at, keyword) }, documents, budget, depth + 1),
    )
  const all = inner('allOf')
  if (all.includes('object')) return 'object'
  if (all.includes('other')) return 'other'
  const alternatives = new Set([...inner('oneOf'), ...inner('anyOf')])
  const [only] = alternatives
  return alternatives.size === 1 && only !== undefined ? only : 'unclear'
}
