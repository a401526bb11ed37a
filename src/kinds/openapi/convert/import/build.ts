/** Requests that were seen, put together as an OpenAPI 3.1 description. */
import { type JsonDraft, type JsonObject, memberOf } from '../../../document/json.ts'
import { mergeSchemas, mergeTexts } from './infer.ts'
import type { ImportNote, Seen, SeenAuth, SeenBody, SeenRequest, SeenValue } from './seen.ts'

export interface Imported {
  readonly description: JsonObject
  readonly notes: readonly ImportNote[]
}

const requestsMax = 5_000

export function buildDescription(seen: Seen): Imported {
  const notes = [...onceEach(seen.notes)]
  const main = mainOrigin(seen.requests)
  const operations = new Map<string, SeenRequest>()
  const elsewhere = new Map<string, number>()
  for (const request of seen.requests.slice(0, requestsMax)) {
    if (request.origin !== undefined && request.origin !== main) {
      elsewhere.set(request.origin, (elsewhere.get(request.origin) ?? 0) + 1)
      continue
    }
    const key = `${request.method} ${shapeOf(request.path)}`
    const known = operations.get(key)
    operations.set(key, known === undefined ? request : merged(known, request))
  }
  for (const [origin, count] of elsewhere)
    notes.push({
      code: 'feature_unsupported',
      reason: `${count} requests to ${origin} are left out: a server has one address. Import them by themselves.`,
      place: '#',
    })
  return { description: describe(seen, [...operations.values()], main), notes }
}

/** Hundreds of requests carry the same cookie. */
function onceEach(notes: readonly ImportNote[]): readonly ImportNote[] {
  const known = new Set<string>()
  return notes.filter(({ reason }) => {
    const isNew = !known.has(reason)
    known.add(reason)
    return isNew
  })
}

/** The address that most requests went to; others are often trackers and fonts. */
function mainOrigin(requests: readonly SeenRequest[]): string | undefined {
  const counts = new Map<string, number>()
  for (const { origin } of requests)
    if (origin !== undefined) counts.set(origin, (counts.get(origin) ?? 0) + 1)
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0]
}

/** Paths that differ only in the names of their parameters are one. */
function shapeOf(path: string): string {
  return path.replaceAll(/\{[^{}]*\}/g, '{}')
}

function merged(a: SeenRequest, b: SeenRequest): SeenRequest {
  return {
    ...a,
    query: mergedValues(a.query, b.query),
    headers: mergedValues(a.headers, b.headers),
    auth: [...a.auth, ...b.auth],
    body: mergedBody(a.body, b.body),
    answer: mergedBody(a.answer, b.answer),
  }
}

function mergedValues(a: readonly SeenValue[], b: readonly SeenValue[]): readonly SeenValue[] {
  const result = new Map<string, SeenValue>()
  for (const value of [...a, ...b]) {
    const known = result.get(value.name)
    result.set(
      value.name,
      known === undefined ? value : { ...known, schema: mergeTexts(known.schema, value.schema) },
    )
  }
  return [...result.values()]
}

function mergedBody(a: SeenBody | undefined, b: SeenBody | undefined): SeenBody | undefined {
  if (a === undefined || b === undefined || a.mediaType !== b.mediaType) return a ?? b
  const isOpen = [a, b].some(({ schema }) => memberOf(schema, 'additionalProperties') === true)
  return {
    mediaType: a.mediaType,
    schema: {
      ...mergeSchemas(a.schema, b.schema),
      ...(isOpen ? { additionalProperties: true } : {}),
    },
    encoding: { ...a.encoding, ...b.encoding },
  }
}

function describe(
  seen: Seen,
  requests: readonly SeenRequest[],
  origin: string | undefined,
): JsonObject {
  const schemes = new Map<string, JsonObject>()
  const paths: Record<string, JsonDraft> = {}
  const templates = new Map<string, string>()
  for (const request of requests) {
    // The first spelling of a path names its parameters for all methods.
    const shape = shapeOf(request.path)
    const template = templates.get(shape) ?? request.path
    templates.set(shape, template)
    const item = paths[template] ?? {}
    item[request.method.toLowerCase()] = operationOf({ ...request, path: template }, schemes)
    paths[template] = item
  }
  return {
    openapi: '3.1.0',
    info: {
      title: seen.title,
      version: seen.version,
      ...(seen.description === undefined ? {} : { description: seen.description }),
    },
    ...(origin === undefined ? {} : { servers: [{ url: origin }] }),
    paths,
    components: { securitySchemes: Object.fromEntries(schemes) },
  }
}

function operationOf(request: SeenRequest, schemes: Map<string, JsonObject>): JsonObject {
  const { name, description, query, headers, body, answer, path, pathValues } = request
  const inPath = [...path.matchAll(/\{([^{}]+)\}/g)].map(([, wire = ''], index): SeenValue => {
    const known = pathValues.find((value) => value.name === wire) ?? pathValues[index]
    return { schema: { type: 'string' }, description: undefined, ...known, name: wire }
  })
  const needed = [...new Set(request.auth.map((auth) => schemeOf(auth, schemes)))]
  return {
    ...(name === undefined ? {} : { operationId: name, summary: name }),
    ...(description === undefined ? {} : { description }),
    parameters: [
      ...inPath.map((value) => parameter(value, 'path')),
      ...query.map((value) => parameter(value, 'query')),
      ...headers.map((value) => parameter(value, 'header')),
    ],
    ...(body === undefined
      ? {}
      : { requestBody: { content: { [body.mediaType]: contentOf(body) } } }),
    responses: {
      200: {
        description: 'As it was seen',
        ...(answer === undefined
          ? {}
          : { content: { [answer.mediaType]: { schema: answer.schema } } }),
      },
    },
    ...(needed.length === 0
      ? {}
      : { security: [Object.fromEntries(needed.map((scheme) => [scheme, []]))] }),
  }
}

function contentOf({ schema, encoding }: SeenBody): JsonObject {
  return { schema, ...(encoding === undefined ? {} : { encoding }) }
}

function parameter(value: SeenValue, where: 'path' | 'query' | 'header'): JsonObject {
  const { name, schema, description } = value
  return {
    name,
    in: where,
    ...(where === 'path' ? { required: true } : {}),
    ...(description === undefined ? {} : { description }),
    schema,
  }
}

function schemeOf(auth: SeenAuth, schemes: Map<string, JsonObject>): string {
  const [name, scheme] = named(auth)
  schemes.set(name, scheme)
  return name
}

function named(auth: SeenAuth): readonly [string, JsonObject] {
  switch (auth.kind) {
    case 'basic':
      return ['basic', { type: 'http', scheme: 'basic' }]
    case 'bearer':
      return ['bearer', { type: 'http', scheme: 'bearer' }]
    case 'mutualTls':
      return ['mutualTls', { type: 'mutualTLS' }]
    case 'apiKey':
      return [`${auth.in} ${auth.name}`, { type: 'apiKey', in: auth.in, name: auth.name }]
    case 'other':
      return [auth.what, { type: 'http', scheme: auth.what }]
  }
}
