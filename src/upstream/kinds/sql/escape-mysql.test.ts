import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Connection, createConnection } from 'mysql2/promise'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { engineOptions, outcome } from '../../../../test/fixtures/databases/engine.ts'
import {
  type DatabaseServer,
  isInstalled,
  startMariadb,
} from '../../../../test/fixtures/databases/server.ts'
import { Mysql } from './mysql.ts'

const setup = [
  'create database shop',
  'use shop',
  'create table accounts (id int primary key, owner varchar(50), balance decimal(12,2))',
  "insert into accounts values (1, 'ada', 100), (2, 'bob', 50)",
  'create table notes (id int primary key, word varchar(50)) engine=MyISAM',
  "insert into notes values (1, 'first')",
  'create table secrets (id int)',
  'create sequence tickets',
  'create function spend() returns int modifies sql data begin update accounts set balance = 0; return 1; end',
  "create function scribble() returns int modifies sql data begin update notes set word = 'x'; return 1; end",
  'create procedure commit_first() begin commit; set session transaction read write; delete from accounts; end',
  'create procedure reopen() begin rollback; set session tx_read_only = 0; start transaction read write; delete from accounts; commit; select 1; end',
  'create view spending as select spend() as spent',
  "create user agent identified by 'agent'",
  'grant select, show view, execute on shop.* to agent',
  "create user writer identified by 'writer'",
  'grant select, insert, update, delete, create, drop, alter, index, lock tables, create temporary tables, create view, execute, create routine, alter routine, event, trigger, references on shop.* to writer',
  "create user app identified by 'app'",
  "create user limited identified by 'limited'",
  'grant select on shop.accounts to limited',
]

