/** Reads documents of a description over HTTP, through the guard, under caps of size, time and redirects. */

import type { Egress } from '../../egress/egress.ts'
import { ConversionFault } from '../../model/conversion.ts'
import { GatewayError } from '../../model/refusal.ts'
import { type ReadCaps, tooLarge } from './bounds.ts'

/** What the server said about a version of a document (RFC 9110 section 8.8). */
export interface Validators {
  readonly etag: string | undefined
  readonly modified: string | undefined
}

export interface Fetched extends Validators {
  readonly bytes: Buffer
  readonly contentType: string | undefined
  /** Where it was found, after redirects. */
  readonly url: URL
}

export interface UrlOptions {
  readonly egress: Egress
  readonly caps: ReadCaps
  readonly bytesMax: number
  readonly signal: AbortSignal
  /** Presented to this origin and to no other. */
  readonly credential: {
    readonly origin: string
    readonly headers: Readonly<Record<string, string>>
  }
  /** Ask only for another version than this. */
  readonly known?: Validators
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string }
}

const accept =
  'application/json, application/yaml, application/xml, text/xml, text/yaml, text/plain, */*;q=0.5'
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

/**
 * Undefined when the version is still the known one.
 * @throws ConversionFault document_unreadable, document_refused, description_too_large
 */
export async function readUrl(from: URL, options: UrlOptions): Promise<Fetched | undefined> {
  const { caps } = options
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(caps.timeMsMax)])
  let url = from
  for (let hop = 0; hop <= caps.redirectsMax; hop++) {
    const answer = await guarded(url, () => ask(url, { ...options, signal }))
    if (answer === 'unchanged') return undefined
    if (!('location' in answer)) return answer
    const next = URL.parse(answer.location, url.href)
    if (next === null) throw unreadable(url, 'it redirects to what is no URL')
    if (url.protocol === 'https:' && next.protocol !== 'https:')
      throw refused(url, `it redirects from https to ${shownUrl(next)}`)
    url = next
  }
  throw unreadable(from, `it redirects more than ${caps.redirectsMax} times`)
}

async function ask(
  url: URL,
  options: UrlOptions,
): Promise<Fetched | 'unchanged' | { readonly location: string }> {
  const { egress, signal, credential, known, bytesMax } = options
  egress.check(url)
  const sameOrigin = url.origin === credential.origin
  const pool = egress.pool(new URL(url.origin), {
    connections: 1,
    ...(sameOrigin && options.tls !== undefined ? { tls: options.tls } : {}),
  })
  try {
    const answer = await pool.request({
      method: 'GET',
      path: url.pathname + url.search,
      signal,
      headers: {
        accept,
        'accept-encoding': 'identity',
        'user-agent': 'sallyport',
        ...(known?.etag === undefined ? {} : { 'if-none-match': known.etag }),
        ...(known?.modified === undefined ? {} : { 'if-modified-since': known.modified }),
        ...(sameOrigin ? credential.headers : {}),
      },
    })
    const { statusCode } = answer
    const header = (name: string): string | undefined => {
      const value = answer.headers[name]
      return Array.isArray(value) ? value[0] : value
    }
    const location = header('location')
    if (redirects.has(statusCode) && location !== undefined) return { location }
    if (statusCode === 304 && known !== undefined) return 'unchanged'
    if (statusCode !== 200) {
      const isKept = Object.keys(credential.headers).length > 0 && !sameOrigin
      const isShy = isKept && (statusCode === 401 || statusCode === 403)
      const hint = isShy ? '; a credential is shown only to the origin of the base URL' : ''
      throw unreadable(url, `the server answers with status ${statusCode}${hint}`)
    }
    // A stream never ends, and describes nothing.
    if (header('content-type')?.startsWith('text/event-stream') === true)
      throw unreadable(url, 'it is a stream of events')
    const encoding = header('content-encoding')
    if (encoding !== undefined && encoding !== 'identity')
      throw unreadable(url, `it is compressed (${encoding}) though that was not asked for`)
    const chunks: Buffer[] = []
    let length = 0
    for await (const chunk of answer.body) {
      const bytes = Buffer.from(chunk)
      length += bytes.length
      if (length > bytesMax) throw tooLarge(bytesMax, 'a document', shownUrl(url))
      chunks.push(bytes)
    }
    return {
      bytes: Buffer.concat(chunks),
      contentType: header('content-type'),
      etag: header('etag'),
      modified: header('last-modified'),
      url,
    }
  } finally {
    await pool.destroy()
  }
}

/** Faults of the way there, in the words of conversions. */
async function guarded<T>(url: URL, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (fault) {
    if (fault instanceof ConversionFault) throw fault
    const egress = egressFault(fault)
    if (egress !== undefined) throw refused(url, egress.message, true)
    const name = fault instanceof Error ? fault.name : ''
    // A proxy that fails says so in a sentence.
    const own = fault instanceof GatewayError ? fault.message : undefined
    const code = fault instanceof Error && 'code' in fault ? String(fault.code) : name
    throw unreadable(
      url,
      name === 'TimeoutError'
        ? 'the server does not answer in time'
        : `no connection (${own ?? code})`,
    )
  }
}

/** A refusal of the guard, which a lookup wraps. */
function egressFault(fault: unknown): GatewayError | undefined {
  if (fault instanceof GatewayError) return fault.code === 'egress_refused' ? fault : undefined
  return fault instanceof Error && fault.cause !== undefined ? egressFault(fault.cause) : undefined
}

function unreadable(url: URL, why: string): ConversionFault {
  return new ConversionFault('document_unreadable', why, shownUrl(url))
}

function refused(url: URL, why: string, byEgress = false): ConversionFault {
  return new ConversionFault('document_refused', why, shownUrl(url), byEgress)
}

/** Without user and password. */
export function shownUrl(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}${url.search}`
}
