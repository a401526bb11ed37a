import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Connection, createConnection } from 'mysql2/promise'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type Attempt,
  mariadbAttempts,
  mysqlAttempts,
  sharedAttempts,
} from '../../../../test/fixtures/databases/attempts-mysql.ts'
import { engineOptions, outcome } from '../../../../test/fixtures/databases/engine.ts'
import {
  type DatabaseServer,
  isInstalled,
  startMariadb,
  startMysql,
} from '../../../../test/fixtures/databases/server.ts'
import { Mysql } from './mysql.ts'

const roleRights = {
  agent: 'select, show view, execute',
  writer:
    'select, insert, update, delete, create, drop, alter, index, lock tables, create temporary tables, create view, execute, create routine, alter routine, event, trigger, references',
}

/** `own`: what only this server has. */
const setup = (own: readonly string[], readOnly: string): readonly string[] => [
  'create database shop',
  'use shop',
  'create table accounts (id int primary key, owner varchar(50), balance decimal(12,2))',
  "insert into accounts values (1, 'ada', 100), (2, 'bob', 50)",
  'create table notes (id int primary key, word varchar(50)) engine=MyISAM',
  "insert into notes values (1, 'first')",
  'create table secrets (id int)',
  'create function spend() returns int modifies sql data begin update accounts set balance = 0; return 1; end',
  "create function scribble() returns int modifies sql data begin update notes set word = 'x'; return 1; end",
  'create procedure commit_first() begin commit; set session transaction read write; delete from accounts; end',
  `create procedure reopen() begin rollback; set session ${readOnly} = 0; start transaction read write; delete from accounts; commit; select 1; end`,
  'create view spending as select spend() as spent',
  "create user agent identified by 'agent'",
  `grant ${roleRights.agent} on shop.* to agent`,
  "create user writer identified by 'writer'",
  `grant ${roleRights.writer} on shop.* to writer`,
  "create user app identified by 'app'",
  "create user limited identified by 'limited'",
  'grant select on shop.accounts to limited',
  ...own,
]

/** What an account has, how it gets that, and what the refusal has to say. */
type TooWide = readonly [string, readonly string[], RegExp]

const tooWide: readonly TooWide[] = [
  ['SUPER', ['grant super on *.* to limited'], /SUPER/],
  ['everything', ['grant all on *.* to limited'], /ALL PRIVILEGES|SUPER/],
  ['FILE', ['grant file on *.* to limited'], /FILE/],
  ['GRANT OPTION', ['grant select on shop.* to limited with grant option'], /GRANT OPTION/],
  [
    'writes to the accounts of the server',
    ['grant insert on mysql.* to limited'],
    /holds the accounts/,
  ],
  [
    'everything in the accounts of the server',
    ['grant all on mysql.* to limited'],
    /holds the accounts/,
  ],
  [
    'writes to all databases of a pattern',
    ['grant insert on `my%`.* to limited'],
    /holds the accounts/,
  ],
  [
    'writes to the accounts of the server, where names are quoted otherwise',
    ["set global sql_mode = 'ANSI_QUOTES'", 'grant insert on mysql.* to limited'],
    /holds the accounts/,
  ],
]

interface Subject {
  readonly name: 'MariaDB' | 'MySQL'
  readonly start: () => Promise<DatabaseServer>
  /** The variable that holds a session to reading. */
  readonly readOnly: string
  readonly setup: readonly string[]
  readonly attempts: readonly Attempt[]
  /** What only this server has that an attempt could have changed. */
  readonly state: readonly string[]
  /** Grants that only this server has, to `limited`. */
  readonly tooWide: readonly TooWide[]
  /** Takes back what is not the account's alone. */
  readonly undo: readonly string[]
  /** Privileges of this server that reading takes in. */
  readonly harmless: readonly string[]
}

