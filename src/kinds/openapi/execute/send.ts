/** Sends a request: pools, redirects, and repeating what is safe to repeat. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Dispatcher } from 'undici'
import type { Egress } from '../../../egress/egress.ts'
import { Lru } from '../../../kit/lru.ts'
import { GatewayError, type RefusalCode } from '../../../model/refusal.ts'
import { mayRepeat, type Reached } from '../../../upstream/retry.ts'
import { type AwsKey, awsHeaders } from '../../api/aws-signature.ts'
import { type HttpAnswer, HttpFault, httpExchange } from '../../api/http-exchange.ts'

export interface Outgoing {
  readonly method: string
  readonly url: URL
  /** Path and query exactly as built; a URL would normalise them. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Buffer | undefined
  /** Header names that may go to another origin after a redirect. */
  readonly harmless: ReadonlySet<string>
  /** A parameter that must be there after a redirect within the origin, e.g. `key=...`. */
  readonly query: readonly (readonly [string, string])[]
  /** Signs what goes to the API itself. */
  readonly aws: AwsKey | undefined
}

export interface Arrived extends HttpAnswer {
  /** Why a redirect was not followed. */
  readonly stuck: string | undefined
}

export interface SenderOptions {
  readonly egress: Egress
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string } | undefined
  readonly timeoutMs: number
  readonly now: () => number
}

/** RFC 9110 section 9.2.2. */
const idempotent: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'PUT',
  'DELETE',
  'OPTIONS',
  'QUERY',
])
/** What is read of an answer at most, unpacked. */
const answerBytesMax = 256_000_000
/** What is held of it; the rest is handed on while it arrives. */
const heldBytesMax = 1_000_000
const connectionsMax = 256
const originsMax = 16
const redirectsMax = 5
const attemptsMax = 3
const retryAfterMsMax = 5_000
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

export class Sender {
  private readonly options: SenderOptions
  private readonly pools = new Lru<string, Dispatcher>({
    countMax: originsMax,
    // Those that still use it get their answers.
    onDrop: (pool) => void pool.close(),
  })

  constructor(options: SenderOptions) {
    this.options = options
  }

  /** @throws GatewayError server_*, answer_too_large, egress_refused, cancelled */
  async send(first: Outgoing, signal: AbortSignal): Promise<Arrived> {
    let outgoing = first
    for (let hops = 0; ; hops++) {
      const answer = await this.repeated(outgoing, signal, outgoing.url.origin === first.url.origin)
      const { location } = answer.headers
      if (!redirects.has(answer.status) || typeof location !== 'string')
        return { ...answer, stuck: undefined }
      if (hops === redirectsMax)
        return { ...answer, stuck: `it redirects more than ${redirectsMax} times` }
      const next = redirected(outgoing, answer.status, location)
      if (typeof next === 'string') return { ...answer, stuck: next }
      dropRest(answer)
      outgoing = next
    }
  }

  private async repeated(
    outgoing: Outgoing,
    signal: AbortSignal,
    own: boolean,
  ): Promise<HttpAnswer> {
    const until = this.options.now() + this.options.timeoutMs
    const { aws, url, method, path, headers, body } = outgoing
    const repeatable = idempotent.has(method)
    const may = (attempts: number, reached: Reached, code?: RefusalCode): boolean =>
      mayRepeat({ repeatable, reached, attempts, ...(code && { code }) }, attemptsMax)
    for (let attempts = 1; ; attempts++) {
      try {
        const answer = await httpExchange(
          this.pool(url, own),
          {
            method,
            path,
            headers:
              aws === undefined || !own
                ? { ...headers }
                : {
                    ...headers,
                    ...awsHeaders(
                      { method, host: url.host, path, headers, body },
                      aws,
                      this.options.now(),
                    ),
                  },
            body,
          },
          { signal, bytesMax: answerBytesMax, largeBytes: heldBytesMax },
        )
        // Whoever asks to come again may have done a part.
        const waitMs = may(attempts, 'sent') ? retryAfterMs(answer, this.options.now()) : undefined
        if (waitMs === undefined || this.options.now() + waitMs >= until) return answer
        dropRest(answer)
        await wait(waitMs, signal)
      } catch (fault) {
        if (!(fault instanceof HttpFault)) throw fault
        if (!may(attempts, fault.reached, fault.error.code)) throw fault.error
        await wait(50 * attempts, signal)
      }
    }
  }

  private pool(url: URL, own: boolean): Dispatcher {
    const { egress, tls } = this.options
    const key = `${own ? 'own' : 'other'} ${url.origin}`
    let pool = this.pools.get(key)
    if (pool === undefined) {
      // The certificate is shown to the API only, never to where it redirects.
      const certificate = own ? tls : tls?.ca === undefined ? undefined : { ca: tls.ca }
      pool = egress.pool(url, {
        connections: connectionsMax,
        ...(certificate === undefined ? {} : { tls: certificate }),
      })
      this.pools.set(key, pool)
    }
    return pool
  }

  async close(): Promise<void> {
    await Promise.all([...this.pools.values()].map((pool) => pool.destroy()))
  }
}

/** What follows the held part of an answer is not wanted. */
export function dropRest(answer: HttpAnswer): void {
  answer.rest?.stop(new GatewayError('cancelled'))
}

async function wait(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal })
  } catch (fault) {
    throw new GatewayError('cancelled', { cause: fault })
  }
}

/** RFC 9110 section 10.2.3; undefined when it says nothing, or more than is waited for. */
function retryAfterMs({ status, headers }: HttpAnswer, now: number): number | undefined {
  if (status !== 429 && status !== 503) return undefined
  const value = headers['retry-after']
  if (typeof value !== 'string') return undefined
  const ms = /^\d{1,6}$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - now
  return Number.isNaN(ms) || ms > retryAfterMsMax ? undefined : Math.max(0, ms)
}

/** The request after a redirect (RFC 9110 section 15.4), or why it is not made. */
function redirected(from: Outgoing, status: number, location: string): Outgoing | string {
  const url = URL.parse(location, new URL(from.path, from.url).href)
  if (url === null) return 'it redirects to what is no URL'
  const toGet =
    (status === 303 && from.method !== 'HEAD') || (status < 303 && from.method === 'POST')
  const method = toGet ? 'GET' : from.method
  const sameOrigin = url.origin === from.url.origin
  if (!sameOrigin) {
    if (from.url.protocol === 'https:' && url.protocol !== 'https:')
      return 'it redirects from https to http, which is not followed'
    if (method !== 'GET' && method !== 'HEAD')
      return `it redirects a ${method} to another origin (${url.origin}), which is not followed`
  }
  url.username = ''
  url.password = ''
  if (sameOrigin)
    for (const [name, value] of from.query)
      if (!url.searchParams.has(decodeURIComponent(name)))
        url.search += `${url.search === '' ? '?' : '&'}${name}=${value}`
  const headers = Object.entries(from.headers).filter(
    ([name]) => (sameOrigin || from.harmless.has(name)) && !(toGet && name.startsWith('content-')),
  )
  return {
    ...from,
    method,
    url,
    path: url.pathname + url.search,
    headers: Object.fromEntries(headers),
    body: toGet ? undefined : from.body,
    query: sameOrigin ? from.query : [],
  }
}
