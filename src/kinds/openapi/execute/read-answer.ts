/** Makes the result of a tool of what an API answered. */
import { isUtf8 } from 'node:buffer'
import { STATUS_CODES } from 'node:http'
import type { RestPlan } from '../../../model/kinds/openapi.ts'
import { binaryAnswer, type Extra, emptyAnswer, jsonAnswer, textAnswer } from '../../api/answer.ts'
import type { Answer } from '../../api/executor.ts'
import { explain } from './explain.ts'
import { whatNext } from './paging.ts'
import type { Arrived } from './send.ts'

export interface Reading {
  readonly plan: RestPlan
  readonly arrived: Arrived
  /** What was asked, without credentials. */
  readonly url: URL
  readonly presented: boolean
  /** Raw JSON object of the arguments. */
  readonly args: string
  /** The name under which the caller may call another tool of the server. */
  readonly nameOf: (tool: string) => string | undefined
  /** Takes secrets out of a text. */
  readonly clean: (text: string) => string
  readonly cleanBytes: (bytes: Buffer) => Buffer
}

/** Texts of a refusal are read to here. */
const refusalBytesMax = 1_000_000
const headerCharsMax = 1_000

export interface MediaType {
  /** Lower case, without parameters; empty when there is none. */
  readonly name: string
  readonly charset: string | undefined
}

export function mediaTypeOf(value: string | string[] | undefined): MediaType {
  const [name = '', ...parameters] = (
    Array.isArray(value) ? (value[0] ?? '') : (value ?? '')
  ).split(';')
  const charset = parameters
    .map((parameter) => /^\s*charset\s*=\s*"?([^"\s]+)"?/i.exec(parameter)?.[1])
    .find((found) => found !== undefined)
  return { name: name.trim().toLowerCase(), charset: charset?.toLowerCase() }
}

export const isJson = (name: string): boolean => /^(?:application|text)\/json$|\+json$/.test(name)
export const isXml = (name: string): boolean =>
  /^(?:application|text)\/xml$|\+xml$/.test(name) && !/^image\/|xhtml/.test(name)
export const isText = (name: string): boolean =>
  /^text\/|^application\/(?:javascript|ecmascript|yaml|x-yaml|x-ndjson|ndjson|jsonl|json-seq|jwt|graphql|sql|toml|x-www-form-urlencoded|x-sh|pgp-keys|xhtml\+xml)$|\+yaml$/.test(
    name,
  )

export async function readAnswer(reading: Reading): Promise<Answer> {
  const { arrived, plan } = reading
  if (arrived.stuck !== undefined)
    return textAnswer(
      reading.clean(`The API answered ${arrived.status}, but ${arrived.stuck}.`),
      true,
    )
  if (arrived.status >= 400) return refusal(reading)
  const notes = notesOf(reading)
  const extra: Extra = plan.structured ? { notes, structured: 'object' } : { notes }
  if (arrived.body.length === 0) return empty(reading, withNext(reading, undefined, extra))
  const type = mediaTypeOf(arrived.headers['content-type'])
  if (isJson(type.name) || (type.name === '' && looksLikeJson(arrived.body))) {
    const json = reading.cleanBytes(asUtf8(arrived.body, type.charset))
    const parsed = parseJson(json)
    if (parsed !== undefined) {
      const more = withNext(reading, parsed.value, extra)
      return jsonAnswer(
        json,
        false,
        plan.structured || isContainer(parsed.value) ? more : { ...more, structured: 'none' },
      )
    }
  }
  const more = withNext(reading, undefined, extra)
  if (isXml(type.name)) {
    const text = reading.clean(decode(arrived.body, type.charset ?? xmlCharset(arrived.body)))
    const { readXml } = await import('./xml-read.ts')
    const value = readXml(text, plan.answerXml)
    return value === undefined
      ? textAnswer(text, false, more)
      : jsonAnswer(reading.cleanBytes(Buffer.from(JSON.stringify(value))), false, more)
  }
  if (isText(type.name) || isJson(type.name) || (type.name === '' && isPlain(arrived.body)))
    return textAnswer(reading.clean(decode(arrived.body, type.charset)), false, more)
  const mediaType = type.name === '' ? 'application/octet-stream' : type.name
  return binaryAnswer(
    reading.cleanBytes(arrived.body),
    reading.clean(mediaType),
    fileNameOf(reading),
    more,
  )
}

const isContainer = (value: unknown): boolean => typeof value === 'object' && value !== null

