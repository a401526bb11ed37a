/**
 * One relayed call over HTTP: posted, its messages handed on, and posted again where that cannot do anything twice.
 * A stream of a legacy server that breaks off or is closed before the answer is taken up again with a GET
 * (MCP 2025-11-25 basic/transports, "Resumability and Redelivery").
 */
import type { Link } from '../../kit/chain.ts'
import type { Deadlines, Due } from '../../kit/deadlines.ts'
import { GatewayError } from '../../model/refusal.ts'
import type { OpenCall } from '../round.ts'
import { type Abort, exchange } from './exchange.ts'
import { type Place, refuseStatus } from './session.ts'

export interface RelayOptions {
  readonly place: Place
  readonly open: OpenCall
  /** Our id of the request. */
  readonly id: number
  readonly body: string
  /** Headers of an attempt; another session has another id. */
  readonly headers: () => Record<string, string>
  /** A 404 says that the session is gone: opens another one. Undefined where there are no sessions. */
  readonly renew: (() => Promise<void>) | undefined
  /** The method only reads, so it may be posted again although the server may have seen it. */
  readonly idempotent: boolean
  /** The server speaks our revision no more: the next call must ask anew which era it is of. */
  readonly onVersionRefused?: () => void
  /** Ends exchanges that go on after their call was answered. */
  readonly lingering: Deadlines<Relay>
}

const attemptsMax = 2
/** How often in a row a stream is taken up without hearing anything on it. */
const silentResumesMax = 5
/** The wait before that, where the server names none, and the bounds of what it may name. */
const resumeMs = 1_000
const resumeMsMin = 100
const resumeMsMax = 60_000
const sayable = /^[\x21-\x7e]{1,1024}$/

export class Relay {
  due: Link<Due<Relay>> | undefined
  private readonly options: RelayOptions
  private stopExchange: Abort = () => undefined
  private attempts = 0
  private aborted = false
  private answered = false
  private exchangeOver = false
  private streaming = false
  private lastEventId: string | undefined
  private retryMs = resumeMs
  private silentResumes = 0
  private resuming: NodeJS.Timeout | undefined

  constructor(options: RelayOptions) {
    this.options = options
  }

  abort(): void {
    this.aborted = true
    clearTimeout(this.resuming)
    this.stopExchange()
  }

  /** The call ended; a server that keeps the stream open must not keep the connection. */
  callEnded(): void {
    if (!this.exchangeOver && !this.streaming && !this.aborted) this.options.lingering.add(this)
  }

  private over(): void {
    this.exchangeOver = true
    this.options.lingering.delete(this)
  }

  post(): void {
    if (this.aborted) return
    this.exchangeOver = false
    this.attempts++
    const { place, open, body, renew } = this.options
    const headers = this.options.headers()
    let status = 0
    let gone = false
    this.stopExchange = exchange(
      place.dispatcher,
      { method: 'POST', path: place.path, headers, body, messageBytesMax: place.messageBytesMax },
      {
        onHead: (code) => {
          status = code
          this.answered = true
          gone =
            code === 404 &&
            renew !== undefined &&
            headers['mcp-session-id'] !== undefined &&
            this.attempts < attemptsMax
        },
        onMessage: (bytes) => {
          if (!gone) this.take(bytes)
        },
        onMark: (eventId, retryMs) => this.mark(eventId, retryMs),
        onLarge: (stream) => {
          this.streaming = true
          open.takeStream(stream)
        },
        onEnd: () => {
          this.over()
          if (gone && renew !== undefined)
            renew().then(
              () => this.post(),
              (fault: unknown) => this.fail(fault),
            )
          else if (!open.done && !this.resume()) this.endedEarly(status)
        },
        onFault: (error, sent) => {
          this.over()
          if (!this.resume()) this.fault(error, sent)
        },
      },
    )
  }

  private mark(eventId: string | undefined, retryMs: number | undefined): void {
    // One that cannot be said in a header cannot be gone back to.
    if (eventId !== undefined) this.lastEventId = sayable.test(eventId) ? eventId : undefined
    if (retryMs !== undefined) this.retryMs = Math.min(resumeMsMax, Math.max(resumeMsMin, retryMs))
    this.silentResumes = 0
  }

  /** Takes the stream up again where it ended, after the time that the server named. False: it cannot be. */
  private resume(): boolean {
    const { open, renew } = this.options
    if (
      renew === undefined ||
      this.lastEventId === undefined ||
      open.done ||
      this.aborted ||
      this.streaming ||
      this.silentResumes >= silentResumesMax
    )
      return false
    this.silentResumes++
    this.resuming = setTimeout(() => this.takeUp(), this.retryMs)
    this.resuming.unref()
    return true
  }

  private takeUp(): void {
    if (this.aborted || this.options.open.done) return
    const { place, open } = this.options
    const { 'content-type': _none, ...headers } = this.options.headers()
    let status = 0
    this.exchangeOver = false
    const ended = (error?: GatewayError): void => {
      this.over()
      if (open.done) return
      const refused = status !== 200 && status !== 0
      if (!refused && this.resume()) return
      if (error !== undefined) open.fail(error)
      else this.endedEarly(status)
    }
    this.stopExchange = exchange(
      place.streams,
      {
        method: 'GET',
        path: place.path,
        headers: {
          ...headers,
          accept: 'text/event-stream',
          'last-event-id': this.lastEventId ?? '',
        },
        body: undefined,
        messageBytesMax: place.messageBytesMax,
      },
      {
        onHead: (code) => {
          status = code
        },
        onMessage: (bytes) => {
          if (status === 200) this.take(bytes)
        },
        onMark: (eventId, retryMs) => this.mark(eventId, retryMs),
        onEnd: () => ended(),
        onFault: (error) => ended(error),
      },
    )
  }

  private take(bytes: Buffer): void {
    try {
      const message = this.options.place.codec.decode(bytes)
      // Answers to other ids cannot come here; some servers answer a fault with a null id.
      const foreign =
        (message.kind === 'result' || message.kind === 'error') &&
        message.id !== String(this.options.id) &&
        message.id !== 'null'
      if (message.kind === 'error' && message.code === -32022) this.options.onVersionRefused?.()
      if (!foreign) this.options.open.take(message)
    } catch (fault) {
      this.fail(fault)
    }
  }

  private endedEarly(status: number): void {
    try {
      refuseStatus(status)
      this.options.open.fail(
        new GatewayError('server_broken', { detail: `HTTP ${status} ended without an answer` }),
      )
    } catch (fault) {
      this.fail(fault)
    }
  }

  /** Repeats once what the server cannot have seen, or what only reads; anything else could be done twice. */
  private fault(error: GatewayError, sent: boolean): void {
    const safe = !sent || (this.options.idempotent && !this.answered)
    if (safe && this.attempts < attemptsMax && !this.aborted && error.code === 'server_unavailable')
      this.post()
    else this.options.open.fail(error)
  }

  private fail(fault: unknown): void {
    this.options.open.fail(
      fault instanceof GatewayError ? fault : new GatewayError('server_broken', { cause: fault }),
    )
  }
}
