/** Sorts the parts of a recorded request: what becomes an argument, what a credential, and what says nothing. */
import type { JsonObject } from '../../../document/json.ts'
import { bareType, isJson } from '../media.ts'
import { inferSchema, mergeTexts, textSchema } from './infer.ts'
import { isIdentifier, isSecretName, looksSecret } from './secrets.ts'
import type { ImportNote, SeenAuth, SeenBody, SeenValue } from './seen.ts'

export interface RawPair {
  readonly name: string
  readonly value: string
  readonly description?: string | undefined
}

/** Headers that clients add by themselves, or that say nothing about the API. */
const noise =
  /^(?::.*|accept(-.*)?|user-agent|host|content-(type|length|encoding)|connection|cache-control|pragma|origin|referer|dnt|te|upgrade.*|if-.*|priority|sec-.*|postman-token|x-requested-with|traceparent|tracestate|baggage|sentry-trace|x-forwarded-.*|x-real-ip|forwarded|via|expect|keep-alive|proxy-.*|transfer-encoding|trailer|date|range)$/i

export interface Sorted {
  readonly values: readonly SeenValue[]
  readonly auth: readonly SeenAuth[]
}

export function sortHeaders(pairs: readonly RawPair[], notes: ImportNote[], place: string): Sorted {
  const values: SeenValue[] = []
  const auth: SeenAuth[] = []
  for (const { name, value, description } of pairs) {
    const lower = name.toLowerCase()
    if (lower === 'authorization') auth.push(authorization(value))
    else if (lower === 'cookie') auth.push(...cookies(value, notes, place))
    else if (noise.test(lower) || !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) continue
    else if (isSecretName(name) || looksSecret(value))
      auth.push({ kind: 'apiKey', in: 'header', name })
    else values.push({ name, schema: { type: 'string' }, description })
  }
  for (const entry of auth)
    if (entry.kind !== 'apiKey' || entry.in !== 'cookie') noteAuth(entry, notes, place)
  return { values, auth }
}

export function sortQuery(pairs: readonly RawPair[], notes: ImportNote[], place: string): Sorted {
  const auth: SeenAuth[] = []
  const plain: RawPair[] = []
  for (const pair of pairs) {
    const { name, value } = pair
    if (name === '') continue
    if (isSecretName(name) || (/key$/i.test(name) && looksSecret(value))) {
      const entry: SeenAuth = { kind: 'apiKey', in: 'query', name }
      auth.push(entry)
      noteAuth(entry, notes, place)
    } else plain.push(pair)
  }
  const values = [...byName(plain)].map(
    ([name, same]): SeenValue => ({
      name,
      schema: listOr(
        name,
        same.map(({ value }) => textSchema(value)),
      ),
      description: same.find((pair) => pair.description !== undefined)?.description,
    }),
  )
  return { values, auth }
}

function byName<P extends RawPair>(pairs: readonly P[]): ReadonlyMap<string, readonly P[]> {
  const result = new Map<string, P[]>()
  for (const pair of pairs) {
    const known = result.get(pair.name)
    if (known === undefined) result.set(pair.name, [pair])
    else known.push(pair)
  }
  return result
}

/** A key that stands more than once is a list, and so is one with brackets. */
function listOr(name: string, schemas: readonly JsonObject[]): JsonObject {
  const items = schemas.reduce(mergeTexts)
  return schemas.length > 1 || name.endsWith('[]') ? { type: 'array', items } : items
}

function authorization(value: string): SeenAuth {
  const scheme = /^\s*(\w+)/.exec(value)?.[1]?.toLowerCase()
  if (scheme === 'bearer' || scheme === 'basic') return { kind: scheme }
  return { kind: 'apiKey', in: 'header', name: 'Authorization' }
}

