/** One bounded HTTP request of an API executor: sent, read whole, and unpacked. */
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate, inflateRaw } from 'node:zlib'
import type { Dispatcher } from 'undici'
import { GatewayError } from '../../model/refusal.ts'

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
  /** Unpacked. */
  readonly body: Buffer
}

export interface HttpBounds {
  readonly signal: AbortSignal
  /** Of the body, packed and unpacked. A larger one is `answer_too_large`. */
  readonly bytesMax: number
}

/** What breaks an exchange. `sent` is false when the server cannot have seen the request, `head` says that it answered. */
export class HttpFault extends Error {
  readonly error: GatewayError
  readonly sent: boolean
  readonly head: boolean

  constructor(error: GatewayError, { sent, head }: { sent: boolean; head: boolean }) {
    super(error.message, { cause: error })
    this.error = error
    this.sent = sent
    this.head = head
  }
}

/** What `unpack` can undo; for `Accept-Encoding`. */
export const acceptedEncodings = 'gzip, br, deflate'

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
  private readonly chunks: Buffer[] = []
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
    if (this.bytes > this.bounds.bytesMax) this.tooLarge()
    else this.chunks.push(chunk)
  }

  onResponseEnd(): void {
    if (this.over) return
    this.over = true
    this.bounds.signal.removeEventListener('abort', this.onAbort)
    const [first] = this.chunks
    const body =
      this.chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.chunks)
    this.resolve({ status: this.status, headers: this.headers, body })
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
 * Sends one request and reads the whole answer. No redirect is followed, nothing is repeated.
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
  return coding === undefined || answer.body.length === 0
    ? answer
    : { ...answer, body: await unpack(answer.body, String(coding), bounds.bytesMax) }
}

const unpackers: Readonly<
  Record<string, (body: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>>
> = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  br: promisify(brotliDecompress),
  // RFC 9110 section 8.4.1.2: zlib; some servers send it raw.
  deflate: (body, options) =>
    ((body[0] ?? 0) & 0x0f) === 8
      ? promisify(inflate)(body, options)
      : promisify(inflateRaw)(body, options),
}

/** More codings on top of each other than this are an attack, not an answer. */
const codingsMax = 2

async function unpack(body: Buffer, codings: string, bytesMax: number): Promise<Buffer> {
  const names = codings
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'identity')
  let bytes = body
  for (const name of names.slice(0, codingsMax + 1).reverse()) {
    const unpacker = unpackers[name]
    if (unpacker === undefined || names.length > codingsMax)
      throw broken(`the answer has the content coding ${JSON.stringify(codings.slice(0, 80))}`)
    try {
      bytes = await unpacker(bytes, { maxOutputLength: bytesMax })
    } catch (fault) {
      throw unpackFault(fault, name, bytesMax)
    }
  }
  return bytes
}

function broken(detail: string): HttpFault {
  return new HttpFault(new GatewayError('server_broken', { detail }), { sent: true, head: true })
}

function unpackFault(fault: unknown, name: string, bytesMax: number): HttpFault {
  const bomb = fault instanceof Error && 'code' in fault && fault.code === 'ERR_BUFFER_TOO_LARGE'
  return bomb
    ? new HttpFault(tooLarge(bytesMax), { sent: true, head: true })
    : broken(`the answer is no valid ${name}`)
}

function tooLarge(bytesMax: number): GatewayError {
  return new GatewayError('answer_too_large', {
    detail: `more than ${bytesMax} bytes`,
    hint: `The answer is larger than ${Math.floor(bytesMax / 1_000_000)} MB; narrow it with filters or a smaller page.`,
  })
}
