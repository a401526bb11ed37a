import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { engineOptions, outcome } from '../../../../test/fixtures/databases/engine.ts'
import {
  type DatabaseServer,
  isInstalled,
  startPostgres,
} from '../../../../test/fixtures/databases/server.ts'
import { Postgres } from './postgres.ts'

const setup = `
create role agent login password 'agent';
create role writer login password 'writer';
create role app login password 'app';
create role limited login password 'limited';
create table accounts (id int primary key, owner text, balance numeric(12,2));
insert into accounts values (1, 'ada', 100), (2, 'bob', 50);
create table secrets (id int, word text); insert into secrets values (1, 'hidden');
create sequence tickets;
create function spend() returns int language plpgsql as $$ begin update accounts set balance = 0; return 1; end $$;
create function spend_as_owner() returns int language plpgsql security definer as $$ begin update accounts set balance = 0; return 1; end $$;
create function reopen() returns int language plpgsql security definer as $$ begin set transaction read write; delete from accounts; return 1; end $$;
create function reopen_by_name() returns int language plpgsql security definer as $$ begin perform set_config('transaction_read_only', 'off', false); delete from accounts; return 1; end $$;
create procedure commit_first() language plpgsql as $$ begin commit; set transaction read write; delete from accounts; end $$;
create procedure commit_first_out(inout x int) language plpgsql as $$ begin commit; delete from accounts; end $$;
create view spending as select spend() as spent;
grant select on accounts, spending to agent;
grant usage on schema public to agent, writer;
grant all on all tables in schema public to writer; revoke all on secrets from writer;
grant all on sequence tickets to agent, writer;
`

/** Each is tried by an account that may only read, and by one that may write but is held to reading. */
const attempts: readonly (readonly [string, RegExp | 'harmless'])[] = [
  ['select 1; delete from accounts', /multiple commands/],
  ['COMMIT; DELETE FROM accounts', /multiple commands/],
  ['rollback; begin read write; delete from accounts; commit', /multiple commands/],
  ['select 1;; drop table accounts', /multiple commands/],
  ['commit', /returns rows/],
  ['rollback and chain', /returns rows/],
  ['begin transaction read write', /returns rows/],
  ['set transaction read write', /returns rows/],
  ['set session characteristics as transaction read write', /returns rows/],
  ['set default_transaction_read_only = off', /returns rows/],
  ['set role postgres', /returns rows/],
  ['set session authorization postgres', /returns rows/],
  ["select set_config('transaction_read_only', 'off', false)", /before any query|read-write mode/],
  [
    "with c as (select set_config('transaction_read_only', 'off', true) as x), d as (delete from accounts returning 1) select * from c, d",
    /read-only|read-write|permission denied/,
  ],
  ['delete from accounts', /returns rows/],
  ['delete from accounts returning *', /read-only|permission denied/],
  ["insert into accounts values (9, 'eve', 1) returning id", /read-only|permission denied/],
  ['update accounts set balance = 0 returning id', /read-only|permission denied/],
  [
    'with gone as (delete from accounts returning *) select count(*) from gone',
    /read-only|permission denied/,
  ],
  ['explain analyze delete from accounts', /read-only|permission denied/],
  ['select spend()', /read-only|permission denied/],
  ['select spend_as_owner()', /read-only/],
  ['select * from spending', /read-only|permission denied/],
  ['select reopen()', /before any query|read-write mode/],
  ['select reopen_by_name()', /before any query|read-write mode/],
  ['call commit_first()', /returns rows/],
  ['call commit_first_out(1)', /invalid transaction termination/],
  ['do $$ begin delete from accounts; end $$', /returns rows/],
  ['do $$ begin commit; set transaction read write; delete from accounts; end $$', /returns rows/],
  ["select nextval('tickets')", /read-only/],
  ["select setval('tickets', 1000)", /read-only/],
  [
    "select query_to_xml('delete from accounts', true, false, '')",
    /read-only|non-volatile|permission denied/,
  ],
  [
    "select query_to_xml('select setval(''tickets'', 77)', true, false, '')",
    /read-only|permission denied/,
  ],
  ['create table loot (a int)', /returns rows/],
  ['create temp table loot as select 1', /returns rows/],
  ['select * into loot from accounts', /returns rows/],
  ['truncate accounts', /returns rows/],
  ['lock table accounts in access exclusive mode', /returns rows/],
  ['select * from accounts for update', /read-only|permission denied/],
  ["copy accounts to '/tmp/sallyport-loot'", /returns rows/],
  ["copy accounts to program 'touch /tmp/sallyport-loot'", /returns rows/],
  ["copy accounts from program 'echo 9'", /returns rows/],
  ['copy accounts to stdout', /returns rows/],
  ['copy accounts from stdin', /returns rows/],
  ["select pg_read_file('/etc/passwd')", /permission denied/],
  ["select pg_read_binary_file('PG_VERSION')", /permission denied/],
  ["select pg_ls_dir('/')", /permission denied/],
  ["select lo_import('/etc/passwd')", /permission denied/],
  ["select lo_export(1, '/tmp/sallyport-loot')", /permission denied/],
  // Rolled back; since version 16 refused.
  ["select lo_from_bytea(0, 'loot')", /read-only|^rows/],
  // Writes to the log of changes and to nothing else; the notes for administrators name it.
  ["select pg_logical_emit_message(false, 'loot', 'x')", 'harmless'],
  [
    "select * from dblink('host=127.0.0.1 user=writer password=writer', 'delete from accounts returning 1') as t(a int)",
    /does not exist/,
  ],
  ['create extension dblink', /returns rows/],
  ["load 'dblink'", /returns rows/],
  ["create function evil() returns int language sql as 'select 1'", /returns rows/],
  [
    "create function evil() returns int language c as '/lib/x86_64-linux-gnu/libc.so.6', 'system'",
    /returns rows/,
  ],
  ["alter role agent password 'mine'", /returns rows/],
  ["alter system set log_statement = 'all'", /returns rows/],
  ['vacuum accounts', /returns rows/],
  ['checkpoint', /returns rows/],
  ['select pg_reload_conf()', /permission denied/],
  ['select pg_advisory_lock(42)', 'harmless'],
  ['select pg_try_advisory_lock(42)', 'harmless'],
  ["select pg_notify('orders', 'loot')", 'harmless'],
  ['listen orders', /returns rows/],
  ['prepare loot as select 1', /returns rows/],
  ['execute loot', /returns rows/],
  ['declare loot cursor with hold for select 1', /returns rows/],
  ['discard all', /returns rows/],
  ["select set_config('search_path', 'evil', false)", 'harmless'],
  ["select set_config('role', 'postgres', false)", /permission denied/],
  ["select set_config('statement_timeout', '0', false), pg_sleep(60)", /longer than/],
  ['select pg_sleep(60)', /longer than/],
  [
    'with recursive r as (select 1 as x union all select x + 1 from r) select count(*) from r',
    /longer than/,
  ],
  [
    "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'",
    /permission denied|must be|denied/,
  ],
  [
    "select pg_cancel_backend(pid) from pg_stat_activity where usename = 'app'",
    /permission denied|must be|denied/,
  ],
  ["select pg_create_physical_replication_slot('loot')", /permission denied|must be superuser/],
  ['select * from secrets', /permission denied/],
  ['select * from pg_authid', /permission denied/],
  ['select passwd from pg_shadow', /permission denied/],
  ["select '$1'::text, $1::text", /parameter/],
  ['', /returns rows/],
  ['-- nothing', /returns rows/],
]

