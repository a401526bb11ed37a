/** Sorts the parts of a recorded request: what becomes an argument, what a credential, and what says nothing. */
import type { JsonObject } from '../json.ts'
import { bareType, isJson } from '../media.ts'
import { inferSchema, textSchema } from './infer.ts'
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
  const values: SeenValue[] = []
  const auth: SeenAuth[] = []
  for (const { name, value, description } of pairs) {
    if (name === '') continue
    if (isSecretName(name) || (/key$/i.test(name) && looksSecret(value))) {
      const entry: SeenAuth = { kind: 'apiKey', in: 'query', name }
      auth.push(entry)
      noteAuth(entry, notes, place)
    } else values.push({ name, schema: textSchema(value), description })
  }
  return { values, auth }
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
    .map((segment, index, all) => templated(decoded(segment), all[index - 1] ?? '', values))
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
  if (named === undefined && !isIdentifier(segment)) return segment.replaceAll(/[{}]/g, '')
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
  if (bare === 'application/x-www-form-urlencoded')
    return formBody(
      [...new URLSearchParams(text.slice(0, sampleCharsMax))].map(([name, value]) => ({
        name,
        value,
      })),
    )
  return { mediaType: bare, schema: { type: 'string' } }
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

export function formBody(fields: readonly RawPair[]): SeenBody {
  return {
    mediaType: 'application/x-www-form-urlencoded',
    schema: {
      type: 'object',
      properties: Object.fromEntries(
        fields
          .filter(({ name }) => name !== '' && name !== '__proto__')
          .map(({ name, value, description }) => [
            name,
            { ...textSchema(value), ...(description === undefined ? {} : { description }) },
          ]),
      ),
    },
  }
}

export interface FormPart extends RawPair {
  readonly isFile: boolean
}

export function multipartBody(parts: readonly FormPart[]): SeenBody {
  return {
    mediaType: 'multipart/form-data',
    schema: {
      type: 'object',
      properties: Object.fromEntries(
        parts
          .filter(({ name }) => name !== '' && name !== '__proto__')
          .map(({ name, value, isFile, description }) => [
            name,
            {
              ...(isFile ? { type: 'string', format: 'binary' } : textSchema(value)),
              ...(description === undefined ? {} : { description }),
            },
          ]),
      ),
    },
  }
}