const subjects: readonly Subject[] = [
  {
    name: 'MariaDB',
    start: startMariadb,
    readOnly: 'tx_read_only',
    setup: ['create sequence tickets', 'grant usage on *.* to public'],
    attempts: mariadbAttempts,
    state: [
      'select next_not_cached_value from shop.tickets',
      "select name from mysql.proc where db = 'shop' order by 1",
      'select user, host, priv from mysql.global_priv order by 1, 2',
    ],
    tooWide: [
      [
        'FILE by way of a role',
        [
          'create role strong',
          'grant file on *.* to strong',
          'grant strong to limited',
          'set default role strong for limited',
        ],
        /FILE/,
      ],
      ['FILE by way of everybody', ['grant file on *.* to public'], /FILE/],
    ],
    undo: ['revoke file on *.* from public'],
    harmless: [],
  },
  {
    name: 'MySQL',
    start: startMysql,
    readOnly: 'transaction_read_only',
    setup: [],
    attempts: mysqlAttempts,
    state: [
      "select routine_name from information_schema.routines where routine_schema = 'shop' order by 1",
      'select * from mysql.user order by user, host',
      'select * from mysql.global_grants order by 1, 2, 3',
      'select * from mysql.role_edges',
      'select * from mysql.component',
      'select * from mysql.slave_master_info',
      "select schema_name, table_name, column_name from information_schema.column_statistics where schema_name = 'shop'",
      'select * from performance_schema.persisted_variables',
      'select @@global.max_connections, @@global.read_only',
    ],
    tooWide: [
      ['PROXY', ['grant proxy on app to limited'], /PROXY/],
      [
        'FILE by way of a role that is not active',
        ['create role strong', 'grant file on *.* to strong', 'grant strong to limited'],
        /FILE/,
      ],
      [
        'FILE by way of a role of a role, among others',
        [
          'create role strong, inner_role',
          'grant file on *.* to inner_role',
          'grant inner_role to strong',
          'create role other',
          'grant other, strong to limited',
        ],
        /FILE/,
      ],
      [
        'FILE by way of a role that everybody has',
        [
          'create role strong',
          'grant file on *.* to strong',
          'set global mandatory_roles = strong',
        ],
        /FILE/,
      ],
      [
        'a role to pass on',
        ['create role strong', 'grant strong to limited with admin option'],
        /ADMIN OPTION/,
      ],
      [
        'writes that are only taken back from the accounts of the server',
        [
          'set global partial_revokes = 1',
          'grant insert on *.* to limited',
          'revoke insert on mysql.* from limited',
        ],
        /INSERT/,
      ],
    ],
    undo: ['set global mandatory_roles = default', 'set global partial_revokes = 0'],
    harmless: ['SHOW_ROUTINE'],
  },
]

