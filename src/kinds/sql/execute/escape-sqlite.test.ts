import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { engineOptions, outcome } from '../../../../test/fixtures/databases/engine.ts'
import { Sqlite } from './sqlite.ts'

const denied = /prohibited|not authorized|authorization denied/
const attempts: readonly (readonly [string, RegExp | 'harmless'])[] = [
  ['select 1; delete from accounts', /one statement/],
  ['COMMIT; DELETE FROM accounts', denied],
  ['select 1 /* ; */ ; -- x\n drop table accounts', /one statement/],
  ['commit', denied],
  ['begin immediate', denied],
  ['savepoint loot', denied],
  ['delete from accounts', denied],
  ['delete from accounts returning *', denied],
  ["insert into accounts values (9, 'eve', 1) returning id", denied],
  ["replace into accounts values (1, 'eve', 1)", denied],
  ['update accounts set balance = 0 returning id', denied],
  ['with gone as (select 1) delete from accounts', denied],
  ['explain delete from accounts', denied],
  ['create table loot (a int)', denied],
  ['create temp table loot (a int)', denied],
  ['create temp table loot as select * from accounts', denied],
  ['create temp view loot as select 1', denied],
  ['create temp trigger loot after insert on accounts begin select 1; end', denied],
  ['create view loot as select 1', denied],
  ['create index loot on accounts (owner)', denied],
  ['create virtual table loot using fts5(a)', denied],
  ['create virtual table temp.loot using fts3(a)', denied],
  ["create virtual table temp.loot using csv(filename='/etc/passwd')", denied],
  ['drop table accounts', denied],
  ['alter table accounts rename to loot', denied],
  ["attach '/tmp/sallyport-loot.db' as loot", denied],
  ["attach ':memory:' as loot", denied],
  ["attach 'file:/etc/passwd?mode=ro' as loot", denied],
  ['detach main', denied],
  ["vacuum into '/tmp/sallyport-loot.db'", /denied|prohibited|not authorized|read|attached/],
  ['vacuum', /denied|prohibited|not authorized|read|attached/],
  ['reindex', /returns rows/],
  ['analyze', denied],
  ['pragma query_only = off', denied],
  ['pragma writable_schema = on', denied],
  ['pragma journal_mode = delete', denied],
  ['pragma user_version = 7', denied],
  ['pragma user_version', denied],
  ['pragma trusted_schema = on', denied],
  ['pragma database_list', denied],
  ['select * from pragma_database_list', denied],
  ['select * from pragma_journal_mode', denied],
  ["pragma temp_store_directory = '/tmp'", denied],
  [
    "select load_extension('/lib/x86_64-linux-gnu/libc.so.6')",
    /not authorized|no such function|prohibited/,
  ],
  ["select readfile('/etc/passwd')", /no such function|not authorized/],
  ["select writefile('/tmp/sallyport-loot', 'x')", /no such function|not authorized/],
  ["select edit('x', 'touch /tmp/sallyport-loot')", /no such function|not authorized/],
  ["select fts3_tokenizer('loot', x'00')", /not authorized|no such function|unknown/],
  ["select fts3_tokenizer('simple')", /not authorized|no such function/],
  ["select * from fsdir('/')", /no such table/],
  ['select * from sqlite_dbpage', /no such table|prohibited/],
  ['select * from dbstat', denied],
  ["update sqlite_schema set sql = 'x'", /may not be modified|not authorized|prohibited/],
  [
    'with recursive r as (select 1 as x union all select x + 1 from r) select count(*) from r',
    /longer than/,
  ],
  [
    'with recursive r(x) as (select 1 union all select x + 1 from r) select max(x) from r, accounts',
    /longer than/,
  ],
  ['select hex(zeroblob(1000000000))', /too big/],
  [
    "with recursive r(x) as (select 'aaaaaaaaaaaaaaaa' union all select x || x from r) select count(*) from r where length(x) < 0",
    /too big|longer than|memory/,
  ],
  [
    'select group_concat(a.owner || b.owner || zeroblob(100000)) from accounts a, accounts b',
    /larger than/,
  ],
  ["select printf('%*s', 2000000000, 'x')", /too big/],
  [
    'select * from (with recursive r(x) as (select 1 union all select x+1 from r) select x from r)',
    'harmless',
  ],
  ['select ?', 'harmless'],
  ['', /returns rows|one statement|./],
  ['-- nothing', /./],
]

