/** The bounded pool, and the gate that makes every query fail at once while the database is away. */
import { Kysely, PostgresDialect } from 'kysely'
import { Client, type ClientConfig, Pool, types } from 'pg'
import type { Address } from './embedded.ts'
import { away, fromDatabase, refuse } from './failure.ts'
import type { Tables } from './tables.ts'

const connectTimeoutMs = 3_000
const statementTimeoutMs = 5_000
/** After a failure nothing is tried for so long; calls fail at once instead of queueing for a connection. */
const awayForMs = 1_000

/** A server of the operator's own, or the address of an embedded one. */
export type DatabaseAddress = { readonly url: string } | Address

const int8 = 20

/** Settings of one connection; bigint arrives as a number, which is exact for our counters. Throws on a wrong URL. */
export function clientConfig(address: DatabaseAddress): ClientConfig {
  const place =
    'url' in address
      ? { connectionString: address.url }
      : {
          host: address.host,
          port: address.port,
          user: address.user,
          database: address.database,
          ...(address.password === undefined ? {} : { password: address.password }),
        }
  const config: ClientConfig = {
    ...place,
    application_name: 'sallyport',
    connectionTimeoutMillis: connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + 1_000,
    lock_timeout: statementTimeoutMs,
    idle_in_transaction_session_timeout: statementTimeoutMs,
    keepAlive: true,
    types: {
      getTypeParser: (oid, format) =>
        oid === int8 ? Number : types.getTypeParser(oid, format ?? 'text'),
    },
  }
  if (!usable(config))
    throw refuse('DATABASE_URL is not a URL such as postgres://user:password@host/database.')
  return config
}

/** The driver's own error is not kept: it holds the URL, and with it the password. */
function usable(config: ClientConfig): boolean {
  const { connectionString } = config
  if (connectionString === undefined) return true
  try {
    return /^postgres(ql)?:/.test(connectionString) && new Client(config).host !== ''
  } catch {
    return false
  }
}

export interface Database {
  /** Runs work against the database; rejects with `busy`, at once where possible, while it is away. */
  run<T>(work: (db: Kysely<Tables>) => Promise<T>): Promise<T>
  close(): Promise<void>
}

/** Opens a pool without connecting. `poolMax` bounds its connections. */
export function openDatabase(config: ClientConfig, poolMax: number): Database {
  const open = () => {
    const pool = new Pool({ ...config, max: poolMax, idleTimeoutMillis: 30_000 })
    // An idle connection that breaks is replaced by the pool; without a listener it would end the process.
    pool.on('error', () => undefined)
    // One that is lent out and breaks between two statements has no other listener; its next statement fails and says so.
    pool.on('connect', (client) => client.on('error', () => undefined))
    return new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
  }
  /** Connections on which an answer never came would keep everybody else waiting. */
  const abandon = (of: Kysely<Tables>) => {
    if (db !== of) return
    db = open()
    void of.destroy().catch(() => undefined)
  }
  let db = open()
  let awayUntil = 0
  let closed = false
  return {
    run: async (work) => {
      if (closed) throw away('the store is closed')
      if (performance.now() < awayUntil) throw away('it was a moment ago')
      const used = db
      try {
        return await work(used)
      } catch (thrown) {
        if (thrown instanceof Error && thrown.message === 'Query read timeout') abandon(used)
        const refusal = fromDatabase(thrown)
        if (refusal.code === 'busy' && isConnectionFailure(thrown))
          awayUntil = performance.now() + awayForMs
        throw refusal
      }
    },
    close: async () => {
      if (closed) return
      closed = true
      await db.destroy()
    },
  }
}

/** Errors of one statement (SQLSTATE 40, 55, 57014) say nothing about the next one. */
function isConnectionFailure(thrown: unknown): boolean {
  const code =
    typeof thrown === 'object' && thrown !== null && 'code' in thrown ? String(thrown.code) : ''
  return !/^(40...|55...|57014)$/.test(code)
}
