// What is thrown in a callback of a driver, a stream, a timer or a child process fails the call that it belongs to, and no other.
import { execFile, execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { createConnection } from 'mysql2/promise'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { descriptionFor, type Service, startService } from '../apis/asyncapi/service.ts'
import { type Lab, labProto, startGrpcJs } from '../apis/grpc-lab.ts'
import { builtProgram } from '../built.ts'
import { FIXTURE_SERVER, type Fixture, startFixture } from '../conformance/start-fixture.ts'
import { eventually, modernCall, modernTool } from '../e2e/client.ts'
import { everything, startGateway, type TestGateway } from '../e2e/gateway.ts'
import { dig, names } from '../e2e/json.ts'
import {
  type DatabaseServer,
  isInstalled,
  startMariadb,
  startPostgres,
} from '../fixtures/databases/server.ts'

const preload = fileURLToPath(new URL('../fixtures/strays.mjs', import.meta.url))
const mark = 'stray-from-server'
const sqlEcho = (text: string) => ({ sql: 'select ? as x', parameters: [text] })

/** By server: what is called, with a text that the server sends back. */
const calls: Readonly<
  Record<string, { tool: string; args: (text: string) => object; there?: boolean }>
> = {
  sqlite: { tool: 'query', args: sqlEcho },
  postgresql: {
    tool: 'query',
    args: (text) => ({ sql: 'select $1::text as x', parameters: [text] }),
    there: isInstalled('PostgreSQL'),
  },
  mariadb: { tool: 'query', args: sqlEcho, there: isInstalled('MariaDB') },
  grpc: { tool: 'echo', args: (text) => ({ text }) },
  ws: { tool: 'ping', args: (text) => ({ venue: 'north', message: { event: 'ping', text } }) },
  rest: { tool: 'echo', args: (text) => ({ text }) },
  tls: { tool: 'echo', args: (text) => ({ text }) },
  http: { tool: 'echo', args: (text) => ({ text }) },
  stdio: { tool: 'echo', args: (text) => ({ text }) },
}

interface Echo {
  readonly server: Server
  readonly port: number
}

function certificateIn(folder: string): { readonly key: string; readonly cert: string } {
  const made = ['-keyout', 'tls.key', '-out', 'tls.pem', '-days', '2', '-subj', '/CN=echo']
  const named = ['-addext', 'subjectAltName=IP:127.0.0.1']
  const kind = ['req', '-x509', '-nodes', '-newkey', 'rsa:2048']
  execFileSync('openssl', [...kind, ...made, ...named], { cwd: folder, stdio: 'ignore' })
  const file = (name: string): string => readFileSync(join(folder, name), 'utf8')
  return { key: file('tls.key'), cert: file('tls.pem') }
}

/** Encrypted with a certificate of its own, which lies in the folder as `tls.pem`. */
async function startEcho(encryptedIn?: string): Promise<Echo> {
  const answer: RequestListener = (request, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(
      JSON.stringify({ echo: URL.parse(request.url ?? '', 'http://x')?.searchParams.get('text') }),
    )
  }
  const server =
    encryptedIn === undefined
      ? createServer(answer)
      : createTlsServer(certificateIn(encryptedIn), answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return { server, port: typeof address === 'object' && address !== null ? address.port : 0 }
}

/** A description of the echo. */
function describing(url: string): string {
  const parameters = [{ name: 'text', in: 'query', schema: { type: 'string' } }]
  return JSON.stringify({
    openapi: '3.1.0',
    info: { title: 'Echo', version: '1' },
    servers: [{ url }],
    paths: {
      '/': {
        get: { operationId: 'echo', parameters, responses: { 200: { description: 'It' } } },
      },
    },
  })
}

describe('what is thrown in a callback', () => {
  let folder = ''
  let gateway: TestGateway
  let echo: Echo
  let tlsEcho: Echo
  let lab: Lab
  let exchange: Service
  let fixture: Fixture
  const databases: DatabaseServer[] = []

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sallyport-strays-'))
    echo = await startEcho()
    tlsEcho = await startEcho(folder)
    lab = await startGrpcJs({})
    exchange = await startService()
    fixture = await startFixture()
    const path = join(folder, 'some.db')
    new DatabaseSync(path).exec('create table t (a)')
    await writeFile(join(folder, 'exchange.yml'), descriptionFor(exchange.port))
    await writeFile(join(folder, 'echo.json'), describing(`http://127.0.0.1:${echo.port}`))
    await writeFile(join(folder, 'tls.json'), describing(`https://127.0.0.1:${tlsEcho.port}`))
    const urls: Record<string, string> = { sqlite: `sqlite:${path}` }
    if (isInstalled('PostgreSQL')) {
      const server = await startPostgres()
      databases.push(server)
      urls['postgresql'] =
        `postgres://postgres:${server.password}@127.0.0.1:${server.port}/postgres`
      const pg = (await import('pg')).default
      const admin = new pg.Client(urls['postgresql'])
      await admin.connect()
      await admin.query("create role reader login password 'reads'")
      await admin.end()
      urls['postgresql'] = `postgres://reader:reads@127.0.0.1:${server.port}/postgres`
    }
    if (isInstalled('MariaDB')) {
      const server = await startMariadb()
      databases.push(server)
      const { password, port } = server
      const admin = await createConnection({ host: '127.0.0.1', port, user: 'root', password })
      await admin.query('create database shop')
      await admin.query("create user reader identified by 'reads'")
      await admin.query('grant select on shop.* to reader')
      await admin.end()
      urls['mariadb'] = `mariadb://reader:reads@127.0.0.1:${port}/shop`
    }
    gateway = await startGateway({
      config: {
        servers: {
          ...Object.fromEntries(
            Object.entries(urls).map(([name, url]) => [name, { sql: { url } }]),
          ),
          grpc: { grpc: { address: lab.address, plaintext: true, proto: labProto } },
          ws: { asyncapi: { spec: join(folder, 'exchange.yml') } },
          rest: { openapi: { spec: join(folder, 'echo.json') } },
          tls: {
            openapi: { spec: join(folder, 'tls.json') },
            credential: { tls: { ca: `file:${join(folder, 'tls.pem')}` } },
          },
          http: { http: { url: fixture.url } },
          stdio: { stdio: { command: process.execPath, args: [FIXTURE_SERVER, '--stdio'] } },
        },
      },
      keys: { first: everything },
      env: { NODE_OPTIONS: `--import=${preload}` },
    })
    await eventually(async () => {
      const listed = await modernCall(gateway.url, gateway.key, 'tools/list')
      const all = names(listed.message, 'tools')
      return Object.entries(calls).every(
        ([name, { tool, there }]) => there === false || all.includes(`${name}__${tool}`),
      )
    })
  })
  afterAll(async () => {
    await gateway?.stop()
    echo?.server.close()
    tlsEcho?.server.close()
    await lab?.stop()
    await exchange?.stop()
    await fixture?.stop()
    for (const database of databases) await database.close()
    await rm(folder, { recursive: true, force: true })
  })

  const call = (name: string, text: string) => {
    const { tool, args } = calls[name] ?? { tool: '', args: () => ({}) }
    return modernTool(gateway.url, gateway.key, `${name}__${tool}`, { ...args(text) })
  }
  const isGood = (message: unknown): boolean =>
    dig(message, 'result') !== undefined && dig(message, 'result', 'isError') !== true

  for (const [name, { there }] of Object.entries(calls))
    test.skipIf(there === false)(`of ${name} fails that call alone`, async () => {
      const { pid } = gateway
      const before = await call(name, 'before')
      expect(isGood(before.message), before.text).toBe(true)
      const others = Object.keys(calls).filter(
        // A process has one stream for all its calls, which is of no use after that.
        (one) => calls[one]?.there !== false && !(name === 'stdio' && one === 'stdio'),
      )
      const [marked, ...beside] = await Promise.all([
        call(name, mark),
        ...others.map((one) => call(one, 'beside')),
      ])
      expect(isGood(marked.message), marked.text).toBe(false)
      expect(marked.text).toContain('jsonrpc')
      for (const [at, { message, text }] of beside.entries())
        expect(isGood(message), `${others[at]}: ${text}`).toBe(true)
      const after = await call(name, 'after')
      expect(isGood(after.message), after.text).toBe(true)
      expect(gateway.pid).toBe(pid)
      await gateway.logged('injected into')
    })

  test('of a caller fails the request of that caller alone', async () => {
    const { pid } = gateway
    const [marked, beside] = await Promise.all([
      call('rest', 'stray-from-caller').then(
        ({ message }) => isGood(message),
        // Its connection was ended before it had an answer.
        () => false,
      ),
      call('http', 'beside'),
    ])
    expect(marked).toBe(false)
    expect(isGood(beside.message), beside.text).toBe(true)
    // The client of this test may still send on the connection that is gone.
    const after = await eventually(() => call('rest', 'after').catch(() => undefined))
    expect(isGood(after.message), after.text).toBe(true)
    expect(gateway.pid).toBe(pid)
  })

  for (const name of ['rest', 'tls', 'http', 'postgresql', 'mariadb'])
    test.skipIf(calls[name]?.there === false)(
      `of a timer that a call of ${name} set off ends no other call`,
      async () => {
        const { pid } = gateway
        const [marked, beside] = await Promise.all([
          call(name, `stray-in-timer-${name}`),
          call('stdio', 'beside'),
        ])
        // What only reads may have been sent once more.
        expect(marked.text).toContain('jsonrpc')
        expect(isGood(beside.message), beside.text).toBe(true)
        const after = await call(name, 'after')
        expect(isGood(after.message), after.text).toBe(true)
        expect(gateway.pid).toBe(pid)
        await gateway.logged(`injected into a timer: stray-in-timer-${name}`)
      },
    )

  test('of the administration fails that command alone', async () => {
    const { pid } = gateway
    const command = (name: string): Promise<string> =>
      new Promise((resolve) => {
        const args = [builtProgram, 'keys', 'create', name, '--data', gateway.dataDir]
        const env = { PATH: '/usr/bin:/bin', NODE_NO_WARNINGS: '1' }
        execFile(process.execPath, args, { env }, (_error, stdout, stderr) =>
          resolve(stdout + stderr),
        )
      })
    const [marked, beside] = await Promise.all([
      command('stray-from-caller'),
      call('rest', 'beside'),
    ])
    expect(marked).toContain('error')
    expect(marked).not.toContain('database')
    expect(isGood(beside.message), beside.text).toBe(true)
    // That one is answered: there is no database here.
    expect(await command('another')).toContain('The database cannot be used at the moment')
    expect(gateway.pid).toBe(pid)
    await gateway.logged('a connection of the administration failed by itself')
  })

  test('that nobody owns is told, and ends the gateway in order', async () => {
    process.kill(gateway.pid, 'SIGUSR2')
    await eventually(async () => {
      try {
        process.kill(gateway.pid, 0)
        return false
      } catch {
        return true
      }
    })
    await gateway.logged('the gateway failed and stops')
    await gateway.logged('nobody owns it')
  })
})
