/** The bounded pool, and the gate that makes every query fail at once while the database is away. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Kysely, PostgresDialect } from 'kysely'
import { Client, type ClientConfig, Pool, types } from 'pg'
import { type Owner, owned } from '../kit/owner.ts'
import { GatewayError } from '../model/refusal.ts'
import type { Address } from './embedded.ts'
import { away, codeOf, fromDatabase, refuse } from './failure.ts'
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

export type Purpose = 'read' | 'write'

export interface Database {
  /** Runs work against the database; rejects with `database_unavailable`, at once where possible, while it is away. */
  run<T>(purpose: Purpose, work: (db: Kysely<Tables>) => Promise<T>): Promise<T>
  /** Why it could not be used last; undefined once the same could be done again. */
  fault(): GatewayError | undefined
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
  /** What is thrown in an event of a connection: its statement gets no answer. */
  const owner = (of: Kysely<Tables>): Owner => ({
    what: 'a connection to the database',
    fail: () => abandon(of),
  })
  let db = open()
  let last: { readonly fault: GatewayError; readonly until: Purpose } | undefined
  let awayUntil = 0
  let closed = false
  return {
    run: async (purpose, work) => {
      if (closed) throw away('the store is closed')
      if (last !== undefined && performance.now() < awayUntil) throw last.fault
      const used = db
      try {
        const done = await owned(owner(used), () => work(used))
        // What can be read need not take writes: a full disk, a standby.
        if (purpose === 'write' || last?.until === 'read') last = undefined
        return done
      } catch (thrown) {
        if (thrown instanceof Error && thrown.message === 'Query read timeout') abandon(used)
        const fault = fromDatabase(thrown)
        if (fault.code === 'database_unavailable' && !isOfOneStatement(thrown)) {
          const refused = isAnswer(thrown)
          const writes = last?.until === 'write' || (refused && purpose === 'write')
          last = { fault, until: writes ? 'write' : 'read' }
          if (!refused) awayUntil = performance.now() + awayForMs
        }
        throw purpose === 'write' && isInDoubt(thrown) ? mayBeDone(fault) : fault
      }
    },
    fault: () => last?.fault,
    close: async () => {
      if (closed) return
      closed = true
      await endOrLeave(db.destroy())
    },
  }
}

/** The way to the database broke when something was on it already. */
function isInDoubt(thrown: unknown): boolean {
  const said = codeOf(thrown) ?? (thrown instanceof Error ? thrown.message : '')
  // After a commit that got no answer, the roll-back finds the connection broken.
  return /^(57P0[12]|ECONNRESET|EPIPE|ETIMEDOUT)$|^Connection terminated unexpectedly|^Query read timeout|not queryable/.test(
    said,
  )
}

function mayBeDone({ code, message, hint = '', cause }: GatewayError): GatewayError {
  const doubt = 'What was being written may be stored all the same: look before you repeat it.'
  return new GatewayError(code, { detail: message, hint: `${hint} ${doubt}`, cause })
}

const endWaitMs = 2_000

/** A server that hangs never confirms the end of a connection; the end of the process ends it then. */
export async function endOrLeave(end: Promise<unknown>): Promise<void> {
  await Promise.race([end.catch(() => undefined), sleep(endWaitMs, undefined, { ref: false })])
}

/** Errors of one statement (SQLSTATE 40, 55, 57014) say nothing about the next one. */
function isOfOneStatement(thrown: unknown): boolean {
  return /^(40...|55...|57014)$/.test(codeOf(thrown) ?? '')
}

/** The database answered and refused the statement, e.g. since its disk is full: others need not wait. */
function isAnswer(thrown: unknown): boolean {
  return /^(25|42|531|532|54|58|XX)/.test(codeOf(thrown) ?? '')
}
