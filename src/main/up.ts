/** `sallyport up`: the gateway with its database, from start to drain. */
import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { hashKey } from '../identity/identify.ts'
import { isLocked, withFileLock } from '../kit/file-lock.ts'
import type { KeyRow } from '../model/desired-state.ts'
import type { Store } from '../store/store.ts'
import { type Database, loadLastGood, openDatabase, saveLastGood } from './database.ts'
import { Gateway, type GatewayOptions } from './gateway.ts'

export interface UpOptions {
  readonly gateway: Omit<GatewayOptions, 'stored' | 'log'>
  readonly databaseUrl: string | undefined
  readonly migrations: string
  readonly resolveFrom: string
  readonly log: Logger
  /** Told once everything that a first call needs is there. */
  readonly onReady: (gateway: Gateway, firstKey: string | undefined) => void
  /** Serves administration while the gateway runs; resolves to the way to stop. */
  readonly serveAdmin: (gateway: Gateway, store: Store) => Promise<() => Promise<void>>
  /** Resolves when the gateway must stop. */
  readonly stopped: Promise<void>
}

/** Runs until `stopped`. @throws Error with a sentence when the gateway cannot start */
export async function up(options: UpOptions): Promise<void> {
  const { dataDir } = options.gateway
  const lock = join(dataDir, 'lock')
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  if (await isLocked(lock))
    throw new Error(
      `Another gateway runs on ${dataDir}. Stop it, or choose another folder with --data.`,
    )
  await withFileLock(lock, () => run(options), 2_000)
}

async function run(options: UpOptions): Promise<void> {
  const { log } = options
  const { dataDir } = options.gateway
  const report = (level: 'info' | 'warn', text: string): void => log[level](text)
  const stored = await loadLastGood(dataDir, report)
  // With a last good state the gateway serves at once and the database comes beside it.
  const opening = openDatabase({
    dataDir,
    url: options.databaseUrl,
    migrations: options.migrations,
    resolveFrom: options.resolveFrom,
    report,
  })
  opening.catch(() => undefined)
  let firstKey: string | undefined
  const first = stored === undefined ? await opening : undefined
  if (first !== undefined)
    firstKey = await prepare(first.store, options.gateway.insecureRole !== undefined)
  const initial = stored ?? (await first?.store.load())
  const gateway = await Gateway.start({ ...options.gateway, stored: initial, log }).catch(
    async (fault: unknown) => {
      await opening.then((database) => database.close()).catch(() => undefined)
      throw fault
    },
  )
  let stopAdmin: (() => Promise<void>) | undefined
  const attached = opening.then(
    async (database) => {
      await attach(gateway, database, dataDir, log)
      stopAdmin = await options.serveAdmin(gateway, database.store)
    },
    (fault: unknown) => {
      gateway.storeState = 'away'
      log.error(
        `The database cannot be used: ${fault instanceof Error ? fault.message : String(fault)} Calls are served from the last good state; administration answers 503.`,
      )
    },
  )
  if (first !== undefined) await attached
  options.onReady(gateway, firstKey)
  await options.stopped
  await gateway.close()
  await stopAdmin?.()
  await opening.then((database) => database.close()).catch(() => undefined)
}

/** The first key, when there is none yet. It is shown once and stored as a hash. */
async function prepare(store: Store, insecure: boolean): Promise<string | undefined> {
  const state = await store.load()
  if (state.keys.length > 0 || insecure) return undefined
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
  await store.putKey(row)
  return key
}

/** A new key and what is stored of it. */
export function newKey(
  of: Pick<KeyRow, 'name' | 'roles' | 'user' | 'teams' | 'environment' | 'expiresAt'>,
  now: number,
): { key: string; row: KeyRow } {
  const key = `sp_${randomBytes(32).toString('base64url')}`
  return {
    key,
    row: { ...of, hash: hashKey(key), hint: key.slice(0, 9), createdAt: now, revokedAt: undefined },
  }
}

/** Follows the store: every write by this or another node is taken over and kept as the last good state. */
async function attach(
  gateway: Gateway,
  database: Database,
  dataDir: string,
  log: Logger,
): Promise<void> {
  const { store } = database
  let version = -1
  const follow = async (): Promise<void> => {
    try {
      const state = await store.load()
      gateway.storeState = 'ready'
      if (state.version === version) return
      version = state.version
      const issues = gateway.useStored(state)
      if (issues.length > 0)
        log.warn({ issues }, 'the stored configuration is not used; the running one stays')
      else await saveLastGood(dataDir, state)
    } catch (fault) {
      gateway.storeState = 'away'
      log.warn(
        `The database does not answer: ${fault instanceof Error ? fault.message : String(fault)}`,
      )
    }
  }
  await follow()
  store.watch(() => void follow())
  database.ship(gateway.journal.writer, () => gateway.journal.durable)
}
