/** One table for all engines: what is not shown cannot be read by a caller's statement, although the account may read it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { engineOptions, outcome } from '../../../../test/fixtures/databases/engine.ts'
import {
  isInstalled,
  startMariadb,
  startMysql,
} from '../../../../test/fixtures/databases/server.ts'
import {
  openMysql,
  openPostgres,
  openSqlite,
  type World,
} from '../../../../test/fixtures/databases/world.ts'
import type { Engine } from './engine.ts'

const schema = [
  'create table staff_internal (id int primary key, word varchar(40))',
  "insert into staff_internal values (1, 'classified'), (2, 'public')",
  'create view seen_staff as select id from staff_internal where id > 1',
  'create view all_internal as select * from staff_internal',
  'create table pay (id int primary key, staff int references staff_internal(id))',
  'insert into pay values (1, 1)',
]

/** In every engine. */
const common = [
  'select * from staff_internal',
  'select * from all_internal',
  'select word from staff_internal where 1 = 0 union select word from staff_internal',
  'with x as (select * from staff_internal) select * from x',
  'with seen_staff as (select * from staff_internal) select * from seen_staff',
  'with orders as (select * from staff_internal) select * from orders',
  'with seen_staff as (select * from staff_internal) select a.word from seen_staff a, orders b limit 1',
  'select (select max(word) from staff_internal) from orders limit 1',
  'select * from orders o where exists (select 1 from staff_internal s where s.word = o.note) or 1 = 1 limit 1',
  'select * from (select * from (select * from staff_internal) a) b',
  'select s.word from seen_staff v join staff_internal s on s.id >= v.id',
  'select count(*) from staff_internal',
  'explain select * from staff_internal',
  'explain select * from seen_staff',
]
const sqlite = [
  'select * from sqlite_master',
  'select * from main.sqlite_schema',
  'with x as (select * from sqlite_master) select * from x',
  'with seen_staff as (select sql from sqlite_schema) select * from seen_staff',
  "select * from pragma_table_info('staff_internal')",
  "select * from pragma_table_xinfo('STAFF_internal')",
  'select * from pragma_table_list',
  "select * from pragma_table_list('staff_internal')",
  "select * from pragma_index_list('staff_internal')",
  "select * from pragma_index_info('sqlite_autoindex_staff_internal_1')",
  "select * from pragma_foreign_key_list('pay')",
  "select i.* from orders, pragma_table_info('staff' || '_internal') i limit 3",
  'pragma table_info(staff_internal)',
  'pragma table_list',
  'pragma main.index_list(staff_internal)',
  'explain query plan select * from seen_staff',
  'explain with x as (select 1) select * from seen_staff, x',
  'select * from main.staff_internal',
  'select * from "staff_internal"',
  'select * from [STAFF_INTERNAL]',
  'select word from staff_internal indexed by sqlite_autoindex_staff_internal_1',
  'select * from temp.staff_internal',
  "select * from dbstat where name = 'staff_internal'",
  'select * from sqlite_stat1',
  'values ((select word from staff_internal limit 1))',
  'select json_group_array(word) from staff_internal',
  'select * from notes_internal',
  'select * from notes_internal_content',
  'select * from notes_internal_data',
]
const postgresql = [
  'table staff_internal',
  'select * from public.staff_internal',
  'select * from "staff_internal"',
  'select * from U&"staff\\005finternal"',
  'select * from pg_catalog.pg_class',
  "select relname from pg_class where relname like '%internal'",
  'select * from information_schema.tables',
  'select * from information_schema.columns',
  'select * from pg_stats',
  'select * from pg_views',
  "select query_to_xml('select * from staff' || '_internal', true, true, '')",
  "select table_to_xml('staff_internal', true, true, '')",
  "select schema_to_xml('public', true, true, '')",
  "select query_to_xml('select * from staff' || '_internal', true, true, ''), v.id from seen_staff v",
  "select * from ts_stat('select to_tsvector(word) from staff' || '_internal')",
  "select * from seen_staff, ts_stat('select to_tsvector(word) from staff' || '_internal')",
  'select staff_internal from staff_internal',
  'select row_to_json(s) from staff_internal s',
  'select * from only staff_internal',
  'select * from staff_internal tablesample system (100)',
  'explain (analyze, verbose) select * from seen_staff',
  'explain verbose select * from staff_internal',
  'select last_value from keys_internal',
  'select * from orders for update of staff_internal',
  "select pg_get_viewdef('seen_staff'::regclass)",
  "select x::oid::regclass::text from generate_series(1, 20000) x where x::oid::regclass::text like 'staff%'",
  'select cast(x as "regtype")::text from generate_series(1, 20000) x',
  "select '{staff_internal}'::_regclass",
  "select to_regclass('staff' || '_internal')::text",
  'select pg_describe_object(1259, x::oid, 2) from generate_series(1, 20000) x',
  'select (x::oid).pg_get_indexdef from generate_series(1, 20000) x',
  'select "pg_catalog"."pg_get_constraintdef"(x::oid) from generate_series(1, 20000) x',
  'select format_type(x::oid, null) from generate_series(1, 20000) x',
  "select pg_relation_size('staff_internal')",
  "select has_column_privilege('staff_internal', 'word', 'select')",
  'select query from pg_stat_get_activity(null)',
  'copy (select word::int from staff_internal) to stdout',
]
/** Statements of a key that may write; whether a row changes is the least of it. */
const writing: Readonly<Record<string, readonly string[]>> = {
  sqlite: ["explain insert into orders values (90001, 1, '2026-01-01', 1, 'n', 'open', 1, 'b')"],
  postgresql: [
    "do $$ declare w text; begin execute 'select word from staff' || '_internal limit 1' into w; raise exception '%', w; end $$",
    '/* /* */ select */ do $$ begin perform 1 / length(word) from staff_internal; end $$',
    'copy (select word::int from staff_internal) to stdout',
    "create function pg_temp.told() returns text language sql as 'select word from staff_internal'",
    'prepare told as select word from staff_internal',
    'create table told as select word::int from staff_internal',
    'update orders set note = (select max(word) from staff_internal) returning note',
  ],
}
const mysql = [
  'select * from shop.staff_internal',
  'select * from `staff_internal`',
  'select * from `shop` . `staff_internal`',
  'select * from STAFF_INTERNAL',
  'select /*! word from staff_internal */',
  'show tables',
  'show full tables',
  'show create table staff_internal',
  'show create view seen_staff',
  'show table status',
  'show columns from staff_internal',
  'show index from staff_internal',
  'describe staff_internal',
  'desc seen_staff',
  'select table_name from information_schema.tables',
  'select * from information_schema.columns',
  'select * from `information_schema`.`views`',
  'select * from INFORMATION_SCHEMA . TABLES',
  'explain format=json select * from seen_staff',
  'analyze select * from seen_staff',
  'select json_arrayagg(word) from staff_internal',
  'handler staff_internal open',
  'select * from mysql.innodb_table_stats',
  'select * from performance_schema.objects_summary_global_by_type',
]

