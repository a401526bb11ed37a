/** Copies the journal into the index: in batches, from where the index ends, without ever holding up a call. */

import { setTimeout as sleep } from 'node:timers/promises'
import { createBackoff } from '../kit/backoff.ts'
import { messageOf } from '../kit/thrown.ts'
import type { Indexed, Store } from './store.ts'

/**
 * Reads the journal: entries of each writer in the order of their sequence, beginning at what `from` says
 * of it. It may go on with what is written later, until the signal aborts, or end and be opened again.
 */
export type JournalSource = (
  from: (writer: string) => Promise<number>,
  signal: AbortSignal,
) => AsyncIterable<Indexed>

export interface ShipperOptions {
  readonly source: JournalSource
  readonly store: Pick<Store, 'index' | 'indexedUpTo'>
  /** Entries held in memory at a time. */
  readonly batchMax?: number
  /** How long a batch waits for more entries, and the shipper after a source that ended. */
  readonly gatherMs?: number
  /** Longest rest between attempts while the database is away. */
  readonly backOffMaxMs?: number
  /** Told once when copying begins to fail, with the reason, and once when it goes on. */
  readonly report?: (event: {
    readonly kind: 'failing' | 'recovered'
    readonly reason: string
  }) => void
}

export interface Shipper {
  /** Ends after the entries that it holds. */
  close(): Promise<void>
}

/** Starts copying. Sequence numbers make it resumable: what is copied twice is in the index once. */
export function startShipper(options: ShipperOptions): Shipper {
  const { gatherMs = 250, backOffMaxMs = 30_000, report } = options
  const closing = new AbortController()
  const { signal } = closing
  // Nodes that lost the database together do not come back together.
  const backoff = createBackoff({
    firstMs: gatherMs,
    maxMs: backOffMaxMs,
    factor: 2,
    jitter: 0.5,
    random: Math.random,
  })
  let failing = false

  const index = async (entries: readonly Indexed[]) => {
    await options.store.index(entries)
    if (failing) report?.({ kind: 'recovered', reason: '' })
    failing = false
    backoff.reset()
  }
  const run = async () => {
    while (!signal.aborted) {
      let waitMs = gatherMs
      try {
        await copy({ ...options, gatherMs }, index, signal)
      } catch (error) {
        const reason = messageOf(error)
        if (!failing && !signal.aborted) report?.({ kind: 'failing', reason })
        failing = true
        waitMs = backoff.next()
      }
      await sleep(waitMs, undefined, { signal, ref: false }).catch(() => undefined)
    }
  }
  const running = run()
  return {
    close: async () => {
      closing.abort()
      await running
    },
  }
}

/** Copies until the source ends; rejects when it or the index fails. */
async function copy(
  options: ShipperOptions & { readonly gatherMs: number },
  index: (entries: readonly Indexed[]) => Promise<void>,
  closing: AbortSignal,
): Promise<void> {
  const { source, store, gatherMs, batchMax = 500 } = options
  const failing = new AbortController()
  const signal = AbortSignal.any([closing, failing.signal])
  const entries = source((writer) => store.indexedUpTo(writer), signal)[Symbol.asyncIterator]()
  let batch: Indexed[] = []
  let coming = entries.next()
  let late: Promise<undefined> | undefined
  try {
    for (;;) {
      const found = await (late === undefined ? coming : Promise.race([coming, late]))
      if (found !== undefined && found.done !== true) {
        batch.push(found.value)
        coming = entries.next()
        late ??= sleep(gatherMs, undefined, { ref: false })
        if (batch.length < batchMax) continue
      }
      if (batch.length > 0) await index(batch)
      batch = []
      late = undefined
      if (found?.done === true) return
    }
  } finally {
    failing.abort()
    await coming.catch(() => undefined)
    await entries.return?.()
  }
}
