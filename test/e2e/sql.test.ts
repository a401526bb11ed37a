// Databases behind the gateway: looked at, read in pages, written by key, refused and cancelled by the public door.
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { promisify } from 'node:util'
import { createConnection } from 'mysql2/promise'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { builtProgram } from '../built.ts'
import {
  type DatabaseServer,
  isInstalled,
  startMariadb,
  startMysql,
  startPostgres,
} from '../fixtures/databases/server.ts'
import { shopSql } from '../fixtures/databases/shop.ts'
import { eventually, modernCall, modernTool } from './client.ts'
import { everything, startGateway, type TestGateway } from './gateway.ts'
import { dig, digList, digText, names } from './json.ts'

const engines = [
  { engine: 'postgresql', there: isInstalled('PostgreSQL') },
  { engine: 'mariadb', there: isInstalled('MariaDB') },
  { engine: 'mysql', there: isInstalled('MySQL') },
  { engine: 'sqlite', there: true },
] as const
type EngineName = (typeof engines)[number]['engine']

const reference = (name: string): string => `\${${name}}`

interface Shop {
  readonly read: string
  readonly write: string
  /** Of the account that the guide prints. */
  readonly guided: string
  /** Of an account that must be refused; SQLite has none. */
  readonly strong: string | undefined
  readonly secrets: readonly string[]
  close(): Promise<void>
}

/** The statements that docs/guides/sql.md prints for an account, for a database of another name. */
function guidesAccount(engine: string, database: string): string {
  const guide = readFileSync(new URL('../../docs/guides/sql.md', import.meta.url), 'utf8')
  const part = guide.split('```sql\n')[1]?.split('```')[0]?.split(`-- ${engine}\n`)[1] ?? ''
  return (part.split('\n\n-- ')[0] ?? '')
    .replaceAll('agent_read', 'agent_guided')
    .replaceAll("'...'", "'reads'")
    .replace(/\bcrm\b/g, database)
}

async function openShop(engine: EngineName): Promise<Shop> {
  if (engine === 'sqlite') {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-shop-'))
    const path = join(folder, 'shop.db')
    const database = new DatabaseSync(path)
    for (const sql of shopSql.sqlite) database.exec(sql)
    database.close()
    const close = async (): Promise<void> => rmSync(folder, { recursive: true, force: true })
    return {
      read: `sqlite:${path}`,
      write: `sqlite:${path}`,
      guided: `sqlite:${path}`,
      strong: undefined,
      secrets: [],
      close,
    }
  }
  const start = { postgresql: startPostgres, mariadb: startMariadb, mysql: startMysql }[engine]
  const server: DatabaseServer = await start()
  const address = { host: '127.0.0.1', port: server.port, password: server.password }
  if (engine === 'postgresql') {
    const client = new pg.Client({ ...address, user: 'postgres', database: 'postgres' })
    await client.connect()
    for (const sql of shopSql.postgresql) await client.query(sql)
    await client.query(guidesAccount('PostgreSQL', 'postgres'))
    await client.end()
  } else {
    const connection = await createConnection({ ...address, user: 'root' })
    for (const sql of shopSql.mysql) await connection.query(sql)
    for (const sql of guidesAccount('MySQL, MariaDB', 'shop')
      .trim()
      .split(/(?<=;)\n/))
      await connection.query(sql)
    await connection.end()
  }
  const [scheme, database, root] =
    engine === 'postgresql' ? ['postgres', 'postgres', 'postgres'] : [engine, 'shop', 'root']
  const at = (user: string, password: string): string =>
    `${scheme}://${user}:${password}@127.0.0.1:${server.port}/${database}`
  return {
    read: at('agent_read', 'reads'),
    write: at('agent_write', 'writes'),
    guided: at('agent_guided', 'reads'),
    strong: at(root, server.password),
    secrets: [server.password, ':reads@', ':writes@'],
    close: () => server.close(),
  }
}

