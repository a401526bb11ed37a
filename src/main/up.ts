/** `sallyport up`: the gateway with its database, from start to drain. */

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { makeFirstKey } from '../admin/first-key.ts'
import { ownerBy } from '../identity/owner.ts'
import { atMost } from '../kit/at-most.ts'
import { isLocked, withFileLock } from '../kit/file-lock.ts'
import { messageOf } from '../kit/thrown.ts'
import { durationMs } from '../model/desired-state.ts'
import { keepAnchors } from '../record/keep-anchors.ts'
import { readJournal } from '../record/read.ts'
import { keepRetention } from '../record/retention.ts'
import { loadLastGood, type RunningDatabase } from '../store/database.ts'
import { follow } from '../store/follow.ts'
import { lateStore } from '../store/late-store.ts'
import { DatabaseOpening } from '../store/opening.ts'
import type { Store } from '../store/store.ts'
import { Gateway, type GatewayOptions } from './gateway.ts'

export interface UpOptions {
  readonly gateway: Omit<GatewayOptions, 'stored' | 'log'>
  readonly databaseUrl: string | undefined
  readonly migrations: string
  readonly resolveFrom: string
  readonly log: Logger
  /** Told once everything that a first call needs is there. */
  readonly onReady: (gateway: Gateway, firstKey: string | undefined) => void
  /** What runs beside the gateway, e.g. the administration; resolves to the way to stop it. */
  readonly attach: (gateway: Gateway, store: Store) => Promise<() => Promise<void>>
  /** Resolves when the gateway must stop. */
  readonly stopped: Promise<void>
  /** Aborts when what runs gets no more time for that. */
  readonly hurry: AbortSignal
}

/** Runs until `stopped`. @throws Error with a sentence when the gateway cannot start */
export async function up(options: UpOptions): Promise<void> {
  const { dataDir } = options.gateway
  const lock = join(dataDir, 'lock')
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  if (await isLocked(lock))
    throw new Error(
      options.gateway.passive
        ? `The gateway on ${dataDir} is just starting or stopping. Run the command again in a moment.`
        : `Another gateway runs on ${dataDir}. Stop it, or choose another folder with --data.`,
    )
  await withFileLock(lock, () => run(options), 2_000)
}

async function run(options: UpOptions): Promise<void> {
  const { log } = options
  const { dataDir, insecureRole } = options.gateway
  const report = (level: 'info' | 'warn', text: string): void => log[level](text)
  const stored = await loadLastGood(dataDir, report)
  const database = new DatabaseOpening({
    dataDir,
    url: options.databaseUrl,
    migrations: options.migrations,
    resolveFrom: options.resolveFrom,
    report,
  })
  const makesKey = options.gateway.listen && insecureRole === undefined
  // With a last good state the gateway serves at once and the database comes beside it, unless there is no key to call with.
  // A command that runs beside no gateway writes at once, so it waits; with no database it still reads.
  let openingFault: unknown
  const first =
    stored === undefined
      ? await database.once()
      : options.gateway.passive || (makesKey && stored.keys.length === 0)
        ? await database.once().catch((fault: unknown) => {
            openingFault = fault
            return undefined
          })
        : undefined
  let gateway: Gateway
  try {
    const state = stored ?? (await first?.store.load())
    gateway = await Gateway.start({ ...options.gateway, stored: state, log })
  } catch (fault) {
    await first?.close()
    throw fault
  }
  const { standing } = gateway
  standing.openingFault = openingFault
  let detach = async (): Promise<void> => undefined
  // Nothing ends before what may still need it: the doors, the servers, the journal, the database.
  const ends = [() => gateway.drain(options.hurry), () => detach(), () => gateway.close()]
  try {
    let stopAnchors = async (): Promise<void> => undefined
    const opened =
      first === undefined
        ? database.untilThere((fault) => {
            standing.openingFault = fault
            log.error(
              `The database cannot be used: ${messageOf(fault)} Calls are served from the last good state; administration answers 503.`,
            )
          })
        : Promise.resolve(first)
    detach = await options.attach(
      gateway,
      lateStore(
        opened.then((there) => there.store),
        () => standing.openingFault,
      ),
    )
    ends.push(async () => {
      await gateway.nodes.leave()
      await atMost(lastAnchorMs, stopAnchors())
      database.stop()
      // A database of our own that is still starting would outlive us; one elsewhere is not waited for.
      const there =
        options.databaseUrl === undefined ? [opened] : [opened, Promise.resolve(undefined)]
      await (await Promise.race(there).catch(() => undefined))?.close()
    })
    let firstKey: string | undefined
    const followed = opened.then(async (there) => {
      // A database of its own has no other nodes.
      if (options.databaseUrl !== undefined && gateway.address !== undefined)
        await gateway.nodes.join(there.store, gateway.address)
      // Made by the start that shows it: what could stop this one has been passed.
      if (first !== undefined && makesKey)
        firstKey = await makeFirstKey(there.store, gateway.underRecord, ownerBy('start'))
      stopAnchors = await beside(gateway, there, log)
    })
    followed.catch(() => undefined)
    if (first !== undefined) await followed
    options.onReady(gateway, firstKey)
    await options.stopped
  } finally {
    await endAll(ends)
  }
}

/** Each in turn, also after one that failed, e.g. because the data folder is gone: the database must end with the rest. */
async function endAll(ends: readonly (() => Promise<void>)[]): Promise<void> {
  const faults: unknown[] = []
  for (const end of ends) await end().catch((fault: unknown) => faults.push(fault))
  if (faults.length > 0) throw faults[0]
}

/** A database that does not answer is not waited for: the anchor in the data folder is as good. */
const lastAnchorMs = 2_000

/** What goes on beside the calls once the database is there. Resolves with the way to end it. */
async function beside(
  gateway: Gateway,
  { store, ship }: RunningDatabase,
  log: Logger,
): Promise<() => Promise<void>> {
  const { configuration, journal, node, revocations, standing } = gateway
  const { dataDir } = gateway.options
  await follow({
    store,
    dataDir,
    revocations,
    standing,
    stored: () => configuration.stored,
    take: (state) => gateway.applier.useStored(state),
    log,
  })
  ship(
    (from, signal) =>
      readJournal(join(dataDir, 'journal'), {
        from,
        // Of its own entries only those that are on disk.
        below: (writer) => (writer === journal.writer ? journal.durable : undefined),
        follow: { pollMs: 500, signal },
        onFault: (error) => log.warn(`index of calls: ${error.message}`),
      }),
    () => journal.durable,
  )
  keepRetention({
    journal,
    keepMs: () => durationMs(gateway.cell.current.state.audit.retention),
    dropIndexBefore: (at) => store.dropRecordsBefore(at),
    log,
  })
  return keepAnchors({
    journal,
    node,
    store,
    onLoss: (what) => gateway.note('journal', what),
    onFault: (fault) => log.debug({ err: fault }, 'the anchor was not stored'),
  })
}