for (const subject of subjects)
  describe.skipIf(!isInstalled(subject.name))(`${subject.name}, access read`, () => {
    const attempts = [...sharedAttempts, ...subject.attempts]
    let server: DatabaseServer
    let admin: Connection
    let app: Connection
    const engines: Mysql[] = []

    const engineOf = (user: string, more = {}): Mysql => {
      const engine = new Mysql(
        engineOptions(`mysql://${user}:${user}@127.0.0.1:${server.port}/shop`, {
          timeoutMs: 700,
          ...more,
        }),
      )
      engines.push(engine)
      return engine
    }
    const connected = (user: string, password: string): Promise<Connection> =>
      createConnection({ host: '127.0.0.1', port: server.port, user, password })
    const one = async (sql: string): Promise<unknown> => (await admin.query(sql))[0]
    /** Everything that an attempt could have changed. */
    const state = async (): Promise<unknown> => ({
      accounts: await one('select * from shop.accounts order by id'),
      notes: await one('select * from shop.notes order by id'),
      things: await one('show tables from shop'),
      columns: await one('show columns from shop.accounts'),
      indexes: await one('show index from shop.accounts'),
      events: await one('select event_name from information_schema.events'),
      triggers: await one('show triggers from shop'),
      functions: await one('select * from mysql.func'),
      plugins: await one('select name from mysql.plugin'),
      servers: await one('select * from mysql.servers'),
      settings: await one(`select @@global.${subject.readOnly}, @@global.autocommit`),
      own: await Promise.all(subject.state.map(one)),
      appLives: (await app.query('select 1 as one'))[0],
      files: [
        ...readdirSync('/tmp').filter((name) => name.includes('loot')),
        ...readdirSync(join(server.folder, 'data', 'shop')).filter((name) => name.includes('loot')),
      ],
    })

    beforeAll(async () => {
      server = await subject.start()
      admin = await connected('root', server.password)
      for (const sql of setup(subject.setup, subject.readOnly)) await admin.query(sql)
      app = await connected('app', 'app')
    })
    afterAll(async () => {
      for (const engine of engines) await engine.close()
      await app?.end()
      await admin?.end()
      await server?.close()
    })

    for (const user of ['agent', 'writer'])
      test(`${attempts.length} attempts of an account that ${user === 'agent' ? 'may only read' : 'may write'} change nothing`, async () => {
        const engine = engineOf(user)
        const before = await state()
        const wrong: string[] = []
        for (const [sql, wanted] of attempts) {
          const got = await outcome(engine, sql, { timeoutMs: 500 })
          const said =
            'fault' in got ? `${got.code}: ${got.fault}` : `rows ${JSON.stringify(got.rows)}`
          const fits = wanted === 'harmless' ? 'rows' in got : wanted.test(said)
          if (!fits) wrong.push(`${sql}\n   ${said}`)
          expect(await state(), sql).toEqual(before)
        }
        expect(wrong).toEqual([])
        expect(existsSync('/tmp/sallyport-loot')).toBe(false)
        await expect
          .poll(() =>
            one(
              "select count(*) as n from information_schema.processlist where user in ('agent', 'writer') and command <> 'Sleep'",
            ),
          )
          .toEqual([{ n: 0 }])
        expect(await one("select is_free_lock('loot') as free")).toEqual([{ free: 1 }])
      })

    test('the secret file that LOAD_FILE would read stays hidden', async () => {
      expect(
        await outcome(engineOf('agent'), "select load_file('/etc/passwd') as f"),
      ).toMatchObject({ rows: [{ f: null }] })
    })

    test('nothing of one session reaches the next one', async () => {
      const engine = engineOf('agent', { connectionsMax: 1 })
      await outcome(engine, "select @left := 'x', get_lock('mine', 1)")
      const next = await outcome(
        engine,
        `select @left as word, is_used_lock('mine') is null as free, @@session.${subject.readOnly} as held`,
      )
      expect(next).toMatchObject({ rows: [{ word: null, free: 1, held: 1 }] })
    })

    test('a session that somebody ends is replaced, and the statement is asked again', async () => {
      const engine = engineOf('agent', { timeoutMs: 5_000 })
      const sleeping = outcome(engine, 'select sleep(2), 7 as seven', { timeoutMs: 60_000 })
      const running = async (): Promise<unknown> =>
        one("select id from information_schema.processlist where info like 'select sleep%'")
      await expect.poll(running).toHaveLength(1)
      const found = await running()
      if (!Array.isArray(found)) throw new Error('no list')
      const [row]: unknown[] = found
      const id = Object.entries(Object(row)).find(([name]) => /^id$/i.test(name))?.[1]
      await admin.query(`kill ${Number(id)}`)
      expect(await sleeping).toMatchObject({ rows: [{ seven: 7 }] })
    })

    /** What the account `limited` gets after these grants, which are undone. */
    const withGrants = async (
      grants: readonly string[],
      look: () => Promise<void>,
    ): Promise<void> => {
      for (const sql of grants) await admin.query(sql)
      try {
        await look()
      } finally {
        await admin.query('set global sql_mode = default')
        await admin.query('drop user limited')
        for (const sql of subject.undo) await admin.query(sql)
        await admin.query('drop role if exists strong, inner_role, other')
        await admin.query("create user limited identified by 'limited'")
        await admin.query('grant select on shop.accounts to limited')
      }
    }

    test('every privilege over the server is refused, but those of this list', async () => {
      const [list] = await admin.query({ sql: 'show privileges', rowsAsArray: true })
      const privileges = (Array.isArray(list) ? list : [])
        .map((row) => String(Array.isArray(row) ? row[0] : ''))
        .filter((name) => !/^(usage|proxy|grant option)$/i.test(name))
      expect(privileges.length).toBeGreaterThan(30)
      const taken: string[] = []
      for (const privilege of privileges)
        await withGrants([`grant ${privilege} on *.* to limited`], async () => {
          const got = await outcome(engineOf('limited'), 'select 1 as one')
          if ('rows' in got) taken.push(privilege.toUpperCase())
          else expect(got, privilege).toMatchObject({ code: 'role_too_wide' })
        })
      expect(taken.sort()).toEqual([
        'EXECUTE',
        'SELECT',
        'SHOW DATABASES',
        'SHOW VIEW',
        // Before 8.0.20 there is none.
        ...subject.harmless.filter((name) => privileges.includes(name)),
      ])
    })

    test.each([...tooWide, ...subject.tooWide])(
      'an account with %s is refused',
      (_, grants, sentence) =>
        withGrants(grants, async () => {
          const refused = await outcome(engineOf('limited'), 'select 1')
          expect(refused).toMatchObject({ code: 'role_too_wide' })
          expect(JSON.stringify(refused)).toMatch(sentence)
          await expect(
            engineOf('limited').introspect(new AbortController().signal),
          ).rejects.toMatchObject({
            code: 'role_too_wide',
            message: expect.stringContaining('CREATE USER agent_read'),
          })
        }),
    )

    test('an account that may only read is taken', async () => {
      expect(await outcome(engineOf('limited'), 'select 1 as one')).toMatchObject({
        rows: [{ one: 1 }],
      })
    })
  })
