/** One remote server as requests reach it, and one request outside of a relayed call. */
import type { Dispatcher } from 'undici'
import type { Egress, PoolOptions } from '../../egress/egress.ts'
import type { ServerCodec, ServerMessage } from '../../model/codec.ts'
import type { HttpSpec } from '../../model/desired-state.ts'
import { userAgent } from '../../model/product.ts'
import { GatewayError } from '../../model/refusal.ts'
import { acceptedEncodings } from '../../upstream/unpack.ts'
import { type AnswerHeaders, exchange } from './exchange.ts'
import type { Refusal } from './refused.ts'

export interface HttpLinkOptions {
  readonly spec: HttpSpec
  readonly era: 'auto' | 'legacy' | 'modern'
  /** Resolved header values for requests of the gateway itself, e.g. lists. */
  readonly headers: Readonly<Record<string, string>>
  readonly codec: ServerCodec
  /** Extensions that may pass between the server and its callers. */
  readonly extensions: ReadonlySet<string>
  readonly egress: Egress
  /** Certificates of the connection. */
  readonly tls: PoolOptions['tls']
  readonly messageBytesMax: number
  readonly startTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly connectionsMax: number
  readonly sessionsMax: number
  readonly gatherMs: number
  readonly now: () => number
}

/** Where and how one remote server is reached. */
export interface Place {
  readonly dispatcher: Dispatcher
  readonly origin: string
  /** For streams that stay open, so that they do not hold the connections of calls. */
  readonly streams: Dispatcher
  readonly path: string
  readonly codec: ServerCodec
  readonly messageBytesMax: number
  /** How long the server may take to say who it is. */
  readonly startTimeoutMs: number
  /** The same for any other request of the gateway itself. */
  readonly requestTimeoutMs: number
  readonly now: () => number
  /** Next JSON-RPC id toward this server. */
  nextId(): number
}

/** One request outside a relayed call: resolves with the server's answer and the head of the HTTP answer. */
export type Answer = Refusal

/** Sends one message and waits for the message that answers it. */
export function ask(
  place: Place,
  headers: Record<string, string>,
  body: string,
  timeoutMs: number = place.requestTimeoutMs,
): Promise<Answer> {
  return post(place, { headers, body, timeoutMs, headOnly: false })
}

/** Sends what has no answer; resolves when the server took it, or refused it. */
export function tell(place: Place, headers: Record<string, string>, body: string): Promise<Answer> {
  return post(place, { headers, body, timeoutMs: place.requestTimeoutMs, headOnly: true })
}

interface Post {
  readonly headers: Record<string, string>
  readonly body: string
  readonly timeoutMs: number
  /** The head of a 2xx is all that is waited for: some servers keep the body open. */
  readonly headOnly: boolean
}

/** How long a body that nobody waits for may go on, so that its connection can be used again. */
const drainMs = 2_000

function post(place: Place, { headers, body, timeoutMs, headOnly }: Post): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let status = 0
    let answerHeaders: AnswerHeaders = {}
    let message: ServerMessage | undefined
    let text = ''
    let timer = setTimeout(() => {
      abort()
      reject(
        new GatewayError('server_timeout', { detail: 'no answer to a request of the gateway' }),
      )
    }, timeoutMs)
    const finish = (): void => {
      clearTimeout(timer)
      resolve({ status, headers: answerHeaders, message, text })
    }
    const abort = exchange(
      place.dispatcher,
      {
        method: 'POST',
        origin: place.origin,
        path: place.path,
        headers,
        body,
        messageBytesMax: place.messageBytesMax,
      },
      {
        onHead(code, head) {
          status = code
          answerHeaders = head
          if (!headOnly || code >= 300) return
          finish()
          timer = setTimeout(abort, drainMs)
          timer.unref()
        },
        onMessage(bytes) {
          let decoded: ServerMessage | undefined
          try {
            decoded = place.codec.decode(bytes)
          } catch {
            decoded = undefined
          }
          if (
            decoded?.kind === 'result' ||
            decoded?.kind === 'error' ||
            decoded?.kind === 'broken'
          ) {
            message = decoded
            finish()
            abort()
          } else if (decoded === undefined) text = place.codec.said(bytes)
        },
        onText(body) {
          text = place.codec.said(body)
        },
        onEnd: finish,
        onFault(error) {
          clearTimeout(timer)
          reject(error)
        },
      },
    )
  })
}

/** Of every POST. A header that is configured for the server goes before these. */
export const baseHeaders: Readonly<Record<string, string>> = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  'accept-encoding': acceptedEncodings,
  'user-agent': userAgent,
}

/** Of a GET that opens a stream: what packs a stream often holds its events back. */
export const streamHeaders: Readonly<Record<string, string>> = {
  accept: 'text/event-stream',
  'accept-encoding': 'identity',
  'user-agent': userAgent,
}
