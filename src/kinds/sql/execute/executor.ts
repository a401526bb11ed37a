/** Carries out the tools of a database. */
import { hash } from 'node:crypto'
import type { Document } from '../../../model/conversion.ts'
import type { SqlCommon, SqlPlan, SqlSpec } from '../../../model/kinds/sql.ts'
import { GatewayError } from '../../../model/refusal.ts'
import { jsonAnswer, textAnswer } from '../../api/answer.ts'
import type { Answer, Executor, ExecutorOptions, Run } from '../../api/executor.ts'
import { schemeOf } from './address.ts'
import {
  canonical,
  integerOf,
  type JsonObject,
  type JsonValue,
  parseArguments,
} from './arguments.ts'
import { describeTable, listTables } from './catalog-answers.ts'
import { type CursorPlace, offsetMax, openCursor, sealCursor } from './cursor.ts'
import type { Engine, Rows, SqlValue, Statement } from './engine.ts'
import { StatementFault } from './fault.ts'
import {
  type Built,
  deleteStatement,
  findStatement,
  getStatement,
  insertStatement,
  updateStatement,
} from './statements.ts'

type SqlRun = Run<SqlPlan, SqlCommon>

async function engineOf(options: ExecutorOptions<SqlSpec>): Promise<Engine> {
  const scheme = schemeOf(options.spec.url)
  switch (scheme) {
    case 'postgres':
    case 'postgresql':
      return new (await import('./postgres.ts')).Postgres(options)
    case 'mysql':
    case 'mariadb':
      return new (await import('./mysql.ts')).Mysql(options)
    case 'sqlite':
      return new (await import('./sqlite.ts')).Sqlite(options)
    default:
      throw new GatewayError('server_unavailable', {
        detail:
          'the address of a database starts with postgres://, mysql://, mariadb:// or sqlite:',
      })
  }
}

class SqlExecutor implements Executor<SqlPlan, SqlCommon> {
  private readonly options: ExecutorOptions<SqlSpec>
  private loaded: Promise<Engine> | undefined

  constructor(options: ExecutorOptions<SqlSpec>) {
    this.options = options
  }

  private engine(): Promise<Engine> {
    this.loaded ??= engineOf(this.options)
    return this.loaded
  }

  readonly describe = async (signal: AbortSignal): Promise<Document> => {
    const catalog = await (await this.engine()).introspect(signal)
    return {
      // Not the address, which holds a password.
      location: `${catalog.engine}:${catalog.database}`,
      text: JSON.stringify(catalog),
      mediaType: 'application/json',
    }
  }

  async run(run: SqlRun): Promise<Answer> {
    try {
      return await this.answer(run, parseArguments(run.args))
    } catch (thrown) {
      if (thrown instanceof StatementFault) return faultAnswer(thrown)
      throw thrown
    }
  }

  private async answer(run: SqlRun, args: JsonObject): Promise<Answer> {
    const { plan, common } = run
    const { engine } = common.catalog
    switch (plan.kind) {
      case 'list':
        return plainAnswer(listTables(common, args, this.options.spec.rowsMax))
      case 'describe':
        return plainAnswer(describeTable(common, args))
      case 'query':
        return this.page(run, args, {
          built: { sql: String(args['sql']), values: parameters(args['parameters']) },
          author: 'caller',
        })
      case 'named': {
        const values = plan.order.map((name) => args[name] ?? defaultOf(plan.defaults, name))
        const built = { sql: plan.sql, values }
        return plan.readOnly
          ? this.page(run, args, { built, author: 'gateway' })
          : writtenAnswer(await this.write(run, built, undefined))
      }
      case 'find':
        return this.find(run, plan, args)
      case 'get': {
        const rows = await this.read(run, getStatement(engine, plan.target, args))
        const [row] = rows.rows
        return rawAnswer(row === undefined ? '{"found":false}' : `{"found":true,"row":${row}}`)
      }
      case 'insert':
        return writtenAnswer(await this.write(run, insertStatement(engine, plan.target, args), 1))
      case 'update':
        return oneAnswer(await this.write(run, updateStatement(engine, plan.target, args), 1))
      case 'delete':
        return oneAnswer(await this.write(run, deleteStatement(engine, plan.target, args), 1))
    }
  }

  private placeOf({ plan, principalId }: SqlRun, args: JsonObject): CursorPlace {
    const { cursor: _, ...rest } = args
    const { spec, server, now } = this.options
    const question = `${hash('sha256', spec.url, 'hex')} ${JSON.stringify(plan)} ${canonical(rest)}`
    return { server, principalId, question, now: now() }
  }

