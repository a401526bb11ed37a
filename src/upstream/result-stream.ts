/** The result of a JSON-RPC answer that is too large to hold: split off and handed on while it arrives. */

import type { Arriving } from '../kit/arriving.ts'
import { JsonWalker, WalkFault } from '../kit/json-walker.ts'
import { GatewayError } from '../model/refusal.ts'
import { type Flow, Pieces } from './pieces.ts'

const depthMax = 512
const shortMax = 256

/**
 * Takes the bytes of one message; `ready` is called once the result has begun. Iterating yields the bytes of the
 * result; breaking off aborts the exchange.
 */
export class ResultStream implements Arriving {
  /** Raw values of `resultType` and `isError`, as far as they were seen. */
  readonly seen = new Map<string, string>()
  private readonly walker: JsonWalker
  private readonly pieces: Pieces
  private inside = false
  private from = 0
  private chunk: Buffer = Buffer.alloc(0)
  private ended = false
  private capture: { readonly key: string; parts: Buffer[]; from: number } | undefined
  /** Called with each value of `seen`, while the result arrives. */
  onSeen: ((key: string, raw: string) => void) | undefined

  constructor(flow: Flow) {
    this.pieces = new Pieces(flow)
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
    if (this.pieces.broken) return this.inside
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
    if (this.inside && this.from < chunk.length) this.pieces.push(chunk.subarray(this.from))
    return this.inside || this.ended
  }

  /** The answer ended. */
  finish(): void {
    if (!this.ended)
      this.fail(new GatewayError('server_broken', { detail: 'the answer broke off' }))
  }

  /** Ends it before its time. */
  stop(error: Error): void {
    this.pieces.stop(error)
  }

  onStop(listener: (error: Error) => void): void {
    this.pieces.onStop(listener)
  }

  fail(fault: GatewayError): void {
    this.pieces.fail(fault)
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
      this.pieces.push(this.chunk.subarray(this.from, offset))
      this.inside = false
      this.ended = true
      this.from = this.chunk.length
      this.pieces.end()
    }
  }

  private keepShort(part: Buffer): void {
    if (this.capture !== undefined && this.capture.parts.length * shortMax < 4_096)
      this.capture.parts.push(Buffer.from(part.subarray(0, shortMax)))
  }

  /** What has arrived so far, for the head of the reply. */
  take(): Buffer {
    return this.pieces.take()
  }

  [Symbol.asyncIterator](): AsyncIterator<Buffer> {
    return this.pieces[Symbol.asyncIterator]()
  }
}
