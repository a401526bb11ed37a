/** The `xml` hints of a schema (OpenAPI XML Object), only where they differ from the plain way. */
import type { XmlShape } from '../../model/kinds/openapi.ts'
import type { Documents } from './documents.ts'
import { flagAt, listAt, memberOf, membersOf, objectAt, textAt } from './json.ts'
import { placeIn, type Spot } from './place.ts'

const depthMax = 12
const shapesMax = 2_000

type Draft = { -readonly [Key in keyof XmlShape]: XmlShape[Key] }

export function xmlShapeOf(spot: Spot, documents: Documents): XmlShape | undefined {
  const budget = { left: shapesMax }
  return shape(spot, documents, { depth: 0, path: new Set(), budget })
}

interface Walk {
  readonly depth: number
  /** Schemas above, so that a circle ends. */
  readonly path: ReadonlySet<unknown>
  readonly budget: { left: number }
}

function shape(spot: Spot, documents: Documents, walk: Walk): XmlShape | undefined {
  const found = documents.target(spot)
  if (found.kind === 'lost' || walk.depth > depthMax || walk.path.has(found.spot.value))
    return undefined
  if (walk.budget.left-- <= 0) return undefined
  const { value, at } = found.spot
  const below = { ...walk, depth: walk.depth + 1, path: new Set([...walk.path, value]) }
  const result: Draft = hintsOf(value)
  const properties: [string, XmlShape][] = []
  const sources = [
    found.spot,
    ...listAt(value, 'allOf').map((branch) => ({ value: branch, at: placeIn(at, 'allOf') })),
  ]
  for (const source of sources) {
    const target = documents.target(source)
    if (target.kind === 'lost') continue
    for (const [name, schema] of membersOf(memberOf(target.spot.value, 'properties'))) {
      if (name === '__proto__') continue
      const part = shape({ value: schema, at: target.spot.at }, documents, below)
      if (part !== undefined) properties.push([name, part])
    }
  }
  if (properties.length > 0) result.properties = Object.fromEntries(properties)
  const items = memberOf(value, 'items')
  const inner = items === undefined ? undefined : shape({ value: items, at }, documents, below)
  if (inner !== undefined) result.items = inner
  return Object.keys(result).length === 0 ? undefined : result
}

function hintsOf(value: unknown): Draft {
  const xml = objectAt(value, 'xml')
  const result: Draft = {}
  for (const key of ['name', 'namespace', 'prefix'] as const) {
    const text = textAt(xml, key)
    if (text !== undefined) result[key] = text
  }
  for (const key of ['attribute', 'wrapped'] as const)
    if (flagAt(xml, key) === true) result[key] = true
  return result
}

/** `xml.name`, else the name of the component, else what the caller says. */
export function xmlRootOf(spot: Spot, documents: Documents, fallback: string): string {
  const reference = textAt(spot.value, '$ref')
  const found = documents.target(spot)
  const named =
    found.kind === 'found' ? textAt(objectAt(found.spot.value, 'xml'), 'name') : undefined
  return named ?? reference?.split('/').at(-1) ?? fallback
}