const versions = [
  { version: 15, there: isInstalled('PostgreSQL') },
  { version: 18, there: true },
] as const

describe.each(versions.filter(({ there }) => there))(
  'PostgreSQL $version, access read',
  ({ version }) => {
    let server: DatabaseServer
    let admin: pg.Client
    let app: pg.Client
    const engines: Postgres[] = []

    const engineOf = (user: string, more = {}): Postgres => {
      const engine = new Postgres(
        engineOptions(`postgres://${user}:${user}@127.0.0.1:${server.port}/postgres`, {
          timeoutMs: 700,
          ...more,
        }),
      )
      engines.push(engine)
      return engine
    }
    const connected = async (user: string, password: string): Promise<pg.Client> => {
      const client = new pg.Client({
        host: '127.0.0.1',
        port: server.port,
        user,
        password,
        database: 'postgres',
      })
      client.on('error', () => undefined)
      await client.connect()
      return client
    }
    /** Everything that an attempt could have changed. */
    const state = async (): Promise<unknown> => {
      const one = async (sql: string): Promise<unknown> => (await admin.query(sql)).rows
      return {
        accounts: await one('select * from accounts order by id'),
        tickets: await one('select last_value, is_called from tickets'),
        things: await one(
          "select relname from pg_class where oid > 16000 and relname !~ '^pg_toast' order by 1",
        ),
        functions: await one('select proname from pg_proc where oid > 16000 order by 1'),
        roles: await one('select rolname, rolsuper, rolpassword from pg_authid order by 1'),
        largeObjects: await one('select oid from pg_largeobject_metadata'),
        slots: await one('select slot_name from pg_replication_slots'),
        extensions: await one('select extname from pg_extension order by 1'),
        settings: await one(
          "select name, setting from pg_settings where name in ('default_transaction_read_only', 'log_statement')",
        ),
        appLives: (await app.query('select 1 as one')).rows,
        files: readdirSync(tmpdir()).filter((name) => name.includes('loot')),
      }
    }
    const leftBehind = async (): Promise<unknown> =>
      (
        await admin.query(
          `select (select count(*)::int from pg_locks where locktype = 'advisory') as locks,
        (select count(*)::int from pg_stat_activity where usename in ('agent', 'writer') and xact_start is not null) as open`,
        )
      ).rows[0]

    beforeAll(async () => {
      server = await startPostgres(version)
      admin = await connected('postgres', server.password)
      await admin.query(setup)
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
          const fits =
            wanted === 'harmless' ? 'rows' in got : wanted.test('fault' in got ? got.fault : said)
          if (!fits) wrong.push(`${sql}\n   ${said}`)
          expect(await state(), sql).toEqual(before)
        }
        expect(wrong).toEqual([])
        await expect.poll(leftBehind).toEqual({ locks: 0, open: 0 })
      })

    test('nothing of one session reaches the next one', async () => {
      const engine = engineOf('agent', { connectionsMax: 1 })
      await outcome(
        engine,
        "select set_config('search_path', 'evil', false), set_config('my.word', 'left', false), pg_advisory_lock(7)",
      )
      const next = await outcome(
        engine,
        "select current_setting('search_path') as path, current_setting('my.word', true) as word, (select count(*)::int from pg_locks where locktype = 'advisory') as locks, (select count(*)::int from pg_prepared_statements where not from_sql is false) as prepared",
      )
      expect(next).toMatchObject({ rows: [{ path: '"$user", public', word: null, locks: 0 }] })
    })

    test('a session that another caller ends is replaced, and the statement is asked again', async () => {
      const engine = engineOf('agent', { connectionsMax: 2, timeoutMs: 5_000 })
      const sleeping = outcome(engine, 'select pg_sleep(2), 7 as seven', { timeoutMs: 60_000 })
      await expect
        .poll(
          async () =>
            (
              await admin.query(
                "select pid from pg_stat_activity where query like '%as seven%' and pid <> pg_backend_pid()",
              )
            ).rowCount,
        )
        .toBe(1)
      await outcome(
        engine,
        "select pg_terminate_backend(pid) from pg_stat_activity where query like '%as sev%' and pid <> pg_backend_pid()",
      )
      expect(await sleeping).toMatchObject({ rows: [{ seven: 7 }] })
    })

    test.each([
      ['superuser', 'alter role limited superuser', 'it is a superuser'],
      ['a way to a superuser', 'grant postgres to limited', 'it can become postgres, a superuser'],
      ['CREATEROLE', 'alter role limited createrole', 'CREATEROLE'],
      ['REPLICATION', 'alter role limited replication', 'REPLICATION'],
      ['BYPASSRLS', 'alter role limited bypassrls', 'BYPASSRLS'],
      [
        'BYPASSRLS by way of a role that is not inherited',
        'create role strong bypassrls; alter role limited noinherit; grant strong to limited',
        'it can become strong, which has BYPASSRLS',
      ],
      ['pg_read_server_files', 'grant pg_read_server_files to limited', 'pg_read_server_files'],
      ['pg_write_server_files', 'grant pg_write_server_files to limited', 'pg_write_server_files'],
      [
        'pg_execute_server_program',
        'grant pg_execute_server_program to limited',
        'pg_execute_server_program',
      ],
      ['pg_signal_backend', 'grant pg_signal_backend to limited', 'pg_signal_backend'],
      [
        'a granted file function',
        'grant execute on function pg_read_file(text) to limited',
        'pg_read_file',
      ],
      ['dblink', 'create extension dblink', 'of the extension dblink'],
    ])('an account with %s is refused', async (_, grant, sentence) => {
      await admin.query('drop role limited')
      await admin.query("create role limited login password 'limited'")
      await admin.query(grant)
      try {
        const refused = await outcome(engineOf('limited'), 'select 1')
        expect(refused).toMatchObject({ code: 'role_too_wide' })
        expect(JSON.stringify(refused)).toContain(sentence)
        const described = engineOf('limited').introspect(new AbortController().signal)
        await expect(described).rejects.toMatchObject({
          code: 'role_too_wide',
          message: expect.stringContaining('CREATE ROLE agent_read'),
        })
      } finally {
        await admin.query('drop owned by limited')
        await admin.query(
          'drop role limited; drop role if exists strong; drop extension if exists dblink',
        )
        await admin.query("create role limited login password 'limited'")
      }
      expect(await outcome(engineOf('limited'), 'select 1 as one')).toMatchObject({
        rows: [{ one: 1 }],
      })
    })
  },
)
