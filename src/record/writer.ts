import { errorOf } from '../kit/thrown.ts'
import { type Batch, newBatch, signal, textOf, unavailable } from './batch.ts'
import type { Chain } from './chain.ts'
import { assertFreeSpace, watchFreeSpace } from './free-space.ts'
import type { JournalState, LineWriter } from './line-writer.ts'
import { isIntent, trackOpen, unknownOutcome, untrackIntent } from './lines.ts'
import { type ChainPoint, pointOf } from './segment.ts'
import { SegmentLost } from './segment-file.ts'
import { syncPace } from './sync-pace.ts'

export interface WriterOptions {
  readonly writer: string
  readonly mode: 'required' | 'best-effort'
  readonly onFault: (error: Error) => void
  readonly now: () => number
  readonly folder: string
  readonly bytesFreeMin: number
  readonly chain: Chain
  /** Calls with an intent and no outcome; the chain reads it. */
  readonly open: Set<string>
  /** A new segment begins here, and is on disk. */
  readonly onBegun: (point: ChainPoint) => void
  /** The chain is on disk up to here. */
  readonly onReached: (point: ChainPoint) => void
  /** The chain ended here, on disk; undefined: the disk did not take the end. */
  readonly onEnded: (point: ChainPoint | undefined) => Promise<void>
}

const pendingCharsMax = 16 * 1024 * 1024
const keptCharsMax = 4 * 1024 * 1024
/** How long an outcome may stay unsynced when no intent follows. */
const idleSyncMs = 20
const probeMsMin = 50
const probeMsMax = 5_000

/** The writing side of one chain: batches, syncs, and what happens when the disk takes nothing. */
export class JournalWriter implements LineWriter {
  readonly #options: WriterOptions
  readonly #pace = syncPace()
  readonly #stopWatching: () => void
  #batch = newBatch()
  #pendingChars = 0
  #flushAsked = false
  /** Written, waiting for the next sync. */
  #written: Batch[] = []
  /** Covered by the running sync. */
  #syncing: Batch[] | undefined
  #syncTimer: NodeJS.Timeout | undefined
  /** Lines that wait for the disk to work again. */
  #kept: string[] = []
  #keptChars = 0
  #probe: Batch | undefined
  #probeMs = probeMsMin
  #probeTimer: NodeJS.Timeout | undefined
  #closing: Promise<void> | undefined
  #begunSegment = 1
  durable = 0
  dropped = 0
  /** Why nothing is taken at the moment. */
  #fault: Error | undefined

