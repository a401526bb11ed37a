/** Bytes between a server that sends them and a client that reads them: bounded, in order, with an end or a fault. */
import { type Arriving, brokenOff } from '../kit/arriving.ts'
import { GatewayError } from '../model/refusal.ts'

/** The exchange that the bytes come from. */
export interface Flow {
  pause(): void
  resume(): void
  abort(): void
}

/** What waits unread before the server is paused. */
const waitingBytesMax = 262_144

/** Iterating yields the bytes; breaking off aborts the exchange. For one reader. */
export class Pieces implements Arriving {
  private readonly flow: Flow
  private waiting: Buffer[] = []
  private waitingBytes = 0
  private paused = false
  private ended = false
  private stopped = false
  private fault: GatewayError | undefined
  private wake: (() => void) | undefined
  private readonly listeners: ((error: Error) => void)[] = []

  constructor(flow: Flow) {
    this.flow = flow
  }

  get broken(): boolean {
    return this.fault !== undefined
  }

  push(part: Buffer): void {
    if (part.length === 0) return
    this.waiting.push(part)
    this.waitingBytes += part.length
    if (!this.paused && this.waitingBytes > waitingBytesMax) {
      this.paused = true
      this.flow.pause()
    }
    this.wake?.()
  }

  /** Everything was pushed. */
  end(): void {
    this.ended = true
    this.wake?.()
  }

  /** The server broke it; what came before can still be read. */
  fail(fault: GatewayError): void {
    this.fault ??= fault
    this.wake?.()
  }

  /** What waits is dropped. */
  stop(error: Error): void {
    if (this.stopped) return
    this.stopped = true
    this.waiting = []
    this.fail(
      error instanceof GatewayError ? error : new GatewayError('cancelled', { cause: error }),
    )
    if (!this.ended) this.flow.abort()
    for (const listener of this.listeners) listener(error)
  }

  onStop(listener: (error: Error) => void): void {
    this.listeners.push(listener)
  }

  /** What has arrived so far. */
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
      // Whoever reads knows why it ended, or left.
      if (!this.ended) this.stop(brokenOff)
    }
  }
}
