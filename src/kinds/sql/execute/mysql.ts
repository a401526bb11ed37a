/**
 * MySQL and MariaDB. `read` is held by the server: one statement by the prepared (binary) protocol, which takes no
 * second one; not run at all when the server says that it yields no rows; in a READ ONLY transaction that is rolled
 * back; on a connection that is never used again when a caller wrote the statement. See
 * docs/adr/0021-sql-read-access.md.
 */

import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { type Connection, createConnection, type PrepareStatementInfo } from 'mysql2'
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
import {
  affectedFault,
  noRowsFault,
  parametersFault,
  StatementFault,
  timeoutFault,
  touchesMore,
} from './fault.ts'
import { lend } from './lend.ts'
import { grantsOf } from './mysql-account.ts'
import { introspectMysql } from './mysql-introspect.ts'
import { asSubquery, hiddenNames, likeHidden, noQueryFault, refuseNames } from './mysql-shown.ts'
import { fieldJson, fieldOf, fieldParameter, fieldType } from './mysql-values.ts'
import { Pool } from './pool.ts'
import { RowSink, tooLarge } from './row-sink.ts'
import { SessionOwner } from './session-owner.ts'
import { roleTooWide } from './too-wide.ts'
import { hidesSome, shownTables, withoutHiddenReferences } from './visible.ts'
import { watchWire } from './wire.ts'

const refusals = /^ER_(ACCESS_DENIED|DBACCESS_DENIED|HOST_NOT_PRIVILEGED)/

interface Session {
  readonly owner: SessionOwner
  readonly connection: Connection
  readonly socket: Socket
  mariadb: boolean
  /** The variable that holds the session to reading. */
  readOnly: 'transaction_read_only' | 'tx_read_only'
  broken: boolean
  vetted: boolean
}

export class Mysql implements Engine {
  private readonly options: EngineOptions
  private readonly address: DatabaseAddress
  private readonly pool: Pool<Session>

  constructor(options: EngineOptions) {
    this.options = options
    this.address = addressOf(options, { port: 3306, user: 'root' })
    this.pool = new Pool<Session>({
      open: (signal) => this.owned(signal),
      close: end,
      usable: ({ broken, socket }) => !broken && !socket.destroyed,
      connectionsMax: options.spec.connectionsMax,
      idleMs,
      waitersMax,
    })
  }

  private owned(signal: AbortSignal): Promise<Session> {
    const owner = new SessionOwner(this.options.server)
    return owned(owner, () => this.open(owner, signal))
  }

