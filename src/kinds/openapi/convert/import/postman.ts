/** Postman collections 2.0 and 2.1 (schema.getpostman.com/json/collection/v2.1.0). Scripts in them are never run. */
import {
  flagAt,
  isObject,
  type JsonObject,
  listAt,
  memberOf,
  membersOf,
  textAt,
} from '../../../document/json.ts'
import {
  formBody,
  multipartBody,
  noteAuth,
  type RawPair,
  readUrl,
  sampleBody,
  sortHeaders,
  sortQuery,
  unknownHost,
} from './request.ts'
import type { ImportNote, Seen, SeenAuth, SeenBody, SeenRequest, SeenValue } from './seen.ts'

const depthMax = 20
const requestsMax = 5_000

export function isPostman(value: JsonObject): boolean {
  const info = memberOf(value, 'info')
  const schema = textAt(info, 'schema') ?? ''
  return (
    Array.isArray(memberOf(value, 'item')) &&
    (memberOf(info, '_postman_id') !== undefined || /getpostman\.com|postman/.test(schema))
  )
}

export function readPostman(collection: JsonObject): Seen {
  const reader = new CollectionReader(collection)
  const auth = memberOf(collection, 'auth')
  reader.items(memberOf(collection, 'item'), { place: '#/item', auth, depth: 0 })
  const info = memberOf(collection, 'info')
  const { requests, notes } = reader
  if (reader.hasScripts)
    notes.push({
      code: 'feature_unsupported',
      reason: 'The scripts of the collection are not run: what they set is missing.',
      place: '#/event',
    })
  return {
    title: textAt(info, 'name') ?? 'Postman collection',
    version: textAt(info, 'version') ?? '1',
    description: wordsOf(info),
    requests,
    notes,
  }
}

interface Folder {
  readonly place: string
  /** Inherited, unless a request or folder has its own. */
  readonly auth: unknown
  readonly depth: number
}

class CollectionReader {
  readonly requests: SeenRequest[] = []
  readonly notes: ImportNote[] = []
  hasScripts: boolean
  private readonly variables: ReadonlyMap<string, string>

  constructor(collection: JsonObject) {
    this.hasScripts = listAt(collection, 'event').length > 0
    this.variables = new Map(
      listAt(collection, 'variable').flatMap((variable) => {
        const name = textAt(variable, 'key') ?? textAt(variable, 'id')
        const value = textAt(variable, 'value')
        return name === undefined || value === undefined ? [] : [[name, value]]
      }),
    )
  }

  items(items: unknown, folder: Folder): void {
    if (!Array.isArray(items) || folder.depth > depthMax) return
    for (const [index, item] of items.entries()) {
      const place = `${folder.place}/${index}`
      if (!isObject(item) || this.requests.length >= requestsMax) continue
      if (listAt(item, 'event').length > 0) this.hasScripts = true
      const auth = memberOf(item, 'auth') ?? folder.auth
      if (Array.isArray(memberOf(item, 'item')))
        this.items(item['item'], { place: `${place}/item`, auth, depth: folder.depth + 1 })
      else this.request(item, place, auth)
    }
  }

  private request(item: JsonObject, place: string, inherited: unknown): void {
    const raw = memberOf(item, 'request')
    const request: JsonObject = typeof raw === 'string' ? { url: raw } : isObject(raw) ? raw : {}
    const url = this.url(memberOf(request, 'url'))
    if (url === undefined) {
      this.notes.push({
        code: 'description_invalid',
        reason: 'The request has no usable URL.',
        place,
      })
      return
    }
    const headers = sortHeaders(pairsOf(memberOf(request, 'header')), this.notes, place)
    const query = sortQuery(url.query, this.notes, place)
    const method = (textAt(request, 'method') ?? 'GET').toUpperCase()
    this.requests.push({
      place,
      method: /^[A-Z]{1,20}$/.test(method) ? method : 'GET',
      origin: url.origin,
      path: url.path,
      pathValues: url.pathValues,
      query: query.values,
      headers: headers.values,
      auth: [
        ...headers.auth,
        ...query.auth,
        ...this.auth(memberOf(request, 'auth') ?? inherited, place),
      ],
      body: bodyOf(memberOf(request, 'body'), headerOf(request, 'content-type')),
      answer: this.answer(item),
      name: textAt(item, 'name')?.slice(0, 200),
      description: wordsOf(request) ?? wordsOf(item),
    })
  }

