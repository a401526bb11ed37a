import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import type { Link } from '../kit/chain.ts'
import type { Deadlines, Due } from '../kit/deadlines.ts'
import { owned } from '../kit/owner.ts'
import { type Account, messageWeight } from '../model/account.ts'
import type { Principal } from '../model/principal.ts'
import { GatewayError, toGatewayError } from '../model/refusal.ts'

/** A body that is being read; `fail` ends the reading with a refusal. */
export class BodyReader {
  due: Link<Due<BodyReader>> | undefined
  /** Who sends it, as its head says. */
  readonly principal: Principal
  private readonly request: IncomingMessage
  private readonly bytesMax: number
  private readonly deadlines: Deadlines<BodyReader>
  private readonly account: Account
  private readonly done: (body: Buffer) => void
  private readonly refuse: (error: GatewayError) => void
  private first: Buffer | undefined
  private chunks: Buffer[] | undefined
  private bytes = 0
  private charged = 0
  private over = false

  /**
   * Reads at most `bytesMax` bytes, each taken from the account as `weightOf` says; who gets them gives them back.
   * Calls exactly one of `done` and `refuse` (body_too_large, body_timeout, memory_limited, cancelled, or as it is failed).
   */
  constructor(
    request: IncomingMessage,
    bytesMax: number,
    deadlines: Deadlines<BodyReader>,
    account: Account,
    principal: Principal,
    done: (body: Buffer) => void,
    refuse: (error: GatewayError) => void,
  ) {
    this.request = request
    this.bytesMax = bytesMax
    this.deadlines = deadlines
    this.account = account
    this.principal = principal
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
    this.account.give(this.charged)
    this.first = undefined
    this.chunks = undefined
    this.refuse(error)
  }

  private take(chunk: Buffer): void {
    if (this.over) return
    if (this.bytes + chunk.length > this.bytesMax) {
      this.fail(new GatewayError('body_too_large', { detail: `more than ${this.bytesMax} bytes` }))
      return
    }
    const charge = weightOf(chunk.length) + chunkBytes
    try {
      this.account.take(charge)
    } catch (full) {
      this.fail(toGatewayError(full))
      return
    }
    this.charged += charge
    this.bytes += chunk.length
    if (this.first === undefined) this.first = chunk
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
    this.account.give(this.charged - weightOf(body.length))
    this.done(body)
  }
}

/** What a piece of a body costs beside its bytes. */
const chunkBytes = 256

/** What a body costs while it is worked on. */
export function weightOf(bodyBytes: number): number {
  return bodyBytes * messageWeight
}

const empty = Buffer.alloc(0)

/** Reads a body and resolves with it. @throws GatewayError as BodyReader refuses */
export function readBody(
  request: IncomingMessage,
  bytesMax: number,
  deadlines: Deadlines<BodyReader>,
  account: Account,
  principal: Principal,
): Promise<Buffer> {
  const declared = request.headers['content-length']
  if (declared !== undefined && Number(declared) > bytesMax)
    return Promise.reject(
      new GatewayError('body_too_large', { detail: `Content-Length ${declared}` }),
    )
  return new Promise(
    (resolve, reject) =>
      new BodyReader(request, bytesMax, deadlines, account, principal, resolve, reject),
  )
}

/** How much, and for how long, of a body that was refused is read and thrown away. */
const readOnBytesMax = 16_000_000
const readOnMs = 5_000

/**
 * Reads what is left of a body whose answer is written, so that the client comes to read it: a connection that is closed
 * while bytes arrive is reset, and what the client has not read of the answer is lost (RFC 9112 section 9.6).
 */
export function readOn(request: IncomingMessage, done: () => void): void {
  let left = readOnBytesMax
  const stop = (): void => {
    clearTimeout(timer)
    request.off('data', count)
    request.off('end', stop)
    request.off('close', stop)
    done()
  }
  const count = ({ length }: Buffer): void => {
    left -= length
    if (left < 0) stop()
  }
  const timer = setTimeout(stop, readOnMs)
  timer.unref()
  request.on('data', count)
  request.once('end', stop)
  request.once('close', stop)
  request.resume()
}

/** The text of a body; invalid UTF-8 is refused, since parsers repair it differently. */
export function bodyText(body: Buffer): string {
  if (!isUtf8(body)) throw new GatewayError('json_invalid', { detail: 'not UTF-8' })
  return body.toString('utf8')
}
