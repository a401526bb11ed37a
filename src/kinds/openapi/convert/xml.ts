/** The `xml` hints of a schema (OpenAPI XML Object), only where they differ from the plain way. */
import type { XmlShape } from '../../../model/kinds/openapi.ts'
import type { Documents } from '../../document/documents.ts'
import { flagAt, listAt, memberOf, objectAt, textAt } from '../../document/json.ts'
import { placeIn, type Spot } from '../../document/place.ts'

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
  const layers = documents.layers(spot)
  const last = layers.at(-1)
  if (last === undefined || walk.depth > depthMax || walk.path.has(last.value)) return undefined
  if (walk.budget.left-- <= 0) return undefined
  const below = { ...walk, depth: walk.depth + 1, path: new Set([...walk.path, last.value]) }
  const result: Draft = Object.assign({}, ...layers.map(({ value }) => hintsOf(value)).reverse())
  const properties: [string, XmlShape][] = []
  const parts = layers.flatMap(({ value, at }) =>
    listAt(value, 'allOf').map((branch, index) => ({
      value: branch,
      at: placeIn(placeIn(at, 'allOf'), String(index)),
    })),
  )
  for (const source of [...layers, ...parts.flatMap((part) => documents.layers(part))])
    for (const [name, schema] of documents.entries(source, 'properties')) {
      if (name === '__proto__') continue
      const part = shape(schema, documents, below)
      if (part !== undefined) properties.push([name, part])
    }
  if (properties.length > 0) result.properties = Object.fromEntries(properties)
  const holder = layers.find(({ value }) => memberOf(value, 'items') !== undefined)
  const inner =
    holder === undefined
      ? undefined
      : shape(
          { value: memberOf(holder.value, 'items'), at: placeIn(holder.at, 'items') },
          documents,
          below,
        )
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
  const named = documents
    .layers(spot)
    .map(({ value }) => textAt(objectAt(value, 'xml'), 'name'))
    .find((name) => name !== undefined)
  return named ?? reference?.split('/').at(-1) ?? fallback
}
