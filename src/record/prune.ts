import { hash } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { changeManifest, type Manifest, type WriterRecord, withWriter } from './manifest.ts'
import { type ChainPoint, segmentName, segmentNumbers } from './segment.ts'
import { readHeader } from './walk.ts'

/**
 * Removes whole segments whose last entry is older than `before` (epoch milliseconds); never the one
 * that a live writer writes. The manifest notes the cut with its hash first, so that `verifyJournal`
 * passes before, during and after, and a prune that was cut short is finished by the next.
 * Returns how many segments it removed. Rejects with the system's error.
 */
export async function pruneJournal(dir: string, before: number): Promise<number> {
  let removed = 0
  await changeManifest(dir, async (manifest) => {
    let next = manifest
    for (const [writer, record] of Object.entries(manifest.writers)) {
      const cut = await cutOf(join(dir, writer), record, before)
      const state =
        cut.segment === record.head.segment && record.state === 'closed' ? 'pruned' : record.state
      next = withWriter(next, writer, { cut, state })
    }
    return next
  })
  await changeManifest(dir, async (manifest) => {
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
  return removed
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
