// Each kind of server from the built product's command line: looked at, added, called, missed when it goes away, and removed.
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createConnection } from 'mysql2/promise'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { convertGrpc } from '../../src/kinds/grpc/convert/convert.ts'
import { grpcSpec } from '../../src/model/kinds/grpc.ts'
import { descriptionFor, startService as startExchange } from '../apis/asyncapi/service.ts'
import { startService as startGraphql } from '../apis/graphql/service.ts'
import { labProto, startGrpcJs } from '../apis/grpc-lab.ts'
import { startOrders } from '../apis/soap-orders.ts'
import { documentOf, fixture, readBeside } from '../apis/soap-tools.ts'
import { builtProgram } from '../built.ts'
import { FIXTURE_SERVER, startFixture } from '../conformance/start-fixture.ts'
import {
  freePort,
  isInstalled,
  startMariadb,
  startMysql,
  startPostgres,
} from '../fixtures/databases/server.ts'
import { shopSql } from '../fixtures/databases/shop.ts'
import { eventually } from './client.ts'
import { startGateway, type TestGateway } from './gateway.ts'
import { dig, digList } from './json.ts'

interface Opened {
  /** What is written behind `convert` and `add NAME`. */
  readonly source: readonly string[]
  readonly tool: string
  readonly args: object
  /** A part of the answer. */
  readonly answer: object | undefined
  close(): unknown
}

interface Kind {
  readonly there: boolean
  /** An MCP server is not converted. */
  readonly converts: boolean
  open(folder: string): Promise<Opened>
}

const api = (open: Kind['open'], there = true): Kind => ({ there, converts: true, open })
const mcp = (open: Kind['open']): Kind => ({ there: true, converts: false, open })
const counted = {
  tool: 'query',
  args: { sql: 'select count(*) as n from customers' },
  answer: { rows: [{ n: 2 }] },
}

async function openPets(folder: string): Promise<Opened> {
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'application/json')
    response.end('{"id": 7, "name": "Rex"}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : 0
  const spec = join(folder, 'pets.json')
  const id = { name: 'id', in: 'path', required: true, schema: { type: 'integer' } }
  const ok = {
    200: { description: 'A pet', content: { 'application/json': { schema: { type: 'object' } } } },
  }
  await writeFile(
    spec,
    JSON.stringify({
      openapi: '3.1.0',
      info: { title: 'Pets', version: '1' },
      servers: [{ url: `http://127.0.0.1:${port}` }],
      paths: { '/pets/{id}': { get: { operationId: 'getPet', parameters: [id], responses: ok } } },
    }),
  )
  return {
    source: [spec],
    tool: 'get_pet',
    args: { id: 7 },
    answer: { name: 'Rex' },
    close: () => server.close(),
  }
}

async function openExchange(folder: string): Promise<Pick<Opened, 'source' | 'close'>> {
  const service = await startExchange()
  const spec = join(folder, 'exchange.yml')
  await writeFile(spec, descriptionFor(service.port))
  return { source: [spec], close: () => service.stop() }
}

async function openPostgres(): Promise<Opened> {
  const server = await startPostgres()
  const client = new pg.Client({
    host: '127.0.0.1',
    port: server.port,
    password: server.password,
    user: 'postgres',
    database: 'postgres',
  })
  await client.connect()
  for (const sql of shopSql.postgresql) await client.query(sql)
  await client.end()
  const url = `postgres://agent_read:reads@127.0.0.1:${server.port}/postgres`
  return { source: [url], ...counted, close: () => server.close() }
}

async function openMysql(engine: 'mariadb' | 'mysql'): Promise<Opened> {
  const server = await (engine === 'mariadb' ? startMariadb() : startMysql())
  const connection = await createConnection({
    host: '127.0.0.1',
    port: server.port,
    user: 'root',
    password: server.password,
  })
  for (const sql of shopSql.mysql) await connection.query(sql)
  await connection.end()
  const url = `${engine}://agent_read:reads@127.0.0.1:${server.port}/shop`
  return { source: [url], ...counted, close: () => server.close() }
}

async function openSqlite(folder: string): Promise<Opened> {
  const path = join(folder, 'shop.db')
  const database = new DatabaseSync(path)
  for (const sql of shopSql.sqlite) database.exec(sql)
  database.close()
  return { source: [`sqlite:${path}`], ...counted, close: () => undefined }
}

async function openLab(): Promise<Opened> {
  const spec = grpcSpec.parse({ address: 'x:1', proto: labProto })
  const { common } = await convertGrpc(spec, documentOf(labProto), readBeside)
  const descriptors = Buffer.from(common.files, 'base64')
  const lab = await startGrpcJs({ reflection: 'v1', descriptors })
  return {
    source: [`grpc://${lab.address}`],
    tool: 'echo',
    args: { text: 'hello', big: '9223372036854775807' },
    answer: { text: 'hello', big: '9223372036854775807' },
    close: () => lab.stop(),
  }
}

