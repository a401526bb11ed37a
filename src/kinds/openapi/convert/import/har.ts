/** HAR 1.2, what browsers record. A recording holds sessions and private data: names and types are taken, no value. */
import { isObject, type JsonObject, listAt, memberOf, textAt } from '../../../document/json.ts'
import { bareType, isJson } from '../media.ts'
import {
  formBody,
  multipartBody,
  noteAuth,
  type RawPair,
  readUrl,
  sampleBody,
  sortHeaders,
  sortQuery,
} from './request.ts'
import type { ImportNote, Seen, SeenBody, SeenRequest } from './seen.ts'

const entriesMax = 20_000

export function isHar(value: JsonObject): boolean {
  return Array.isArray(memberOf(memberOf(value, 'log'), 'entries'))
}

export function readHar(har: JsonObject): Seen {
  const notes: ImportNote[] = []
  const requests: SeenRequest[] = []
  let pages = 0
  for (const [index, entry] of listAt(memberOf(har, 'log'), 'entries')
    .slice(0, entriesMax)
    .entries()) {
    if (!isObject(entry)) continue
    if (isPage(entry)) pages++
    else {
      const request = readEntry(entry, `#/log/entries/${index}`, notes)
      if (request !== undefined) requests.push(request)
    }
  }
  if (pages > 0)
    notes.push({
      code: 'feature_unsupported',
      reason: `${pages} entries are pages, pictures, scripts and the like, and no calls of an API.`,
      place: '#/log/entries',
    })
  const host = requests[0]?.origin
  return {
    title: host === undefined ? 'HAR file' : new URL(host).host,
    version: '1',
    description: undefined,
    requests,
    notes,
  }
}

/** What a browser loads to show a page. */
function isPage(entry: JsonObject): boolean {
  const request = memberOf(entry, 'request')
  const method = textAt(request, 'method')?.toUpperCase()
  const kind = textAt(entry, '_resourceType')
  if (kind === 'xhr' || kind === 'fetch') return method === 'OPTIONS'
  if (method !== 'GET' && method !== 'HEAD') return method === 'OPTIONS' || method === 'CONNECT'
  const answered = bareType(
    textAt(memberOf(memberOf(entry, 'response'), 'content'), 'mimeType') ?? '',
  )
  const accept = headersOf(request).find(({ name }) => name.toLowerCase() === 'accept')?.value
  if (answered === '') return accept?.startsWith('text/html') ?? false
  return !isJson(answered) && !/xml$|^text\/(plain|csv)$/.test(answered)
}

function readEntry(entry: JsonObject, place: string, notes: ImportNote[]): SeenRequest | undefined {
  const request = memberOf(entry, 'request')
  const url = readUrl(textAt(request, 'url') ?? '')
  if (url === undefined) {
    notes.push({ code: 'description_invalid', reason: 'The entry has no usable URL.', place })
    return undefined
  }
  const method = textAt(request, 'method')?.toUpperCase() ?? 'GET'
  const headers = sortHeaders(headersOf(request), notes, place)
  const query = sortQuery(url.query, notes, place)
  if (url.hasUser) noteAuth({ kind: 'basic' }, notes, place)
  return {
    place,
    method: /^[A-Z]{1,20}$/.test(method) ? method : 'GET',
    origin: url.origin,
    path: url.path,
    pathValues: url.pathValues,
    query: query.values,
    headers: headers.values,
    auth: [...headers.auth, ...query.auth, ...(url.hasUser ? [{ kind: 'basic' as const }] : [])],
    body: bodyOf(memberOf(request, 'postData')),
    answer: answerOf(memberOf(entry, 'response')),
    name: undefined,
    description: undefined,
  }
}

function headersOf(request: unknown): readonly RawPair[] {
  return listAt(request, 'headers').map((header) => ({
    name: textAt(header, 'name') ?? '',
    value: textAt(header, 'value') ?? '',
  }))
}

function bodyOf(postData: unknown): SeenBody | undefined {
  if (!isObject(postData)) return undefined
  const mediaType = textAt(postData, 'mimeType')
  const bare = bareType(mediaType ?? '')
  const fields = listAt(postData, 'params').map((field) => ({
    name: textAt(field, 'name') ?? '',
    value: textAt(field, 'value') ?? '',
    isFile: memberOf(field, 'fileName') !== undefined,
    mediaType: textAt(field, 'contentType'),
  }))
  if (bare.startsWith('multipart/')) return multipartBody(fields)
  if (bare === 'application/x-www-form-urlencoded' && fields.length > 0) return formBody(fields)
  return sampleBody(textAt(postData, 'text') ?? '', mediaType)
}

function answerOf(response: unknown): SeenBody | undefined {
  const status = Number(textAt(response, 'status') ?? '0')
  const content = memberOf(response, 'content')
  const mediaType = textAt(content, 'mimeType')
  const text = textAt(content, 'text')
  if (status < 200 || status > 299 || text === undefined || !isJson(mediaType ?? ''))
    return undefined
  const plain =
    textAt(content, 'encoding') === 'base64' ? Buffer.from(text, 'base64').toString() : text
  return sampleBody(plain, mediaType)
}