  private async open(owner: SessionOwner, signal: AbortSignal): Promise<Session> {
    const { host, port, user, password, database, tls } = this.address
    const socket = await this.options.egress.connect({
      host,
      port,
      // TLS begins inside the protocol, so the driver begins it on this connection.
      tls: undefined,
      timeoutMs: connectTimeoutMs,
    })
    socket.setNoDelay(true)
    // The driver leaves the name out when it is an address; Node would then check the certificate for `localhost`,
    // unless the socket says where it goes. `engine.test.ts` shows that it is checked for the address.
    Reflect.set(socket, '_host', host)
    const connection = createConnection({
      host,
      port,
      user,
      password,
      ...(database === '' ? {} : { database }),
      stream: socket,
      ...(tls === undefined
        ? {}
        : { ssl: { ...tls, rejectUnauthorized: tls.verify, verifyIdentity: tls.verify } }),
      connectTimeout: connectTimeoutMs,
      multipleStatements: false,
      // No file of the gateway for a server that asks for one (LOAD DATA LOCAL).
      flags: ['-LOCAL_FILES'],
      charset: 'utf8mb4',
      supportBigNumbers: true,
      bigNumberStrings: true,
      dateStrings: true,
      jsonStrings: true,
      timezone: 'Z',
      rowsAsArray: true,
      disableEval: true,
    })
    const session: Session = {
      owner,
      connection,
      socket,
      mariadb: false,
      readOnly: 'transaction_read_only',
      broken: false,
      vetted: false,
    }
    owner.endsWith(() => {
      session.broken = true
      end(session)
    })
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const gone = Promise.withResolvers<never>()
    gone.promise.catch(() => undefined)
    // A destroyed connection of this driver answers nothing more, not even with an error.
    const abort = (): void => {
      end(session)
      gone.reject(new GatewayError('cancelled'))
    }
    signal.addEventListener('abort', abort)
    if (signal.aborted) abort()
    connection.on('error', (error) => {
      session.broken = true
      reject(error)
    })
    connection.on('end', () => {
      session.broken = true
    })
    connection.once('connect', () => resolve())
    try {
      await Promise.race([promise, gone.promise, owner.lost])
      const asked = connection.promise().query('select version()')
      asked.catch(() => undefined)
      const [rows] = await Promise.race([asked, gone.promise, owner.lost])
      const version = JSON.stringify(rows)
      session.mariadb = /mariadb/i.test(version)
      // MariaDB before 11.1 and MySQL before 5.7.20 know the old name only.
      if (session.mariadb || /"5\./.test(version)) session.readOnly = 'tx_read_only'
      return session
    } catch (thrown) {
      end(session)
      throw connectFault(thrown, signal, refusals)
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  introspect(signal: AbortSignal): Promise<SqlCatalog> {
    return this.lent(signal, introspectTimeoutMs, async (session) => {
      const { spec } = this.options
      await this.begin(session, 'read', introspectTimeoutMs)
      const shown = shownTables(spec)
      const catalog = withoutHiddenReferences(
        await introspectMysql(session.connection.promise(), shown, spec.schemas.length > 0),
        shown,
      )
      if (catalog.dangers.length > 0 && spec.access === 'read') throw roleTooWide(catalog)
      return { answer: catalog, clean: false }
    })
  }

  execute(statement: Statement): Promise<Rows> {
    return repeated(statement, isEnded, async () => {
      try {
        return await this.once(statement)
      } catch (thrown) {
        const fault = statementFault(thrown, statement.timeoutMs)
        const isMissing = fault instanceof StatementFault && hidesSome(this.options.spec)
        throw (isMissing ? likeHidden(fault.message) : undefined) ?? fault
      }
    })
  }

  private once(statement: Statement): Promise<Rows> {
    const { signal, timeoutMs, access } = statement
    return this.lent(signal, timeoutMs, async (session) => {
      const connection = session.connection.promise()
      if (
        !session.vetted &&
        (statement.author === 'caller' || this.options.spec.access === 'read')
      ) {
        const { dangers } = await grantsOf(connection, session.mariadb)
        if (dangers.length > 0) throw roleTooWide({ dangers, remedy: '' })
        session.vetted = true
      }
      const isHeld = statement.author === 'caller' && hidesSome(this.options.spec)
      if (isHeld) {
        const { spec } = this.options
        const shown = shownTables(spec)
        const hidden = await hiddenNames(session.connection, shown, spec.schemas.length > 0)
        refuseNames(statement.sql, hidden)
      }
      await this.begin(session, access, timeoutMs)
      const { rows, ended } = await bound(session, statement, isHeld)
      if (ended && access === 'read') return { answer: rows, clean: false }
      if (ended) throw endedFault()
      const tooMany = touchesMore(rows.affected, statement.affectedMax)
      await connection.query(access === 'write' && !tooMany ? 'commit' : 'rollback')
      if (tooMany) throw affectedFault(rows.affected)
      if (statement.author === 'caller') return { answer: rows, clean: false }
      // Variables, prepared statements, locks and temporary tables of the session end here.
      await connection.reset()
      return { answer: rows, clean: true }
    })
  }

  private async begin(
    { connection, mariadb, readOnly }: Session,
    access: 'read' | 'write',
    timeoutMs: number,
  ): Promise<void> {
    const lockS = Math.max(1, Math.min(50, Math.ceil(timeoutMs / 1_000)))
    const settings = [
      mariadb ? `max_statement_time = ${timeoutMs / 1_000}` : `max_execution_time = ${timeoutMs}`,
      `lock_wait_timeout = ${lockS}`,
      `innodb_lock_wait_timeout = ${lockS}`,
      "time_zone = '+00:00'",
      // Without it, what does not fit a column is stored as something else.
      ...(access === 'write'
        ? ["sql_mode = concat_ws(',', nullif(@@sql_mode, ''), 'STRICT_ALL_TABLES')"]
        : []),
      // What follows a COMMIT of the statement itself is held to reading as well.
      ...(access === 'read' ? [`session ${readOnly} = 1`] : []),
    ]
    await connection.promise().query(`set ${settings.join(', ')}`)
    await connection
      .promise()
      .query(`start transaction ${access === 'read' ? 'read only' : 'read write'}`)
  }

  private lent<Answer>(
    signal: AbortSignal,
    timeoutMs: number,
    work: (session: Session) => Promise<{ answer: Answer; clean: boolean }>,
  ): Promise<Answer> {
    const { pool } = this
    const stop = (session: Session): Promise<void> => this.kill(session)
    return lend({ pool, signal, timeoutMs, stop, lost: ({ owner }) => owner.lost }, work)
  }

  /** Ends what the session runs, from a connection beside it, and then the session. */
  private async kill(session: Session): Promise<void> {
    const { threadId } = session.connection
    try {
      const other = await this.owned(AbortSignal.timeout(stopTimeoutMs))
      try {
        const killed = other.connection.promise().query(`kill ${Number(threadId)}`)
        await Promise.race([killed, delay(stopTimeoutMs, undefined, { ref: false })])
      } finally {
        end(other)
      }
    } catch {
      // The server then finds out when it writes.
    } finally {
      session.broken = true
      end(session)
    }
  }

  async close(): Promise<void> {
    this.pool.close()
  }
}

/** The driver only says that it will write no more; what the server still says then confuses it. */
function end({ connection, socket }: Session): void {
  connection.destroy()
  socket.destroy()
}

function prepared(connection: Connection, sql: string): Promise<PrepareStatementInfo> {
  const { promise, resolve, reject } = Promise.withResolvers<PrepareStatementInfo>()
  connection.prepare(sql, (error, info) => {
    if (error === null) resolve(info)
    // MySQL answers a SET GLOBAL that it denies with a bare OK, which describes nothing; the driver cannot read that.
    else reject(error instanceof RangeError ? noRowsFault() : error)
  })
  return promise
}

/** @throws StatementFault for what cannot stand in another query */
async function assertQuery(connection: Connection, sql: string): Promise<void> {
  try {
    const info = await prepared(connection, asSubquery(sql))
    info.close()
  } catch (thrown) {
    const code = codeOf(thrown)
    // Columns of the same name are no harm where nothing is selected from them.
    if (code === 'ER_DUP_FIELDNAME') return
    throw code === 'ER_PARSE_ERROR' ? noQueryFault() : thrown
  }
}

/** Columns of ANALYZE TABLE and its like, which yield a report of what they did to the table. */
const reportColumns = ['Table', 'Op', 'Msg_type', 'Msg_text']

/** By the server's own reading of the statement. */
function yieldsRows(info: PrepareStatementInfo): boolean {
  const columns: unknown = Reflect.get(info, 'columns')
  if (!Array.isArray(columns) || columns.length === 0) return false
  const names = columns.map((column) => fieldOf(column).name)
  return names.join() !== reportColumns.join()
}

function countOf(info: PrepareStatementInfo, member: 'columns' | 'parameters'): number {
  const list: unknown = Reflect.get(info, member)
  return Array.isArray(list) ? list.length : 0
}

/** One prepared statement, and as many of its rows as are of use. */
async function bound(
  { connection, socket }: Session,
  statement: Statement,
  isHeld: boolean,
): Promise<{ rows: Rows; ended: boolean }> {
  const { sql, values, access, bytesMax, skip } = statement
  const info = await prepared(connection, sql)
  if (access === 'read' && !yieldsRows(info)) throw noRowsFault()
  if (isHeld) await assertQuery(connection, sql)
  const wanted = countOf(info, 'parameters')
  if (wanted !== values.length) throw parametersFault(wanted, values.length)
  const sink = new RowSink(statement)
  const watch = watchWire(socket, bytesMax, skip)
  try {
    const { affected, ended } = await rowsOf(connection, info, statement, sink)
    return { rows: sink.done(affected), ended }
  } catch (thrown) {
    if (watch.exceeded) throw tooLarge(bytesMax)
    throw thrown
  } finally {
    watch.stop()
  }
}

interface Outcome {
  readonly affected: number | undefined
  /** The connection was ended before the last row. */
  readonly ended: boolean
}

function endedFault(): StatementFault {
  return new StatementFault(
    'answer_too_large',
    'The statement returns more rows than are taken. Nothing was changed.',
  )
}

function rowsOf(
  connection: Connection,
  info: PrepareStatementInfo,
  { values }: Statement,
  sink: RowSink,
): Promise<Outcome> {
  const { promise, resolve, reject } = Promise.withResolvers<Outcome>()
  let fields: ReturnType<typeof fieldOf>[] = []
  let affected: number | undefined
  const running = info.execute(values.map(fieldParameter))
  running.on('fields', (list: unknown) => {
    // A statement has one result; what a procedure would send after it is not looked at.
    if (!Array.isArray(list) || fields.length > 0) return
    fields = list.map(fieldOf)
    sink.columns(fields.map((field) => ({ name: field.name, type: fieldType(field) })))
  })
  running.on('result', (row: unknown, index: number) => {
    if (fields.length === 0) {
      const count: unknown =
        typeof row === 'object' && row !== null ? Reflect.get(row, 'affectedRows') : undefined
      if (typeof count === 'number') affected = count
      return
    }
    if (index > 0 || !Array.isArray(row)) return
    try {
      if (!sink.add(() => fields.map((field, at) => fieldJson(field, row[at])))) finish()
    } catch (fault) {
      fail(fault)
    }
  })
  // More rows are on the way than are of use: nothing else stops them than the end of the connection.
  const finish = (): void => {
    resolve({ affected, ended: true })
    connection.destroy()
  }
  const fail = (fault: unknown): void => {
    reject(fault)
    connection.destroy()
  }
  running.on('error', reject)
  running.on('end', () => resolve({ affected, ended: false }))
  connection.on('error', reject)
  return promise.finally(() => connection.off('error', reject))
}

function member(thrown: unknown, name: 'sqlState' | 'errno'): unknown {
  return thrown instanceof Error ? Reflect.get(thrown, name) : undefined
}

/** The session was ended by somebody, or its connection is gone. */
function isEnded(thrown: unknown): boolean {
  if (thrown instanceof GatewayError) return false
  const code = thrown instanceof StatementFault ? thrown.code : codeOf(thrown)
  const message = thrown instanceof Error ? thrown.message : ''
  return (
    /^(PROTOCOL_CONNECTION_LOST|ECONNRESET|EPIPE|70100)$/.test(code) ||
    /closed state|Connection was killed/i.test(message)
  )
}

/** An error of the server, as a model can act on it. */
function statementFault(thrown: unknown, timeoutMs: number): unknown {
  const state = member(thrown, 'sqlState')
  if (typeof state !== 'string' || !(thrown instanceof Error)) return thrown
  const number = Number(member(thrown, 'errno'))
  // ER_STATEMENT_TIMEOUT of MariaDB, ER_QUERY_TIMEOUT of MySQL.
  if (number === 1969 || number === 3024) return timeoutFault(timeoutMs)
  return new StatementFault(state, thrown.message, { cause: thrown })
}
