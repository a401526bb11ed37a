/**
 * PostgreSQL. `read` is held by the server: one statement by the extended protocol, in a READ ONLY transaction that
 * is always rolled back, on a connection that is never used again when a caller wrote the statement. See
 * docs/adr/0021-sql-read-access.md.
 */
import type { Socket } from 'node:net'
import pg from 'pg'
import { owned } from '../../../kit/owner.ts'
import type { SqlCatalog } from '../../../model/kinds/sql.ts'
import { GatewayError } from '../../../model/refusal.ts'
import { addressOf, type DatabaseAddress } from './address.ts'
import {
  codeOf,
  connectFault,
  connectTimeoutMs,
  idleMs,
  introspectTimeoutMs,
  repeated,
  stopTimeoutMs,
  waitersMax,
} from './connections.ts'
import type { Engine, EngineOptions, Rows, Statement } from './engine.ts'
import { affectedFault, noRowsFault, StatementFault, timeoutFault, touchesMore } from './fault.ts'
import { lend } from './lend.ts'
import { Pool } from './pool.ts'
import { dangersOf } from './postgres-account.ts'
import { introspectPostgres } from './postgres-introspect.ts'
import { judgeNames, judgeReads, shownRelations, unreadFault } from './postgres-shown.ts'
import { PostgresStatement, UnknownTypes } from './postgres-statement.ts'
import type { FurtherTypes } from './postgres-values.ts'
import { RowSink, tooLarge } from './row-sink.ts'
import { SessionOwner } from './session-owner.ts'
import { roleTooWide } from './too-wide.ts'
import { hidesSome, shownTables, withoutHiddenReferences } from './visible.ts'
import { watchWire } from './wire.ts'

/** Class 28 of SQLSTATE: the server does not want this account. */
const refusals = /^28/
/** How long a look at the privileges holds for new connections: it costs more than most queries. */
const vettedMs = 10_000
/** Types of a database's own that are remembered. */
const furtherTypesMax = 5_000

interface Session {
  readonly owner: SessionOwner
  readonly client: pg.Client
  readonly socket: Socket
  broken: boolean
  vetted: boolean
}

export class Postgres implements Engine {
  private readonly options: EngineOptions
  private readonly address: DatabaseAddress
  private readonly pool: Pool<Session>
  private further: FurtherTypes = new Map()
  private vettedUntil = 0

  constructor(options: EngineOptions) {
    this.options = options
    this.address = addressOf(options, { port: 5432, user: 'postgres' })
    this.pool = new Pool<Session>({
      open: (signal) => {
        const owner = new SessionOwner(options.server)
        return owned(owner, () => this.open(owner, signal))
      },
      close: ({ client, socket }) => {
        client.end().catch(() => undefined)
        // A server that is busy reads no farewell.
        setTimeout(() => socket.destroy(), 1_000).unref()
      },
      usable: ({ broken, socket }) => !broken && !socket.destroyed,
      connectionsMax: options.spec.connectionsMax,
      idleMs,
      waitersMax,
    })
  }

