/** The store: desired state, keys and the index of calls in PostgreSQL. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Kysely, Transaction } from 'kysely'
import { unowned } from '../kit/owner.ts'
import type { KeyRow, StoredState } from '../model/desired-state.ts'
import { GatewayError } from '../model/refusal.ts'
import { clientConfig, type DatabaseAddress, openDatabase, type Purpose } from './connection.ts'
import { away, awayBecause, fromDatabase } from './failure.ts'
import { type Listener, listen } from './listener.ts'
import { migrate } from './migrate.ts'
import { beat, leave } from './nodes.ts'
import { dropRecords, findRecords, indexRecords } from './records.ts'
import type { Store, StoredKind, StoredRow } from './store.ts'
import { check, kinds } from './stored-kinds.ts'
import type { Tables } from './tables.ts'

const retryMs = 1_000
/** A start waits no longer for the database; another node may be migrating it. */
const openWaitMs = 5_000

export interface StoreOptions {
  readonly address: DatabaseAddress
  /** Folder of the `.sql` files. */
  readonly migrations: string
  /** Connections of the pool; one more listens. */
  readonly poolMax?: number
  /** Why the server does not run, where that is known beside what its connections say. */
  readonly serverFault?: () => unknown
}

/**
 * Opens the store. Resolves also while the database is away: it then goes on trying, every method rejects
 * with `database_unavailable`, and watchers hear when it is there. Rejects when the database must not be used
 * by this build, e.g. because a newer one has written it.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const config = clientConfig(options.address)
  const listeners = new Set<() => void>()
  const nodeListeners = new Set<() => void>()
  const database = openDatabase(config, options.poolMax ?? 6)
  const session = await openSession({
    migrate: () => migrate(config, options.migrations),
    listen: (changed) => listen(config, () => database.run('read', versionOf), changed),
    // What is taken over is not the connection's that told of it.
    changed: (what) =>
      unowned(() => {
        for (const listener of what === 'nodes' ? nodeListeners : listeners) listener()
      }),
  }).catch(async (fault: unknown) => {
    await database.close()
    throw fault
  })
  const explained = (fault: GatewayError): GatewayError => {
    const known = options.serverFault?.()
    return known === undefined ? fault : awayBecause(known)
  }
  const run = async <T>(purpose: Purpose, work: (db: Kysely<Tables>) => Promise<T>): Promise<T> => {
    try {
      const obstacle = session.obstacle()
      if (obstacle !== undefined) throw obstacle
      return await database.run(purpose, work)
    } catch (thrown) {
      throw isAway(thrown) ? explained(thrown) : thrown
    }
  }

  return {
    fault: () => {
      const fault = session.fault() ?? database.fault()
      return fault === undefined ? undefined : explained(fault)
    },
    load: () => run('read', load),
    list: (kind) => run('read', (db) => list(db, kind)),
    put: async (kind, name, value) => {
      const row = check(kind, name, value)
      return run('write', (db) => write(db, (transaction) => put(transaction, kind, row)))
    },
    remove: (kind, name) => run('write', (db) => remove(db, kind, name)),
    putKey: (row) => run('write', (db) => write(db, (transaction) => putKey(transaction, row))),
    revokeKey: (name, at) => run('write', (db) => revokeKey(db, name, new Date(at))),
    revokeHash: async (hash, at) => {
      await run('write', (db) => revokeHash(db, hash, new Date(at)))
    },
    watch: (hear) => hearing(listeners, hear),
    beat: (own) => run('write', (db) => beat(db, own)),
    leave: (node, boot) => run('write', (db) => leave(db, node, boot)),
    watchNodes: (hear) => hearing(nodeListeners, hear),
    anchor: (node) => run('read', (db) => anchorOf(db, node)),
    putAnchor: (node, box) => run('write', (db) => putAnchor(db, node, box)),
    index: (entries) => run('write', (db) => indexRecords(db, entries)),
    indexedUpTo: (writer) => run('read', (db) => indexedUpTo(db, writer)),
    records: (query) => run('read', (db) => findRecords(db, query)),
    dropRecordsBefore: (at) => run('write', (db) => dropRecords(db, at)),
    close: async () => {
      listeners.clear()
      nodeListeners.clear()
      await session.close()
      await database.close()
    },
  }
}

function hearing(listeners: Set<() => void>, hear: () => void): () => void {
  const own = () => hear()
  listeners.add(own)
  return () => listeners.delete(own)
}

/** The way to a database that has this build's schema. */
interface Session {
  /** Why the database cannot be used yet; undefined once it can. */
  obstacle(): GatewayError | undefined
  /** Why the database did not answer when it was last asked; undefined: it did. */
  fault(): GatewayError | undefined
  close(): Promise<void>
}