/** Each is tried by an account that may only read and call, and by one that may write but is held to reading. */
const attempts: readonly (readonly [string, RegExp | 'harmless'])[] = [
  ['select 1; delete from accounts', /SQL syntax/],
  ['COMMIT; DELETE FROM accounts', /SQL syntax/],
  ['rollback; start transaction read write; delete from accounts', /SQL syntax/],
  ['commit', /returns rows|READ ONLY|denied/],
  ['rollback', /returns rows|READ ONLY|denied/],
  ['start transaction read write', /returns rows|READ ONLY|denied/],
  ['set transaction read write', /returns rows|not supported|READ ONLY|denied/],
  ['set session transaction read write', /returns rows|not supported|READ ONLY|denied/],
  ['set session tx_read_only = 0', /returns rows|READ ONLY|denied/],
  ['set autocommit = 1', /returns rows|READ ONLY|denied/],
  [
    'set statement max_statement_time = 0 for delete from accounts',
    /returns rows|READ ONLY|denied/,
  ],
  [
    'set statement max_statement_time = 0 for select sleep(60)',
    /longer than|returns rows|not supported/,
  ],
  ["set password = password('mine')", /returns rows|not supported|READ ONLY|denied/],
  ["alter user current_user() identified by 'mine'", /returns rows|denied|READ ONLY/],
  ['set role none', /returns rows|not supported|READ ONLY|denied/],
  ['set global local_infile = 1', /returns rows|denied|READ ONLY/],
  ['delete from accounts', /returns rows|READ ONLY|denied/],
  ['delete from accounts returning id', /READ ONLY|denied/],
  ["insert into accounts values (9, 'eve', 1) returning id", /READ ONLY|denied/],
  ["replace into accounts values (1, 'eve', 1) returning id", /READ ONLY|denied/],
  ['update accounts set balance = 0', /returns rows|READ ONLY|denied/],
  ["update notes set word = 'x'", /returns rows|READ ONLY|denied/],
  ['delete from notes returning id', /READ ONLY|denied/],
  ["insert into notes values (2, 'x') returning id", /READ ONLY|denied/],
  ['analyze delete from accounts', /READ ONLY|denied|returns rows/],
  ['analyze format=json update accounts set balance = 0', /READ ONLY|denied|returns rows/],
  ['explain delete from accounts', /READ ONLY|denied/],
  ['select spend()', /READ ONLY/],
  ['select scribble()', /READ ONLY/],
  ['select * from spending', /READ ONLY/],
  ['call commit_first()', /returns rows|READ ONLY|denied/],
  ['call reopen()', /returns rows|READ ONLY|denied/],
  [
    'begin not atomic commit; set session transaction read write; delete from accounts; end',
    /returns rows|not supported|SQL syntax|READ ONLY|denied/,
  ],
  ["execute immediate 'delete from accounts'", /returns rows|not supported|READ ONLY|denied/],
  ["prepare loot from 'delete from accounts'", /returns rows|not supported|READ ONLY|denied/],
  ['select nextval(tickets)', /READ ONLY|denied/],
  ['select next value for tickets', /READ ONLY|denied/],
  ['select setval(tickets, 1000)', /READ ONLY|denied/],
  ['create table loot (a int)', /returns rows|READ ONLY|denied/],
  ['create table loot as select * from accounts', /returns rows|READ ONLY|denied/],
  ['create temporary table loot as select 1', /returns rows|READ ONLY|denied/],
  ['drop table accounts', /returns rows|READ ONLY|denied/],
  ['truncate accounts', /returns rows|READ ONLY|denied/],
  ['alter table accounts add x int', /returns rows|READ ONLY|denied/],
  ['rename table accounts to loot', /returns rows|READ ONLY|denied/],
  ['create index loot on accounts (owner)', /returns rows|READ ONLY|denied/],
  ['lock tables accounts write', /returns rows|not supported|READ ONLY|denied/],
  ['flush tables with read lock', /returns rows|denied|READ ONLY/],
  ['flush tables', /returns rows|denied|READ ONLY/],
  ["select * from accounts into outfile '/tmp/sallyport-loot'", /returns rows|denied|READ ONLY/],
  ["select 'x' into dumpfile '/tmp/sallyport-loot'", /returns rows|denied|READ ONLY/],
  ["select load_file('/etc/passwd') is null as hidden", 'harmless'],
  [
    "load data infile '/etc/passwd' into table accounts",
    /returns rows|not supported|denied|READ ONLY/,
  ],
  [
    "load data local infile '/etc/passwd' into table accounts",
    /returns rows|not supported|not allowed|READ ONLY|denied/,
  ],
  [
    "load xml local infile '/etc/passwd' into table accounts",
    /returns rows|not supported|not allowed|READ ONLY|denied/,
  ],
  ['handler accounts open', /returns rows|not supported|READ ONLY|denied/],
  ["select get_lock('loot', 1)", 'harmless'],
  ['select @a := 1', 'harmless'],
  ['select sleep(60)', /longer than/],
  ['select benchmark(100000000000, md5(1))', /longer than|:0}\]$/],
  [
    'with recursive r as (select 1 as x union all select x + 1 from r) select count(*) from r, r s, r t',
    /longer than|iterations/,
  ],
  [
    'select count(*) from information_schema.columns a, information_schema.columns b, information_schema.columns c',
    /longer than/,
  ],
  ['kill 1', /returns rows|not supported|Unknown thread|not owner|READ ONLY|denied/],
  ['kill user app', /returns rows|not supported|denied|READ ONLY/],
  ['shutdown', /returns rows|denied|READ ONLY/],
  ["install soname 'server_audit'", /returns rows|denied|READ ONLY/],
  ["create function sys_exec returns int soname 'lib.so'", /returns rows|denied|READ ONLY/],
  [
    'create event loot on schedule every 1 second do delete from accounts',
    /returns rows|denied|not supported|READ ONLY/,
  ],
  [
    'create trigger loot after insert on accounts for each row set @a = 1',
    /returns rows|denied|not supported|READ ONLY/,
  ],
  [
    "create server s foreign data wrapper mysql options (host '127.0.0.1')",
    /returns rows|denied|READ ONLY/,
  ],
  ['create user eve', /returns rows|denied|READ ONLY/],
  ['grant all on *.* to agent', /returns rows|denied|READ ONLY/],
  ["xa start 'loot'", /returns rows|not supported|READ ONLY|denied/],
  ["change master to master_host = '127.0.0.1'", /returns rows|denied|READ ONLY/],
  ['reset master', /returns rows|denied|READ ONLY/],
  ['purge binary logs before now()', /returns rows|denied|READ ONLY/],
  ['analyze table accounts', /returns rows|denied|READ ONLY/],
  ['optimize table accounts', /returns rows|denied|READ ONLY/],
  ['repair table notes', /returns rows|denied|READ ONLY/],
  ['select * from mysql.global_priv', /denied/],
  ['select * from mysql.user', /denied/],
  ['select 1 /*! ; delete from accounts */', /SQL syntax/],
  ['/*!50000 delete from accounts */', /returns rows|READ ONLY|denied/],
  ['select ?', /parameter/],
  ['', /empty|returns rows|READ ONLY|denied/],
]

