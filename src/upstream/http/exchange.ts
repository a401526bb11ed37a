import type { Dispatcher } from 'undici'
import { type SseEvent, SseParser, SseTooLarge } from '../../kit/sse-parse.ts'
import { GatewayError } from '../../model/refusal.ts'
import { ResultStream } from '../result-stream.ts'

/** What comes back on one HTTP exchange with a server. */
export interface ExchangeEvents {
  /** Status and headers, before anything else. */
  onHead(status: number, headers: Readonly<Record<string, string | string[] | undefined>>): void
  /** One JSON-RPC message: the whole JSON body, or the data of one event. */
  onMessage(message: Buffer, eventId: string | undefined): void
  /** The result of an answer that is too large to hold has begun. Without it such an answer is refused. */
  onLarge?(stream: ResultStream): void
  /** Where a stream can be taken up again, and after how long (SSE `id` and `retry`), whatever the event holds. */
  onMark?(eventId: string | undefined, retryMs: number | undefined): void
  /** The endpoint event of the HTTP+SSE pair, or another named event. */
  onNamedEvent?(event: string, data: Buffer): void
  /** The answer is over; nothing follows. */
  onEnd(): void
  /** The exchange broke. `sent` is false when the server cannot have seen the request. */
  onFault(error: GatewayError, sent: boolean): void
}

export interface ExchangeRequest {
  readonly method: 'POST' | 'GET' | 'DELETE'
  readonly path: string
  readonly headers: Record<string, string>
  readonly body: string | undefined
  /** A message larger than this is refused. */
  readonly messageBytesMax: number
}

/** Ends an exchange early: the connection is closed, nothing more is reported. */
export type Abort = () => void

const notSent: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
])

/** An answer larger than this is handed on while it arrives. */
const wholeBytesMax = 262_144

class Handler implements Dispatcher.DispatchHandler {
  private readonly events: ExchangeEvents
  private readonly bytesMax: number
  private controller: Dispatcher.DispatchController | undefined
  private sse: SseParser | undefined
  private first: Buffer | undefined
  private chunks: Buffer[] | undefined
  private bytes = 0
  private expectsJson = false
  private over = false
  private stream: ResultStream | undefined
  private streaming = false
  private told = false
  private started = false

  constructor(events: ExchangeEvents, bytesMax: number) {
    this.events = events
    this.bytesMax = bytesMax
  }

  abort(): void {
    if (this.over) return
    this.over = true
    this.controller?.abort(new Error('no longer wanted'))
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller
    if (this.over) controller.abort(new Error('no longer wanted'))
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    this.started = true
    const type = headers['content-type']
    const contentType = typeof type === 'string' ? type : ''
    this.events.onHead(status, headers)
    if (contentType.startsWith('text/event-stream')) this.sse = this.parser()
    else this.expectsJson = contentType.startsWith('application/json')
  }

  private event(event: SseEvent): void {
    if (this.over) return
    if (event.id !== undefined || event.retryMs !== undefined)
      this.events.onMark?.(event.id, event.retryMs)
    if (event.event !== 'message') this.events.onNamedEvent?.(event.event, event.data)
    else if (event.data.length > 0) this.events.onMessage(event.data, event.id)
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.over) return
    if (this.sse !== undefined) {
      try {
        this.sse.feed(chunk)
      } catch (fault) {
        if (!(fault instanceof SseTooLarge)) throw fault
        this.tooLarge()
      }
      return
    }
    this.bytes += chunk.length
    if (this.streaming) this.feed(chunk)
    else if (this.bytes > wholeBytesMax && this.expectsJson && this.events.onLarge !== undefined) {
      this.streaming = true
      for (const held of this.chunks ?? (this.first === undefined ? [] : [this.first]))
        this.feed(held)
      this.chunks = undefined
      this.first = undefined
      this.feed(chunk)
    } else if (this.bytes > this.bytesMax) this.tooLarge()
    else if (this.first === undefined) this.first = chunk
    else {
      this.chunks ??= [this.first]
      this.chunks.push(chunk)
    }
  }

  private parser(): SseParser {
    const { onLarge } = this.events
    return new SseParser((event) => this.event(event), {
      eventBytesMax: this.bytesMax,
      largeBytes: wholeBytesMax,
      ...(onLarge === undefined
        ? {}
        : {
            onLarge: () => ({
              feed: (part: Buffer) => this.feed(part),
              end: () => {
                this.stream?.finish()
                this.stream = undefined
              },
            }),
          }),
    })
  }

  /** A piece of a large answer. It is told of once its result has begun. */
  private feed(part: Buffer): void {
    const known = this.stream !== undefined
    this.stream ??= new ResultStream({
      pause: () => this.controller?.pause(),
      resume: () => this.controller?.resume(),
      abort: () => this.abort(),
    })
    const begun = this.stream.feed(part)
    if (begun && (!known || !this.told)) {
      this.told = true
      this.events.onLarge?.(this.stream)
    }
  }

  private tooLarge(): void {
    this.abort()
    this.events.onFault(
      new GatewayError('answer_too_large', { detail: `more than ${this.bytesMax} bytes` }),
      true,
    )
  }

  onResponseEnd(): void {
    if (this.over) return
    this.over = true
    this.stream?.finish()
    const body = this.chunks === undefined ? this.first : Buffer.concat(this.chunks)
    if (body !== undefined && (this.expectsJson || body[0] === 0x7b))
      this.events.onMessage(body, undefined)
    this.events.onEnd()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.over) return
    this.over = true
    const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name
    // The egress guard refuses a connection with its own error.
    const fault =
      error instanceof GatewayError
        ? error
        : new GatewayError('server_unavailable', { detail: `HTTP: ${code}`, cause: error })
    this.stream?.fail(fault)
    this.events.onFault(fault, this.started || !(notSent.has(code) || fault === error))
  }
}

/** Starts one exchange. Every event is reported on a later turn or synchronously from the socket, never from this call. */
export function exchange(
  dispatcher: Dispatcher,
  request: ExchangeRequest,
  events: ExchangeEvents,
): Abort {
  const handler = new Handler(events, request.messageBytesMax)
  dispatcher.dispatch(
    {
      path: request.path,
      method: request.method,
      headers: request.headers,
      body: request.body ?? null,
      // Deadlines are per call and belong to the gate; streams stay open for as long as they are wanted.
      headersTimeout: 0,
      bodyTimeout: 0,
    },
    handler,
  )
  return () => handler.abort()
}
