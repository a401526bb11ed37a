/** One table of tests for all engines: what each promises alike, against real servers. */
import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { engineOptions, outcome, statement } from '../../../../test/fixtures/databases/engine.ts'
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
import type { SqlEngine } from '../../../model/kinds/sql.ts'
import type { Engine, EngineOptions } from './engine.ts'
import { insertStatement, quoteName } from './statements.ts'

const dialects: readonly {
  readonly engine: SqlEngine
  readonly there: boolean
  readonly open: () => Promise<World>
  readonly slow: string
  readonly endlessRows: string
  /** A value that takes too long. */
  readonly slowValue: string
  readonly placeholder: (at: number) => string
}[] = [
  {
    engine: 'postgresql',
    there: isInstalled('PostgreSQL'),
    open: openPostgres,
    slow: 'select pg_sleep(30)',
    slowValue: 'pg_sleep(30)::text',
    endlessRows: "select generate_series(1, 50000000) as g, repeat('x', 1000) as filler",
    placeholder: (at) => `$${at}`,
  },
  {
    engine: 'mariadb',
    there: isInstalled('MariaDB'),
    open: () => openMysql(startMariadb),
    slow: 'select sleep(30)',
    slowValue: 'sleep(30)',
    endlessRows: "select seq, repeat('x', 1000) as filler from shop.counting",
    placeholder: () => '?',
  },
  {
    engine: 'mysql',
    there: isInstalled('MySQL'),
    open: () => openMysql(startMysql),
    slow: 'select sleep(30)',
    slowValue: 'sleep(30)',
    endlessRows: "select seq, repeat('x', 1000) as filler from shop.counting",
    placeholder: () => '?',
  },
  {
    engine: 'sqlite',
    there: true,
    open: openSqlite,
    slow: 'with recursive r(x) as (select 1 union all select x + 1 from r) select count(*) from r',
    slowValue:
      '(with recursive r(x) as (select 1 union all select x + 1 from r) select count(*) from r)',
    endlessRows:
      'with recursive r(x) as (select 1 union all select x + 1 from r) select x, hex(zeroblob(500)) as filler from r',
    placeholder: () => '?',
  },
]

