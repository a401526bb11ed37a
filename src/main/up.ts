/** `sallyport up`: the gateway with its database, from start to drain. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { newKey } from '../admin/new-key.ts'
import { ownerBy } from '../identity/owner.ts'
import { atMost } from '../kit/at-most.ts'
import { isLocked, withFileLock } from '../kit/file-lock.ts'
import { durationMs, type StoredState } from '../model/desired-state.ts'
import { readJournal } from '../record/read.ts'
import {
  type DatabaseOptions,
  loadLastGood,
  type RunningDatabase,
  saveLastGood,
  startDatabase,
} from '../store/database.ts'
import { changesOf, keyFacts } from '../store/describe-change.ts'
import { lateStore } from '../store/late-store.ts'
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
  gateway.openingFault = openingFault
  let detach = async (): Promise<void> => undefined
  // Nothing ends before what may still need it: the doors, the servers, the journal, the database.
  const ends = [() => gateway.drain(options.hurry), () => detach(), () => gateway.close()]
  try {
    let stopAnchors = async (): Promise<void> => undefined
    const opened = first === undefined ? database.untilThere(gateway, log) : Promise.resolve(first)
    detach = await options.attach(
      gateway,
      lateStore(
        opened.then((there) => there.store),
        () => gateway.openingFault,
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
      if (first !== undefined && makesKey) firstKey = await makeFirstKey(gateway, there.store)
      await follow(gateway, there, dataDir, log)
      stopAnchors = keepAnchors(gateway, there.store, log)
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
const reopenMs = 10_000

/** Opens the database; beside a gateway that serves already it is tried again until it is there. */
class DatabaseOpening {
  private readonly options: DatabaseOptions
  private readonly stopping = new AbortController()

  constructor(options: DatabaseOptions) {
    this.options = options
  }

  once(): Promise<RunningDatabase> {
    return startDatabase(this.options)
  }

  async untilThere(gateway: Gateway, log: Logger): Promise<RunningDatabase> {
    for (;;) {
      try {
        return await this.once()
      } catch (fault) {
        gateway.openingFault = fault
        log.error(
          `The database cannot be used: ${textOf(fault)} Calls are served from the last good state; administration answers 503.`,
        )
        await delay(reopenMs, undefined, { signal: this.stopping.signal, ref: false }).catch(
          () => undefined,
        )
        if (this.stopping.signal.aborted) throw fault
      }
    }
  }

  stop(): void {
    this.stopping.abort()
  }
}

/** The first key, when there is none yet. It is shown once and stored as a hash. */
async function makeFirstKey(gateway: Gateway, store: Store): Promise<string | undefined> {
  const state = await store.load()
  if (state.keys.length > 0) return undefined
  const { key, row } = newKey(
    {
      name: 'first',
      roles: ['owner', 'all-tools'],
      user: undefined,
      teams: [],
      environment: undefined,
      expiresAt: undefined,
    },
    Date.now(),
  )
  const changes = changesOf('key', row.name, undefined, keyFacts(row))
  await gateway.underRecord(ownerBy('start'), changes, () => store.putKey(row))
  return key
}

