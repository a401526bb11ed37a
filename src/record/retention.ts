/** Removes what is older than the retention, from the journal and from its index. */
import type { Journal } from './journal.ts'

export interface RetentionOptions {
  readonly journal: Pick<Journal, 'prune'>
  /** Of entries; undefined: they stay for ever. */
  readonly keepMs: () => number | undefined
  /** Removes entries of the index that are older; resolves with how many partitions went. */
  readonly dropIndexBefore: (at: number) => Promise<number>
  readonly log: {
    info(facts: object, text: string): void
    warn(facts: object, text: string): void
  }
}

const everyMs = 6 * 3_600_000
const firstMs = 60_000

/** Begins soon after the start and comes again for as long as the process lives. */
export function keepRetention(options: RetentionOptions): void {
  setTimeout(() => {
    void prune(options)
    setInterval(() => void prune(options), everyMs).unref()
  }, firstMs).unref()
}

async function prune({ journal, keepMs, dropIndexBefore, log }: RetentionOptions): Promise<void> {
  const forMs = keepMs()
  if (forMs === undefined) return
  const before = Date.now() - forMs
  try {
    const pruned = await journal.prune(before)
    const partitions = await dropIndexBefore(pruned.before)
    const segments = pruned.removed
    if (segments + partitions > 0)
      log.info({ segments, partitions }, 'removed what is older than the retention')
    if (pruned.heldMs > 0)
      log.warn(
        {},
        `Retention was asked to remove what is older than ${day(before)}, but the clock went forward by ${Math.round(pruned.heldMs / 86_400_000)} days with no gateway to see them pass. What is younger than ${day(pruned.before)} stays.`,
      )
  } catch (fault) {
    log.warn({ err: fault }, 'retention')
  }
}

function day(at: number): string {
  return new Date(at).toISOString().slice(0, 10)
}
