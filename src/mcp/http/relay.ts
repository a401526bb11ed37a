/**
 * One relayed call over HTTP: posted, its messages handed on, and posted again where that cannot do anything twice.
 * A stream of a legacy server that breaks off or is closed before the answer is taken up again with a GET
 * (MCP 2025-11-25 basic/transports, "Resumability and Redelivery").
 */
import type { Link } from '../../kit/chain.ts'
import type { Deadlines, Due } from '../../kit/deadlines.ts'
import type { ServerMessage } from '../../model/codec.ts'
import { GatewayError, type RefusalCode } from '../../model/refusal.ts'
import { mayRepeat, type Reached } from '../../upstream/retry.ts'
import type { OpenCall } from '../../upstream/round.ts'
import { type Abort, type AnswerHeaders, exchange } from './exchange.ts'
import { type Place, streamHeaders } from './place.ts'
import { type Refusal, refuseStatus, type Verdict, verdictOf } from './refused.ts'

/** The legacy session of a call. */
export interface RelaySession {
  /** The server knows it no more: nothing new begins in it. */
  lost(): void
  /** Asks the server in it. */
  isAlive(): Promise<boolean>
  /** Opens another one for the call. */
  renew(): Promise<void>
}

export interface RelayOptions {
  readonly place: Place
  readonly open: OpenCall
  /** Our id of the request. */
  readonly id: number
  readonly body: string
  /** Headers of an attempt; another session has another id. */
  readonly headers: () => Record<string, string>
  /** Undefined where there are no sessions. */
  readonly session: RelaySession | undefined
  /** Doing it twice is doing it once. */
  readonly repeatable: boolean
  /** The server speaks our revision no more: the next call must ask anew which era it is of. */
  readonly onVersionRefused?: () => void
  /** Ends exchanges that go on after their call was answered. */
  readonly lingering: Deadlines<Relay>
}

/** How often in a row a stream is taken up without hearing anything on it. */
const silentResumesMax = 5
/** The wait before that, where the server names none, and the bounds of what it may name. */
const resumeMs = 1_000
const resumeMsMin = 100
const resumeMsMax = 60_000
const numeric = /^\d+$/
const sayable = /^[\x21-\x7e]{1,1024}$/