  private async open(owner: SessionOwner, signal: AbortSignal): Promise<Session> {
    const { host, port, user, password, database, tls } = this.address
    const socket = await this.options.egress.connect({
      host,
      port,
      // TLS begins inside the protocol (PostgreSQL 55.2.11), so the driver begins it on this connection.
      tls: undefined,
      timeoutMs: connectTimeoutMs,
    })
    // The driver dials the stream that it is given; this one is connected already.
    socket.connect = () => {
      process.nextTick(() => socket.emit('connect'))
      return socket
    }
    const client = new pg.Client({
      host,
      port,
      user,
      // A function, since the driver would take an empty one from the environment of the gateway.
      password: () => password,
      database: database === '' ? user : database,
      application_name: 'sallyport',
      stream: () => socket,
      ssl: tls === undefined ? false : { ...tls, rejectUnauthorized: tls.verify },
      connectionTimeoutMillis: connectTimeoutMs,
    })
    const session: Session = { owner, client, socket, broken: false, vetted: false }
    owner.endsWith(() => {
      session.broken = true
      socket.destroy()
    })
    client.on('error', () => {
      session.broken = true
    })
    client.on('end', () => {
      session.broken = true
    })
    const abort = (): void => {
      socket.destroy()
    }
    signal.addEventListener('abort', abort)
    try {
      const connecting = client.connect()
      connecting.catch(() => undefined)
      await Promise.race([connecting, owner.lost])
      return session
    } catch (thrown) {
      socket.destroy()
      throw connectFault(thrown, signal, refusals)
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  async introspect(signal: AbortSignal): Promise<SqlCatalog> {
    return this.lent(signal, introspectTimeoutMs, async ({ client }) => {
      await client.query(beginSql('read', introspectTimeoutMs))
      const shown = shownTables(this.options.spec)
      const catalog = withoutHiddenReferences(await introspectPostgres(client, shown), shown)
      await client.query('rollback')
      if (catalog.dangers.length > 0 && this.options.spec.access === 'read')
        throw roleTooWide(catalog)
      return { answer: catalog, clean: true }
    })
  }

  execute(statement: Statement): Promise<Rows> {
    return repeated(statement, isEnded, () => this.once(statement))
  }

  private once(statement: Statement): Promise<Rows> {
    const { signal, timeoutMs } = statement
    return this.lent(signal, timeoutMs, async (session) => {
      const { client } = session
      if (
        !session.vetted &&
        this.options.now() >= this.vettedUntil &&
        (statement.author === 'caller' || this.options.spec.access === 'read')
      ) {
        const dangers = await dangersOf(client)
        if (dangers.length > 0) throw roleTooWide({ dangers, remedy: '' })
        session.vetted = true
        this.vettedUntil = this.options.now() + vettedMs
      }
      const rows = await this.bound(session, statement)
      if (statement.author === 'caller') return { answer: rows, clean: false }
      await client.query('discard all')
      return { answer: rows, clean: true }
    })
  }

  /** One transaction around one statement. */
  private async bound({ client, socket }: Session, statement: Statement): Promise<Rows> {
    const { access, timeoutMs, bytesMax, affectedMax } = statement
    const { spec } = this.options
    const isHeld = statement.author === 'caller' && hidesSome(spec)
    const shown = isHeld ? await shownRelations(client, shownTables(spec)) : undefined
    const begin = async (): Promise<void> => {
      await client.query(beginSql(access, timeoutMs))
    }
    for (let attempt = 1; ; attempt++) {
      await begin()
      const judged =
        shown === undefined
          ? undefined
          : await judgeNames(client, statement.sql, shown, begin).catch((thrown: unknown) => {
              throw statementFault(thrown, timeoutMs)
            })
      const sink = new RowSink(statement)
      const running = new PostgresStatement({
        sql: statement.sql,
        values: statement.values,
        withoutRows:
          access === 'read' ? noRowsFault : judged?.isRead === false ? unreadFault : undefined,
        sink,
        further: this.further,
      })
      const watch = watchWire(socket, bytesMax, statement.skip)
      try {
        client.query(running)
        const affected = await running.result
        if (judged !== undefined) await judgeReads(client, judged.allowed)
        const tooMany = touchesMore(affected, affectedMax)
        await client.query(access === 'write' && !tooMany ? 'commit' : 'rollback')
        if (tooMany) throw affectedFault(affected)
        return sink.done(affected)
      } catch (thrown) {
        if (watch.exceeded) throw tooLarge(bytesMax)
        if (!(thrown instanceof UnknownTypes) || attempt > 1)
          throw statementFault(thrown, timeoutMs)
        await this.learn(client, thrown.oids)
      } finally {
        watch.stop()
      }
    }
  }

  /** Names of types that are not built in, e.g. enums and their arrays. Ends the transaction. */
  private async learn(client: pg.Client, oids: readonly number[]): Promise<void> {
    const { rows } = await client.query<{ oid: number; name: string; element: number }>(
      `select oid::int4 as oid, pg_catalog.format_type(oid, null) as name,
        case when typcategory = 'A' then typelem::int4 else 0 end as element
      from pg_catalog.pg_type where oid = any($1::oid[])`,
      [oids],
    )
    await client.query('rollback')
    const known = this.further.size > furtherTypesMax ? [] : this.further
    const unknown = oids.map((oid) => [oid, { name: `oid ${oid}`, element: 0 }] as const)
    const found = rows.map(({ oid, name, element }) => [oid, { name, element }] as const)
    this.further = new Map([...known, ...unknown, ...found])
  }

  private lent<Answer>(
    signal: AbortSignal,
    timeoutMs: number,
    work: (session: Session) => Promise<{ answer: Answer; clean: boolean }>,
  ): Promise<Answer> {
    const { pool } = this
    const stop = (session: Session): Promise<void> => this.cancel(session)
    return lend({ pool, signal, timeoutMs, stop, lost: ({ owner }) => owner.lost }, work)
  }

  /** Asks the server to stop what the session runs (PostgreSQL 55.2.9), then ends the connection. */
  private async cancel({ client, socket }: Session): Promise<void> {
    const processId = Number(Reflect.get(client, 'processID'))
    const secretKey = Number(Reflect.get(client, 'secretKey'))
    try {
      if (!Number.isInteger(processId)) return
      const { host, port } = this.address
      const other = await this.options.egress.connect({
        host,
        port,
        tls: undefined,
        timeoutMs: stopTimeoutMs,
      })
      const request = Buffer.alloc(16)
      request.writeInt32BE(16, 0)
      request.writeInt32BE(80_877_102, 4)
      request.writeInt32BE(processId, 8)
      request.writeInt32BE(secretKey, 12)
      other.end(request)
      const { promise, resolve } = Promise.withResolvers<void>()
      other.once('close', () => resolve()).resume()
      const timer = setTimeout(resolve, stopTimeoutMs)
      await promise
      clearTimeout(timer)
      other.destroy()
    } catch {
      // The server then finds out by its own timeout.
    } finally {
      socket.destroy()
    }
  }

  async close(): Promise<void> {
    this.pool.close()
  }
}

/**
 * Everything that a statement relies on, in one round trip. The last part takes the first snapshot of the
 * transaction, after which the server lets nobody make it READ WRITE, not even a superuser.
 */
function beginSql(access: 'read' | 'write', timeoutMs: number): string {
  return [
    access === 'read' ? 'begin transaction read only' : 'begin transaction read write',
    `set local statement_timeout = ${timeoutMs}`,
    `set local lock_timeout = ${Math.min(timeoutMs, 5_000)}`,
    `set local idle_in_transaction_session_timeout = ${timeoutMs * 2 + 5_000}`,
    "set local datestyle = 'ISO'",
    "set local intervalstyle = 'iso_8601'",
    "set local timezone = 'UTC'",
    "set local bytea_output = 'hex'",
    'set local extra_float_digits = 1',
    'set local standard_conforming_strings = on',
    'select 1',
  ].join('; ')
}

/** The connection is gone: class 57P of SQLSTATE (an operator's intervention), 08, or no answer at all. */
function isEnded(thrown: unknown): boolean {
  if (thrown instanceof GatewayError || thrown instanceof UnknownTypes) return false
  const code = codeOf(thrown)
  return thrown instanceof StatementFault
    ? /^(57P0|0800[036])/.test(code)
    : thrown instanceof Error &&
        /terminated|ECONNRESET|EPIPE|not queryable|closed/i.test(thrown.message + code)
}

/** An error of the server, as a model can act on it. */
function statementFault(thrown: unknown, timeoutMs: number): unknown {
  if (!(thrown instanceof pg.DatabaseError)) return thrown
  if (thrown.code === '57014') return timeoutFault(timeoutMs)
  const position = Number(thrown.position)
  return new StatementFault(thrown.code ?? 'XX000', thrown.message, {
    hint: [thrown.detail, thrown.hint].filter((text) => text !== undefined).join(' ') || undefined,
    position: Number.isInteger(position) ? position : undefined,
    cause: thrown,
  })
}