type Changed = (what: 'state' | 'nodes') => void

function isAway(thrown: unknown): thrown is GatewayError {
  return thrown instanceof GatewayError && thrown.code === 'database_unavailable'
}

/** Migrates and listens; tries again in the background while the database is away. */
async function openSession(ways: {
  migrate(): Promise<unknown>
  listen(changed: Changed): Listener
  readonly changed: Changed
}): Promise<Session> {
  let obstacle: GatewayError | undefined = away('it has not answered yet')
  let listener: Listener | undefined
  let timer: NodeJS.Timeout | undefined
  let late = false
  let closed = false

  const attempt = async () => {
    try {
      await ways.migrate()
      if (closed) return
      obstacle = undefined
      listener = ways.listen(ways.changed)
      if (late) ways.changed('state')
    } catch (thrown) {
      obstacle = fromDatabase(thrown)
      if (!isAway(obstacle) || closed) return
      timer = setTimeout(() => void attempt(), retryMs)
      timer.unref()
    }
  }
  await Promise.race([attempt(), sleep(openWaitMs, undefined, { ref: false })])
  if (obstacle !== undefined && !isAway(obstacle)) throw obstacle
  late = true
  return {
    obstacle: () => obstacle,
    fault: () => {
      const fault = listener?.fault()
      return obstacle ?? (fault === undefined ? undefined : fromDatabase(fault))
    },
    close: async () => {
      closed = true
      clearTimeout(timer)
      await listener?.close()
    },
  }
}

/** Runs a write and counts it, in one transaction; the counter's row makes writers wait for each other. */
function write(
  db: Kysely<Tables>,
  work: (transaction: Transaction<Tables>) => Promise<unknown>,
): Promise<number> {
  return db.transaction().execute(async (transaction) => {
    const { version } = await transaction
      .updateTable('state_version')
      .set((column) => ({ version: column('version', '+', 1) }))
      .returning('version')
      .executeTakeFirstOrThrow()
    await work(transaction)
    return version
  })
}

async function versionOf(db: Kysely<Tables>): Promise<number> {
  const row = await db.selectFrom('state_version').select('version').executeTakeFirstOrThrow()
  return row.version
}

function load(db: Kysely<Tables>): Promise<StoredState> {
  const transaction = db
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
  return transaction.execute(async (read) => {
    const version = await versionOf(read)
    const servers = await read.selectFrom('servers').selectAll().orderBy('name').execute()
    const toolsets = await read.selectFrom('toolsets').selectAll().orderBy('name').execute()
    const roles = await read.selectFrom('roles').selectAll().orderBy('name').execute()
    const access = await read.selectFrom('access').selectAll().orderBy('name').execute()
    const limits = await read.selectFrom('limits').selectAll().orderBy('name').execute()
    const keys = await read
      .selectFrom('keys')
      .selectAll()
      .orderBy('created_at')
      .orderBy('hash')
      .execute()
    return {
      servers: Object.fromEntries(servers.map(({ name, spec }) => [name, spec])),
      toolsets: Object.fromEntries(toolsets.map(({ name, spec }) => [name, spec])),
      roles: Object.fromEntries(roles.map(({ name, spec }) => [name, spec])),
      access: access.map(({ spec }) => spec),
      limits: limits.map(({ spec }) => spec),
      keys: keys.map((key) => ({
        name: key.name,
        hash: key.hash,
        hint: key.hint,
        roles: key.roles,
        user: key.user_name ?? undefined,
        teams: key.teams,
        environment: key.environment ?? undefined,
        createdAt: key.created_at.getTime(),
        expiresAt: key.expires_at?.getTime(),
        revokedAt: key.revoked_at?.getTime(),
      })),
      version,
    }
  })
}