/** A session is one cookie among many; which one, only its name can tell. */
function cookies(value: string, notes: ImportNote[], place: string): readonly SeenAuth[] {
  const names = value
    .split(';')
    .map((part) => part.split('=', 1)[0]?.trim() ?? '')
    .filter((name) => /^[\w!#$%&'*+.^`|~-]{1,100}$/.test(name))
  const name = names.find(isSecretName) ?? names[0]
  if (name === undefined) return []
  notes.push({
    code: 'credential_left_out',
    reason: `The cookies (${names.slice(0, 10).join(', ')}) are not copied; if ${name} is the session, configure it: credential: { cookie: { name: ${name}, value: ... } }.`,
    place,
  })
  return [{ kind: 'apiKey', in: 'cookie', name }]
}

export function noteAuth(auth: SeenAuth, notes: ImportNote[], place: string): void {
  notes.push({
    code: 'credential_left_out',
    reason: `The credential is not copied; configure it: ${configurationOf(auth)}.`,
    place,
  })
}

function configurationOf(auth: SeenAuth): string {
  switch (auth.kind) {
    case 'basic':
      return 'credential: { basic: { username: ..., password: ... } }'
    case 'bearer':
      return 'credential: { bearer: ... }'
    case 'mutualTls':
      return 'credential: { tls: { cert: ..., key: ... } }'
    case 'other':
      return `a token of ${auth.what} as credential: { bearer: ... }`
    case 'apiKey':
      return auth.in === 'header'
        ? `credential: { header: ${auth.name}, value: ... }`
        : `credential: { ${auth.in}: { name: ${auth.name}, value: ... } }`
  }
}

export interface SeenUrl {
  readonly origin: string | undefined
  readonly path: string
  readonly pathValues: readonly SeenValue[]
  readonly query: readonly RawPair[]
  readonly hasUser: boolean
}

const urlCharsMax = 8_000
/** Stands for a host that the source does not say (RFC 2606 section 2). */
export const unknownHost = 'unknown.invalid'

/** An absolute URL as it was sent. What in its path names one thing of many becomes a parameter. */
export function readUrl(text: string): SeenUrl | undefined {
  if (text.length > urlCharsMax) return undefined
  // A shell's variable for the host says nothing about it: the configuration does.
  const named = text.replace(
    /^(\w+:\/\/)?(?:\$\{?\w+\}?|\{\{[^{}]+\}\})+/,
    (_, scheme: string | undefined) => `${scheme ?? 'http://'}${unknownHost}`,
  )
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(named) ? named : `http://${named}`)
  if (url === null || !/^https?:$/.test(url.protocol)) return undefined
  const values: SeenValue[] = []
  const path = url.pathname
    .split('/')
    .map((segment, index, all) => templated(readable(segment), all[index - 1] ?? '', values))
    .join('/')
  return {
    origin: url.host.includes(unknownHost) ? undefined : url.origin,
    path,
    pathValues: values,
    query: [...url.searchParams].map(([name, value]) => ({ name, value })),
    hasUser: url.username !== '' || url.password !== '',
  }
}

function templated(segment: string, before: string, values: SeenValue[]): string {
  // A shell's or a tool's variable varies by definition.
  const variable = /^(?:\$\{?(\w+)\}?|\{\{?([\w.-]+)\}?\}|:([A-Za-z]\w*))$/.exec(segment)
  const named = variable?.[1] ?? variable?.[2] ?? variable?.[3]
  if (named === undefined && !isIdentifier(decoded(segment))) return segment.replaceAll(/[{}]/g, '')
  const owner = /^[a-z][a-z_-]*$/i.test(before)
    ? before.replace(/ies$/, 'y').replace(/(?<=[^s])s$/, '')
    : ''
  const base = named ?? (owner === '' ? 'id' : `${owner}Id`)
  let name = base
  for (let number = 2; values.some((value) => value.name === name); number++)
    name = `${base}${number}`
  const schema: JsonObject = { type: /^\d{1,15}$/.test(segment) ? 'integer' : 'string' }
  values.push({ name, schema, description: undefined })
  return `{${name}}`
}

/** Decoded but for what is data only while it is escaped: `%2F` is no separator (RFC 3986 sections 2.2 and 2.4). */
function readable(segment: string): string {
  return segment.replaceAll(/(?:%[0-9a-f]{2})+/gi, (escaped) =>
    decoded(escaped).replaceAll(
      /[:/?#[\]@!$&'()*+,;=%\\]/g,
      (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
    ),
  )
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

const sampleCharsMax = 2_000_000

/** A body by its text; JSON shows its form, everything else only its type. */
export function sampleBody(text: string, mediaType: string | undefined): SeenBody | undefined {
  if (text === '') return undefined
  const bare = mediaType === undefined ? undefined : bareType(mediaType)
  if (bare === undefined || isJson(bare) || bare === 'text/plain') {
    const sample = parsed(text)
    if (sample !== undefined)
      return {
        mediaType: bare !== undefined && isJson(bare) ? bare : 'application/json',
        schema: inferSchema(sample.value),
      }
  }
  if (bare === undefined)
    return { mediaType: 'application/octet-stream', schema: { type: 'string', format: 'binary' } }
  if (isJson(bare)) return { mediaType: bare, schema: {} }
  if (bare === 'application/x-www-form-urlencoded') return formBody(pairsOf(text))
  return { mediaType: bare, schema: { type: 'string' } }
}

/** Fields of a form, or of a query. */
export function pairsOf(text: string): readonly RawPair[] {
  return [...new URLSearchParams(text.slice(0, sampleCharsMax))].map(([name, value]) => ({
    name,
    value,
  }))
}

/** Variables of a template stand where any value may stand. */
function parsed(text: string): { readonly value: unknown } | undefined {
  if (text.length > sampleCharsMax || !/^\s*[[{]/.test(text)) return undefined
  for (const candidate of [text, text.replaceAll(/"?\{\{[^{}"]{1,100}\}\}"?/g, 'null')])
    try {
      return { value: JSON.parse(candidate) }
    } catch {
      // The next candidate, or no sample.
    }
  return undefined
}

/** `isOpen`: there are fields that nobody named. */
export function formBody(fields: readonly RawPair[], isOpen = false): SeenBody {
  return {
    mediaType: 'application/x-www-form-urlencoded',
    schema: {
      ...propertiesOf(fields, ({ value }) => textSchema(value)),
      ...(isOpen ? { additionalProperties: true } : {}),
    },
  }
}

export interface FormPart extends RawPair {
  readonly isFile: boolean
  /** As it was named; a part keeps it (RFC 7578 section 4.4). */
  readonly mediaType?: string | undefined
}

const mediaTypePattern = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:\s*;.*)?$/s

export function multipartBody(parts: readonly FormPart[]): SeenBody {
  // Of a file it is what was sent once; a caller may send another.
  const types = parts.flatMap(({ name, mediaType, isFile }) =>
    mediaType !== undefined && mediaTypePattern.test(mediaType)
      ? [[name, { contentType: isFile ? `${mediaType}, */*` : mediaType }] as const]
      : [],
  )
  return {
    mediaType: 'multipart/form-data',
    schema: propertiesOf(parts, partSchema),
    ...(types.length === 0 ? {} : { encoding: Object.fromEntries(types) }),
  }
}

function partSchema({ value, isFile, mediaType }: FormPart): JsonObject {
  if (isFile) return { type: 'string', format: 'binary' }
  if (mediaType === undefined) return textSchema(value)
  const sample = isJson(bareType(mediaType)) ? parsed(value) : undefined
  return sample === undefined ? { type: 'string' } : inferSchema(sample.value)
}

function propertiesOf<P extends RawPair>(
  pairs: readonly P[],
  schemaOf: (pair: P) => JsonObject,
): JsonObject {
  const named = pairs.filter(({ name }) => name !== '' && name !== '__proto__')
  return {
    type: 'object',
    properties: Object.fromEntries(
      [...byName(named)].map(([name, same]) => {
        const description = same.find((pair) => pair.description !== undefined)?.description
        return [
          name,
          {
            ...listOr(name, same.map(schemaOf)),
            ...(description === undefined ? {} : { description }),
          },
        ]
      }),
    ),
  }
}
