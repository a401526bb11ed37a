/** Successful answers: what to accept, and the schema of structured output. */
import type { JsonSchema } from '../../../model/conversion.ts'
import type { XmlShape } from '../../../model/kinds/openapi.ts'
import type { Dialect } from '../../document/dialect.ts'
import type { Documents } from '../../document/documents.ts'
import { isObject, jsonOf, memberOf, textsAt } from '../../document/json.ts'
import { placeIn, type Spot } from '../../document/place.ts'
import type { Reference } from '../../document/schema.ts'
import type { Schemas } from '../../document/schemas.ts'
import { formOf, isJson } from './media.ts'
import { kindOf } from './plain-object.ts'
import { xmlShapeOf } from './xml.ts'

export interface ReadAnswer {
  readonly accept: string
  readonly outputSchema: JsonSchema | undefined
  readonly answerXml: XmlShape | undefined
  /** Definitions that did not fit. */
  readonly cut: number
}

interface Success {
  readonly mediaType: string
  readonly schema: Spot | undefined
}

export function readAnswer(
  operation: Spot,
  method: string,
  produces: readonly string[],
  schemas: Schemas,
): ReadAnswer {
  const { documents, dialect } = schemas.tools
  const successes = successResponses(operation, documents).flatMap(({ spot }) =>
    contentOf(spot, { dialect, produces, documents }),
  )
  const types = [...new Set(successes.map(({ mediaType }) => mediaType))]
  const json = types.filter(isJson)
  const spoken = json.length > 0 ? json : types
  // Errors and undocumented answers come in other types: those are welcome too.
  const accept =
    spoken.length === 0
      ? 'application/json, */*;q=0.8'
      : `${spoken.slice(0, 5).join(', ')}, */*;q=0.1`
  const none = { accept, outputSchema: undefined, answerXml: undefined, cut: 0 }
  if (method === 'HEAD') return none
  if (json.length === 0) {
    const xml = successes.find(
      ({ mediaType, schema }) => schema !== undefined && formOf(mediaType, true) === 'xml',
    )
    const answerXml = xml?.schema === undefined ? undefined : xmlShapeOf(xml.schema, documents)
    return { ...none, answerXml }
  }
  return {
    ...none,
    ...outputOf(
      successes.filter(({ mediaType }) => isJson(mediaType)),
      schemas,
    ),
  }
}

/** A response of a success, with its code: `201`, `2XX` or `default`. */
export interface Response {
  readonly code: string
  readonly spot: Spot
}

/** Answers of 2xx; `default` only where there is none (OpenAPI 3.1 section 4.8.16). */
export function successResponses(operation: Spot, documents: Documents): readonly Response[] {
  const responses = documents.entries(operation, 'responses')
  const good = responses.filter(([code]) => /^2(\d\d|xx)$/i.test(code))
  const chosen = good.length > 0 ? good : responses.filter(([code]) => code === 'default')
  return chosen.flatMap(([code, spot]) => {
    const found = documents.object(spot)
    return found.kind === 'lost' ? [] : [{ code, spot: found.spot }]
  })
}

interface ContentOptions {
  readonly dialect: Dialect
  readonly produces: readonly string[]
  readonly documents: Documents
}

function contentOf(
  spot: Spot,
  { dialect, produces, documents }: ContentOptions,
): readonly Success[] {
  const { value, at } = spot
  if (dialect === '2.0') {
    const schema = memberOf(value, 'schema')
    if (schema === undefined) return []
    const types = produces.length === 0 ? ['application/json'] : produces
    return types.map((mediaType) => ({
      mediaType: mediaType === '*/*' ? 'application/json' : mediaType,
      schema: { value: schema, at: placeIn(at, 'schema') },
    }))
  }
  return documents
    .entries(spot, 'content')
    .filter(([mediaType]) => mediaType.includes('/'))
    .map(([mediaType, raw]) => {
      const media = documents.object(raw)
      const holder = media.kind === 'found' ? media.spot : raw
      const schema = memberOf(holder.value, 'schema')
      return {
        mediaType: mediaType === '*/*' && isObject(schema) ? 'application/json' : mediaType,
        schema:
          schema === undefined ? undefined : { value: schema, at: placeIn(holder.at, 'schema') },
      }
    })
}

/** The one schema of all successes; none when there are several, or when an answer may or may not be an object. */
function outputOf(
  successes: readonly Success[],
  schemas: Schemas,
): Pick<ReadAnswer, 'outputSchema' | 'cut'> {
  const none = { outputSchema: undefined, cut: 0 }
  const spots = successes.flatMap(({ schema }) => (schema === undefined ? [] : [schema]))
  const [spot, ...others] = spots
  if (spot === undefined || spots.length < successes.length) return none
  if (others.length > 0) {
    const first = jsonOf(spot.value)
    if (first === undefined || others.some(({ value }) => jsonOf(value) !== first)) return none
  }
  const { documents } = schemas.tools
  const kind = kindOf(spot, documents)
  if (kind === 'unclear' || isBinary(spot, schemas)) return none
  const references: Reference[] = []
  const schema = schemas.convert(spot, 'output', references)
  const { schema: outputSchema, cut } = schemas.assemble(
    openSchema(schema, kind),
    references,
    'output',
  )
  return { outputSchema, cut }
}

/**
 * APIs answer differently from their descriptions now and then: a null, a new value of an enum, a missing member.
 * Clients built on the SDKs validate `structuredContent` and throw the whole result away, so the description is one
 * alternative and anything else the other: it informs and never refuses.
 */
function openSchema(schema: JsonSchema, kind: 'object' | 'other') {
  const described =
    kind === 'object'
      ? schema
      : { type: 'object', properties: { result: schema }, required: ['result'] }
  return { type: 'object', anyOf: [described, { description: 'An answer in another form.' }] }
}

function isBinary(spot: Spot, { tools }: Schemas): boolean {
  return tools.documents
    .layers(spot)
    .some(
      ({ value }) =>
        memberOf(value, 'format') === 'binary' ||
        memberOf(value, 'type') === 'file' ||
        textsAt(value, 'type').includes('file'),
    )
}
