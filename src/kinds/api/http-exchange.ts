/** One bounded HTTP request of an API executor: sent, read whole, or in pieces where it is large, and unpacked. */
import type { Dispatcher } from 'undici'
import { type Arriving, Layer } from '../../kit/arriving.ts'
import { GatewayError, toGatewayError } from '../../model/refusal.ts'
import { Pieces } from '../../upstream/pieces.ts'
import { type Reached, reachedBy } from '../../upstream/retry.ts'
import { answerTooLarge, codingsOf, unpackPieces, unpackWhole } from '../../upstream/unpack.ts'

export interface HttpRequest {
  readonly method: string
  /** Path and query. */
  readonly path: string
  readonly headers: Record<string, string>
  readonly body: string | Buffer | undefined
}

export interface HttpAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** Unpacked; of a large answer its beginning. */
  readonly body: Buffer
  /** What follows `body` in a large answer. It must be read or stopped; reading throws a GatewayError when it breaks off. */
  readonly rest?: Arriving
}

export interface HttpBounds {
  readonly signal: AbortSignal
  /** Of the body, packed and unpacked. A larger one is `answer_too_large`. */
  readonly bytesMax: number
  /** An answer with more than this comes as its beginning and a `rest`. Undefined: it comes whole, however large. */
  readonly largeBytes?: number
}

/** What breaks an exchange, and how far it got. */
export class HttpFault extends Error {
  readonly error: GatewayError
  readonly reached: Reached

  constructor(
    error: GatewayError,
    { reached, cause = error }: { reached: Reached; cause?: unknown },
  ) {
    super(error.message, { cause })
    this.error = error
    this.reached = reached
  }
}

class Collector implements Dispatcher.DispatchHandler {
  private readonly bounds: HttpBounds
  private readonly resolve: (answer: HttpAnswer) => void
  private readonly reject: (fault: HttpFault) => void
  private readonly onAbort = (): void => this.abort()
  private controller: Dispatcher.DispatchController | undefined
  private status = 0
  private headers: HttpAnswer['headers'] = {}
  private chunks: Buffer[] = []
  private pieces: Pieces | undefined
  private bytes = 0
  private over = false

  constructor(
    bounds: HttpBounds,
    resolve: (answer: HttpAnswer) => void,
    reject: (fault: HttpFault) => void,
  ) {
    this.bounds = bounds
    this.resolve = resolve
    this.reject = reject
    bounds.signal.addEventListener('abort', this.onAbort, { once: true })
  }

  private abort(): void {
    if (this.over) return
    const error = new GatewayError('cancelled')
    this.pieces?.stop(error)
    this.fail(error, this.controller === undefined ? 'unsent' : 'sent')
  }

  private fail(error: GatewayError, reached: Reached): void {
    if (this.over) return
    this.over = true
    this.bounds.signal.removeEventListener('abort', this.onAbort)
    this.controller?.abort(error)
    this.pieces?.fail(error)
    this.reject(new HttpFault(error, { reached: this.status === 0 ? reached : 'begun' }))
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller
    if (this.over) controller.abort(new GatewayError('cancelled'))
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    // Interim answers (RFC 9110 section 15.2) are not the answer.
    if (status < 200) return
    this.status = status
    this.headers = headers
    if (Number(headers['content-length'] ?? 0) > this.bounds.bytesMax) this.tooLarge()
  }

  private tooLarge(): void {
    this.fail(answerTooLarge(this.bounds.bytesMax), 'begun')
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.over) return
    this.bytes += chunk.length
    const { bytesMax, largeBytes } = this.bounds
    if (this.bytes > bytesMax) this.tooLarge()
    else if (this.pieces !== undefined) this.pieces.push(chunk)
    else {
      this.chunks.push(chunk)
      if (largeBytes !== undefined && this.bytes > largeBytes) this.large()
    }
  }

  /** From here on it is read as fast as it is taken. */
  private large(): void {
    const pieces = new Pieces({
      pause: () => this.controller?.pause(),
      resume: () => this.controller?.resume(),
      abort: () => this.abort(),
    })
    this.pieces = pieces
    this.answer(pieces)
  }

  private answer(rest?: Pieces): void {
    const [first] = this.chunks
    const body =
      this.chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.chunks)
    this.chunks = []
    const { status, headers } = this
    this.resolve({ status, headers, body, ...(rest === undefined ? {} : { rest }) })
  }

  onResponseEnd(): void {
    if (this.over) return
    this.over = true
    this.bounds.signal.removeEventListener('abort', this.onAbort)
    if (this.pieces === undefined) this.answer()
    else this.pieces.end()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name
    const refused = error instanceof GatewayError
    this.fail(
      refused
        ? error
        : new GatewayError('server_unavailable', { detail: `HTTP: ${code}`, cause: error }),
      refused || this.controller === undefined ? 'unsent' : reachedBy(code),
    )
  }
}

/**
 * Sends one request and reads the answer. No redirect is followed, nothing is repeated.
 * @throws HttpFault with server_unavailable, answer_too_large, server_broken, egress_refused or cancelled
 */
export async function httpExchange(
  dispatcher: Dispatcher,
  request: HttpRequest,
  bounds: HttpBounds,
): Promise<HttpAnswer> {
  if (bounds.signal.aborted)
    throw new HttpFault(new GatewayError('cancelled'), { reached: 'unsent' })
  const answer = await new Promise<HttpAnswer>((resolve, reject) => {
    dispatcher.dispatch(
      {
        path: request.path,
        method: request.method,
        headers: request.headers,
        body: request.body ?? null,
        // The deadline of the call is the caller's signal.
        headersTimeout: 0,
        bodyTimeout: 0,
      },
      new Collector(bounds, resolve, reject),
    )
  })
  const coding = answer.headers['content-encoding']
  if (coding === undefined || answer.body.length === 0) return answer
  try {
    return await unpacked(answer, codingsOf(String(coding)), bounds)
  } catch (cause) {
    const error = toGatewayError(cause)
    answer.rest?.stop(error)
    throw new HttpFault(error, { reached: 'begun', cause })
  }
}

async function unpacked(
  answer: HttpAnswer,
  codings: readonly string[],
  { signal, bytesMax, largeBytes }: HttpBounds,
): Promise<HttpAnswer> {
  if (codings.length === 0) return answer
  const { status, headers, body: packed } = answer
  const heldMax = largeBytes ?? bytesMax
  if (answer.rest === undefined) {
    const body = await unpackWhole(packed, codings, heldMax)
    if (body !== undefined) return { status, headers, body }
    if (largeBytes === undefined) throw answerTooLarge(bytesMax)
  }
  const source = new Layer(answer.rest ?? nothingMore(signal), async function* both(rest) {
    yield packed
    yield* rest
  })
  const pieces = unpackPieces(source, codings, packed[0], { signal, bytesMax })
  const held: Buffer[] = []
  let bytes = 0
  for (;;) {
    const { done, value } = await pieces.next()
    if (done === true) return { status, headers, body: Buffer.concat(held) }
    held.push(value)
    bytes += value.length
    if (bytes <= heldMax) continue
    const over = (): void => void pieces.return(undefined).catch(() => undefined)
    return {
      status,
      headers,
      body: Buffer.concat(held),
      rest: new Layer(source, () => pieces, over),
    }
  }
}

/** The rest of an answer that is here already. It can still be stopped. */
function nothingMore(signal: AbortSignal): Arriving {
  const none = (): void => undefined
  const pieces = new Pieces({ pause: none, resume: none, abort: none })
  pieces.end()
  signal.addEventListener('abort', () => pieces.stop(new GatewayError('cancelled')), { once: true })
  return pieces
}
