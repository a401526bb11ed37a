import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import type { Link } from '../kit/chain.ts'
import type { Deadlines, Due } from '../kit/deadlines.ts'
import { owned } from '../kit/owner.ts'
import { GatewayError, toGatewayError } from '../model/refusal.ts'

/** A body that is being read; `fail` ends the reading with a refusal. */
export class BodyReader {
  due: Link<Due<BodyReader>> | undefined
  private readonly request: IncomingMessage
  private readonly bytesMax: number
  private readonly deadlines: Deadlines<BodyReader>
  private readonly done: (body: Buffer) => void
  private readonly refuse: (error: GatewayError) => void
  private first: Buffer | undefined
  private chunks: Buffer[] | undefined
  private bytes = 0
  private over = false

  /** Reads at most `bytesMax` bytes; calls exactly one of `done` and `refuse` (body_too_large, body_timeout, cancelled). */
  constructor(
    request: IncomingMessage,
    bytesMax: number,
    deadlines: Deadlines<BodyReader>,
    done: (body: Buffer) => void,
    refuse: (error: GatewayError) => void,
  ) {
    this.request = request
    this.bytesMax = bytesMax
    this.deadlines = deadlines
    this.done = done
    this.refuse = refuse
    deadlines.add(this)
    owned(
      { what: 'the body of a request', fail: (thrown) => this.fail(toGatewayError(thrown)) },
      () => {
        request.on('data', (chunk: Buffer) => this.take(chunk))
        request.on('end', () => this.finish())
        // An error is followed by a close, so one listener is enough.
        request.on('error', () => undefined)
        request.on('close', () => this.closed())
      },
    )
  }

  private closed(): void {
    if (!this.over) this.fail(new GatewayError('cancelled', { detail: 'the connection closed' }))
  }

  fail(error: GatewayError): void {
    if (this.over) return
    this.over = true
    this.deadlines.delete(this)
    this.request.pause()
    this.refuse(error)
  }

  private take(chunk: Buffer): void {
    if (this.over) return
    this.bytes += chunk.length
    if (this.bytes > this.bytesMax)
      this.fail(new GatewayError('body_too_large', { detail: `more than ${this.bytesMax} bytes` }))
    else if (this.first === undefined) this.first = chunk
    else {
      this.chunks ??= [this.first]
      this.chunks.push(chunk)
    }
  }

  private finish(): void {
    if (this.over) return
    this.over = true
    this.deadlines.delete(this)
    const body = this.chunks === undefined ? (this.first ?? empty) : Buffer.concat(this.chunks)
    // The request keeps this reader for as long as its answer takes; the bytes must not stay with it.
    this.first = undefined
    this.chunks = undefined
    this.done(body)
  }
}

const empty = Buffer.alloc(0)

/** Reads a body and resolves with it. @throws GatewayError as BodyReader refuses */
export function readBody(
  request: IncomingMessage,
  bytesMax: number,
  deadlines: Deadlines<BodyReader>,
): Promise<Buffer> {
  const declared = request.headers['content-length']
  if (declared !== undefined && Number(declared) > bytesMax)
    return Promise.reject(
      new GatewayError('body_too_large', { detail: `Content-Length ${declared}` }),
    )
  return new Promise(
    (resolve, reject) => new BodyReader(request, bytesMax, deadlines, resolve, reject),
  )
}

/** The text of a body; invalid UTF-8 is refused, since parsers repair it differently. */
export function bodyText(body: Buffer): string {
  if (!isUtf8(body)) throw new GatewayError('json_invalid', { detail: 'not UTF-8' })
  return body.toString('utf8')
}
