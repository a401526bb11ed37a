/**
 * The process that opens SQLite files. SQLite runs inside the thread that asks it, and nothing ends a statement there
 * but the end of the process; so it has one of its own, which can be killed, with no environment and no secrets. Each
 * job opens the file anew: nothing is left of the one before.
 */
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { affectedFault, noRowsFault, type Rows, StatementFault, touchesMore } from './engine.ts'
import { bytesJson, floatJson, numberJson, quoted, spliceJson } from './json-value.ts'
import { RowSink } from './row-sink.ts'
import { introspectSqlite } from './sqlite-introspect.ts'
import type { FromSqlite, SqliteAnswer, SqliteJob } from './sqlite-messages.ts'
import { authorizer } from './sqlite-rules.ts'
import { shownTables } from './visible.ts'

const busyTimeoutMs = 3_000
const lengthFloorBytes = 2_000_000

type Task = Extract<SqliteJob['task'], { kind: 'execute' }>

function open(job: SqliteJob): DatabaseSync {
  const { task } = job
  const readOnly = task.kind === 'introspect' || task.access === 'read'
  const database = new DatabaseSync(job.path, {
    readOnly,
    allowExtension: false,
    enableForeignKeyConstraints: true,
    enableDoubleQuotedStringLiterals: false,
    timeout: busyTimeoutMs,
    defensive: true,
  })
  // Longest text or blob, also in between: a bomb of zeros fails instead of filling the memory.
  database.limits.length = Math.max(
    lengthFloorBytes,
    2 * (task.kind === 'execute' ? task.bytesMax : 0),
  )
  database.limits.attach = 0
  return database
}

function valueJson(value: unknown, declared: string): string {
  if (value === null || value === undefined) return 'null'
  if (typeof value === 'bigint')
    return /^BOOL/i.test(declared) && (value === 0n || value === 1n)
      ? String(value === 1n)
      : numberJson(value.toString())
  if (typeof value === 'number') return floatJson(value)
  if (value instanceof Uint8Array) return bytesJson(value)
  return /JSON/i.test(declared) ? spliceJson(String(value)) : quoted(String(value))
}

/** SQLite compiles the first statement of a text; what follows it must be nothing. */
function refuseMore(statement: StatementSync, sql: string): void {
  const rest = sql
    .slice(statement.sourceSQL.length)
    .replaceAll(/--[^\n]*|\/\*[\s\S]*?\*\/|[\s;]/g, '')
  if (rest !== '')
    throw new StatementFault('one_statement', 'Only one statement is run at a time.', {
      hint: 'Nothing was run.',
    })
}

function execute(database: DatabaseSync, job: SqliteJob, task: Task): Rows {
  const { access, sql, values, affectedMax } = task
  const { schemas, include, exclude } = job.shown
  if (access === 'write') database.exec('begin immediate')
  database.setAuthorizer(
    authorizer({
      access,
      shown: shownTables(job.shown),
      everything: schemas.length + include.length + exclude.length === 0,
    }),
  )
  const statement = database.prepare(sql)
  refuseMore(statement, sql)
  const columns = statement.columns()
  if (access === 'read' && columns.length === 0) throw noRowsFault()
  statement.setReadBigInts(true)
  statement.setReturnArrays(true)
  const sink = new RowSink(task)
  sink.columns(columns.map(({ name, type }) => ({ name, type: type ?? 'any' })))
  if (columns.length === 0) {
    const affected = Number(statement.run(...values).changes)
    const tooMany = touchesMore(affected, affectedMax)
    finish(database, tooMany)
    if (tooMany) throw affectedFault(affected)
    return sink.done(affected)
  }
  let count = 0
  for (const row of statement.iterate(...values)) {
    count++
    const cells: unknown[] = Array.isArray(row) ? row : Object.values(row)
    if (!sink.add(() => cells.map((cell, at) => valueJson(cell, columns[at]?.type ?? '')))) break
  }
  const tooMany = access === 'write' && touchesMore(count, affectedMax)
  if (access === 'write') finish(database, tooMany)
  if (tooMany) throw affectedFault(count)
  return sink.done(access === 'write' ? count : undefined)
}

function finish(database: DatabaseSync, undo: boolean): void {
  database.setAuthorizer(null)
  database.exec(undo ? 'rollback' : 'commit')
}

function answer(job: SqliteJob): SqliteAnswer {
  let database: DatabaseSync
  try {
    database = open(job)
  } catch (thrown) {
    return { kind: 'unavailable', message: messageOf(thrown) }
  }
  try {
    const { task } = job
    if (task.kind === 'introspect') {
      const shown = shownTables(job.shown)
      return {
        kind: 'catalog',
        catalog: introspectSqlite(database, { name: task.database, shown }),
      }
    }
    return { kind: 'rows', rows: execute(database, job, task) }
  } catch (thrown) {
    return faultOf(thrown)
  } finally {
    database.close()
  }
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}

function faultOf(thrown: unknown): SqliteAnswer {
  if (thrown instanceof StatementFault) {
    const { code, message, hint } = thrown
    return { kind: 'fault', code, message, hint }
  }
  const message = messageOf(thrown)
  const number: unknown = thrown instanceof Error ? Reflect.get(thrown, 'errcode') : undefined
  if (/not a database|malformed|disk I\/O/i.test(message)) return { kind: 'unavailable', message }
  // SQLITE_RANGE: more values than parameters.
  if (number === 25)
    return faultOf(
      new StatementFault('parameters', 'More values were given than the statement has parameters.'),
    )
  return {
    kind: 'fault',
    code: typeof number === 'number' ? `SQLITE_${number}` : 'SQLITE',
    message,
    hint: /prohibited|not authorized/i.test(message)
      ? 'This tool reads what it is shown and nothing else.'
      : undefined,
  }
}

function send(message: FromSqlite): void {
  process.send?.(message)
}

process.on('message', (job: SqliteJob) => send(answer(job)))
process.on('disconnect', () => process.exit(0))
send({ kind: 'ready' })
