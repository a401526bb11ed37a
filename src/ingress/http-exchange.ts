import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { CancelSource } from '../kit/cancellation.ts'
import type { Link } from '../kit/chain.ts'
import type { Deadlines, Due } from '../kit/deadlines.ts'
import type { Account } from '../model/account.ts'
import type { Endpoint } from '../model/action.ts'
import type { Principal } from '../model/principal.ts'
import { GatewayError, toGatewayError } from '../model/refusal.ts'
import type { Exchange, NodeWays, Session, SessionStart } from '../model/session.ts'
import { weightOf } from './body.ts'
import { EventStream } from './event-stream.ts'
import { Pending } from './pending.ts'
import type { LegacySession, SessionTable } from './sessions.ts'
import type { Out, Peers } from './settings.ts'
import {
  bytesOf,
  errorInstead,
  oneWriteBytesMax,
  wholeText,
  writeStream,
  writeWhole,
} from './write-answer.ts'

const keptEventsMax = 256
const keptBytesMax = 1_000_000
const pendingBytesMax = 16_000_000
const streamsPerSessionMax = 32
/** How long a finished stream can still be taken up again. */
const keptMs = 60_000

/** What a refusal with 503 tells clients to wait. */
export const retryAfterSeconds = '1'

/** What a refusal with 401 says of itself (RFC 6750 section 3). */
export const challenge = 'Bearer realm="sallyport"'
export const invalidKey = `${challenge}, error="invalid_token"`

const noHeaders = {}
const ignore = (): void => undefined
const plainStream = {
  id: undefined,
  headers: noHeaders,
  keptEventsMax: 0,
  keptBytesMax: 0,
  pendingBytesMax,
}

/** One POST on the Streamable HTTP transport: answers as one JSON body, or as a stream once something comes before the answer. */
export class HttpExchange implements Exchange, NodeWays {
  readonly endpoint: Endpoint
  headers: IncomingMessage['headers']
  readonly bytes: number
  readonly streams: boolean
  private readonly sessionId: string | undefined
  /** The session that the message named, once it was asked for. */
  private found: LegacySession | undefined
  readonly cancel = new CancelSource()
  readonly principal: Principal
  readonly account: Account
  /** What is taken from the account for the message itself. */
  private charged: number
  private peers: Peers | undefined
  private readonly response: ServerResponse
  private readonly sessions: SessionTable
  private stream: EventStream | undefined
  private streamId: string | undefined
  private readonly quiet: Deadlines<HttpExchange>
  due: Link<Due<HttpExchange>> | undefined
  /** Its place among the running ones; the door's. */
  running: Link<HttpExchange> | undefined
  private gone = false
  /** The answer was written, or is being. */
  private over = false
  /** A listen stream: it waits for changes, not for an answer. */
  held = false

  constructor(parts: {
    request: IncomingMessage
    response: ServerResponse
    endpoint: Endpoint
    principal: Principal
    account: Account
    sessionId: string | undefined
    sessions: SessionTable
    /** Undefined: the request came from another node. */
    peers: Peers | undefined
    bytes: number
    /** Tells when nothing was said for a while. */
    quiet: Deadlines<HttpExchange>
  }) {
    this.endpoint = parts.endpoint
    this.headers = parts.request.headers
    this.bytes = parts.bytes
    this.streams = accepts(parts.request.headers.accept, 'text/event-stream')
    this.sessionId = parts.sessionId
    this.principal = parts.principal
    this.account = parts.account
    this.charged = weightOf(parts.bytes)
    this.response = parts.response
    this.sessions = parts.sessions
    parts.response.on('close', () => this.closed())
    // A write that meets a closed connection is no news: `close` tells of it.
    parts.response.on('error', ignore)
    this.quiet = parts.quiet
    if (this.streams) this.quiet.add(this)
    this.peers = parts.peers
  }

  get nodes(): NodeWays | undefined {
    return this.peers === undefined ? undefined : this
  }

  ofSession(begins: boolean): string | undefined {
    const { sessionId } = this
    const home = sessionId === undefined ? undefined : this.sessions.homeOf(sessionId)
    if (home === undefined || !this.reaches(home)) return undefined
    return begins && this.peers?.takesNew(home) !== true ? undefined : home
  }

  reaches(node: string): boolean {
    return this.peers?.addressOf(node) !== undefined
  }

  /** Another node answers; what this one says to keep a stream alive would come between. */
  leave(): void {
    this.quiet.delete(this)
    this.over = true
  }

  /** The other node is gone, so that this one answers for it. */
  stay(): void {
    this.peers = undefined
    this.over = false
    if (this.streams) this.quiet.add(this)
  }

  /**
   * Looked up only for legacy messages: a modern one ignores a session id (MCP 2026-07-28 basic/transports).
   * @throws GatewayError session_unknown
   */
  get session(): LegacySession | undefined {
    if (this.found === undefined && this.sessionId !== undefined)
      this.found = this.sessions.find(this.sessionId, this.principal, this.endpoint)
    return this.found
  }