describe.skipIf(!isInstalled('MariaDB'))('MariaDB, access read', () => {
  let server: DatabaseServer
  let admin: Connection
  let app: Connection
  const engines: Mysql[] = []

  const engineOf = (user: string, more = {}): Mysql => {
    const engine = new Mysql(
      engineOptions(`mariadb://${user}:${user}@127.0.0.1:${server.port}/shop`, {
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
    tickets: await one('select next_not_cached_value from shop.tickets'),
    things: await one('show tables from shop'),
    columns: await one('show columns from shop.accounts'),
    indexes: await one('show index from shop.accounts'),
    routines: await one("select name from mysql.proc where db = 'shop' order by 1"),
    events: await one('select name from mysql.event'),
    triggers: await one('show triggers from shop'),
    accountsOfServer: await one('select user, host, priv from mysql.global_priv order by 1, 2'),
    functions: await one('select * from mysql.func'),
    plugins: await one('select name from mysql.plugin'),
    servers: await one('select * from mysql.servers'),
    settings: await one('select @@global.tx_read_only, @@global.autocommit'),
    appLives: (await app.query('select 1 as one'))[0],
    files: [
      ...readdirSync('/tmp').filter((name) => name.includes('loot')),
      ...readdirSync(join(server.folder, 'data', 'shop')).filter((name) => name.includes('loot')),
    ],
  })

  beforeAll(async () => {
    server = await startMariadb()
    admin = await connected('root', server.password)
    for (const sql of setup) await admin.query(sql)
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
    }, 60_000)

  test('the secret file that LOAD_FILE would read stays hidden', async () => {
    expect(await outcome(engineOf('agent'), "select load_file('/etc/passwd') as f")).toMatchObject({
      rows: [{ f: null }],
    })
  })

  test('nothing of one session reaches the next one', async () => {
    const engine = engineOf('agent', { connectionsMax: 1 })
    await outcome(engine, "select @left := 'x', get_lock('mine', 1)")
    const next = await outcome(
      engine,
      "select @left as word, is_used_lock('mine') is null as free, @@session.tx_read_only as held",
    )
    expect(next).toMatchObject({ rows: [{ word: null, free: 1, held: 1 }] })
  })

  test('a session that somebody ends is replaced, and the statement is asked again', async () => {
    const engine = engineOf('agent', { timeoutMs: 5_000 })
    const sleeping = outcome(engine, 'select sleep(1), 7 as seven', { timeoutMs: 4_000 })
    const running = async (): Promise<unknown> =>
      one("select id from information_schema.processlist where info like 'select sleep%'")
    await expect.poll(running).toHaveLength(1)
    const found = await running()
    if (!Array.isArray(found)) throw new Error('no list')
    await admin.query(`kill ${Number(Reflect.get(Object(found[0]), 'id'))}`)
    expect(await sleeping).toMatchObject({ rows: [{ seven: 7 }] })
  })

  test.each([
    ['SUPER', 'grant super on *.* to limited', 'SUPER'],
    ['everything', 'grant all on *.* to limited', /ALL PRIVILEGES|SUPER/],
    ['FILE', 'grant file on *.* to limited', 'FILE'],
    ['PROCESS', 'grant process on *.* to limited', 'PROCESS'],
    ['RELOAD', 'grant reload on *.* to limited', 'RELOAD'],
    ['SHUTDOWN', 'grant shutdown on *.* to limited', 'SHUTDOWN'],
    ['CREATE USER', 'grant create user on *.* to limited', 'CREATE USER'],
    ['REPLICATION SLAVE', 'grant replication slave on *.* to limited', 'REPLICATION SLAVE'],
    ['BINLOG ADMIN', 'grant binlog admin on *.* to limited', 'BINLOG ADMIN'],
    ['CONNECTION ADMIN', 'grant connection admin on *.* to limited', 'CONNECTION ADMIN'],
    ['READ_ONLY ADMIN', 'grant read_only admin on *.* to limited', 'READ_ONLY ADMIN'],
    ['GRANT OPTION', 'grant select on shop.* to limited with grant option', 'GRANT OPTION'],
    [
      'writes to the accounts of the server',
      'grant insert on mysql.* to limited',
      'holds the accounts',
    ],
    [
      'FILE by way of a role',
      'create role strong; grant file on *.* to strong; grant strong to limited; set default role strong for limited',
      'FILE',
    ],
  ])('an account with %s is refused', async (_, grant, sentence) => {
    for (const sql of grant.split('; ')) await admin.query(sql)
    try {
      const refused = await outcome(engineOf('limited'), 'select 1')
      expect(refused).toMatchObject({ code: 'role_too_wide' })
      expect(JSON.stringify(refused)).toMatch(sentence)
      await expect(
        engineOf('limited').introspect(new AbortController().signal),
      ).rejects.toMatchObject({
        code: 'role_too_wide',
        message: expect.stringContaining('CREATE USER agent_read'),
      })
    } finally {
      await admin.query('drop user limited')
      await admin.query('drop role if exists strong')
      await admin.query("create user limited identified by 'limited'")
      await admin.query('grant select on shop.accounts to limited')
    }
    expect(await outcome(engineOf('limited'), 'select 1 as one')).toMatchObject({
      rows: [{ one: 1 }],
    })
  })
})
