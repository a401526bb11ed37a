import type { Dispatcher } from 'undici'
import { type SseEvent, SseParser, SseTooLarge } from '../../kit/sse-parse.ts'
import { GatewayError, toGatewayError } from '../../model/refusal.ts'
import { ResultStream } from '../../upstream/result-stream.ts'
import { type Reached, reachedBy } from '../../upstream/retry.ts'
import { UnpackStream } from './unpack-stream.ts'

/** Of the head of an HTTP answer. */
export type AnswerHeaders = Readonly<Record<string, string | string[] | undefined>>

/** What comes back on one HTTP exchange with a server. */
export interface ExchangeEvents {
  /** Status and headers, before anything else. */
  onHead(status: number, headers: AnswerHeaders): void
  /** What should be one JSON-RPC message: the whole JSON body, or the data of one event (`isEvent`). */
  onMessage(message: Buffer, isEvent: boolean): void
  /** A body that is no JSON, e.g. why the request was refused. */
  onText?(body: Buffer): void
  /** The result of an answer that is too large to hold has begun. Without it such an answer is refused. */
  onLarge?(stream: ResultStream): void
  /** Where a stream can be taken up again, and after how long (SSE `id` and `retry`), whatever the event holds. */
  onMark?(eventId: string | undefined, retryMs: number | undefined): void
  /** The endpoint event of the HTTP+SSE pair, or another named event. */
  onNamedEvent?(event: string, data: Buffer): void
  /** The answer is over; nothing follows. */
  onEnd(): void
  /** The exchange broke. */
  onFault(error: GatewayError, reached: Reached): void
}

export interface ExchangeRequest {
  readonly method: 'POST' | 'GET' | 'DELETE'
  /** Of the dispatcher; redirects are followed within it. */
  readonly origin: string
  readonly path: string
  readonly headers: Record<string, string>
  readonly body: string | undefined
  /** A message larger than this is refused. */
  readonly messageBytesMax: number
}

/** Ends an exchange early: the connection is closed, nothing more is reported. */
export type Abort = () => void

/** An answer larger than this is handed on while it arrives. */
const wholeBytesMax = 262_144
const redirectsMax = 5

class Handler implements Dispatcher.DispatchHandler {
  private readonly events: ExchangeEvents
  private readonly bytesMax: number
  /** Goes on elsewhere if that is where a redirect may lead. */
  private readonly redirected: (status: number, location: string) => boolean
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
  private unpacking: UnpackStream | undefined

  constructor(
    events: ExchangeEvents,
    bytesMax: number,
    redirected: (status: number, location: string) => boolean,
  ) {
    this.events = events
    this.bytesMax = bytesMax
    this.redirected = redirected
  }

  abort(): void {
    if (this.over) return
    this.over = true
    this.unpacking?.destroy()
    this.controller?.abort(new Error('no longer wanted'))
  }

  private fail(fault: GatewayError): void {
    if (this.over) return
    this.abort()
    this.stream?.fail(fault)
    this.events.onFault(fault, 'begun')
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
    // Interim answers (RFC 9110 section 15.2) are not the answer.
    if (status < 200 || this.over) return
    this.started = true
    const { location } = headers
    if (redirects.has(status) && typeof location === 'string') {
      // What comes with the redirect is read and dropped, so that the connection can be used again.
      if (this.redirected(status, location)) this.over = true
      else
        this.fail(new GatewayError('server_broken', { detail: redirectDetail(status, location) }))
      return
    }
    this.events.onHead(status, headers)
    const coding = headers['content-encoding']
    try {
      if (coding !== undefined) this.unpack(String(coding))
    } catch (fault) {
      this.fail(toGatewayError(fault))
      return
    }
    const type = mediaType(headers['content-type'])
    if (type === 'text/event-stream') this.sse = this.parser()
    else this.expectsJson = type === 'application/json'
  }

  private unpack(header: string): void {
    const source = {
      pause: () => this.controller?.pause(),
      resume: () => this.controller?.resume(),
    }
    const stream = new UnpackStream(header, source, {
      onData: (chunk) => this.data(chunk),
      onEnd: () => this.end(),
      onFault: (cause) =>
        this.fail(
          new GatewayError('server_broken', { detail: `the answer is no valid ${header}`, cause }),
        ),
    })
    if (!stream.isIdentity) this.unpacking = stream
  }

