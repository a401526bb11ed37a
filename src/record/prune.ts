import { hash } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Keeper } from './keeper.ts'
import { type Manifest, type WriterRecord, withWriter } from './manifest.ts'
import { type ChainPoint, segmentName, segmentNumbers } from './segment.ts'
import { readHeader } from './walk.ts'

export interface Pruned {
  /** How many segments were removed. */
  readonly removed: number
  /** Milliseconds by which entries are kept longer, because the clock jumped; 0 when nothing is held for that. */
  readonly heldMs: number
  /** What the clock lets go: everything older. */
  readonly before: number
}

/**
 * Removes whole segments whose last entry is older than `before` (epoch milliseconds); never the one
 * that a live writer writes. Time that the clock jumped over counts for nothing, until the retention has
 * passed behind the jump. The manifest notes the cut with its hash first, so that `verifyJournal`
 * passes before, during and after, and a prune that was cut short is finished by the next.
 * Rejects with the system's error.
 */
export async function pruneJournal(keeper: Keeper, wanted: number): Promise<Pruned> {
  const { dir, now } = keeper.options
  let removed = 0
  let held = false
  let before = wanted
  await keeper.change(async (manifest) => {
    // A jump that the clock took back, or that is as old as the retention, says nothing any more.
    const jumps = manifest.jumps.filter(({ to }) => to > wanted && to <= now())
    before = jumps.reduce((at, { from, to }) => at - (to - from), wanted)
    let next: Manifest = {
      ...manifest,
      jumps,
      losses: manifest.losses.filter(({ at }) => at >= before),
    }
    for (const [writer, record] of Object.entries(manifest.writers)) {
      const folder = join(dir, writer)
      const cut = await cutOf(folder, record, before)
      if (jumps.length > 0) held ||= (await cutOf(folder, record, wanted)).group > cut.group
      const state =
        cut.segment === record.head.segment && record.state === 'closed' ? 'pruned' : record.state
      next = withWriter(next, writer, { cut, state })
    }
    return next
  })
  await keeper.change(async (manifest) => {
    let next = manifest
    for (const [writer, record] of Object.entries(manifest.writers)) {
      const folder = join(dir, writer)
      for (const segment of await segmentNumbers(folder)) {
        if (segment > record.cut.segment) break
        await rm(join(folder, segmentName(segment)), { force: true })
        await rm(join(folder, `${segmentName(segment)}.cut`), { force: true })
        removed++
      }
      if (record.state !== 'pruned') continue
      await rm(folder, { recursive: true, force: true })
      next = withoutWriter(next, writer, record)
    }
    return next
  })
  return { removed, heldMs: held ? wanted - before : 0, before }
}

/** The end of the last segment that may go. Segments are in time order, so the first to stay ends it. */
async function cutOf(folder: string, record: WriterRecord, before: number): Promise<ChainPoint> {
  let cut = record.cut
  for (const segment of await segmentNumbers(folder)) {
    if (segment <= cut.segment) continue
    const following = await readHeader(folder, segment + 1)
    const isEnd = record.state === 'closed' && segment === record.head.segment
    const endedAt = isEnd ? record.closedAt : following?.at
    if (endedAt === undefined || endedAt >= before) break
    if (isEnd) cut = record.head
    else if (following !== undefined)
      cut = {
        segment,
        group: following.group,
        sequence: following.sequence,
        hash: following.previous,
      }
  }
  return cut
}

function withoutWriter(manifest: Manifest, writer: string, record: WriterRecord): Manifest {
  const { [writer]: _, ...writers } = manifest.writers
  const { pruned } = manifest
  const text = `${pruned.hash}${JSON.stringify({ writer, ...record })}`
  return {
    ...manifest,
    writers,
    pruned: { writers: pruned.writers + 1, hash: hash('sha256', text) },
  }
}
