/** Keeps what proves a journal beside its chains: the sealed manifest, the anchor, the losses and the jumps of the clock. */
import { performance } from 'node:perf_hooks'
import type { Seals } from '../kit/key-ring.ts'
import {
  type Anchor,
  missingOf,
  openAnchor,
  readAnchor,
  sealAnchor,
  syncAnchor,
  writeAnchor,
} from './anchor.ts'
import type { JournalState } from './line-writer.ts'
import { beginning, changeManifest, type Manifest, readStored, withLoss } from './manifest.ts'
import type { ChainPoint } from './segment.ts'
import type { Known } from './verify.ts'

export interface KeeperOptions {
  /** Folder of the journal. */
  readonly dir: string
  /** File of the anchor, outside of `dir`. */
  readonly anchorPath: string
  readonly seals: Seals
  /** Epoch milliseconds. */
  readonly now: () => number
  /** Told of each loss; must not throw. */
  readonly onFault: (error: Error) => void
}

/** Least time between two anchors that only the system's memory has; each costs about 30 us. */
const anchorEveryMs = 10
/** An idle journal says so often that its clock went on. */
const idleAnchorMs = 60_000
const dayMs = 86_400_000
/** A clock that went forward by more, with nobody there to see the time pass, is not believed. */
const jumpMsMin = 7 * dayMs
const jumpsMax = 64

export class Keeper {
  readonly options: KeeperOptions
  /** As it was before this start changed anything. */
  #first: Manifest | undefined
  /** As this process left it. */
  #manifest: Manifest | undefined
  #floor = 0
  #writer = ''
  #head: ChainPoint = beginning
  #writtenAt = 0
  #isWaiting = false
  #isSynced = true
  #seen: { readonly wall: number; readonly monotonic: number }

  constructor(options: KeeperOptions) {
    this.options = options
    this.#seen = { wall: options.now(), monotonic: performance.now() }
  }

  get manifest(): Manifest | undefined {
    return this.#manifest
  }

  /** What this process knows, for `verifyJournal`. `state`: of the chain that it writes. */
  known(state: JournalState): Known {
    return {
      seals: this.options.seals,
      version: this.#manifest?.version ?? 0,
      writer: this.#writer,
      head: this.#head,
      lost: state.kind === 'lost' ? state.reason : undefined,
    }
  }