  private event(event: SseEvent): void {
    if (this.over) return
    if (event.id !== undefined || event.retryMs !== undefined)
      this.events.onMark?.(event.id, event.retryMs)
    if (event.event !== 'message') this.events.onNamedEvent?.(event.event, event.data)
    else if (event.data.length > 0) this.events.onMessage(event.data, true)
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.over) return
    if (this.unpacking === undefined) this.data(chunk)
    else this.unpacking.push(chunk)
  }

  private data(chunk: Buffer): void {
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
                // What it was cannot be said; whoever waits for an answer must not go on waiting.
                if (!this.told)
                  this.fail(
                    new GatewayError('server_broken', { detail: 'a large event is no result' }),
                  )
              },
            }),
          }),
    })
  }

  /** A piece of a large answer. It is told of once its result has begun. */
  private feed(part: Buffer): void {
    const known = this.stream !== undefined
    this.stream ??= new ResultStream({
      pause: () => (this.unpacking ?? this.controller)?.pause(),
      resume: () => (this.unpacking ?? this.controller)?.resume(),
      abort: () => this.abort(),
    })
    const begun = this.stream.feed(part)
    if (begun && (!known || !this.told)) {
      this.told = true
      this.events.onLarge?.(this.stream)
    }
  }

  private tooLarge(): void {
    this.fail(new GatewayError('answer_too_large', { detail: `more than ${this.bytesMax} bytes` }))
  }

  onResponseEnd(): void {
    if (this.over) return
    if (this.unpacking === undefined) this.end()
    else this.unpacking.end()
  }

  private end(): void {
    if (this.over) return
    this.over = true
    this.stream?.finish()
    const body = this.chunks === undefined ? this.first : Buffer.concat(this.chunks)
    if (body !== undefined && (this.expectsJson || looksLikeJson(body)))
      this.events.onMessage(body, false)
    else if (body !== undefined) this.events.onText?.(body)
    this.events.onEnd()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.over) return
    this.over = true
    this.unpacking?.destroy()
    const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name
    // The egress guard refuses a connection with its own error.
    const fault =
      error instanceof GatewayError
        ? error
        : new GatewayError('server_unavailable', { detail: `HTTP: ${code}`, cause: error })
    this.stream?.fail(fault)
    const unstarted = fault === error ? 'unsent' : reachedBy(code)
    this.events.onFault(fault, this.started ? 'begun' : unstarted)
  }
}

const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
/** Those that keep method and body (RFC 9110 sections 15.4.8 and 15.4.9). */
const repeatable: ReadonlySet<number> = new Set([307, 308])

function redirectDetail(status: number, location: string): string {
  const url = URL.parse(location)
  const to = url === null ? location.replace(/[?#].*$/s, '') : `${url.origin}${url.pathname}`
  return `answered ${status} to ${to.slice(0, 300)}; only 307 and 308 within the origin are followed`
}

/** Types are written in any case, with parameters behind (RFC 9110 section 8.3.1). */
function mediaType(header: string | string[] | undefined): string {
  const [type = ''] = (typeof header === 'string' ? header : '').split(';', 1)
  return type.trim().toLowerCase()
}

/** Some servers leave the type out, or name another one. */
function looksLikeJson(body: Buffer): boolean {
  return /^(?:\xef\xbb\xbf)?\s*[{[]/.test(body.toString('latin1', 0, 64))
}

/**
 * Starts one exchange. Every event is reported on a later turn or synchronously from the socket, never from this call.
 * A 307 or 308 within the origin is followed with all that the request has; nothing leads to another origin.
 */
export function exchange(
  dispatcher: Dispatcher,
  request: ExchangeRequest,
  events: ExchangeEvents,
): Abort {
  let handler: Handler
  let hops = 0
  const send = (path: string): void => {
    handler = new Handler(events, request.messageBytesMax, (status, location) => {
      const url = URL.parse(location, request.origin + path)
      if (!repeatable.has(status) || url?.origin !== request.origin || ++hops > redirectsMax)
        return false
      send(url.pathname + url.search)
      return true
    })
    dispatcher.dispatch(
      {
        path,
        method: request.method,
        headers: request.headers,
        body: request.body ?? null,
        // Deadlines are per call and belong to the gate; streams stay open for as long as they are wanted.
        headersTimeout: 0,
        bodyTimeout: 0,
      },
      handler,
    )
  }
  send(request.path)
  return () => handler.abort()
}