async function list(db: Kysely<Tables>, kind: StoredKind): Promise<readonly StoredRow[]> {
  const rows = await db.selectFrom(kinds[kind].table).selectAll().orderBy('name').execute()
  return rows.map(({ name, spec, updated_at }) => ({
    name,
    value: spec,
    updatedAt: updated_at.getTime(),
  }))
}

async function put(
  transaction: Transaction<Tables>,
  kind: StoredKind,
  row: { name: string; spec: string },
): Promise<void> {
  const change = { spec: row.spec, updated_at: new Date() }
  await transaction
    .insertInto(kinds[kind].table)
    .values({ name: row.name, ...change })
    .onConflict((conflict) => conflict.column('name').doUpdateSet(change))
    .execute()
}

async function remove(db: Kysely<Tables>, kind: StoredKind, name: string): Promise<boolean> {
  const { table } = kinds[kind]
  const found = await db
    .selectFrom(table)
    .select('name')
    .where('name', '=', name)
    .executeTakeFirst()
  if (found === undefined) return false
  await write(db, (transaction) => transaction.deleteFrom(table).where('name', '=', name).execute())
  return true
}

async function putKey(transaction: Transaction<Tables>, row: KeyRow): Promise<void> {
  const created = new Date(row.createdAt)
  await transaction
    .updateTable('keys')
    .set((column) => ({ revoked_at: column.ref('expires_at') }))
    .where('name', '=', row.name)
    .where('hash', '<>', row.hash)
    .where('revoked_at', 'is', null)
    .where('expires_at', '<=', created)
    .execute()
  const values = {
    hash: row.hash,
    name: row.name,
    hint: row.hint,
    roles: [...row.roles],
    user_name: row.user ?? null,
    teams: [...row.teams],
    environment: row.environment ?? null,
    created_at: created,
    expires_at: row.expiresAt === undefined ? null : new Date(row.expiresAt),
    revoked_at: row.revokedAt === undefined ? null : new Date(row.revokedAt),
  }
  const taken = await transaction
    .selectFrom('keys')
    .select('hash')
    .where('name', '=', row.name)
    .where('hash', '<>', row.hash)
    .where('revoked_at', 'is', null)
    .executeTakeFirst()
  if (taken !== undefined && values.revoked_at === null) {
    const hint = `There is a valid key named ${row.name} already.`
    throw new GatewayError('params_invalid', { detail: hint, hint })
  }
  await transaction
    .insertInto('keys')
    .values(values)
    .onConflict((conflict) => conflict.column('hash').doUpdateSet(values))
    .execute()
}

async function revokeKey(db: Kysely<Tables>, name: string, at: Date): Promise<boolean> {
  const valid = await db
    .selectFrom('keys')
    .select('hash')
    .where('name', '=', name)
    .where('revoked_at', 'is', null)
    .where((column) => column.or([column('expires_at', 'is', null), column('expires_at', '>', at)]))
    .executeTakeFirst()
  return valid !== undefined && revokeHash(db, valid.hash, at)
}

async function revokeHash(db: Kysely<Tables>, hash: string, at: Date): Promise<boolean> {
  const unrevoked = await db
    .selectFrom('keys')
    .select('hash')
    .where('hash', '=', hash)
    .where('revoked_at', 'is', null)
    .executeTakeFirst()
  if (unrevoked === undefined) return false
  await write(db, (transaction) =>
    transaction
      .updateTable('keys')
      .set({ revoked_at: at })
      .where('hash', '=', hash)
      .where('revoked_at', 'is', null)
      .execute(),
  )
  return true
}

async function indexedUpTo(db: Kysely<Tables>, writer: string): Promise<number> {
  const row = await db
    .selectFrom('writers')
    .select('next')
    .where('writer', '=', writer)
    .executeTakeFirst()
  return row?.next ?? 0
}

async function anchorOf(db: Kysely<Tables>, node: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('journal_anchors')
    .select('box')
    .where('node', '=', node)
    .executeTakeFirst()
  return row?.box
}

async function putAnchor(db: Kysely<Tables>, node: string, box: string): Promise<void> {
  await db
    .insertInto('journal_anchors')
    .values({ node, box })
    .onConflict((conflict) => conflict.column('node').doUpdateSet({ box }))
    .execute()
}
