import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createConnection } from 'mysql2/promise'
import pg from 'pg'
import { afterAll, beforeAll, describe } from 'vitest'
import { createEgress } from '../../src/egress/guard.ts'
import type { Executor } from '../../src/kinds/api/executor.ts'
import { createSqlExecutor } from '../../src/kinds/sql/execute/executor.ts'
import { type SqlCommon, type SqlEngine, type SqlPlan, sqlSpec } from '../../src/model/kinds/sql.ts'
import {
  type DatabaseServer,
  isInstalled,
  startMariadb,
  startMysql,
  startPostgres,
} from '../fixtures/databases/server.ts'
import { patienceMs } from '../patience.ts'
import { describeKind, type Started } from './contract.ts'

/** What the suite needs of a real server: accounts, and a look at what runs. */
interface Subject {
  readonly engine: 'postgresql' | 'mariadb' | 'mysql'
  readonly server: DatabaseServer
  address(user: string, password: string, port: number): string
  account(user: string, password: string): Promise<void>
  /** Sessions that run a statement with this mark in it. */
  running(mark: string): Promise<{ id: number; sql: string }[]>
  end(id: number): Promise<void>
  readonly sql: { echo: string; slow: string; fail: string; read: string; write: string }
  close(): Promise<void>
}

async function openPostgres(): Promise<Subject> {
  const server = await startPostgres()
  const client = new pg.Client({
    host: '127.0.0.1',
    port: server.port,
    user: 'postgres',
    password: server.password,
    database: 'postgres',
  })
  await client.connect()
  await client.query('create table words (word text)')
  return {
    engine: 'postgresql',
    server,
    address: (user, password, port) => `postgres://${user}:${password}@127.0.0.1:${port}/postgres`,
    account: async (user, password) => {
      await client.query(
        `create role ${user} login password '${password}'; grant all on words to ${user}`,
      )
    },
    running: async (mark) =>
      (
        await client.query<{ id: number; sql: string }>(
          "select pid as id, query as sql from pg_stat_activity where state = 'active' and pid <> pg_backend_pid() and strpos(query, $1) > 0",
          [mark],
        )
      ).rows,
    end: async (id) => {
      await client.query('select pg_terminate_backend($1)', [id])
    },
    sql: {
      echo: 'select $1::text as text',
      slow: 'select pg_sleep(30)',
      fail: "select 'the-reason'::int",
      read: 'select pg_sleep(0.5)',
      write: "insert into words select 'x' from pg_sleep(0.5)",
    },
    close: async () => {
      await client.end()
      await server.close()
    },
  }
}

async function openMysql(engine: 'mariadb' | 'mysql'): Promise<Subject> {
  const server = await { mariadb: startMariadb, mysql: startMysql }[engine]()
  const client = await createConnection({
    host: '127.0.0.1',
    port: server.port,
    user: 'root',
    password: server.password,
  })
  await client.query('create database shop')
  await client.query('create table shop.words (word text)')
  return {
    engine,
    server,
    address: (user, password, port) => `${engine}://${user}:${password}@127.0.0.1:${port}/shop`,
    account: async (user, password) => {
      await client.query(`create user ${user} identified by '${password}'`)
      await client.query(`grant select, insert on shop.* to ${user}`)
    },
    running: async (mark) => {
      const [rows] = await client.query(
        "select id as id, info as 'sql' from information_schema.processlist where command = 'Execute' and id <> connection_id() and info like ?",
        [`%${mark}%`],
      )
      return Array.isArray(rows)
        ? rows.map((row) => ({
            id: Number(Reflect.get(row, 'id')),
            sql: String(Reflect.get(row, 'sql')),
          }))
        : []
    },
    end: async (id) => {
      await client.query(`kill ${id}`)
    },
    sql: {
      echo: 'select ? as text',
      slow: 'select sleep(30)',
      fail: 'select `the-reason`',
      read: 'select sleep(0.5)',
      write: "insert into words select 'x' where sleep(0.5) = 0",
    },
    close: async () => {
      await client.end()
      await server.close()
    },
  }
}

/** A way to the server that can be taken away, as if the server were gone. */
async function way(to: number): Promise<{ port: number; stop(): Promise<void> }> {
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(to, '127.0.0.1')
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one)
      one.on('error', () => undefined)
      one.on('close', () => other.destroy())
      one.pipe(other)
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    port: typeof address === 'object' ? (address?.port ?? 0) : 0,
    stop: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resolve())
      }),
  }
}

function named(sql: string, more: Partial<Extract<SqlPlan, { kind: 'named' }>> = {}): SqlPlan {
  return { kind: 'named', name: 'one', sql, order: [], defaults: {}, readOnly: true, ...more }
}

function executorOf(url: string): Executor<SqlPlan, SqlCommon> {
  return createSqlExecutor({
    server: 'db',
    spec: sqlSpec.parse({ url, access: 'write', timeoutMs: patienceMs }),
    credential: undefined,
    egress: createEgress({ named: ['127.0.0.1'], spec: { hosts: [], networks: [] } }),
    cursors: { seal: (one) => one, open: (one) => one },
    timeoutMs: patienceMs,
    now: Date.now,
  })
}

