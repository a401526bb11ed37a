/** One bounded HTTP request of an API executor: sent, read whole, or in pieces where it is large, and unpacked. */
import type { Dispatcher } from 'undici'
import { GatewayError, toGatewayError } from '../../model/refusal.ts'
import { Pieces } from '../pieces.ts'
import { codingsOf, unpackPieces, unpackWhole } from './unpack.ts'

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
  /** What follows `body` in a large answer. It must be read or stopped. */
  readonly rest?: Rest
}

/** The rest of a large answer. Reading throws a GatewayError when the server breaks off or a bound is passed. */
export interface Rest extends AsyncIterable<Buffer> {
  stop(error: Error): void
}

export interface HttpBounds {
  readonly signal: AbortSignal
  /** Of the body, packed and unpacked. A larger one is `answer_too_large`. */
  readonly bytesMax: number
  /** An answer with more than this comes as its beginning and a `rest`. Undefined: it comes whole, however large. */
  readonly largeBytes?: number
}

/** What breaks an exchange. `sent` is false when the server cannot have seen the request, `head` says that it answered. */
export class HttpFault extends Error {
  readonly error: GatewayError
  readonly sent: boolean
  readonly head: boolean

  constructor(
    error: GatewayError,
    { sent, head, cause }: { sent: boolean; head: boolean; cause?: unknown },
  ) {
    super(error.message, { cause: cause ?? error })
    this.error = error
    this.sent = sent
    this.head = head
  }
}

const notSent: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
])

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
    this.fail(new GatewayError('cancelled'), this.controller !== undefined)
  }

  private fail(error: GatewayError, sent: boolean): void {
    if (this.over) return
    this.over = true
    this.bounds.signal.removeEventListener('abort', this.onAbort)
    this.controller?.abort(error)
    this.pieces?.fail(error)
    this.reject(new HttpFault(error, { sent, head: this.status !== 0 }))
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
    this.fail(tooLarge(this.bounds.bytesMax), true)
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
      this.status !== 0 || !(refused || notSent.has(code)),
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
    throw new HttpFault(new GatewayError('cancelled'), { sent: false, head: false })
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
    throw new HttpFault(error, { sent: true, head: true, cause })
  }
}

async function unpacked(
  answer: HttpAnswer,
  codings: readonly string[],
  { bytesMax, largeBytes }: HttpBounds,
): Promise<HttpAnswer> {
  if (codings.length === 0) return answer
  const { body: packed, rest: packedRest } = answer
  if (packedRest === undefined) {
    const body = await unpackWhole(packed, codings, largeBytes ?? bytesMax)
    if (body !== undefined) return { ...answer, body }
    if (largeBytes === undefined) throw tooLarge(bytesMax)
  }
  const source = new Source(packed, packedRest)
  const pieces = counted(unpackPieces(source, codings, packed[0]), bytesMax)
  const held: Buffer[] = []
  let bytes = 0
  for (;;) {
    const { done, value } = await pieces.next()
    if (done === true) break
    held.push(value)
    bytes += value.length
    if (bytes > (largeBytes ?? bytesMax))
      return { ...answer, body: Buffer.concat(held), rest: new Unpacked(pieces, source) }
  }
  return { status: answer.status, headers: answer.headers, body: Buffer.concat(held) }
}

/** Packed bytes: those that are here, and those that follow. */
class Source implements AsyncIterable<Buffer> {
  private readonly head: Buffer
  private readonly rest: Rest | undefined

  constructor(head: Buffer, rest: Rest | undefined) {
    this.head = head
    this.rest = rest
  }

  stop(error: Error): void {
    this.rest?.stop(error)
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Buffer> {
    yield this.head
    if (this.rest !== undefined) yield* this.rest
  }
}

class Unpacked implements Rest {
  private readonly pieces: AsyncGenerator<Buffer>
  private readonly source: Source
  private fault: Error | undefined

  constructor(pieces: AsyncGenerator<Buffer>, source: Source) {
    this.pieces = pieces
    this.source = source
  }

  stop(error: Error): void {
    this.fault ??= error
    this.source.stop(error)
    // Rejects when a read is under way, which then throws by itself.
    this.pieces.return(undefined).catch(() => undefined)
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Buffer> {
    for await (const piece of this.pieces) {
      if (this.fault !== undefined) throw this.fault
      yield piece
    }
    if (this.fault !== undefined) throw this.fault
  }
}

async function* counted(pieces: AsyncIterable<Buffer>, bytesMax: number): AsyncGenerator<Buffer> {
  let bytes = 0
  for await (const piece of pieces) {
    bytes += piece.length
    if (bytes > bytesMax) throw tooLarge(bytesMax)
    yield piece
  }
}

function tooLarge(bytesMax: number): GatewayError {
  return new GatewayError('answer_too_large', {
    detail: `more than ${bytesMax} bytes`,
    hint: `The answer is larger than ${Math.floor(bytesMax / 1_000_000)} MB; narrow it with filters or a smaller page.`,
  })
}