  /** Where the asked page begins, and how many rows it has. */
  private pageOf(place: CursorPlace, args: JsonObject): { limit: number; offset: number } {
    const { cursor, limit } = args
    const { rowsMax } = this.options.spec
    return {
      limit: Math.min(integerOf(limit) ?? rowsMax, rowsMax),
      offset: typeof cursor === 'string' ? openCursor(this.options.cursors, place, cursor) : 0,
    }
  }

  /** A page of a statement whose text is not ours: the rows before it are read and passed over. */
  private async page(
    run: SqlRun,
    args: JsonObject,
    { built, author }: { built: Built; author: Statement['author'] },
  ): Promise<Answer> {
    const place = this.placeOf(run, args)
    const { limit, offset } = this.pageOf(place, args)
    const rows = await this.read(run, built, { author, skip: offset, rowsMax: limit })
    return this.pageAnswer(place, rows, offset)
  }

  private async find(
    run: SqlRun,
    plan: Extract<SqlPlan, { kind: 'find' | 'get' | 'insert' | 'update' | 'delete' }>,
    args: JsonObject,
  ): Promise<Answer> {
    const place = this.placeOf(run, args)
    const { limit, offset } = this.pageOf(place, args)
    const built = findStatement(run.common.catalog.engine, plan.target, args, { limit, offset })
    return this.pageAnswer(place, await this.read(run, built, { rowsMax: limit }), offset)
  }

  private pageAnswer(place: CursorPlace, rows: Rows, offset: number): Answer {
    const next = offset + rows.rows.length
    const more = rows.truncated && next <= offsetMax
    const cursor = more
      ? `,"nextCursor":${JSON.stringify(sealCursor(this.options.cursors, place, next))}`
      : ''
    return rawAnswer(`{${rowsText(rows)}${cursor}}`)
  }

  private async read(run: SqlRun, built: Built, more: Partial<Statement> = {}): Promise<Rows> {
    return this.execute(run, built, { access: 'read', ...more })
  }

  private write(run: SqlRun, built: Built, affectedMax: number | undefined): Promise<Rows> {
    // The plan came from the same configuration; this holds should they ever differ.
    if (this.options.spec.access !== 'write')
      throw new StatementFault('read_only', 'This server only reads.')
    return this.execute(run, built, { access: 'write', affectedMax })
  }

  private async execute(run: SqlRun, built: Built, more: Partial<Statement>): Promise<Rows> {
    const { rowsMax, bytesMax, timeoutMs } = this.options.spec
    const engine = await this.engine()
    return engine.execute({
      ...built,
      access: 'read',
      author: 'gateway',
      skip: 0,
      rowsMax,
      bytesMax,
      timeoutMs: Math.min(timeoutMs, this.options.timeoutMs),
      affectedMax: undefined,
      signal: run.signal,
      ...more,
    })
  }

  async close(): Promise<void> {
    const engine = await this.loaded?.catch(() => undefined)
    await engine?.close()
  }
}

function parameters(value: JsonValue | undefined): SqlValue[] {
  return Array.isArray(value) ? value.map((one: JsonValue): SqlValue => one) : []
}

function defaultOf(defaults: Readonly<Record<string, unknown>>, name: string): JsonValue {
  const value = defaults[name]
  return value === undefined ? null : (parseArguments(JSON.stringify({ value }))['value'] ?? null)
}

function rawAnswer(json: string): Answer {
  return jsonAnswer(Buffer.from(json))
}

function plainAnswer(value: unknown): Answer {
  return rawAnswer(JSON.stringify(value))
}

function rowsText({ columns, rows, truncated }: Rows): string {
  return `"columns":${JSON.stringify(columns)},"rows":[${rows.join(',')}],"truncated":${truncated}`
}

/** What a write did, with the row as it is now where the database tells. */
function writtenAnswer({ affected, rows }: Rows): Answer {
  const [row] = rows
  return rawAnswer(
    `{"affected":${affected ?? rows.length}${row === undefined ? '' : `,"row":${row}`}}`,
  )
}

function oneAnswer(rows: Rows): Answer {
  if ((rows.affected ?? rows.rows.length) > 0) return writtenAnswer(rows)
  return faultAnswer(
    new StatementFault('no_row', 'No row has this key. Nothing was changed.', {
      hint: 'Look the row up first.',
    }),
  )
}

/** The database's own words, for a model to act on. */
function faultAnswer({ code, message, hint, position }: StatementFault): Answer {
  const at = position === undefined ? '' : ` (at character ${position})`
  const said = `${code}: ${message}${at}`
  if (hint === undefined) return textAnswer(said, true)
  // Databases end their words with or without a full stop; the hint is a sentence of its own.
  return textAnswer(`${said.trimEnd()}${/[.!?]\s*$/.test(said) ? '' : '.'} ${hint}`, true)
}

export function createSqlExecutor(options: ExecutorOptions<SqlSpec>): Executor<SqlPlan, SqlCommon> {
  return new SqlExecutor(options)
}