function commonOf(engine: SqlEngine): SqlCommon {
  return {
    catalog: { engine, version: '', database: '', defaultSchema: '', omitted: 0, tables: [] },
  }
}

async function start(
  subject: Subject,
  { presented, accepted }: { presented: string; accepted: string },
): Promise<Started<SqlPlan, SqlCommon>> {
  const mark = randomUUID().replaceAll('-', '')
  const user = `u${mark.slice(0, 12)}`
  await subject.account(user, accepted)
  const path = await way(subject.server.port)
  const seen = { slow: 0, stopped: 0, flaky: 0 }
  const slow = new Set<number>()
  const flaky = new Set<number>()
  const look = async (): Promise<void> => {
    const running = await subject.running(mark)
    for (const { id, sql } of running) {
      if (sql.includes('the slow one')) slow.add(id)
      else if (sql.includes('the flaky one') && !flaky.has(id)) {
        seen.flaky = flaky.add(id).size
        if (flaky.size === 1) await subject.end(id)
      }
    }
    seen.slow = slow.size
    seen.stopped = [...slow].filter((id) => !running.some((one) => one.id === id)).length
  }
  let looking = Promise.resolve()
  const timer = setInterval(() => {
    looking = looking.then(look).catch(() => undefined)
  }, 20)
  const plan: typeof named = (text, more) => named(`${text} /* ${mark} */`, more)
  const { sql } = subject
  return {
    executor: executorOf(subject.address(user, presented, path.port)),
    common: commonOf(subject.engine),
    ops: {
      echo: plan(sql.echo, { order: ['text'] }),
      slow: plan(`${sql.slow} /* the slow one */`),
      fail: plan(sql.fail),
      guarded: plan('select 1 as one'),
      flakyRead: plan(`${sql.read} /* the flaky one */`),
      flakyWrite: plan(`${sql.write} /* the flaky one */`, { readOnly: false }),
    },
    headers: {},
    seen,
    stop: async () => {
      clearInterval(timer)
      await looking
      await path.stop()
    },
  }
}

for (const { name, there, open } of [
  { name: 'PostgreSQL', there: isInstalled('PostgreSQL'), open: openPostgres },
  { name: 'MariaDB', there: isInstalled('MariaDB'), open: () => openMysql('mariadb') },
  { name: 'MySQL', there: isInstalled('MySQL'), open: () => openMysql('mysql') },
])
  describe.skipIf(!there)(name, () => {
    let subject: Subject
    beforeAll(async () => {
      subject = await open()
    })
    afterAll(() => subject?.close())

    describeKind<SqlPlan, SqlCommon>({
      name,
      echoArgs: (text) => JSON.stringify({ text }),
      missing: {
        endless: 'rows come in pages',
        huge: 'a large result is cut into pages; a row that is too large is a result that says how to ask for less',
      },
      start: (secrets) => start(subject, secrets),
    })
  })

/** A statement that reads a table of the file locks it, so whoever asks for the lock sees whether one runs. */
async function startSqlite(): Promise<Started<SqlPlan, SqlCommon>> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-kind-'))
  const path = join(folder, 'words.db')
  const database = new DatabaseSync(path, { timeout: 0 })
  database.exec("create table words (word text); insert into words values ('one')")
  const seen = { slow: 0, stopped: 0, flaky: 0 }
  const look = (): void => {
    let free = true
    try {
      database.exec('begin exclusive; rollback')
    } catch {
      free = false
    }
    if (!free && seen.slow === seen.stopped) seen.slow++
    if (free) seen.stopped = seen.slow
  }
  const executor = executorOf(`sqlite:${path}`)
  const common = commonOf('sqlite')
  const echo = named('select ? as text', { order: ['text'] })
  // The process for it takes longer to start than the shortest deadline of the suite.
  await executor.run({
    plan: echo,
    common,
    args: '{"text":"first"}',
    headers: {},
    principalId: 'key:test',
    signal: AbortSignal.timeout(patienceMs),
    progress: () => undefined,
  })
  const timer = setInterval(look, 5)
  return {
    executor,
    common,
    ops: {
      echo,
      slow: named(
        'with recursive r(x) as (select 1 union all select x + 1 from r) select count(*) from words, r',
      ),
      fail: named('select "the-reason"'),
    },
    headers: {},
    seen,
    stop: async () => {
      clearInterval(timer)
      database.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

describeKind<SqlPlan, SqlCommon>({
  name: 'SQLite',
  echoArgs: (text) => JSON.stringify({ text }),
  missing: {
    endless: 'rows come in pages',
    huge: 'a large result is cut into pages; a row that is too large is a result that says how to ask for less',
    guarded: 'a file has no password',
    flakyRead: 'a file has no connection',
    flakyWrite: 'a file has no connection',
  },
  start: startSqlite,
})
