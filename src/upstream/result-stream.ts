/** The result of a JSON-RPC answer that is too large to hold: split off and handed on while it arrives. */
import { JsonWalker, WalkFault } from '../kit/json-walker.ts'
import { GatewayError } from '../model/refusal.ts'

const depthMax = 512
const shortMax = 256

export interface Flow {
  pause(): void
  resume(): void
  abort(): void
}

/** What waits unread between the server and the client before the server is paused. */
const waitingBytesMax = 262_144

/**
 * Takes the bytes of one message; `ready` is called once the result has begun. Iterating yields the bytes of the
 * result; breaking off aborts the exchange.
 */
export class ResultStream implements AsyncIterable<Buffer> {
  /** Raw values of `resultType` and `isError`, as far as they were seen. */
  readonly seen = new Map<string, string>()
  private readonly walker: JsonWalker
  private readonly flow: Flow
  private inside = false
  private from = 0
  private chunk: Buffer = Buffer.alloc(0)
  private waiting: Buffer[] = []
  private waitingBytes = 0
  private paused = false
  private ended = false
  private fault: GatewayError | undefined
  private wake: (() => void) | undefined
  private capture: { readonly key: string; parts: Buffer[]; from: number } | undefined
  bytes = 0
  /** Called with each value of `seen`, while the result arrives. */
  onSeen: ((key: string, raw: string) => void) | undefined

  constructor(flow: Flow) {
    this.flow = flow
    this.walker = new JsonWalker(
      {
        onValueStart: (offset, first) => this.start(offset, first),
        onValueEnd: (offset) => this.end(offset),
      },
      depthMax,
    )
  }

  /** @returns whether the result has begun */
  feed(chunk: Buffer): boolean {
    if (this.fault !== undefined) return this.inside
    this.chunk = chunk
    this.from = 0
    if (this.capture !== undefined) this.capture.from = 0
    try {
      this.walker.walk(chunk)
    } catch (fault) {
      if (!(fault instanceof WalkFault)) throw fault
      this.fail(new GatewayError('server_broken', { detail: fault.message, cause: fault }))
      return this.inside
    }
    if (this.capture !== undefined) this.keepShort(this.chunk.subarray(this.capture.from))
    if (this.inside && this.from < chunk.length) this.push(chunk.subarray(this.from))
    return this.inside || this.ended
  }

  /** The answer ended. */
  finish(): void {
    if (!this.ended)
      this.fail(new GatewayError('server_broken', { detail: 'the answer broke off' }))
  }

  /** Ends it before its time. */
  stop(error: Error): void {
    if (this.ended) return
    this.fail(
      error instanceof GatewayError ? error : new GatewayError('server_broken', { cause: error }),
    )
    this.waiting = []
    this.flow.abort()
  }

  fail(fault: GatewayError): void {
    this.fault ??= fault
    this.wake?.()
  }

  private start(offset: number, first: number): void {
    const { path } = this.walker
    // A second result is none: what was handed on is the answer.
    if (this.ended) return
    if (path.length === 1 && path[0]?.key === 'result') {
      if (first !== 0x7b) throw new WalkFault('the result is not an object')
      this.inside = true
      this.from = offset
    } else if (path.length === 2 && path[0]?.key === 'result') {
      const key = path[1]?.key ?? ''
      if (key === 'resultType' || key === 'isError') this.capture = { key, parts: [], from: offset }
    }
  }

  private end(offset: number): void {
    const { path } = this.walker
    if (this.capture !== undefined && path.length === 2) {
      this.keepShort(this.chunk.subarray(this.capture.from, offset))
      const { key } = this.capture
      const raw = Buffer.concat(this.capture.parts).toString('utf8')
      this.capture = undefined
      this.seen.set(key, raw)
      this.onSeen?.(key, raw)
    }
    if (this.inside && path.length === 1 && path[0]?.key === 'result') {
      this.push(this.chunk.subarray(this.from, offset))
      this.inside = false
      this.ended = true
      this.from = this.chunk.length
      this.wake?.()
    }
  }

  private keepShort(part: Buffer): void {
    if (this.capture !== undefined && this.capture.parts.length * shortMax < 4_096)
      this.capture.parts.push(Buffer.from(part.subarray(0, shortMax)))
  }

  private push(part: Buffer): void {
    if (part.length === 0) return
    this.bytes += part.length
    this.waiting.push(part)
    this.waitingBytes += part.length
    if (!this.paused && this.waitingBytes > waitingBytesMax) {
      this.paused = true
      this.flow.pause()
    }
    this.wake?.()
  }

  /** What has arrived so far, for the head of the reply. */
  take(): Buffer {
    const taken = Buffer.concat(this.waiting)
    this.emptied()
    return taken
  }

  /** What waited was taken: the server may go on. */
  private emptied(): void {
    this.waiting = []
    this.waitingBytes = 0
    if (!this.paused) return
    this.paused = false
    this.flow.resume()
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Buffer> {
    try {
      for (;;) {
        if (this.waiting.length > 0) {
          const parts = this.waiting
          this.emptied()
          yield* parts
          continue
        }
        if (this.fault !== undefined) throw this.fault
        if (this.ended) return
        await new Promise<void>((resolve) => {
          this.wake = resolve
        })
        this.wake = undefined
      }
    } finally {
      if (!this.ended) this.flow.abort()
    }
  }
}