for (const { engine: name, there, open, slow, slowValue, endlessRows, placeholder } of dialects)
  describe.skipIf(!there)(`${name} as an engine`, () => {
    const isMysql = name === 'mariadb' || name === 'mysql'
    let world: World
    let engine: Engine
    const others: Engine[] = []
    const another = (
      more: Parameters<typeof engineOptions>[1],
      url = world.url,
      credential?: EngineOptions['credential'],
    ): Engine => {
      const made = world.make(engineOptions(url, more, credential))
      others.push(made)
      return made
    }

    beforeAll(async () => {
      world = await open()
      engine = another({ access: 'write' })
    })
    afterAll(async () => {
      for (const made of others) await made.close()
      await world?.close()
    })

    test('introspects tables, views, columns, keys and what the account may do', async () => {
      const catalog = await engine.introspect(new AbortController().signal)
      expect(catalog.engine).toBe(name)
      expect(catalog.version).toMatch(/^\d+\.\d+/)
      const table = (wanted: string) => catalog.tables.find((one) => one.name === wanted)
      expect(
        catalog.tables
          .map((one) => `${one.kind} ${one.name}`)
          .filter((one) => !/counting/.test(one))
          .sort(),
      ).toEqual(['table customers', 'table nokey', 'table orders', 'view open_orders'])
      expect(table('customers')).toMatchObject({ primaryKey: ['id'], uniqueKeys: [['email']] })
      expect(table('orders')).toMatchObject({
        primaryKey: ['id'],
        foreignKeys: [{ columns: ['customer_id'], table: 'customers', references: ['id'] }],
      })
      expect(
        table('orders')?.columns.map(
          ({ name: column, kind, nullable }) => `${column} ${kind} ${nullable}`,
        ),
      ).toEqual(
        expect.arrayContaining([
          'id bigint false',
          'note text true',
          'extra json true',
          'file bytes true',
          'total numeric false',
        ]),
      )
      expect(table('nokey')).toMatchObject({ primaryKey: [], uniqueKeys: [] })
      if (name === 'sqlite') return
      expect(table('customers')?.comment).toBe('People who bought something')
      expect(table('customers')?.columns[1]?.comment).toBe('Where invoices go')
      expect(table('orders')?.columns.find((one) => one.name === 'state')?.values).toEqual([
        'open',
        'paid',
        'sent',
      ])
      expect(table('orders')?.checks.join()).toContain('total')
      expect(table('orders')?.rows).toBeGreaterThan(0)
      expect(catalog.writes.join()).toMatch(/INSERT/)
      expect(catalog.dangers).toEqual([])
      if (name === 'postgresql')
        expect(catalog.advice.join()).toMatch(
          /REVOKE EXECUTE ON FUNCTION pg_catalog.pg_cancel_backend.*pg_terminate_backend/,
        )
    })

    test('hides what is excluded', async () => {
      const catalog = await another({ exclude: ['no*', '*.customers'], include: ['*'] }).introspect(
        new AbortController().signal,
      )
      expect(
        catalog.tables
          .map((one) => one.name)
          .filter((one) => !/counting/.test(one))
          .sort(),
      ).toEqual(['open_orders', 'orders'])
    })

    test('an endless result costs one page', async () => {
      const got = await outcome(engine, endlessRows, { rowsMax: 50 })
      expect(got).toMatchObject({ all: { truncated: true } })
      if ('rows' in got) expect(got.rows).toHaveLength(50)
      const small = await outcome(engine, endlessRows, { rowsMax: 5_000, bytesMax: 20_000 })
      if ('rows' in small) expect(small.rows.length).toBeGreaterThan(10)
      expect(small).toMatchObject({ all: { truncated: true } })
      expect(JSON.stringify(small).length).toBeLessThan(60_000)
      await expect.poll(() => world.running(), { timeout: 120_000 }).toBe(0)
    })

    test('a row that is too large is refused, and a value that is far too large does not fill the memory', async () => {
      const filler = name === 'sqlite' ? 'hex(zeroblob(200000))' : "repeat('x', 400000)"
      expect(
        await outcome(engine, `select ${filler} as filler`, { bytesMax: 100_000 }),
      ).toMatchObject({ code: 'answer_too_large' })
      const bomb =
        name === 'sqlite'
          ? 'zeroblob(900000000)'
          : isMysql
            ? "repeat('x', 15000000)"
            : "repeat('x', 400000000)"
      expect(
        await outcome(engine, `select ${bomb} as filler`, { bytesMax: 100_000 }),
      ).toMatchObject({ fault: expect.any(String) })
      expect(process.memoryUsage().rss).toBeLessThan(900_000_000)
    })

    test('a statement that is cancelled before it has a connection ends at once', async () => {
      const fresh = another({})
      for (const turns of [0, 1, 2, 5]) {
        const stop = new AbortController()
        const running = outcome(fresh, slow, { timeoutMs: 60_000, signal: stop.signal })
        for (let turn = 0; turn < turns; turn++) await delay(1)
        stop.abort()
        expect(await running).toMatchObject({ code: 'cancelled' })
      }
      expect(await outcome(fresh, 'select 1 as one')).toMatchObject({ rows: [{ one: 1 }] })
    })

    test('a cancelled statement ends at the server, and its connection serves nobody else', async () => {
      // What an earlier test gave up may still run there.
      await expect.poll(() => world.running(), { timeout: 120_000 }).toBe(0)
      const stop = new AbortController()
      const running = outcome(engine, slow, { timeoutMs: 60_000, signal: stop.signal })
      if (world.server === undefined) await delay(300)
      else await expect.poll(() => world.running()).toBe(1)
      stop.abort()
      expect(await running).toMatchObject({ code: 'cancelled' })
      await expect.poll(() => world.running()).toBe(0)
      expect(await outcome(engine, 'select 1 as one')).toMatchObject({ rows: [{ one: 1 }] })
      await expect(
        engine.execute(statement('select 1', { signal: AbortSignal.abort() })),
      ).rejects.toMatchObject({ code: 'cancelled' })
    })

    test('more callers than connections wait for their turn', async () => {
      const narrow = another({ connectionsMax: 2 })
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, at) =>
          outcome(narrow, `select ${placeholder(1)} as n`, {
            values: [String(at)],
            author: at % 2 === 0 ? 'caller' : 'gateway',
          }),
        ),
      )
      expect(answers.map((got) => ('rows' in got ? got.rows : got))).toEqual(
        Array.from({ length: 20 }, (_, at) => [{ n: String(at) }]),
      )
    })

    test('a write of more than one row is undone', async () => {
      const many = { access: 'write', author: 'gateway', affectedMax: 1 } as const
      expect(await outcome(engine, "update customers set name = 'x'", many)).toMatchObject({
        code: 'affected_rows',
      })
      expect(
        await outcome(engine, "select count(*) as n from customers where name = 'x'"),
      ).toMatchObject({ rows: [{ n: 0 }] })
    })

    test('a write that runs too long is stopped and undone', async () => {
      const late = { access: 'write', author: 'gateway', timeoutMs: 300 } as const
      expect(await outcome(engine, `update customers set name = ${slowValue}`, late)).toMatchObject(
        { code: 'timeout' },
      )
      expect(
        await outcome(engine, "select count(*) as n from customers where name like 'A%'"),
      ).toMatchObject({ rows: [{ n: 1 }] })
      // Nothing is locked any more.
      expect(
        await outcome(engine, "update customers set name = 'Ada' where id = 1", {
          access: 'write',
          author: 'gateway',
        }),
      ).toMatchObject({ all: { truncated: false } })
    })

    test('whatever is in a value arrives as it is', async () => {
      await fc.assert(
        fc.asyncProperty(
          // No database here keeps NUL or half a character in text.
          fc
            .array(
              fc.oneof(
                fc.string({ unit: 'grapheme' }),
                fc.constantFrom(
                  "'; drop table orders; --",
                  '$1',
                  '?',
                  '\\',
                  '"',
                  '`',
                  '{a,b}',
                  '%s',
                  '\u2028',
                  '\n',
                ),
              ),
            )
            .map((parts) => parts.join('').replaceAll('\0', '')),
          async (text) => {
            const cast = name === 'postgresql' ? `${placeholder(1)}::text` : placeholder(1)
            const got = await outcome(engine, `select ${cast} as v`, {
              values: [text],
              author: 'gateway',
            })
            expect('rows' in got ? got.rows : got).toEqual([{ v: text }])
          },
        ),
        { numRuns: 60 },
      )
    })

    test('whatever stands in a name stays a name', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc
            .string({
              unit: fc.constantFrom(...'ab"`\'\\;- .$?:[]%é'),
              minLength: 1,
              maxLength: 20,
            })
            .filter((text) => text.trim() === text),
          async (column) => {
            const got = await outcome(
              engine,
              `select t.${quoteName(name, column)} as v from (select 7 as ${quoteName(name, column)}) t`,
              { author: 'gateway' },
            )
            expect('rows' in got ? got.rows : got).toEqual([{ v: 7 }])
          },
        ),
        { numRuns: 60 },
      )
      const target = {
        schema: 'main',
        name: 'a"b`c',
        columns: [{ name: 'x"; drop table y; --', kind: 'text' as const }],
        key: [],
        keys: [],
      }
      expect(insertStatement(name, target, { 'x"; drop table y; --': 'v' }).sql).toContain(
        quoteName(name, 'x"; drop table y; --'),
      )
      expect(() => insertStatement(name, target, { other: 'v' })).toThrow('no column')
    })

    test('integers and doubles of any size keep their value', async () => {
      const type = name === 'postgresql' ? (kind: string) => `::${kind}` : () => ''
      await fc.assert(
        fc.asyncProperty(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), async (number) => {
          const got = await outcome(
            engine,
            isMysql
              ? 'select cast(? as signed) as v'
              : `select ${placeholder(1)}${type('int8')} as v`,
            { values: [JSON.rawJSON(String(number))], author: 'gateway' },
          )
          const [row] = 'rows' in got ? got.rows : [undefined]
          const value: unknown = Reflect.get(Object(row), 'v')
          expect(BigInt(String(value))).toBe(number)
          expect(typeof value).toBe(
            number > BigInt(Number.MAX_SAFE_INTEGER) || number < BigInt(Number.MIN_SAFE_INTEGER)
              ? 'string'
              : 'number',
          )
        }),
        { numRuns: 40 },
      )
      await fc.assert(
        fc.asyncProperty(
          fc
            .double({ noNaN: true, noDefaultInfinity: true, min: -1e300, max: 1e300 })
            // Written out, such an integer has digits that no double holds: it is refused where it would be rounded.
            .filter((number) => Number.isSafeInteger(number) || !/^-?\d+$/.test(String(number))),
          async (number) => {
            const got = await outcome(engine, `select ${placeholder(1)}${type('float8')} as v`, {
              values: [number],
              author: 'gateway',
            })
            const [row] = 'rows' in got ? got.rows : [undefined]
            expect(Number(Reflect.get(Object(row), 'v'))).toBe(number === 0 ? 0 : number)
          },
        ),
        { numRuns: 40 },
      )
    })

    test('columns of the same name are told apart', async () => {
      expect(await outcome(engine, 'select 1 as a, 2 as a, 3 as a')).toMatchObject({
        rows: [{ a: 1, a_2: 2, a_3: 3 }],
      })
    })

    test.runIf(isMysql)(
      'a value that does not fit is refused, whatever the mode of the server',
      async () => {
        await world.admin("set global sql_mode = ''")
        await world.admin(
          'create table if not exists shop.small (n tinyint unsigned, word varchar(3))',
        )
        const lax = another({ access: 'write' })
        for (const [column, value] of [
          ['n', -1],
          ['n', 300],
          ['word', 'too long'],
        ] as const) {
          const got = await outcome(lax, `insert into small (${column}) values (?)`, {
            values: [value],
            access: 'write',
            author: 'gateway',
          })
          expect(got).toHaveProperty('fault')
        }
      },
    )

    // A file has neither a connection nor a password.
    if (name === 'sqlite') return

    test('TLS is verified: by the authority that is given, and for the name that is dialled', async () => {
      const { server } = world
      if (server === undefined) throw new Error('no server')
      const at = (host: string): string => world.url.replace('127.0.0.1', host)
      const sql =
        name === 'postgresql'
          ? 'select ssl as on from pg_stat_ssl where pid = pg_backend_pid()'
          : `select variable_value <> '' as 'on' from ${name === 'mysql' ? 'performance_schema' : 'information_schema'}.session_status where variable_name = 'ssl_cipher'`
      const trusted = { tls: { ca: server.ca } }
      const on = expect.objectContaining({ rows: [{ on: name === 'postgresql' ? true : 1 }] })
      expect(await outcome(another({ tls: 'verify' }, at('localhost'), trusted), sql)).toEqual(on)
      expect(await outcome(another({ tls: 'unverified' }, at('127.0.0.1')), sql)).toEqual(on)
      expect(await outcome(another({ tls: 'verify' }, at('localhost')), sql)).toMatchObject({
        code: 'server_unavailable',
      })
      expect(
        await outcome(another({ tls: 'verify' }, at('127.0.0.1'), trusted), sql),
      ).toMatchObject({ code: 'server_unavailable' })
      expect(await outcome(another({}, `${at('127.0.0.1')}?sslmode=require`), sql)).toEqual(on)
    })

    test('a wrong password is refused without being shown, and the guard is asked', async () => {
      const wrong = await outcome(
        another({}, world.url.replace('writes', 'not-the-password')),
        'select 1',
      )
      expect(wrong).toMatchObject({ code: 'server_refused_us' })
      expect(JSON.stringify(wrong)).not.toContain('not-the-password')
      expect(
        await outcome(another({}, world.url.replace('127.0.0.1', '10.0.0.1')), 'select 1'),
      ).toMatchObject({ code: 'egress_refused' })
    })
  })

