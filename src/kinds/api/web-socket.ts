/** WebSocket connections whose sockets come from the egress guard: the library dials nothing itself. */

import type { ClientOptions, WebSocket } from 'ws'
import type { Egress, PoolOptions } from '../../egress/egress.ts'
import { errorOf, messageOf } from '../../kit/thrown.ts'
import { GatewayError } from '../../model/refusal.ts'

export interface SocketPlace {
  readonly egress: Egress
  /** ws or wss. */
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly tls: PoolOptions['tls']
  /** A larger message ends the connection. */
  readonly messageBytesMax: number
}

/** For the connection, its TLS and the upgrade, each. */
const openTimeoutMs = 10_000
/** For the closing handshake. */
const closeTimeoutMs = 1_000

/** Options for `new WebSocket(url, protocols, options)`. @throws GatewayError egress_refused */
export function socketOptions(place: SocketPlace): ClientOptions {
  const { egress, url, headers, tls, messageBytesMax } = place
  egress.check(url)
  const secure = url.protocol === 'wss:'
  const host = url.hostname.replace(/^\[|\]$/g, '')
  return {
    headers,
    handshakeTimeout: openTimeoutMs,
    closeTimeout: closeTimeoutMs,
    maxPayload: messageBytesMax,
    // A few packed bytes could be megabytes of message.
    perMessageDeflate: false,
    followRedirects: false,
    createConnection: (_options, done) => {
      const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port)
      egress
        .connect({
          host,
          port,
          tls: secure ? { servername: host, ...tls } : undefined,
          timeoutMs: openTimeoutMs,
        })
        .then(
          (socket) => done(null, socket),
          (fault: unknown) => done(errorOf(fault)),
        )
      return undefined
    },
  }
}

/** The API was there and said no instead of opening a stream: a sentence for the caller, with its own words. */
export class StreamRefused extends Error {
  constructor(what: string, status: number, words: string) {
    const own = words.trim()
    super(`The API answered ${what}with HTTP status ${status}.${own === '' ? '' : `\n${own}`}`)
  }
}

/** Of what an API says instead of opening a stream. */
export const refusalBytesMax = 2_000
/** For its words, once it has said no. */
const refusalMs = 2_000

/** What another answer than a stream means: 401 is about the credential that is configured. */
export function streamRefusal(
  status: number,
  words: string,
  what = '',
): GatewayError | StreamRefused {
  return status === 401
    ? new GatewayError('server_refused_us', { detail: `the API answered with HTTP ${status}` })
    : new StreamRefused(what, status, words)
}

/** Tells of an upgrade that was answered with something else (RFC 6455 section 4.1), once its words are there. */
export function onRefusedUpgrade(
  socket: WebSocket,
  told: (refusal: GatewayError | StreamRefused) => void,
): void {
  socket.on('unexpected-response', (request, response) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const end = (): void => {
      clearTimeout(timer)
      const words = Buffer.concat(chunks).subarray(0, refusalBytesMax).toString('utf8')
      const after = response.headers['retry-after']
      const wait = after === undefined ? '' : `Retry-After: ${after.slice(0, 100)}\n`
      told(streamRefusal(response.statusCode ?? 0, wait + words, 'the WebSocket handshake '))
      request.destroy()
      socket.terminate()
    }
    const timer = setTimeout(() => response.destroy(), refusalMs)
    response.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes >= refusalBytesMax) response.destroy()
    })
    response.on('error', () => undefined)
    response.once('close', end)
  })
}

/** What an error of a connection means. */
export function socketFault(fault: unknown): GatewayError {
  if (fault instanceof GatewayError) return fault
  const message = messageOf(fault)
  const code = fault instanceof Error && 'code' in fault ? String(fault.code) : undefined
  if (code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH')
    return new GatewayError('answer_too_large', { detail: message, cause: fault })
  if (code?.startsWith('WS_ERR_') === true)
    return new GatewayError('server_broken', { detail: message, cause: fault })
  return new GatewayError('server_unavailable', {
    detail: `WebSocket: ${code ?? message}`,
    cause: fault,
  })
}

/** What the end of a connection means that nobody here asked for (RFC 6455 section 7.4.1). */
export function closeFault(code: number, reason: string): GatewayError {
  const words = reason === '' ? `code ${code}` : `code ${code}: ${reason.slice(0, 200)}`
  const detail = `the connection was closed with ${words}`
  // 1008 is a policy; 4401 and 4403 are what servers made of 401 and 403.
  if (code === 4401 || code === 4403) return new GatewayError('server_refused_us', { detail })
  if (code === 1009) return new GatewayError('answer_too_large', { detail })
  return new GatewayError('server_unavailable', { detail })
}
