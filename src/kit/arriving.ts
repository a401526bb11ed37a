/** Bytes that are still arriving, on their way through the gateway: one source, and layers that see them pass. */
import { errorOf } from './thrown.ts'

/**
 * For one reader. Whoever holds one reads it to its end, breaks the reading off, or stops it; only then is what it
 * belongs to over.
 */
export interface Arriving extends AsyncIterable<Buffer> {
  /** Breaks it off, whether somebody reads it or not; whoever does gets the error. */
  stop(error: Error): void
  /** Told of a `stop` at once, so that one who waits for something else than the next piece learns of it. */
  onStop(listener: (error: Error) => void): void
}

const ignore = (): void => undefined

/** Sees the pieces of a source pass, and settles once: when the last was taken, or when it broke off. */
export class Layer implements Arriving {
  private readonly source: Arriving
  private readonly pieces: (source: AsyncIterable<Buffer>) => AsyncIterable<Buffer>
  private readonly settle: (error: Error | undefined) => void
  private readonly listeners: ((error: Error) => void)[] = []
  private started = false
  private settled = false
  private stopped: Error | undefined

  /** `settle` gets the error that broke it off; `brokenOff` when the reader just left. */
  constructor(
    source: Arriving,
    pieces: (source: AsyncIterable<Buffer>) => AsyncIterable<Buffer>,
    settle: (error: Error | undefined) => void = ignore,
  ) {
    this.source = source
    this.pieces = pieces
    this.settle = settle
    source.onStop((error) => {
      this.stopped ??= error
      for (const listener of this.listeners) listener(error)
      // A generator that never started would never come to its end.
      if (!this.started) this.end(error)
    })
  }

  stop(error: Error): void {
    this.source.stop(error)
  }

  onStop(listener: (error: Error) => void): void {
    this.listeners.push(listener)
  }

  private end(error: Error | undefined): void {
    if (this.settled) return
    this.settled = true
    this.settle(error)
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Buffer> {
    this.started = true
    let error: Error | undefined = brokenOff
    try {
      if (this.stopped !== undefined) throw this.stopped
      yield* this.pieces(this.source)
      error = undefined
    } catch (thrown) {
      error = errorOf(thrown)
      throw thrown
    } finally {
      const { stopped } = this
      if (error !== undefined) this.source.stop(error)
      // A layer that throws leaves its source, which then only knows that.
      const isCause = stopped !== undefined && stopped !== brokenOff
      this.end(error !== undefined && isCause ? stopped : error)
    }
  }
}

/** Nobody reads on. */
export const brokenOff = new Error('the reader left')