  /** The text of a URL, with the collection's variables where they name its host. */
  private url(raw: unknown) {
    const written = typeof raw === 'string' ? raw : (textAt(raw, 'raw') ?? joined(raw))
    if (written === undefined || written === '') return undefined
    const [head = ''] = written.split(/[?#]/, 1)
    // A variable of the host is resolved; without a value the address is left to the configuration.
    const whole = /^\{\{([^{}]+)\}\}/.exec(head)
    const base = whole === null ? undefined : this.resolved(whole[1] ?? '')
    const rest = whole === null ? head : head.slice(whole[0].length)
    const text = this.filled(whole === null ? head : `${base ?? `http://${unknownHost}`}${rest}`)
    const seen = readUrl(text)
    if (seen === undefined) return undefined
    const described = new Map(
      listAt(raw, 'variable').map((variable) => [textAt(variable, 'key') ?? '', wordsOf(variable)]),
    )
    const pathValues = seen.pathValues.map(
      (value): SeenValue => ({ ...value, description: described.get(value.name) }),
    )
    return { ...seen, pathValues, query: queryOf(raw, written) }
  }

  private resolved(name: string, depth = 0): string | undefined {
    const value = this.variables.get(name.trim())
    if (value === undefined || value === '' || depth > 5) return undefined
    const inner = /^\{\{([^{}]+)\}\}/.exec(value)
    if (inner === null) return value.replace(/\/+$/, '')
    const base = this.resolved(inner[1] ?? '', depth + 1)
    return base === undefined ? undefined : `${base}${value.slice(inner[0].length)}`
  }

  /** Variables within a host; those of a path stay, as parameters. */
  private filled(text: string): string {
    return text.replace(/^(\w+:\/\/[^/]*)/, (host) =>
      host.replaceAll(/\{\{([^{}]+)\}\}/g, (_, name: string) => this.resolved(name) ?? 'unknown'),
    )
  }

  private auth(auth: unknown, place: string): readonly SeenAuth[] {
    const type = textAt(auth, 'type')?.toLowerCase()
    if (type === undefined || type === 'noauth') return []
    const found = authOf(type, auth)
    noteAuth(found, this.notes, place)
    return [found]
  }

  private answer(item: JsonObject): SeenBody | undefined {
    for (const response of listAt(item, 'response')) {
      const code = Number(textAt(response, 'code') ?? '200')
      const text = textAt(response, 'body')
      if (code < 200 || code > 299 || text === undefined) continue
      const body = sampleBody(text, headerOf(response, 'content-type'))
      if (body?.mediaType.endsWith('json')) return body
    }
    return undefined
  }
}

/** 2.1 lists the members of an auth as pairs, 2.0 as an object. */
function authOf(type: string, auth: unknown): SeenAuth {
  const own = memberOf(auth, type)
  const member = (name: string): string | undefined =>
    Array.isArray(own)
      ? own
          .map((pair) => (textAt(pair, 'key') === name ? textAt(pair, 'value') : undefined))
          .find((value) => value !== undefined)
      : textAt(own, name)
  if (type === 'basic') return { kind: 'basic' }
  if (type === 'bearer' || type === 'jwt' || type === 'oauth2') return { kind: 'bearer' }
  if (type === 'apikey')
    return {
      kind: 'apiKey',
      in: member('in') === 'query' ? 'query' : 'header',
      name: (member('key') ?? 'X-API-Key').replaceAll(/[^\w.-]/g, '') || 'X-API-Key',
    }
  return { kind: 'other', what: type.slice(0, 40) }
}

function joined(url: unknown): string | undefined {
  const part = (key: string, separator: string): string | undefined => {
    const value = memberOf(url, key)
    if (typeof value === 'string') return value
    return Array.isArray(value)
      ? value
          .map((entry) => (typeof entry === 'string' ? entry : (textAt(entry, 'value') ?? '')))
          .join(separator)
      : undefined
  }
  const host = part('host', '.')
  if (host === undefined) return undefined
  const path = part('path', '/') ?? ''
  return `${textAt(url, 'protocol') ?? 'https'}://${host}/${path.replace(/^\//, '')}`
}

function queryOf(url: unknown, written: string): readonly RawPair[] {
  const listed = listAt(url, 'query')
  if (listed.length > 0) return pairsOf(listed)
  const at = written.indexOf('?')
  if (at < 0) return []
  const [query = ''] = written.slice(at + 1).split('#', 1)
  return [...new URLSearchParams(query)].map(([name, value]) => ({ name, value }))
}

/** Lists of `{key, value}`; 2.0 also writes headers as one text. Those that are switched off are arguments too. */
function pairsOf(raw: unknown): readonly RawPair[] {
  if (typeof raw === 'string')
    return raw.split(/\r?\n/).flatMap((line) => {
      const colon = line.indexOf(':')
      return colon < 1
        ? []
        : [{ name: line.slice(0, colon).trim(), value: line.slice(colon + 1).trim() }]
    })
  if (isObject(raw)) return membersOf(raw).map(([name, value]) => ({ name, value: String(value) }))
  return (Array.isArray(raw) ? raw : []).flatMap((pair: unknown) => {
    const name = textAt(pair, 'key')
    return name === undefined || name === ''
      ? []
      : [{ name, value: textAt(pair, 'value') ?? '', description: wordsOf(pair) }]
  })
}

function headerOf(holder: unknown, name: string): string | undefined {
  return pairsOf(memberOf(holder, 'header')).find((pair) => pair.name.toLowerCase() === name)?.value
}

function bodyOf(body: unknown, contentType: string | undefined): SeenBody | undefined {
  if (!isObject(body) || flagAt(body, 'disabled') === true) return undefined
  switch (textAt(body, 'mode')) {
    case 'raw': {
      const language = textAt(memberOf(memberOf(body, 'options'), 'raw'), 'language')
      const types: Readonly<Record<string, string>> = {
        json: 'application/json',
        xml: 'application/xml',
        html: 'text/html',
        text: 'text/plain',
      }
      const known = language === undefined ? undefined : types[language]
      return sampleBody(textAt(body, 'raw') ?? '', contentType ?? known ?? 'text/plain')
    }
    case 'urlencoded':
      return formBody(pairsOf(memberOf(body, 'urlencoded')))
    case 'formdata':
      return multipartBody(
        listAt(body, 'formdata').flatMap((part) =>
          pairsOf([part]).map((pair) => ({
            ...pair,
            isFile: textAt(part, 'type') === 'file',
            mediaType: textAt(part, 'contentType'),
          })),
        ),
      )
    case 'file':
      return {
        mediaType: contentType ?? 'application/octet-stream',
        schema: { type: 'string', format: 'binary' },
      }
    case 'graphql':
      return {
        mediaType: 'application/json',
        schema: {
          type: 'object',
          properties: { query: { type: 'string' }, variables: { type: 'object' } },
          required: ['query'],
        },
      }
    default:
      return undefined
  }
}

/** `description` is a text or `{content}`. */
function wordsOf(holder: unknown): string | undefined {
  const text = textAt(memberOf(holder, 'description'), 'content') ?? textAt(holder, 'description')
  return text === undefined || text.trim() === '' ? undefined : withoutSecrets(text)
}

/** People paste keys into descriptions too. */
function withoutSecrets(text: string): string {
  return text
    .replaceAll(/(?:Bearer|Basic)\s+[\w.+/=~-]{8,}/g, '...')
    .replaceAll(/\b(?=\S*\d)(?=\S*[A-Za-z])[\w+/=-]{24,}(?:\.[\w-]+)*/g, '...')
}