  constructor(options: WriterOptions) {
    this.#options = options
    this.#stopWatching = watchFreeSpace(options.folder, options.bytesFreeMin, (error) => {
      if (this.#fault === undefined) this.#fail(error)
    })
  }

  state(): JournalState {
    this.#look()
    if (this.#fault === undefined) return { kind: 'ok' }
    const kind = this.#fault instanceof SegmentLost ? 'lost' : 'failing'
    return { kind, reason: this.#fault.message }
  }

  get writer(): string {
    return this.#options.writer
  }

  intent(line: string): Promise<void> {
    if (
      this.#fault !== undefined ||
      this.#closing !== undefined ||
      this.#pendingChars > pendingCharsMax
    )
      return this.#refuse()
    this.#add(line)
    const batch = this.#batch
    batch.durable ??= signal()
    return batch.durable.promise
  }

  append(line: string): Promise<void> {
    if (this.#fault !== undefined || this.#closing !== undefined) return this.#later(line)
    this.#add(line)
    const batch = this.#batch
    batch.written ??= signal()
    return batch.written.promise
  }

  close(): Promise<void> {
    this.#closing ??= this.#end()
    return this.#closing
  }

  #add(line: string): void {
    this.#batch.lines.push(line)
    this.#pendingChars += line.length
    this.#askFlush()
  }

  #askFlush(): void {
    if (this.#flushAsked) return
    this.#flushAsked = true
    setImmediate(this.#flush)
  }

  readonly #flush = (): void => {
    this.#flushAsked = false
    const batch = this.#batch
    if (batch.lines.length > 0) {
      this.#batch = newBatch()
      this.#pendingChars = 0
      if (this.#fault !== undefined) this.#giveUp(batch, this.#fault)
      else this.#write(batch)
      batch.written?.resolve()
    }
    this.#schedule()
  }

  /** Writes one group. On a fault nothing of it stays. */
  #write(batch: Batch): void {
    const { chain, open } = this.#options
    try {
      batch.before = chain.mark
      chain.write(textOf(batch.lines), batch.lines.length)
    } catch (error) {
      this.#fail(errorOf(error))
      this.#giveUp(batch, errorOf(error))
      return
    }
    for (const line of batch.lines) trackOpen(open, line)
    this.#written.push(batch)
  }

  /** The next sync: soon for waiting calls, late for outcomes alone. */
  #schedule(): void {
    if (this.#syncing !== undefined || this.#written.length === 0) return
    const isWaited = this.#written.some(({ durable }) => durable !== undefined)
    const delay = isWaited || this.#probe !== undefined ? this.#pace.delay() : idleSyncMs
    if (delay === 0) this.#sync()
    else this.#syncTimer ??= setTimeout(this.#sync, delay)
  }

  readonly #sync = (): void => {
    clearTimeout(this.#syncTimer)
    this.#syncTimer = undefined
    if (this.#syncing !== undefined || this.#written.length === 0) return
    const { chain } = this.#options
    const { mark, begun } = chain
    const batches = this.#written
    this.#syncing = batches
    this.#written = []
    this.#pace.started()
    chain.sync((error) => {
      this.#syncing = undefined
      if (error !== null) this.#rollBack(batches, error)
      else this.#settle(batches, mark, begun)
      if (this.#written.length > 0) this.#askFlush()
    })
  }

  #settle(batches: readonly Batch[], mark: ChainPoint, begun: ChainPoint | undefined): void {
    this.durable = mark.sequence
    this.#options.onReached(pointOf(mark))
    for (const batch of batches) {
      batch.durable?.resolve()
      if (batch === this.#probe) this.#recovered()
    }
    if (begun === undefined || begun.segment === this.#begunSegment) return
    this.#begunSegment = begun.segment
    this.#options.onBegun(begun)
  }

  /** After a failed sync nobody knows what is on disk, so everything behind the last good one is taken back. */
  #rollBack(batches: readonly Batch[], error: Error): void {
    const lost = [...batches, ...this.#written]
    const before = lost[0]?.before
    this.#fail(error)
    // What somebody else touched stays as it is: it is evidence.
    if (before !== undefined && !(this.#fault instanceof SegmentLost))
      this.#options.chain.back(before)
    this.#written = []
    for (const batch of lost) this.#giveUp(batch, error)
  }

  /** The disk takes nothing: refuse until a probe succeeds. */
  #fail(error: Error): void {
    if (this.#fault instanceof SegmentLost) return
    this.#fault = error
    this.#probe = undefined
    this.#options.onFault(error)
    clearTimeout(this.#probeTimer)
    if (this.#closing !== undefined || error instanceof SegmentLost) return
    this.#probeTimer = setTimeout(this.#try, this.#probeMs)
    this.#probeMs = Math.min(this.#probeMs * 2, probeMsMax)
  }

  /** Notices a file that is not at its place although nothing is being written. */
  #look(): void {
    const lost = this.#closing === undefined ? this.#options.chain.lost() : undefined
    if (lost !== undefined) this.#fail(lost)
  }

  readonly #try = (): void => {
    const { folder, bytesFreeMin } = this.#options
    assertFreeSpace(folder, bytesFreeMin).then(
      () => {
        if (this.#closing !== undefined) return
        this.#probe = newBatch(this.#takeKept())
        this.#write(this.#probe)
        this.#schedule()
      },
      (error: unknown) => this.#fail(errorOf(error)),
    )
  }

  #recovered(): void {
    this.#fault = undefined
    this.#probe = undefined
    this.#probeMs = probeMsMin
    const lines = this.#takeKept()
    if (lines.length > 0) this.#write(newBatch(lines))
  }

  #takeKept(): string[] {
    const lines = this.#kept
    this.#kept = []
    this.#keptChars = 0
    return lines
  }

  #giveUp(batch: Batch, error: Error | undefined): void {
    for (const line of batch.lines) {
      // Where nobody waits, the line was given to be kept.
      if (!isIntent(line) || batch.durable === undefined) this.#keep(line)
      else {
        untrackIntent(this.#options.open, line)
        if (this.#options.mode === 'best-effort') this.dropped++
      }
    }
    if (this.#options.mode === 'required') batch.durable?.reject(unavailable(error))
    else batch.durable?.resolve()
  }

  /** For `append` when nothing can be written. After the close nothing will be either. */
  #later(line: string): Promise<void> {
    if (this.#closing === undefined) this.#keep(line)
    else this.dropped++
    return Promise.resolve()
  }

  #keep(line: string): void {
    if (this.#keptChars + line.length > keptCharsMax) {
      this.dropped++
      return
    }
    this.#kept.push(line)
    this.#keptChars += line.length
  }

  #refuse(): Promise<void> {
    if (this.#options.mode === 'required') return Promise.reject(unavailable(this.#fault))
    this.dropped++
    return Promise.resolve()
  }

  async #end(): Promise<void> {
    this.#stopWatching()
    clearTimeout(this.#probeTimer)
    if (this.#flushAsked) await new Promise(setImmediate)
    while (this.#syncing !== undefined) await new Promise((done) => setTimeout(done, 1))
    clearTimeout(this.#syncTimer)
    let end: ChainPoint | undefined
    try {
      if (this.#fault instanceof SegmentLost) {
        this.#options.chain.abandon()
        throw this.#fault
      }
      end = await this.#writeEnd()
      for (const batch of this.#written) batch.durable?.resolve()
    } catch (error) {
      for (const batch of this.#written) this.#giveUp(batch, errorOf(error))
      throw error
    } finally {
      this.#written = []
      await this.#options.onEnded(end)
    }
  }

  async #writeEnd(): Promise<ChainPoint> {
    const { chain, open, now } = this.#options
    const outcomes = [...open].map((call) => unknownOutcome(call, now()))
    const lines = [...this.#takeKept(), ...outcomes]
    try {
      if (lines.length > 0) chain.write(textOf(lines), lines.length)
      await new Promise<void>((done, failed) => {
        chain.sync((error) => (error === null ? done() : failed(error)))
      })
    } finally {
      chain.close()
    }
    this.durable = chain.mark.sequence
    return pointOf(chain.mark)
  }
}