  /** Modern: closing the stream cancels. Legacy: it does not; the client may resume (MCP 2025-11-25 basic/transports). */
  private closed(): void {
    this.quiet.delete(this)
    if (this.response.writableFinished) return
    this.gone = true
    if (this.found === undefined || this.stream === undefined) this.cancel.cancel()
  }

  /**
   * The answer is a stream that only waits from now on, and there may be thousands of them: lets go of what was needed
   * to understand the request. `node:http` keeps the request for as long as its response is open.
   */
  hold(): void {
    this.held = true
    this.release()
    this.headers = noHeaders
    const request = this.response.req
    request.headers = noHeaders
    request.rawHeaders = []
  }

  /** The message is worked on no more. */
  release(): void {
    this.account.give(this.charged)
    this.charged = 0
  }

  /** The connection ends with the answer, if its head has not left yet. */
  endConnection(): void {
    this.response.shouldKeepAlive = false
  }

  /** What of the answer has not left yet. */
  get unsent(): ServerResponse | undefined {
    return this.response.writableLength > 0 && !this.response.destroyed ? this.response : undefined
  }

  /** Opens a stream if there is none and says that the call still runs. */
  keepAlive(): void {
    if (this.over || this.gone) return
    this.open().ping()
    this.quiet.add(this)
  }

  begin(start: SessionStart): Session {
    return this.sessions.begin(this.principal, this.endpoint, this.account, start)
  }

  send(text: string): void {
    if (!this.streams || this.over || (this.gone && this.found === undefined)) return
    this.open().send(text)
  }

  private open(): EventStream {
    if (this.stream === undefined) {
      const id = this.found === undefined ? undefined : randomBytes(6).toString('base64url')
      this.streamId = id
      this.stream = new EventStream(
        {
          ...plainStream,
          account: this.account,
          ...(id === undefined ? {} : { id, keptEventsMax, keptBytesMax }),
        },
        this.response,
      )
      if (this.found !== undefined && id !== undefined) this.keep(this.found, id, this.stream)
    }
    return this.stream
  }

  private forgetLater(): void {
    const { found, streamId } = this
    if (found !== undefined && streamId !== undefined)
      setTimeout(() => {
        found.streams.get(streamId)?.forget()
        found.streams.delete(streamId)
      }, keptMs).unref()
  }

  private keep(session: LegacySession, id: string, stream: EventStream): void {
    const { streams } = session
    streams.set(id, stream)
    for (const [oldest, old] of streams) {
      if (streams.size <= streamsPerSessionMax) break
      if (!old.over) break
      old.forget()
      streams.delete(oldest)
    }
  }

  /** Writes the answer; the exchange is over then. */
  async finish(out: Out, sessionId: string | undefined): Promise<void> {
    this.quiet.delete(this)
    if (this.stream !== undefined) {
      this.over = true
      if (out.stream === undefined) this.stream.send(await wholeText(out))
      else
        await this.stream.sendPieces(out.head, out.stream, out.tail, (thrown) =>
          errorInstead(out.rpcId, toGatewayError(thrown)),
        )
      this.stream.end()
      this.forgetLater()
      return
    }
    this.over = true
    if (this.gone) {
      out.stream?.stop(new GatewayError('cancelled'))
      return
    }
    const { response } = this
    const headers: Record<string, string | number> = { 'content-type': 'application/json' }
    if (out.status === 401) headers['www-authenticate'] = invalidKey
    if (out.status === 503) headers['retry-after'] = retryAfterSeconds
    if (sessionId !== undefined) headers['mcp-session-id'] = sessionId
    if (out.stream !== undefined) {
      await writeStream(response, headers, out)
      return
    }
    writeWhole(response, headers, this.fitting(out))
    // What the client does not take stays here.
    if (response.writableLength > 0 && !new Pending(response, this.account).fits())
      response.destroy()
  }

  /** The answer; or, when there is no room for a large one to wait in, an error under its id. */
  private fitting(out: Out): Out {
    const bytes = bytesOf(out)
    if (bytes <= oneWriteBytesMax) return out
    try {
      this.account.take(bytes)
    } catch (full) {
      return { ...out, head: [errorInstead(out.rpcId, toGatewayError(full))], tail: '' }
    }
    // The write that follows counts what really waits.
    this.account.give(bytes)
    return out
  }

  accepted(): void {
    this.quiet.delete(this)
    this.response.writeHead(202).end()
  }
}

const usualAccept = 'application/json, text/event-stream'

/**
 * Whether an Accept header names a type, or a range that holds it (RFC 9110 sections 8.3.1 and 12.5.1). Weights are no
 * preference here, but for 0, which excludes.
 */
export function accepts(header: string | undefined, type: string): boolean {
  if (header === undefined) return false
  if (header === usualAccept) return usualAccept.includes(type)
  const ranges = [type, `${type.slice(0, type.indexOf('/'))}/*`, '*/*']
  return header
    .toLowerCase()
    .split(',')
    .some((part) => {
      const [range = '', ...parameters] = part.split(';').map((word) => word.trim())
      return ranges.includes(range) && !parameters.some((word) => /^q=0(?:\.0*)?$/.test(word))
    })
}