export class Relay {
  due: Link<Due<Relay>> | undefined
  private readonly options: RelayOptions
  private stopExchange: Abort = () => undefined
  private attempts = 0
  private aborted = false
  private exchangeOver = false
  private streaming = false
  /** The server said something of the call, so it has begun to run. */
  private begun = false
  /** An answer is being judged; what becomes of the exchange does not matter. */
  private judging = false
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
    this.judging = false
    this.attempts++
    const { place, open, body } = this.options
    const headers = this.options.headers()
    let status = 0
    let answerHeaders: AnswerHeaders = {}
    let refusal: Buffer | undefined
    let text = ''
    this.stopExchange = exchange(
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
        onHead: (code, head) => {
          status = code
          answerHeaders = head
        },
        onMessage: (bytes, isEvent) => {
          if (status >= 400) refusal ??= bytes
          else this.take(bytes, isEvent)
        },
        onText: (body) => {
          text = place.codec.said(body)
        },
        onMark: (eventId, retryMs) => this.mark(eventId, retryMs),
        onLarge: (stream) => {
          this.streaming = true
          open.takeStream(stream)
        },
        onEnd: () => {
          this.over()
          if (open.done || this.judging) return
          if (status < 400) {
            if (!this.resume())
              this.settle({ status, headers: answerHeaders, message: undefined, text })
            return
          }
          const message = refusal === undefined ? undefined : this.read(refusal)
          if (refusal !== undefined && message === undefined) text = place.codec.said(refusal)
          this.judge({ status, headers: answerHeaders, message, text })
        },
        onFault: (error, reached) => {
          this.over()
          if (!this.judging && !this.resume()) this.fault(error, reached)
        },
      },
    )
  }

  /** The answer in a body; undefined for what is none. */
  private read(bytes: Buffer): Refusal['message'] {
    try {
      const message = this.options.place.codec.decode(bytes)
      return message.kind === 'result' || message.kind === 'error' ? message : undefined
    } catch {
      return undefined
    }
  }

  private verdict(refusal: Refusal): Verdict {
    return this.options.session === undefined || this.begun
      ? 'kept'
      : verdictOf(refusal, this.options.id)
  }

  /** Ends the call with a refusal, unless it means that the session is gone: then the call is made once in another one. */
  private judge(refusal: Refusal): void {
    const { session } = this.options
    const verdict = this.verdict(refusal)
    if (session === undefined || verdict === 'kept') {
      this.settle(refusal)
      return
    }
    this.judging = true
    const again = (): void => {
      session.lost()
      if (!this.mayPostAgain('refused')) this.settle(refusal)
      else {
        // Events of the session that is gone cannot be gone back to.
        this.lastEventId = undefined
        session.renew().then(
          () => this.post(),
          (fault: unknown) => this.fail(fault),
        )
      }
    }
    if (verdict === 'lost') again()
    else void session.isAlive().then((alive) => (alive ? this.settle(refusal) : again()))
  }

  /** What ended the exchange is how the call ended. */
  private settle(refusal: Refusal): void {
    const { open, place } = this.options
    const { status, message, text } = refusal
    try {
      if (status === 429 || message === undefined) refuseStatus(refusal, place.now())
      if (message?.kind === 'error' && message.code === -32022) this.options.onVersionRefused?.()
      if (message !== undefined) open.take(message)
      else
        open.fail(
          new GatewayError('server_broken', {
            detail: `HTTP ${status} ended without an answer${text === '' ? '' : `: ${text.slice(0, 200)}`}`,
          }),
        )
    } catch (fault) {
      this.fail(fault)
    }
  }

  private mark(eventId: string | undefined, retryMs: number | undefined): void {
    // One that cannot be said in a header cannot be gone back to.
    if (eventId !== undefined) this.lastEventId = sayable.test(eventId) ? eventId : undefined
    if (retryMs !== undefined) this.retryMs = Math.min(resumeMsMax, Math.max(resumeMsMin, retryMs))
    this.silentResumes = 0
  }

  /** Takes the stream up again where it ended, after the time that the server named. False: it cannot be. */
  private resume(): boolean {
    const { open, session } = this.options
    if (
      session === undefined ||
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
    const { place, open, session } = this.options
    const { 'content-type': _none, ...headers } = this.options.headers()
    let status = 0
    let answerHeaders: AnswerHeaders = {}
    this.exchangeOver = false
    const ended = (error?: GatewayError): void => {
      this.over()
      if (open.done) return
      const refused = status !== 200 && status !== 0
      if (!refused && this.resume()) return
      const refusal = { status, headers: answerHeaders, message: undefined, text: '' }
      // The call began in the session that is gone, so it is not made again.
      if (verdictOf(refusal) === 'lost') session?.lost()
      if (error !== undefined) open.fail(error)
      else this.settle(refusal)
    }
    this.stopExchange = exchange(
      place.streams,
      {
        method: 'GET',
        origin: place.origin,
        path: place.path,
        headers: {
          ...headers,
          ...streamHeaders,
          'last-event-id': this.lastEventId ?? '',
        },
        body: undefined,
        messageBytesMax: place.messageBytesMax,
      },
      {
        onHead: (code, head) => {
          status = code
          answerHeaders = head
        },
        onMessage: (bytes, isEvent) => {
          if (status === 200) this.take(bytes, isEvent)
        },
        onMark: (eventId, retryMs) => this.mark(eventId, retryMs),
        onEnd: () => ended(),
        onFault: (error) => ended(error),
      },
    )
  }

  private take(bytes: Buffer, isEvent: boolean): void {
    const { open, place, id } = this.options
    let message: ServerMessage
    try {
      message = place.codec.decode(bytes)
    } catch (fault) {
      // An event that is no message of the protocol is somebody else's, e.g. a heartbeat; the answer may follow.
      if (!isEvent) this.fail(fault)
      return
    }
    if (message.kind === 'notification' || message.kind === 'request') {
      this.begun = true
      open.take(message)
    } else if (
      message.id === String(id) ||
      (message.kind === 'error' && !numeric.test(message.id))
    ) {
      // Some servers answer a fault with a null id, or one of their own.
      if (message.kind === 'error' && message.code === -32022) this.options.onVersionRefused?.()
      const refusal = { status: 200, headers: {}, message, text: '' }
      if (this.verdict(refusal) === 'kept') open.take(message)
      else this.judge(refusal)
    }
  }

  private mayPostAgain(reached: Reached, code?: RefusalCode): boolean {
    const { attempts, aborted: givenUp } = this
    const { repeatable } = this.options
    return mayRepeat({ repeatable, reached, attempts, givenUp, ...(code && { code }) })
  }

  private fault(error: GatewayError, reached: Reached): void {
    if (this.mayPostAgain(reached, error.code)) this.post()
    else this.options.open.fail(error)
  }

  private fail(fault: unknown): void {
    this.options.open.fail(
      fault instanceof GatewayError ? fault : new GatewayError('server_broken', { cause: fault }),
    )
  }
}