const recursive =
  'with recursive r as (select 1 as x union all select x + 1 from r where x < 100000000) select count(*) as n from r, r as s'

for (const { engine, there } of engines)
  describe.skipIf(!there)(`${engine} behind the gateway`, () => {
    let shop: Shop
    let gateway: TestGateway
    const seen: string[] = []
    const $1 = engine === 'postgresql' ? '$1' : '?'

    const call = async (tool: string, args: object = {}, key = gateway.key) => {
      const { message, text } = await modernTool(gateway.url, key, tool, { ...args })
      seen.push(text)
      const failed = dig(message, 'result', 'isError') === true
      return {
        message,
        failed,
        said: failed ? digText(message, 'result', 'content', 0, 'text') : '',
        data: dig(message, 'result', 'structuredContent'),
      }
    }

    const doctor = async (server: string): Promise<string> => {
      // Other findings, e.g. of the missing database of the gateway, make it end with 1.
      const stdout = await promisify(execFile)(
        process.execPath,
        [builtProgram, 'doctor', server, '--data', gateway.dataDir],
        { env: { PATH: '/usr/bin:/bin', NODE_NO_WARNINGS: '1', NO_COLOR: '1' } },
      ).then(
        (ended) => ended.stdout,
        (thrown: unknown) => digText(thrown, 'stdout'),
      )
      seen.push(stdout)
      return stdout
    }

    beforeAll(async () => {
      shop = await openShop(engine)
      const common = { timeoutMs: 1_500, rowsMax: 200 }
      gateway = await startGateway({
        config: {
          servers: {
            shop: {
              sql: {
                url: reference('SHOP_URL'),
                tables: ['orders', 'customers', 'nokey', 'missing'],
                queries: {
                  revenue_of_customer: {
                    description: 'What one customer has paid, in total.',
                    sql: 'select sum(total) as revenue, count(*) as orders from orders where customer_id = :customer and total >= :least',
                    parameters: {
                      customer: { type: 'integer' },
                      least: { type: 'number', default: 400 },
                    },
                  },
                },
                ...common,
              },
            },
            desk: {
              sql: {
                url: reference('DESK_URL'),
                access: 'write',
                tables: ['orders', 'customers', 'open_orders'],
                ...common,
              },
            },
            wide: { sql: { url: reference('DESK_URL') } },
            guided: { sql: { url: reference('GUIDED_URL') } },
            part: { sql: { url: reference('DESK_URL'), exclude: ['customers'] } },
            ...(shop.strong === undefined
              ? {}
              : { strong: { sql: { url: reference('STRONG_URL') } } }),
          },
        },
        env: {
          SHOP_URL: shop.read,
          DESK_URL: shop.write,
          GUIDED_URL: shop.guided,
          STRONG_URL: shop.strong ?? '',
        },
        keys: { first: everything, second: everything },
      })
      await eventually(async () => {
        const listed = names(
          (await modernCall(gateway.url, gateway.key, 'tools/list')).message,
          'tools',
        )
        return listed.includes('shop__query') && listed.includes('desk__query')
      })
    })
    afterAll(async () => {
      await gateway?.stop()
      await shop?.close()
    })

    it('lists general, typed and named tools, and what writes only where it was asked for', async () => {
      const { message, text } = await modernCall(gateway.url, gateway.key, 'tools/list')
      seen.push(text)
      const listed = names(message, 'tools')
      expect(listed.filter((name) => name.startsWith('shop__')).sort()).toEqual(
        [
          'describe_table',
          'find_customers',
          'find_nokey',
          'find_orders',
          'get_customers',
          'get_orders',
          'list_tables',
          'query',
          'revenue_of_customer',
        ].map((name) => `shop__${name}`),
      )
      expect(listed.filter((name) => /^desk__(insert|update|delete)_/.test(name)).sort()).toEqual(
        [
          'delete_customers',
          'delete_orders',
          'insert_customers',
          'insert_orders',
          'update_customers',
          'update_orders',
        ].map((name) => `desk__${name}`),
      )
      expect(listed.some((name) => name.startsWith('strong__'))).toBe(false)
    })

    it('says what there is', async () => {
      const tables = await call('shop__list_tables')
      expect(
        digList(tables.data, 'tables')
          .map((one) => dig(one, 'name'))
          .sort(),
      ).toEqual(['customers', 'nokey', 'open_orders', 'orders'])
      const { data } = await call('shop__describe_table', { table: 'orders' })
      expect(data).toMatchObject({
        name: 'orders',
        kind: 'table',
        primaryKey: ['id'],
        foreignKeys: [{ columns: ['customer_id'], table: 'customers', references: ['id'] }],
      })
      const wrong = await call('shop__describe_table', { table: 'order' })
      expect(wrong.said).toContain('Did you mean orders?')
    })

    it('reads with bound parameters, typed', async () => {
      const { data } = await call('shop__query', {
        sql: `select id, total, note, extra, file, placed from orders where id in (1, ${$1}) order by id`,
        parameters: [9007199254740992],
      })
      expect(dig(data, 'rows')).toHaveLength(1)
      expect(dig(data, 'rows', 0)).toMatchObject({
        id: 1,
        total: 12.5,
        note: 'first',
        file: 'AP8=',
        placed: expect.stringMatching(/^2026-01-02T03:04:05\.678Z$/),
      })
      expect(seen.at(-1)).toContain('12345678901234567890')
      const evil = await call('shop__query', {
        sql: `select count(*) as n from customers where name = ${$1}`,
        parameters: ["x' or '1'='1"],
      })
      expect(dig(evil.data, 'rows', 0)).toEqual({ n: 0 })
    })

    it('keeps numbers that a double would change', async () => {
      const { data, said } = await call('shop__get_orders', { id: '9007199254740993' })
      expect(said).toBe('')
      expect(dig(data, 'found')).toBe(true)
      expect(dig(data, 'row', 'id')).toBe('9007199254740993')
      if (engine !== 'sqlite') expect(dig(data, 'row', 'total')).toBe('12345678901234567.89')
    })

    it('finds by conditions, in order, with the columns that are wanted', async () => {
      const { data } = await call('shop__find_orders', {
        where: { total: { gte: 498 }, customer_id: 1, note: null },
        orderBy: [{ column: 'total', direction: 'desc' }],
        columns: ['total', 'customer_id'],
      })
      expect(dig(data, 'rows')).toEqual(
        [500, 499, 498].map((total) => ({
          total: engine === 'sqlite' ? total : total,
          customer_id: 1,
        })),
      )
      const like = await call('shop__find_customers', { where: { name: { like: "%O'Hara" } } })
      expect(dig(like.data, 'rows', 0, 'email')).toBe('bob@shop.example')
      const wrong = await call('shop__find_orders', { where: { nothing: 1 } })
      expect(wrong.failed).toBe(true)
    })

    it.each([
      ['shop__query', { sql: 'select id from orders order by id' }],
      ['shop__find_orders', { columns: ['id'] }],
    ])('%s goes through all pages by sealed cursors', async (tool, args) => {
      const ids: unknown[] = []
      let cursor: string | undefined
      let pages = 0
      do {
        const { data } = await call(tool, { ...args, ...(cursor === undefined ? {} : { cursor }) })
        ids.push(...digList(data, 'rows').map((row) => dig(row, 'id')))
        const next = dig(data, 'nextCursor')
        cursor = typeof next === 'string' ? next : undefined
        pages++
      } while (cursor !== undefined && pages < 9)
      expect(pages).toBe(3)
      expect(ids).toHaveLength(502)
      expect(new Set(ids).size).toBe(502)
    })

    it('a cursor that is changed, of another call or of another caller is refused', async () => {
      const args = { sql: 'select id from orders order by id', limit: 5 }
      const { data } = await call('shop__query', args)
      const cursor = digText(data, 'nextCursor')
      expect((await call('shop__query', { ...args, cursor })).failed).toBe(false)
      const other = gateway.keyOf('second')
      for (const [given, key] of [
        [{ ...args, cursor: `${cursor.slice(0, -2)}AA` }, gateway.key],
        [{ ...args, cursor: 'x' }, gateway.key],
        [{ ...args, sql: 'select id from orders order by id desc', cursor }, gateway.key],
        [{ ...args, limit: 6, cursor }, gateway.key],
        [{ ...args, cursor }, other],
      ] as const) {
        const refused = await call('shop__query', given, key)
        expect(refused.said).toContain('cursor')
      }
    })

    it('answers a declared query under its own name', async () => {
      const { data } = await call('shop__revenue_of_customer', { customer: 1 })
      expect(Number(dig(data, 'rows', 0, 'revenue'))).toBe(45_450)
      expect(
        dig(
          (await call('shop__revenue_of_customer', { customer: 1, least: 500 })).data,
          'rows',
          0,
          'orders',
        ),
      ).toBe(1)
      expect((await call('shop__revenue_of_customer', {})).failed).toBe(true)
    })

    it('only reads, and says so', async () => {
      for (const server of ['shop', 'desk'])
        for (const sql of [
          'delete from orders',
          'select 1; delete from orders',
          'drop table orders',
          'update orders set total = 0',
        ]) {
          const { failed } = await call(`${server}__query`, { sql })
          expect(failed, sql).toBe(true)
        }
      const { data } = await call('shop__query', { sql: 'select count(*) as n from orders' })
      expect(dig(data, 'rows', 0, 'n')).toBe(502)
    })

    it('errors are the words of the database, with its code', async () => {
      const { said } = await call('shop__query', { sql: 'select nothing from orders' })
      expect(said).toMatch(
        engine === 'postgresql'
          ? /^42703: column "nothing" does not exist \(at character 8\)/
          : /nothing/,
      )
      expect(
        (await call('shop__query', { sql: `select ${$1}`, parameters: [1, 2] })).said,
      ).toContain('parameters')
    })

    it('a hint is a sentence of its own after the words of the database', async () => {
      const noRows = /EXPLAIN\. This tool reads\./
      const rows = {
        postgresql: [
          ["set application_name = 'x'", noRows],
          [
            "select no_such_thing('x')",
            /does not exist \(at character 8\)\. No function matches .*\.$/,
          ],
        ],
        mysql: [['do sleep(0)', noRows]],
        mariadb: [['do sleep(0)', noRows]],
        sqlite: [['pragma user_version', /^SQLITE_23: not authorized\. This tool reads .*\.$/]],
      } as const
      for (const [sql, sentence] of rows[engine])
        expect((await call('shop__query', { sql })).said, sql).toMatch(sentence)
    })

    it('writes one row by its key', async () => {
      const made = await call('desk__insert_customers', {
        email: 'eve@shop.example',
        name: "Eve'); drop table orders; --",
        since: '2022-02-02',
      })
      expect(made.data).toMatchObject({ affected: 1 })
      const updated = await call('desk__update_customers', {
        key: { email: 'eve@shop.example' },
        set: { name: 'Eve' },
      })
      expect(updated.data).toMatchObject({ affected: 1 })
      expect(
        dig(
          (await call('desk__find_customers', { where: { email: 'eve@shop.example' } })).data,
          'rows',
          0,
          'name',
        ),
      ).toBe('Eve')
      for (const key of [{}, { name: 'Eve' }, { id: 1, email: 'eve@shop.example' }])
        expect((await call('desk__delete_customers', { key })).failed).toBe(true)
      expect(
        (await call('desk__delete_customers', { key: { email: 'nobody@shop.example' } })).said,
      ).toContain('No row')
      expect(
        (await call('desk__delete_customers', { key: { email: 'eve@shop.example' } })).data,
      ).toEqual({ affected: 1 })
      const twice = await call('desk__insert_customers', {
        email: 'ada@shop.example',
        name: 'Ada',
        since: '2022-02-02',
      })
      expect(twice.failed).toBe(true)
      const checked = await call('desk__insert_orders', {
        customer_id: 1,
        total: -1,
        placed: '2026-01-01T00:00:00Z',
      })
      expect(checked.failed).toBe(true)
    })

    it('what is not shown cannot be read by any statement, though the account may read it', async () => {
      for (const sql of [
        'select * from customers',
        'with x as (select * from customers) select * from x',
        'with open_orders as (select email from customers) select * from open_orders',
        'select c.email from orders o join customers c on c.id = o.customer_id',
        {
          postgresql: "select query_to_xml('select * from cust' || 'omers', true, true, '')",
          mysql: 'show create table customers',
          mariadb: 'show tables',
          sqlite: "select * from pragma_table_info('customers')",
        }[engine],
        engine === 'sqlite'
          ? 'select * from sqlite_master'
          : 'select * from information_schema.tables',
      ]) {
        const { failed, message } = await call('part__query', { sql })
        expect(failed, sql).toBe(true)
        expect(JSON.stringify(message)).not.toContain('shop.example')
      }
      const { data, said } = await call('part__query', {
        sql: 'select count(*) as n from open_orders',
      })
      expect(Number(dig(data, 'rows', 0, 'n')), said).toBeGreaterThan(400)
      const described = await call('part__describe_table', { table: 'orders' })
      expect(JSON.stringify(described.data)).not.toContain('customers')
    })

    it('numbers keep their digits in every place, or are refused with a sentence', async () => {
      const digits = '12345678901234567890'
      const asText = {
        postgresql: '$1::jsonb::text',
        mysql: 'concat(?)',
        mariadb: 'concat(?)',
        sqlite: '?',
      }
      const nested = await call('shop__query', {
        sql: `select ${asText[engine]} as x, 1 as one`,
        parameters: [{ a: [JSON.rawJSON(digits), JSON.rawJSON('0.12345678901234567890')] }],
      })
      expect(nested.said).toBe('')
      const back = digText(nested.data, 'rows', 0, 'x').replaceAll(' ', '')
      expect(back).toBe(`{"a":[${digits},0.12345678901234567890]}`)

      const large = await call('shop__query', {
        sql: `select ${engine === 'postgresql' ? '$1::numeric' : '?'} as x`,
        parameters: [JSON.rawJSON(digits)],
      })
      if (engine === 'sqlite')
        expect(large.said).toContain(`SQLite cannot keep all digits of ${digits}`)
      else expect(dig(large.data, 'rows', 0, 'x'), large.said).toBe(digits)
      const long = await call('shop__query', {
        sql: `select ${engine === 'postgresql' ? '$1::numeric' : '?'} as x`,
        parameters: [JSON.rawJSON('0.12345678901234567890')],
      })
      if (engine === 'sqlite') expect(long.said).toContain('cannot keep all digits')
      else expect(dig(long.data, 'rows', 0, 'x'), long.said).toBe('0.12345678901234567890')

      const extra = { n: JSON.rawJSON(digits), big: JSON.rawJSON('123456789012345678901234567890') }
      const stored = await call('desk__update_orders', { key: { id: 101 }, set: { extra } })
      // MySQL would make a double of it.
      if (engine === 'mysql') expect(stored.said).toContain('JSON of this database cannot keep')
      else {
        expect(stored.said).toBe('')
        await call('desk__get_orders', { id: 101 })
        expect(seen.at(-1)).toContain('123456789012345678901234567890')
      }
      if (engine === 'sqlite') {
        const total = await call('desk__update_orders', {
          key: { id: 101 },
          set: { total: digits },
        })
        expect(total.said).toContain('SQLite cannot keep all digits')
      }
    })

    it('numbers are compared as numbers, and bytes are the same in both directions', async () => {
      const isMysql = engine === 'mysql' || engine === 'mariadb'
      const cast = (type: string): string => (engine === 'postgresql' ? `::${type}` : '')
      const at = (place: number, type: string): string =>
        engine === 'postgresql' ? `$${place}${cast(type)}` : '?'
      const compared = await call('shop__query', {
        sql: `select case when ${at(1, 'int')} < ${at(2, 'int')} then 1 else 0 end as a, case when ${at(3, 'numeric')} < ${at(4, 'numeric')} then 1 else 0 end as b`,
        parameters: [9, 10, JSON.rawJSON('9.50'), 10.25],
      })
      expect(dig(compared.data, 'rows', 0), compared.said).toEqual({ a: 1, b: 1 })
      if (isMysql) {
        const { data, said } = await call('shop__query', {
          sql: 'select greatest(?,?) b, least(?,?) c, if(?>?,1,0) d, json_array(?, ?) e, ? + ? f, ? g',
          parameters: [9, 10, 9, 10, 10, 9, 1, 1.5, 0.1, 0.2, true],
        })
        expect(dig(data, 'rows', 0), said).toEqual({ b: 10, c: 9, d: 1, e: [1, 1.5], f: 0.3, g: 1 })
      }
      const exact = await call('shop__find_orders', { where: { total: '12345678901234567.89' } })
      if (engine === 'sqlite') expect(exact.said).toContain('cannot keep all digits')
      else expect(digList(exact.data, 'rows'), exact.said).toHaveLength(1)

      const [file, given] = {
        postgresql: ['$1', 'AP8='],
        mysql: ['from_base64(?)', 'AP8='],
        mariadb: ['from_base64(?)', 'AP8='],
        sqlite: ['unhex(?)', '00FF'],
      }[engine]
      const found = await call('shop__query', {
        sql: `select id, file from orders where file = ${file}`,
        parameters: [given],
      })
      expect(digList(found.data, 'rows'), found.said).toEqual([{ id: 1, file: 'AP8=' }])
      const { said } = await call('desk__update_orders', {
        key: { id: 101 },
        set: { file: 'no base64!' },
      })
      expect(said).toContain('base64')
      if (engine !== 'postgresql') return
      const tags = [
        ['a', 'b'],
        ['c', 'd'],
      ]
      const lists = await call('desk__update_orders', { key: { id: 101 }, set: { tags } })
      expect(dig(lists.data, 'row', 'tags'), lists.said).toEqual(tags)
    })

    it('stops what runs too long', async () => {
      const endless = {
        mariadb: 'select sleep(20), 1',
        // Recursion has a limit of its own there, and SLEEP ends early without a fault.
        mysql:
          'select count(*) as n from orders a, orders b, orders c, orders d where a.total * b.total * c.total * d.total < 0',
        postgresql: recursive,
        sqlite: recursive,
      }[engine]
      const { said } = await call('shop__query', {
        sql: endless,
      })
      expect(said).toContain('longer than 1500 ms')
      expect((await call('shop__query', { sql: 'select 1 as one' })).failed).toBe(false)
    })

    it('doctor lists what an account may write although it only reads', async () => {
      const stdout = await doctor('wide')
      const guided = await doctor('guided')
      // An account made by the guide leaves nothing to say.
      expect(guided).toContain('guided: 3 tools')
      expect(guided).not.toMatch(/guided: (?!3 tools)/)
      expect(stdout).toContain('wide: 3 tools')
      // A file has no accounts.
      if (engine === 'sqlite') return
      expect(stdout).toMatch(/wide: access is read, but the account may write: .*INSERT/)
      expect(stdout).toMatch(/CREATE (ROLE|USER) agent_read/)
    })

    it('refuses an account that cannot be held to reading, and shows no secret anywhere', async () => {
      if (shop.strong !== undefined)
        await eventually(
          async () => /strong/.test(gateway.log) && /cannot be held to reading/.test(gateway.log),
        )
      const everywhere = seen.join('\n') + gateway.log
      for (const secret of shop.secrets) expect(everywhere).not.toContain(secret)
    })
  })