describe('SQLite, access read', () => {
  let folder: string
  let path: string
  let engine: Sqlite
  const state = (): unknown => ({
    files: readdirSync(folder).sort(),
    digest: createHash('sha256').update(readFileSync(path)).digest('hex'),
    loot: readdirSync(tmpdir()).filter((name) => name.includes('loot')),
  })

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-sqlite-'))
    path = join(folder, 'shop.db')
    const database = new DatabaseSync(path)
    database.exec(`
      create table accounts (id integer primary key, owner text, balance real);
      insert into accounts values (1, 'ada', 100), (2, 'bob', 50);
      create table secrets (word text); insert into secrets values ('hidden');
      create view words as select word from secrets;
    `)
    database.close()
    engine = new Sqlite(engineOptions(`sqlite:${path}`, { timeoutMs: 700 }))
  })
  afterAll(async () => {
    await engine.close()
    rmSync(folder, { recursive: true, force: true })
  })

  test(`${attempts.length} attempts change nothing`, async () => {
    const before = state()
    const wrong: string[] = []
    for (const [sql, wanted] of attempts) {
      const got = await outcome(engine, sql, {
        timeoutMs: 300,
        values: sql === 'select ?' ? [1] : [],
      })
      const said =
        'fault' in got
          ? `${got.code}: ${got.fault}`
          : `rows ${JSON.stringify(got.rows).slice(0, 300)}`
      const fits = wanted === 'harmless' ? 'rows' in got : wanted.test(said) && 'fault' in got
      if (!fits) wrong.push(`${sql}\n   ${said}`)
      expect(state(), sql).toEqual(before)
    }
    expect(wrong).toEqual([])
  })

  test('an endless statement is ended with its process, and the next one is answered', async () => {
    const endless =
      'with recursive r(x) as (select 1 union all select x + 1 from r) select count(*) from r'
    const stop = new AbortController()
    const running = outcome(engine, endless, { timeoutMs: 60_000, signal: stop.signal })
    setTimeout(() => stop.abort(), 300)
    expect(await running).toMatchObject({ code: 'cancelled' })
    expect(await outcome(engine, 'select count(*) as n from accounts')).toMatchObject({
      rows: [{ n: 2 }],
    })
  })

  test('what is not shown cannot be read, nor found, nor reached by a view that is not shown', async () => {
    const limited = new Sqlite(engineOptions(`sqlite:${path}`, { include: ['accounts'] }))
    try {
      expect(await outcome(limited, 'select count(*) as n from accounts')).toMatchObject({
        rows: [{ n: 2 }],
      })
      for (const sql of [
        'select * from secrets',
        'select * from words',
        'select sql from sqlite_schema',
        'select * from main.sqlite_master',
        'select (select word from secrets) from accounts',
      ])
        expect(await outcome(limited, sql), sql).toMatchObject({
          fault: expect.stringMatching(/no such table|not authorized|prohibited/),
        })
    } finally {
      await limited.close()
    }
  })

  test('a file that is none, or is not there, is unavailable, and is not made', async () => {
    writeFileSync(
      join(folder, 'text.db'),
      'this is no database, but it is long enough to be read as one. '.repeat(20),
    )
    for (const name of ['missing.db', 'text.db']) {
      const other = new Sqlite(engineOptions(`sqlite:${join(folder, name)}`, { access: 'write' }))
      expect(await outcome(other, 'select * from sqlite_schema')).toMatchObject({
        code: 'server_unavailable',
      })
      await other.close()
    }
    expect(readdirSync(folder).sort()).toEqual(['shop.db', 'text.db'])
    rmSync(join(folder, 'text.db'))
  })
})