function refusal({ arrived, plan, presented, clean }: Reading): Answer {
  const { status, headers, body } = arrived
  const { name, charset } = mediaTypeOf(headers['content-type'])
  const readable = name === '' || isJson(name) || isXml(name) || isText(name)
  const part = body.subarray(0, refusalBytesMax)
  const text = readable && (name !== '' || isPlain(part)) ? clean(decode(part, charset)) : ''
  const after = headers['retry-after']
  const retryAfter = typeof after === 'string' ? after.slice(0, headerCharsMax) : undefined
  const told = explain({
    plan,
    status,
    mediaType: name,
    text,
    presented,
    retryAfter:
      retryAfter !== undefined && /^\d+$/.test(retryAfter) ? `${retryAfter} s` : retryAfter,
  })
  return textAnswer(clean(told), true)
}

function empty({ arrived, plan, clean }: Reading, extra: Extra): Answer {
  const { status, headers } = arrived
  const phrase = STATUS_CODES[status] ?? ''
  if (plan.method !== 'HEAD')
    return emptyAnswer(`Done: the API answered ${status} ${phrase} and sent nothing more.`, extra)
  const told = ['content-type', 'content-length', 'last-modified', 'etag']
    .flatMap((name) => (typeof headers[name] === 'string' ? [`${name}: ${headers[name]}`] : []))
    .join('\n')
  return emptyAnswer(
    clean(`It is there: the API answered ${status} ${phrase}.\n${told}`.trim()),
    extra,
  )
}

/** What headers say that a model can use. */
export function notesOf({ arrived, clean }: Reading): readonly string[] {
  const { location } = arrived.headers
  const made = arrived.status === 201 || arrived.status === 202
  return made && typeof location === 'string'
    ? [clean(`Location: ${location}`).slice(0, headerCharsMax)]
    : []
}

export function withNext(reading: Reading, value: unknown, extra: Extra, isOutline = false): Extra {
  const { plan, arrived, url, args, nameOf, clean } = reading
  const { status, headers, body } = arrived
  const { link: field } = headers
  const link = Array.isArray(field) ? field.join(', ') : field
  if (link === undefined && !isContainer(value) && plan.links === undefined) return extra
  const next = whatNext({ plan, link, url, value, args, status, headers, body, nameOf, isOutline })
  return next === undefined ? extra : { ...extra, notes: [...(extra.notes ?? []), clean(next)] }
}

export function fileNameOf({ url }: Reading): string {
  return encodeURIComponent(url.pathname.split('/').at(-1) ?? '').slice(0, 100) || 'file'
}

const bom = Buffer.from([0xef, 0xbb, 0xbf])

function asUtf8(body: Buffer, charset: string | undefined): Buffer {
  const utf8 =
    charset === undefined || charset === 'utf-8' || charset === 'utf8' || charset === 'us-ascii'
  if (utf8 && isUtf8(body)) return body.subarray(0, 3).equals(bom) ? body.subarray(3) : body
  // RFC 8259 section 8.1 asks for UTF-8; those who send something else mostly say so.
  return Buffer.from(decode(body, utf8 ? undefined : charset))
}

/** Text in the charset that the answer names; unknown ones are read as UTF-8. */
function decode(body: Buffer, charset: string | undefined): string {
  try {
    return new TextDecoder(charset ?? 'utf-8').decode(body)
  } catch {
    return new TextDecoder().decode(body)
  }
}

/** XML says its charset inside (XML 1.0 section 4.3.3). */
function xmlCharset(body: Buffer): string | undefined {
  return /^<\?xml[^>]*?encoding\s*=\s*["']([\w.-]+)["']/.exec(body.toString('latin1', 0, 200))?.[1]
}

/** As deep as results of MCP servers may be, with room for the members that it stands in. */
export const depthMax = 510

/** Whether JSON is nested more deeply than what reads it later can bear. */
function tooDeep(json: Buffer): boolean {
  if (json.length < depthMax * 2) return false
  let depth = 0
  for (let at = 0; at < json.length; at++) {
    const byte = json[at]
    if (byte === 0x22) {
      // To the end of the string.
      do {
        at = json.indexOf(0x22, at + 1)
        if (at < 0) return false
      } while (isEscaped(json, at))
    } else if (byte === 0x5b || byte === 0x7b) {
      if (++depth > depthMax) return true
    } else if (byte === 0x5d || byte === 0x7d) depth--
  }
  return false
}

function isEscaped(json: Buffer, at: number): boolean {
  let before = at - 1
  while (json[before] === 0x5c) before--
  return (at - before) % 2 === 0
}

function parseJson(json: Buffer): { readonly value: unknown } | undefined {
  if (tooDeep(json)) return undefined
  try {
    return { value: JSON.parse(json.toString()) }
  } catch {
    return undefined
  }
}

export function looksLikeJson(body: Buffer): boolean {
  return /^\s*[[{]/.test(body.toString('latin1', 0, 64))
}

export function isPlain(body: Buffer): boolean {
  return isUtf8(body) && !body.subarray(0, 4_096).includes(0)
}