const kinds: Readonly<Record<string, Kind>> = {
  openapi: api(openPets),
  graphql: api(async () => {
    const service = await startGraphql()
    return {
      source: [service.url],
      tool: 'user',
      args: { id: '1' },
      answer: { user: { name: 'Ada' } },
      close: () => service.stop(),
    }
  }),
  soap: api(async () => {
    const orders = await startOrders()
    return {
      source: [fixture('soap/orders.wsdl'), '--base-url', `${orders.origin}/orders`],
      tool: 'place_order',
      args: {
        order: {
          customer: 'Ada',
          placed: '2026-03-01T09:30:00Z',
          serial: 7,
          item: [{ sku: 'AB-1234', quantity: 1, price: { value: 2.5, currency: 'EUR' } }],
          card: '4111',
        },
      },
      answer: { accepted: true },
      close: () => orders.stop(),
    }
  }),
  grpc: api(openLab),
  'asyncapi-ws': api(async (folder) => ({
    ...(await openExchange(folder)),
    tool: 'ping',
    args: { venue: 'north', message: { event: 'ping', text: 'x' } },
    answer: { reply: { text: 'x' } },
  })),
  'asyncapi-sse': api(async (folder) => ({
    ...(await openExchange(folder)),
    tool: 'take_ticks',
    args: { room: 'a', count: 2 },
    answer: { ended: 'limit' },
  })),
  postgresql: api(openPostgres, isInstalled('PostgreSQL')),
  mariadb: api(() => openMysql('mariadb'), isInstalled('MariaDB')),
  mysql: api(() => openMysql('mysql'), isInstalled('MySQL')),
  sqlite: api(openSqlite),
  'mcp-http': mcp(async () => {
    const server = await startFixture()
    return {
      source: [server.url],
      tool: 'test_simple_text',
      args: {},
      answer: undefined,
      close: () => server.stop(),
    }
  }),
  'mcp-stdio': mcp(async () => ({
    source: ['--', process.execPath, FIXTURE_SERVER, '--stdio'],
    tool: 'test_simple_text',
    args: {},
    answer: undefined,
    close: () => undefined,
  })),
}

/** A file and a program that is started when it is needed are never away. */
const staysThere: ReadonlySet<string> = new Set(['sqlite', 'mcp-stdio'])

describe('each kind by the command line', () => {
  let folder = ''
  let gateway: TestGateway

  async function sallyport(
    ...args: readonly string[]
  ): Promise<{ code: number; said: unknown; text: string }> {
    const [command = '', ...rest] = args
    const child = spawn(
      process.execPath,
      [builtProgram, command, '--json', '--data', gateway.dataDir, ...rest],
      {
        cwd: folder,
        env: { PATH: '/usr/bin:/bin', NODE_NO_WARNINGS: '1' },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    )
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (chunk) => (stdout += String(chunk)))
    child.stderr.on('data', (chunk) => (stderr += String(chunk)))
    const code = await new Promise<number>((resolve) =>
      child.once('close', (ended) => resolve(ended ?? -1)),
    )
    const text = `${args.join(' ')}: ${code}\n${stdout}\n${stderr}`
    return { code, text, said: stdout.startsWith('{') ? JSON.parse(stdout) : undefined }
  }

  async function stateOf(name: string): Promise<unknown> {
    const { said } = await sallyport('ls')
    return digList(said, 'servers').find((server) => dig(server, 'name') === name)
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sallyport-kinds-'))
    gateway = await startGateway({ config: {} })
  })
  afterAll(async () => {
    await gateway?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  for (const [name, kind] of Object.entries(kinds))
    test.skipIf(!kind.there)(name, async () => {
      const opened = await kind.open(folder)
      let closing: Promise<unknown> | undefined
      const leave = (): Promise<unknown> => (closing ??= Promise.resolve(opened.close()))
      try {
        if (kind.converts) {
          const converted = await sallyport('convert', ...opened.source)
          expect(converted.code, converted.text).toBe(0)
          const tools = digList(converted.said, 'tools').map((tool) => dig(tool, 'name'))
          expect(tools, converted.text).toContain(opened.tool)
        }
        const added = await sallyport('add', name, ...opened.source)
        expect(added.code, added.text).toBe(0)
        expect(digList(added.said, 'tried', 'tools'), added.text).toContain(opened.tool)

        const call = (): ReturnType<typeof sallyport> =>
          sallyport(
            'call',
            `${name}.${opened.tool}`,
            JSON.stringify(opened.args),
            '--key',
            gateway.key,
          )
        const called = await call()
        expect(called.code, called.text).toBe(0)
        if (opened.answer !== undefined)
          expect(dig(called.said, 'structuredContent'), called.text).toMatchObject(opened.answer)
        else expect(digList(called.said, 'content'), called.text).not.toEqual([])
        expect(await stateOf(name)).toMatchObject({ state: 'up' })

        await leave()
        if (!staysThere.has(name)) {
          // What the next call finds is told, and its tools stay known.
          const missed = await call()
          expect(missed.code, missed.text).not.toBe(0)
          await eventually(async () => dig(await stateOf(name), 'state') === 'down')
          expect(await stateOf(name)).toMatchObject({
            stale: true,
            fault: expect.any(String),
            tools: digList(added.said, 'tried', 'tools').length,
          })
        }

        const removed = await sallyport('remove', name)
        expect(removed.code, removed.text).toBe(0)
        await eventually(async () => (await call()).code !== 0)
        expect((await sallyport('ls')).text).not.toContain(`"${name}"`)
      } finally {
        await leave()
      }
    })

  test('an API that is there again is up again', async () => {
    const port = await freePort()
    const spec = join(folder, 'later.json')
    const paths = { '/': { get: { operationId: 'look', responses: {} } } }
    const servers = [{ url: `http://127.0.0.1:${port}` }]
    const info = { title: 'Later', version: '1' }
    await writeFile(spec, JSON.stringify({ openapi: '3.1.0', info, servers, paths }))
    const added = await sallyport('add', 'later', spec)
    expect(added.code, added.text).toBe(0)
    await eventually(async () => dig(await stateOf('later'), 'state') === 'down')
    expect(await stateOf('later')).toMatchObject({
      tools: 1,
      fault: expect.stringContaining('ECONNREFUSED'),
    })
    const server = createServer((_, response) => response.end())
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    try {
      await eventually(async () => dig(await stateOf('later'), 'state') === 'up')
      expect(dig(await stateOf('later'), 'fault')).toBeUndefined()
    } finally {
      server.close()
    }
  })
})