/** Follows the store: every write by this or another node is taken over and kept as the last good state. */
async function follow(
  gateway: Gateway,
  database: RunningDatabase,
  dataDir: string,
  log: Logger,
): Promise<void> {
  const { store } = database
  const { configuration, revocations } = gateway
  gateway.store = store
  let version = -1
  let missed = false
  let good = configuration.stored
  const take = async (): Promise<void> => {
    try {
      const state = await revocations.settle(store)
      missed = false
      if (state.version > version) {
        version = state.version
        const { inForce, issues } = gateway.useStored(state)
        if (issues.length > 0)
          log.warn(
            { issues },
            inForce
              ? 'the stored configuration is used but for what cannot be'
              : 'the stored configuration is not used; the running one stays',
          )
        // Keys are what the database says also beside rules that are older.
        good = inForce ? state : { ...good, keys: state.keys }
      } else if (gateway.lastGoodFault === undefined) return
      await keepLastGood(gateway, dataDir, good, log)
    } catch (fault) {
      if (!missed) log.warn(`The database does not answer: ${textOf(fault)}`)
      missed = true
    }
  }
  let taking: Promise<void> | undefined
  let again = false
  /** One after the other: an older state must not replace a newer one on disk. */
  const takeInTurn = (): Promise<void> => {
    again = true
    taking ??= (async () => {
      while (again) {
        again = false
        await take()
      }
      taking = undefined
    })()
    return taking
  }
  await takeInTurn()
  store.watch(() => void takeInTurn())
  setInterval(() => {
    const owes = revocations.missingIn(configuration.stored.keys).length > 0
    if (missed || owes || gateway.lastGoodFault !== undefined) void takeInTurn()
  }, retakeEveryMs).unref()
  const { journal } = gateway
  database.ship(
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
  keepRetention(gateway, store, log)
}

/** How often a load that failed, or what could not be stored, is tried again. */
const retakeEveryMs = 2_000

async function keepLastGood(
  gateway: Gateway,
  dataDir: string,
  state: StoredState,
  log: Logger,
): Promise<void> {
  try {
    await saveLastGood(dataDir, state)
  } catch (fault) {
    if (gateway.lastGoodFault === undefined)
      log.error(`The last good state cannot be written: ${textOf(fault)}`)
    gateway.lastGoodFault = fault
    return
  }
  gateway.lastGoodFault = undefined
  await gateway.revocations.forget(state.keys)
}

function textOf(fault: unknown): string {
  return fault instanceof Error ? fault.message : String(fault)
}

function day(at: number): string {
  return new Date(at).toISOString().slice(0, 10)
}

const anchorEveryMs = 1_000

/**
 * Holds the journal against the anchor that the database has of this node, then keeps it there, once a second while
 * anything is recorded. Returns the way to stop, which writes the last one.
 */
function keepAnchors(gateway: Gateway, store: Store, log: Logger): () => Promise<void> {
  const { journal, node } = gateway
  let isCompared = false
  let kept = -1
  let running: Promise<void> | undefined
  const keep = async (always: boolean): Promise<void> => {
    if (!isCompared) {
      const box = await store.anchor(node)
      const what =
        box === undefined ? undefined : await journal.compare(box, 'the anchor in the database')
      isCompared = true
      if (what !== undefined) await gateway.note('journal', what)
    }
    const { durable } = journal
    if (!always && durable === kept) return
    await store.putAnchor(node, journal.anchor())
    kept = durable
  }
  const inTurn = (always: boolean): Promise<void> => {
    running ??= keep(always)
      .catch((fault: unknown) => log.debug({ err: fault }, 'the anchor was not stored'))
      .finally(() => {
        running = undefined
      })
    return running
  }
  // While the database is away, it is also what finds that it takes writes again.
  const timer = setInterval(() => void inTurn(store.fault() !== undefined), anchorEveryMs).unref()
  void inTurn(true)
  return async () => {
    clearInterval(timer)
    await running
    await inTurn(true)
  }
}

const retentionEveryMs = 6 * 3_600_000
const retentionFirstMs = 60_000

/** Removes what is older than `audit.retention`, from the journal and from its index. */
function keepRetention(gateway: Gateway, store: Store, log: Logger): void {
  const prune = async (): Promise<void> => {
    const before =
      Date.now() -
      (durationMs(gateway.cell.current.state.audit.retention) ?? Number.POSITIVE_INFINITY)
    if (!Number.isFinite(before)) return
    try {
      const pruned = await gateway.journal.prune(before)
      const partitions = await store.dropRecordsBefore(pruned.before)
      const segments = pruned.removed
      if (segments + partitions > 0)
        log.info({ segments, partitions }, 'removed what is older than the retention')
      if (pruned.heldMs > 0)
        log.warn(
          `Retention was asked to remove what is older than ${day(before)}, but the clock went forward by ${Math.round(pruned.heldMs / 86_400_000)} days with no gateway to see them pass. What is younger than ${day(pruned.before)} stays.`,
        )
    } catch (fault) {
      log.warn({ err: fault }, 'retention')
    }
  }
  setTimeout(() => {
    void prune()
    setInterval(() => void prune(), retentionEveryMs).unref()
  }, retentionFirstMs).unref()
}