const oids = {
  kinds:
    "select true as b, 'x'::bytea as y, 1.50::numeric(5,2) as n, 'NaN'::float8 as f, 'infinity'::timestamptz as i, interval '1 day 2 hours' as d, array[1,null,3]::int8[] as a, array[['a,\"b'],['{}']] as t, '{\"a\": [1]}'::jsonb as j, null::int as z, '2024-02-29'::date as day, '10:11:12.5'::time as clock, 1234567890.123456789012::numeric as big, 'a'::\"char\" as c, '\\x'::bytea as e",
}

describe.skipIf(!isInstalled('PostgreSQL'))('values of PostgreSQL', () => {
  test('have one documented form each', async () => {
    const world = await openPostgres()
    const engine = world.make(engineOptions(world.url))
    try {
      const got = await outcome(engine, oids.kinds)
      expect('rows' in got ? got.rows : got).toEqual([
        {
          b: true,
          y: 'eA==',
          n: 1.5,
          f: 'NaN',
          i: 'infinity',
          d: 'P1DT2H',
          a: [1, null, 3],
          t: [['a,"b'], ['{}']],
          j: { a: [1] },
          z: null,
          day: '2024-02-29',
          clock: '10:11:12.5',
          big: '1234567890.123456789012',
          c: 'a',
          e: '',
        },
      ])
      const state = await outcome(
        engine,
        "select array['open']::status[] as states, $1::status as one, $2::text[] as words",
        { values: ['paid', ['a"b', null, 'c,d', '\\']] },
      )
      expect('rows' in state ? state.rows : state).toEqual([
        { states: ['open'], one: 'paid', words: ['a"b', null, 'c,d', '\\'] },
      ])
    } finally {
      await engine.close()
      await world.close()
    }
  })
})