  /** Milliseconds that the clock went forward with nobody there, in jumps that retention still leaves out. */
  jumpedMs(): number {
    return (this.#manifest?.jumps ?? []).reduce((sum, { from, to }) => sum + to - from, 0)
  }

  /** Holds the folder against the anchor beside it, then lets `change` begin a writer. */
  async begin(change: (manifest: Manifest) => Promise<Manifest>): Promise<void> {
    const { dir, anchorPath, seals, now } = this.options
    const box = await readAnchor(anchorPath)
    const anchor = box === undefined ? undefined : openAnchor(seals, box)
    const { manifest: first, seal } = await readStored(dir)
    this.#first = first
    this.#floor = anchor?.manifest ?? 0
    // Before the first sealed manifest, so that one without the other is a finding.
    if (box === undefined) await this.#keep()
    const gone = box === undefined && seal !== undefined
    const what = gone
      ? 'the anchor beside the journal is gone'
      : box === undefined
        ? undefined
        : await this.#missing(anchor, first, 'the anchor beside the journal')
    await this.change(async (manifest) => {
      const jumped = anchor === undefined ? manifest : this.#jumped(manifest, anchor.at, now())
      return change(what === undefined ? jumped : this.#lose(jumped, what))
    }, box === undefined)
    await this.#keep()
  }

  /** What began the writer of this process. */
  began(writer: string, head: ChainPoint): void {
    this.#writer = writer
    this.#head = head
  }

  /** The chain is on disk up to `head`. On the way of calls: the anchor is written after they went on. */
  reached(head: ChainPoint): void {
    this.#head = head
    this.#isSynced = false
    if (this.#isWaiting) return
    this.#isWaiting = true
    const waitMs = this.#writtenAt + anchorEveryMs - performance.now()
    const write = (): void => {
      this.#isWaiting = false
      this.#write()
    }
    if (waitMs <= 0) setImmediate(write)
    else setTimeout(write, waitMs).unref()
  }

  /** Once a second: makes the anchor durable, and looks at the clock. */
  async tick(): Promise<void> {
    const { now } = this.options
    const wall = now()
    const monotonic = performance.now()
    const expected = this.#seen.wall + monotonic - this.#seen.monotonic
    this.#seen = { wall, monotonic }
    if (wall - expected > jumpMsMin)
      await this.change((manifest) => this.#jumped(manifest, expected, wall))
    const isIdle = this.#isSynced && monotonic - this.#writtenAt < idleAnchorMs
    if (!isIdle) await this.#keep()
  }

  /** The sealed anchor of this moment, to be kept elsewhere. */
  anchor(): string {
    return sealAnchor(this.options.seals, this.#anchor())
  }

  /** Holds the folder, as this start found it, against an anchor that was kept at `place`. Resolves with what is missing. */
  async compare(box: string, place: string): Promise<string | undefined> {
    const anchor = openAnchor(this.options.seals, box)
    this.#floor = Math.max(this.#floor, anchor?.manifest ?? 0)
    if (this.#first === undefined || anchor?.writer === this.#writer) return undefined
    const what = await this.#missing(anchor, this.#first, place)
    if (what === undefined) return undefined
    await this.change((manifest) => this.#lose(manifest, what))
    return what
  }

  /** Writes the durable anchor of a chain that ended. */
  async end(head: ChainPoint): Promise<void> {
    this.#head = head
    await this.#keep()
  }

  /** Changes the manifest; see `changeManifest`. */
  async change(change: Parameters<typeof changeManifest>[1], unsealed = false): Promise<Manifest> {
    const before = (this.#manifest ?? this.#first)?.losses.length ?? 0
    const next = await changeManifest(this.options, change, { floor: this.#floor, unsealed })
    this.#manifest = next
    this.#isSynced = false
    for (const { what } of next.losses.slice(before)) this.options.onFault(new Error(what))
    return next
  }

  #missing(
    anchor: Anchor | undefined,
    manifest: Manifest,
    place: string,
  ): Promise<string | undefined> {
    if (anchor === undefined)
      return Promise.resolve(
        `${place} cannot be opened: it was changed, or the key ring was replaced`,
      )
    return missingOf(this.options.dir, manifest, anchor).then((what) =>
      what === undefined ? undefined : `${what} (${place})`,
    )
  }

  /** The manifest with the jump of a clock that stood at `from` when it was seen last. */
  #jumped(manifest: Manifest, from: number, to: number): Manifest {
    if (to - from <= jumpMsMin || manifest.jumps.length >= jumpsMax) return manifest
    const days = Math.round((to - from) / dayMs)
    this.options.onFault(
      new Error(`the clock went forward by ${days} days; retention leaves them out for now`),
    )
    return { ...manifest, jumps: [...manifest.jumps, { from: Math.round(from), to }] }
  }

  #lose(manifest: Manifest, what: string): Manifest {
    return withLoss(manifest, this.options.now(), what)
  }

  #anchor(): Anchor {
    const { version } = this.#manifest ?? { version: 0 }
    return { manifest: version, writer: this.#writer, head: this.#head, at: this.options.now() }
  }

  /** An anchor that cannot be written stays older, which accuses nobody; what the disk lacks the chain itself finds. */
  #write(): void {
    this.#writtenAt = performance.now()
    try {
      writeAnchor(this.options.anchorPath, this.anchor())
    } catch {}
  }

  async #keep(): Promise<void> {
    this.#isSynced = true
    this.#write()
    await syncAnchor(this.options.anchorPath).catch(() => undefined)
  }
}
