/** SQLite files, opened in a process of their own, read-only for `read`. See docs/adr/0021-sql-read-access.md. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { owned } from '../../../kit/owner.ts'
import type { SqlCatalog } from '../../../model/kinds/sql.ts'
import { GatewayError } from '../../../model/refusal.ts'
import { digitsFault, isInt64, isRaw, wholeNumber } from './arguments.ts'
import { idleMs, introspectTimeoutMs, waitersMax } from './connections.ts'
import type { Engine, EngineOptions, Rows, SqlValue, Statement } from './engine.ts'
import { StatementFault } from './fault.ts'
import { lend } from './lend.ts'
import { Pool } from './pool.ts'
import { SessionOwner } from './session-owner.ts'
import type { FromSqlite, SqliteAnswer, SqliteJob, SqliteParameter } from './sqlite-messages.ts'

const processesMax = 4
const startMsMax = 15_000
const heapMbMax = 256

interface Session {
  readonly owner: SessionOwner
  readonly child: ChildProcess
}

export class Sqlite implements Engine {
  private readonly options: EngineOptions
  private readonly path: string
  private readonly pool: Pool<Session>

  constructor(options: EngineOptions) {
    this.options = options
    this.path = options.spec.url.slice('sqlite:'.length)
    this.pool = new Pool<Session>({
      open: (signal) => {
        const owner = new SessionOwner(options.server)
        return owned(owner, () => startProcess(owner, signal))
      },
      close: ({ child }) => {
        child.kill('SIGKILL')
      },
      usable: ({ child }) => child.connected && child.exitCode === null,
      connectionsMax: Math.min(processesMax, options.spec.connectionsMax),
      idleMs,
      waitersMax,
    })
  }

  async introspect(signal: AbortSignal): Promise<SqlCatalog> {
    const task = { kind: 'introspect', database: basename(this.path) } as const
    const answer = await this.ask(task, signal, introspectTimeoutMs)
    if (answer.kind !== 'catalog') throw unexpected(answer)
    return answer.catalog
  }

  async execute(statement: Statement): Promise<Rows> {
    const { sql, values, access, author, skip, rowsMax, bytesMax, affectedMax, signal, timeoutMs } =
      statement
    const answer = await this.ask(
      {
        kind: 'execute',
        sql,
        values: values.map(bindable),
        access,
        author,
        skip,
        rowsMax,
        bytesMax,
        affectedMax,
      },
      signal,
      timeoutMs,
    )
    if (answer.kind !== 'rows') throw unexpected(answer)
    return answer.rows
  }

  private async ask(
    task: SqliteJob['task'],
    signal: AbortSignal,
    timeoutMs: number,
  ): Promise<SqliteAnswer> {
    // Opened for writing, a file that is not there would be made.
    if (!existsSync(this.path))
      throw new GatewayError('server_unavailable', {
        detail: `there is no file ${this.path}`,
        reason: 'file-unusable',
      })
    const { pool, path } = this
    const { schemas, include, exclude } = this.options.spec
    const job: SqliteJob = { path, shown: { schemas, include, exclude }, task }
    return lend(
      { pool, signal, timeoutMs, stop: kill, lost: ({ owner }) => owner.lost },
      async ({ child }) => ({ answer: await asked(child, job), clean: true }),
    )
  }

  async close(): Promise<void> {
    this.pool.close()
  }
}

/** @throws StatementFault for a number that SQLite would round */
function bindable(value: SqlValue): SqliteParameter {
  if (value === null || typeof value === 'string' || value instanceof Uint8Array) return value
  if (typeof value === 'boolean') return value ? 1n : 0n
  if (typeof value !== 'number' && !isRaw(value)) return JSON.stringify(value)
  const number = wholeNumber(value)
  if (number.kind === 'double' || (number.kind === 'integer' && isInt64(number.value)))
    return number.value
  throw digitsFault('SQLite', number.text)
}

/** @throws StatementFault, GatewayError server_unavailable, server_broken */
function unexpected(answer: SqliteAnswer): Error {
  if (answer.kind === 'fault')
    return new StatementFault(answer.code, answer.message, { hint: answer.hint })
  return answer.kind === 'unavailable'
    ? new GatewayError('server_unavailable', {
        detail: answer.message,
        reason: answer.ofFile ? 'file-unusable' : undefined,
      })
    : new GatewayError('server_broken', { detail: `an answer of kind ${answer.kind}` })
}

async function kill({ child }: Session): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}

/** Idle, it keeps no gateway from ending; it ends when its channel does. */
function waitFor(child: ChildProcess, wait: boolean): void {
  if (wait) {
    child.ref()
    child.channel?.ref()
  } else {
    child.unref()
    child.channel?.unref()
  }
}

function asked(child: ChildProcess, job: SqliteJob): Promise<SqliteAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<SqliteAnswer>()
  const answered = (answer: FromSqlite): void => {
    if (answer.kind !== 'ready') resolve(answer)
  }
  // Out of memory, or killed from outside.
  const ended = (): void =>
    reject(
      new StatementFault('process_ended', 'The statement took more memory than it is given.', {
        hint: 'Aggregate less at a time, or select fewer and shorter values.',
      }),
    )
  child.on('message', answered)
  child.once('exit', ended)
  waitFor(child, true)
  child.send(job)
  return promise.finally(() => {
    child.off('message', answered)
    child.off('exit', ended)
    waitFor(child, false)
  })
}

async function startProcess(owner: SessionOwner, signal: AbortSignal): Promise<Session> {
  // Bundled, the process lies beside the program; run from source, it is the file beside this one.
  const name = import.meta.url.endsWith('.ts') ? './sqlite-process.ts' : './sqlite-process.mjs'
  const child = fork(fileURLToPath(new URL(name, import.meta.url)), [], {
    env: {},
    execArgv: [`--max-old-space-size=${heapMbMax}`],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    serialization: 'advanced',
  })
  owner.endsWith(() => child.kill('SIGKILL'))
  try {
    await once(child, 'message', {
      signal: AbortSignal.any([signal, AbortSignal.timeout(startMsMax)]),
    })
    waitFor(child, false)
    return { owner, child }
  } catch (thrown) {
    child.kill('SIGKILL')
    throw signal.aborted
      ? new GatewayError('cancelled', { cause: thrown })
      : new GatewayError('server_unavailable', {
          detail: 'the process for SQLite does not start',
          cause: thrown,
        })
  }
}
