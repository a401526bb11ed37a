/** The database beside the gateway: started, adopted or reached; state loaded from it, the journal indexed into it. */

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { atMost } from '../kit/at-most.ts'
import { messageOf } from '../kit/thrown.ts'
import type { StoredState } from '../model/desired-state.ts'
import { type Embedded, startEmbedded } from './embedded.ts'
import { readLastGood, writeLastGood } from './last-good.ts'
import { openStore } from './postgres.ts'
import { type JournalSource, type Shipper, startShipper } from './shipper.ts'
import type { Store } from './store.ts'

export interface DatabaseOptions {
  readonly dataDir: string
  /** `DATABASE_URL`; undefined: the embedded one. */
  readonly url: string | undefined
  readonly migrations: string
  /** `import.meta.url` of the entry, from which the packages of the embedded database are found. */
  readonly resolveFrom: string
  readonly report: (level: 'info' | 'warn', text: string) => void
}

export interface RunningDatabase {
  readonly store: Store
  /** Copies what `source` gives into the index from now on. `durable`: how many entries the own writer has on disk. */
  ship(source: JournalSource, durable: () => number): void
  close(): Promise<void>
}

/** Rejects with a sentence when no database can be had, or when a newer build has written it. */
export async function startDatabase(options: DatabaseOptions): Promise<RunningDatabase> {
  const embedded: Embedded | undefined =
    options.url === undefined
      ? await startEmbedded({
          dataFolder: options.dataDir,
          resolveFrom: options.resolveFrom,
          report: (sentence) => options.report('warn', sentence),
        })
      : undefined
  const address = options.url !== undefined ? { url: options.url } : embedded?.address
  if (address === undefined) throw new Error('There is no database.')
  let store: Store
  try {
    store = await openStore({
      address,
      migrations: options.migrations,
      serverFault: () => embedded?.fault(),
    })
  } catch (fault) {
    await embedded?.close()
    throw fault
  }
  let shipper: Shipper | undefined
  return {
    store,
    ship(source, durable) {
      const pace = indexPace(durable)
      shipper ??= startShipper({
        store: {
          indexedUpTo: (of) => store.indexedUpTo(of),
          index: async (entries) => {
            await pace()
            await store.index(entries)
          },
        },
        source,
        report: ({ kind, reason }) =>
          options.report(kind === 'failing' ? 'warn' : 'info', `index of calls: ${kind} ${reason}`),
      })
    },
    async close() {
      await atMost(
        closeMs,
        (async () => {
          await shipper?.close()
          await store.close()
        })(),
      )
      await embedded?.close()
    },
  }
}

/** For what is under way at the database; the index goes on at the next start. */
const closeMs = 3_000
const busyEntriesPerSecond = 400
const yieldMsMax = 5_000
const lookMs = 200

/**
 * Calls come first: while many are recorded a batch for the index waits, but never longer than a few seconds, so that
 * the index goes on under any load. The journal has everything meanwhile.
 */
function indexPace(written: () => number): () => Promise<void> {
  let last = written()
  let at = Date.now()
  const perSecond = (): number => {
    const now = Date.now()
    const count = written()
    const rate = ((count - last) * 1_000) / Math.max(1, now - at)
    last = count
    at = now
    return rate
  }
  return async () => {
    const until = Date.now() + yieldMsMax
    while (perSecond() > busyEntriesPerSecond && Date.now() < until)
      await sleep(lookMs, undefined, { ref: false })
  }
}

function lastGoodPath(dataDir: string): string {
  return join(dataDir, 'last-good.json')
}

/** The last good stored state, or undefined on a first start. A damaged copy is reported and left out. */
export async function loadLastGood(
  dataDir: string,
  report: DatabaseOptions['report'],
): Promise<StoredState | undefined> {
  try {
    return await readLastGood(lastGoodPath(dataDir))
  } catch (fault) {
    report('warn', messageOf(fault))
    return undefined
  }
}

export async function saveLastGood(dataDir: string, state: StoredState): Promise<void> {
  await writeLastGood(lastGoodPath(dataDir), state)
}