const engines = [
  { engine: 'sqlite', there: true, open: openSqlite, own: sqlite },
  {
    engine: 'postgresql',
    there: isInstalled('PostgreSQL'),
    open: openPostgres,
    own: postgresql,
  },
  {
    engine: 'mariadb',
    there: isInstalled('MariaDB'),
    open: () => openMysql(startMariadb),
    own: mysql,
  },
  { engine: 'mysql', there: isInstalled('MySQL'), open: () => openMysql(startMysql), own: mysql },
] as const

for (const { engine: name, there, open, own } of engines)
  describe.skipIf(!there)(`${name}: what is not shown`, () => {
    let world: World
    let engine: Engine
    beforeAll(async () => {
      world = await open()
      const own = name === 'sqlite' || name === 'postgresql' ? schema : ['use shop', ...schema]
      for (const sql of own) await world.admin(sql)
      if (name === 'sqlite')
        for (const sql of [
          'create virtual table docs using fts5(body)',
          "insert into docs values ('open words')",
          'create virtual table notes_internal using fts5(body)',
          "insert into notes_internal values ('classified')",
          'create table trail_internal (o int)',
          'create trigger trailing after insert on orders begin insert into trail_internal values (new.id); end',
          'analyze',
        ])
          await world.admin(sql)
      if (name === 'postgresql')
        for (const sql of [
          'create sequence keys_internal',
          'grant select on all tables in schema public to agent_write',
          'grant select on all sequences in schema public to agent_write',
          'analyze staff_internal',
        ])
          await world.admin(sql)
      engine = world.make(engineOptions(world.url, { exclude: ['*_Internal'] }))
    })
    afterAll(async () => {
      await engine?.close()
      await world?.close()
    })

    test('is neither read nor named by any of the attempts', async () => {
      const wrong: string[] = []
      for (const sql of [...common, ...own]) {
        const got = await outcome(engine, sql)
        const said = 'rows' in got ? JSON.stringify(got.rows) : ''
        if (said.includes('classified') || said.includes('_internal') || 'rows' in got)
          wrong.push(`${sql}\n   ${said.slice(0, 200)}`)
      }
      expect(wrong).toEqual([])
    })

    test.runIf(writing[name])(
      'is not told by statements that write, nor by their errors',
      async () => {
        const changing = world.make(
          engineOptions(world.url, { exclude: ['*_internal'], access: 'write' }),
        )
        const wrong: string[] = []
        for (const sql of writing[name] ?? []) {
          const got = await outcome(changing, sql, { access: 'write' })
          if (
            'rows' in got ||
            got.fault.includes('classified') ||
            !/^(?:hidden|42P01)$/.test(got.code)
          )
            wrong.push(`${sql}\n   ${JSON.stringify(got).slice(0, 200)}`)
        }
        await changing.close()
        expect(wrong).toEqual([])
      },
    )

    test('leaves what is shown as it was, views over it and pages included', async () => {
      const $1 = name === 'postgresql' ? '$1::int' : '?'
      for (const [sql, rows] of [
        ['select * from seen_staff', [{ id: 2 }]],
        ['with x as (select id from seen_staff) select x.id from x;', [{ id: 2 }]],
        ['select count(*) as n from orders', [{ n: 502 }]],
        [`select ${$1} as one -- a comment`, [{ one: 7 }]],
        ['select 1 as a union select 2 as a order by a', [{ a: 1 }, { a: 2 }]],
        ["select 'it''s \\n' as t, o.id from orders o join pay p on p.id = o.id", undefined],
        ['select count(*) as n from open_orders where id > 0', undefined],
      ] as const) {
        const got = await outcome(engine, sql, { values: sql.includes($1) ? [7] : [] })
        expect('rows' in got ? got.rows : got, sql).toEqual(rows ?? expect.any(Array))
      }
      const catalog = await engine.introspect(new AbortController().signal)
      expect(JSON.stringify(catalog.tables)).not.toContain('_internal')
    })

    test('is not told from what is not there', async () => {
      const said = async (table: string): Promise<string> => {
        const got = await outcome(engine, `select * from ${table}`)
        return 'fault' in got
          ? `${got.code} ${got.fault}`.replaceAll(/\w+_internal/g, 'it')
          : 'rows'
      }
      expect(await said('staff_internal')).toBe(await said('nobody_internal'))
      const schema = { sqlite: 'main', postgresql: 'public' }[String(name)] ?? 'shop'
      expect(await said(`${schema}.staff_internal`)).toBe(await said(`${schema}.nobody_internal`))
    })

    test.runIf(name === 'sqlite')('full-text search of a shown table works', async () => {
      for (const limits of [{}, { exclude: ['*_internal'] }, { include: ['docs'] }]) {
        const searching = world.make(engineOptions(world.url, { ...limits }))
        const got = await outcome(searching, 'select body from docs where docs match ?', {
          values: ['words'],
        })
        await searching.close()
        expect(got).toMatchObject({ rows: [{ body: 'open words' }] })
      }
    })
  })
