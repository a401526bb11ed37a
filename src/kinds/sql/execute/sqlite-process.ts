/**
 * The process that opens SQLite files. SQLite runs inside the thread that asks it, and nothing ends a statement there
 * but the end of the process; so it has one of its own, which can be killed, with no environment and no secrets. Each
 * job opens the file anew: nothing is left of the one before.
 */

import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { messageOf } from '../../../kit/thrown.ts'
import type { SqlCatalog } from '../../../model/kinds/sql.ts'
import type { Rows } from './engine.ts'
import { affectedFault, noRowsFault, StatementFault, touchesMore } from './fault.ts'
import { bytesJson, floatJson, numberJson, quoted, spliceJson } from './json-value.ts'
import { RowSink } from './row-sink.ts'
import { introspectSqlite } from './sqlite-introspect.ts'
import type { FromSqlite, SqliteAnswer, SqliteJob } from './sqlite-messages.ts'
import { authorizer } from './sqlite-rules.ts'
import { type ShownSchema, shownSchema } from './sqlite-shown.ts'
import { hidesSome, shownTables, withoutHiddenReferences } from './visible.ts'

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
  const shown = shownTables(job.shown)
  const schema = schemaOf(database, job)
  const compiled = schema !== undefined && task.author === 'caller'
  if (compiled) schema.compile(sql)
  if (access === 'write') database.exec('begin immediate')
  let touchesHidden = false
  const onHidden = (): void => {
    touchesHidden = true
  }
  database.setAuthorizer(authorizer({ access, shown, schema, compiled, onHidden }))
  const statement = database.prepare(sql)
  refuseMore(statement, sql)
  const columns = statement.columns()
  if (touchesHidden && explains(columns)) throw explainFault()
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

function catalogOf(database: DatabaseSync, job: SqliteJob, name: string): SqlCatalog {
  const shown = shownTables(job.shown)
  const catalog = withoutHiddenReferences(introspectSqlite(database, { name, shown }), shown)
  const schema = schemaOf(database, job)
  // The statement that made a table stands for its comment, and may name others.
  const tables = catalog.tables.map(({ comment, ...table }) =>
    comment === undefined || schema?.names(comment) === true ? table : { ...table, comment },
  )
  return { ...catalog, tables }
}

/** Undefined: everything is shown. */
function schemaOf(database: DatabaseSync, { shown }: SqliteJob): ShownSchema | undefined {
  return hidesSome(shown)
    ? shownSchema(database, shownTables(shown), JSON.stringify(shown))
    : undefined
}

/** EXPLAIN and EXPLAIN QUERY PLAN, by what they answer; they name the tables below a view. */
function explains(columns: readonly { readonly name: string }[]): boolean {
  const names = columns.map(({ name }) => name).join()
  return names.startsWith('addr,opcode,p1') || names === 'id,parent,notused,detail'
}

function explainFault(): StatementFault {
  return new StatementFault('hidden', 'A view over tables that are not shown is not explained.')
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
    return unavailable(thrown)
  }
  try {
    const { task } = job
    if (task.kind === 'introspect') {
      return { kind: 'catalog', catalog: catalogOf(database, job, task.database) }
    }
    return { kind: 'rows', rows: execute(database, job, task) }
  } catch (thrown) {
    return seen(faultOf(thrown), database, job)
  } finally {
    database.close()
  }
}

/** What goes wrong below a view must not name what is not shown, unless the caller did. */
function seen(answer: SqliteAnswer, database: DatabaseSync, job: SqliteJob): SqliteAnswer {
  const { task } = job
  if (answer.kind !== 'fault' || task.kind !== 'execute') return answer
  database.setAuthorizer(null)
  const schema = schemaOf(database, job)
  if (schema === undefined || schema.names(task.sql) || !schema.names(answer.message)) return answer
  return { ...answer, message: 'It failed on something that is not shown here.', hint: undefined }
}

/** https://sqlite.org/rescode.html; the low byte of an extended code is its primary one. */
const notADatabase = 26
const cannotOpen = 14
const unusable: ReadonlySet<number> = new Set([10, 11, notADatabase])

function errcodeOf(thrown: unknown): number | undefined {
  const code: unknown = thrown instanceof Error ? Reflect.get(thrown, 'errcode') : undefined
  return typeof code === 'number' ? code : undefined
}

/** The file cannot be used; `ofFile` when no retry will make it a database. */
function unavailable(thrown: unknown): SqliteAnswer {
  const code = (errcodeOf(thrown) ?? 0) & 0xff
  const ofFile = code === notADatabase || code === cannotOpen
  return { kind: 'unavailable', message: messageOf(thrown), ofFile }
}

function faultOf(thrown: unknown): SqliteAnswer {
  if (thrown instanceof StatementFault) {
    const { code, message, hint } = thrown
    return { kind: 'fault', code, message, hint }
  }
  const message = messageOf(thrown)
  const number = errcodeOf(thrown)
  if (number !== undefined && unusable.has(number & 0xff)) return unavailable(thrown)
  // SQLITE_RANGE: more values than parameters.
  if (number === 25)
    return faultOf(
      new StatementFault('parameters', 'More values were given than the statement has parameters.'),
    )
  return {
    kind: 'fault',
    code: number === undefined ? 'SQLITE' : `SQLITE_${number}`,
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
