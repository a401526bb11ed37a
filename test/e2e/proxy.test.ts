/** Requests to servers through the proxy of the environment, by opt-in. */
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { connect, createServer as createNetServer, type Server } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { DesiredStateInput } from '../../src/model/desired-state.ts'
import { startFixture } from '../conformance/start-fixture.ts'
import { eventually, modernCall, modernTool } from './client.ts'
import { everything, startGateway, type TestGateway } from './gateway.ts'
import { names } from './json.ts'
import { secret } from './secret-scan.ts'

const pem = (name: string): string =>
  readFileSync(join(import.meta.dirname, '../fixtures/tls', name), 'utf8')

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const address = server.address()
  return typeof address === 'object' ? (address?.port ?? 0) : 0
}

interface TestProxy {
  readonly port: number
  /** Method and target of every request, as it came. */
  readonly asked: string[]
  readonly authorizations: (string | undefined)[]
}

/** A forward proxy that knows all names as this machine; with a status it refuses everything. With `tls` it is spoken to by https. */
async function startProxy(status?: number, tls = false): Promise<TestProxy> {
  const asked: string[] = []
  const authorizations: (string | undefined)[] = []
  const note = ({ method, url, headers }: IncomingMessage): void => {
    asked.push(`${method} ${url}`)
    authorizations.push(headers['proxy-authorization'])
  }
  const take = (incoming: IncomingMessage, answer: ServerResponse): void => {
    note(incoming)
    if (status !== undefined) return void answer.writeHead(status).end('no')
    const { port, pathname, search } = new URL(incoming.url ?? '')
    const { 'proxy-authorization': _, ...headers } = incoming.headers
    const onward = request(
      { host: '127.0.0.1', port, path: pathname + search, method: incoming.method, headers },
      (got) => {
        answer.writeHead(got.statusCode ?? 500, got.headers)
        got.pipe(answer)
      },
    )
    onward.on('error', () => answer.destroy())
    answer.on('close', () => onward.destroy())
    incoming.pipe(onward)
  }
  const server = tls
    ? createTlsServer({ key: pem('proxy.key'), cert: pem('proxy.pem') }, take)
    : createServer(take)
  server.on('connect', (incoming, socket) => {
    note(incoming)
    socket.on('error', () => undefined)
    if (status !== undefined) return void socket.end(`HTTP/1.1 ${status} No\r\n\r\n`)
    const onward = connect(Number(incoming.url?.split(':').at(-1)), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      onward.pipe(socket).pipe(onward)
    })
    onward.on('error', () => socket.destroy())
    socket.on('close', () => onward.destroy())
  })
  const port = await listening(server)
  return { port, asked, authorizations }
}

/** An MCP server by http and by https, and an API, on this machine. */
async function startServers(): Promise<{ mcp: number; tls: number; api: number }> {
  const fixture = await startFixture({ era: 'modern', args: [] })
  onTestFinished(() => fixture.stop())
  const mcp = Number(new URL(fixture.url).port)
  const pass = (incoming: IncomingMessage, answer: ServerResponse): void => {
    const { url: path, method, headers } = incoming
    const local = { ...headers, host: `127.0.0.1:${mcp}` }
    const onward = request(
      { host: '127.0.0.1', port: mcp, path, method, headers: local },
      (got) => {
        answer.writeHead(got.statusCode ?? 500, got.headers)
        got.pipe(answer)
      },
    )
    onward.on('error', () => answer.destroy())
    answer.on('close', () => onward.destroy())
    incoming.pipe(onward)
  }
  const tls = await listening(
    createTlsServer({ key: pem('server.key'), cert: pem('server.pem') }, pass),
  )
  const api: number = await listening(
    createServer(({ url }, answer) => {
      answer.setHeader('content-type', 'application/json')
      answer.end(
        url === '/openapi.json'
          ? JSON.stringify({
              openapi: '3.0.3',
              info: { title: 'T', version: '1' },
              servers: [{ url: `http://127.0.0.1:${api}` }],
              paths: {
                '/thing': {
                  get: { operationId: 'thing', responses: { 200: { description: '' } } },
                },
              },
            })
          : '{"it":"is here"}',
      )
    }),
  )
  return { mcp, tls, api }
}

async function start(
  config: DesiredStateInput,
  env: Readonly<Record<string, string>>,
): Promise<TestGateway> {
  const gateway = await startGateway({ config, env, keys: { first: everything } })
  onTestFinished(() => gateway.stop())
  return gateway
}

const toolsOf = async (gateway: TestGateway, server: string): Promise<readonly string[]> =>
  names((await modernCall(gateway.server(server), gateway.key, 'tools/list')).message, 'tools')

const api = (port: number) => ({
  openapi: {
    spec: `http://127.0.0.1:${port}/openapi.json`,
    baseUrl: `http://127.0.0.1:${port}`,
  },
})

test('requests go through the proxy, also to names that only it knows', async () => {
  const proxy = await startProxy()
  const { mcp, tls, api: port } = await startServers()
  const password = secret('proxy-pass-4711')
  const authorization = `Basic ${secret(Buffer.from(`me:${password}`).toString('base64'))}`
  const url = `http://me:${password}@127.0.0.1:${proxy.port}`
  const gateway = await start(
    {
      egress: { proxy: 'environment' },
      servers: {
        tls: {
          http: { url: `https://api.test:${tls}/mcp` },
          era: 'modern',
          credential: { tls: { ca: pem('ca.pem') } },
        },
        plain: { http: { url: `http://127.0.0.1:${mcp}/mcp` }, era: 'modern' },
        api: api(port),
      },
    },
    { HTTP_PROXY: url, HTTPS_PROXY: url },
  )
  await eventually(async () => (await toolsOf(gateway, 'tls')).length > 0)
  await eventually(async () => (await toolsOf(gateway, 'plain')).length > 0)
  await eventually(async () => (await toolsOf(gateway, 'api')).length > 0)
  const { message } = await modernTool(gateway.server('api'), gateway.key, 'thing')
  expect(JSON.stringify(message)).toContain('is here')
  expect(proxy.asked).toContain(`CONNECT api.test:${tls}`)
  expect(proxy.asked).toContain(`GET http://127.0.0.1:${port}/openapi.json`)
  expect(proxy.asked).toContain(`GET http://127.0.0.1:${port}/thing`)
  expect(proxy.asked).toContain(`POST http://127.0.0.1:${mcp}/mcp`)
  expect(new Set(proxy.authorizations)).toEqual(new Set([authorization]))
})

test('nobody asks the proxy without the word of the operator, nor for what NO_PROXY names', async () => {
  const proxy = await startProxy()
  const { api: port } = await startServers()
  const url = `http://127.0.0.1:${proxy.port}`
  const own: DesiredStateInput = {
    egress: { proxy: 'environment' },
    servers: { api: { ...api(port), egress: { proxy: 'none' } } },
  }
  const cases: readonly [DesiredStateInput, Readonly<Record<string, string>>][] = [
    [{ servers: { api: api(port) } }, {}],
    [own, {}],
    [{ ...own, servers: { api: api(port) } }, { NO_PROXY: 'example.com, 127.0.0.0/8' }],
    [{ ...own, servers: { api: api(port) } }, { NO_PROXY: `127.0.0.1:${port}` }],
    [
      { ...own, servers: { api: api(port) } },
      { no_proxy: '*', NO_PROXY: 'example.com' },
    ],
  ]
  for (const [config, env] of cases) {
    const gateway = await start(config, { HTTP_PROXY: url, ...env })
    await eventually(async () => (await toolsOf(gateway, 'api')).length > 0)
    await modernTool(gateway.server('api'), gateway.key, 'thing')
  }
  expect(proxy.asked).toEqual([])
})

test('a proxy that refuses is named with its status', async () => {
  const asking = await startProxy(407)
  const broken = await startProxy(502)
  const { mcp, tls } = await startServers()
  const gateway = await start(
    {
      egress: { proxy: 'environment' },
      servers: {
        tls: { http: { url: `https://api.test:${tls}/mcp` }, era: 'modern' },
        plain: { http: { url: `http://127.0.0.1:${mcp}/mcp` }, era: 'modern' },
      },
    },
    {
      HTTP_PROXY: 'http://127.0.0.1:9',
      http_proxy: `http://127.0.0.1:${asking.port}`,
      HTTPS_PROXY: `127.0.0.1:${broken.port}`,
    },
  )
  const refused = (port: number, status: number): string =>
    `the proxy 127.0.0.1:${port} refused the connection with status ${status}`
  await eventually(async () => gateway.log.includes(refused(asking.port, 407)))
  await eventually(async () => gateway.log.includes(refused(broken.port, 502)))
})

test.each(['localhost', '127.0.0.1'])(
  'a proxy that is spoken to by https at %s, and one that it does not trust',
  async (host) => {
    const proxy = await startProxy(undefined, true)
    const { mcp, tls } = await startServers()
    const password = secret('proxy-pass-4712')
    const url = `https://me:${password}@${host}:${proxy.port}`
    const config: DesiredStateInput = {
      egress: { proxy: 'environment' },
      servers: {
        tls: {
          http: { url: `https://api.test:${tls}/mcp` },
          era: 'modern',
          credential: { tls: { ca: pem('ca.pem') } },
        },
        plain: { http: { url: `http://127.0.0.1:${mcp}/mcp` }, era: 'modern' },
      },
    }
    const env = { HTTP_PROXY: url, HTTPS_PROXY: url }
    const trusted = join(import.meta.dirname, '../fixtures/tls/proxy.pem')
    const gateway = await start(config, { ...env, NODE_EXTRA_CA_CERTS: trusted })
    await eventually(async () => (await toolsOf(gateway, 'tls')).length > 0)
    await eventually(async () => (await toolsOf(gateway, 'plain')).length > 0)
    expect(proxy.asked).toContain(`CONNECT api.test:${tls}`)
    expect(proxy.asked).toContain(`POST http://127.0.0.1:${mcp}/mcp`)
    const wary = await start(config, env)
    for (const name of ['tls', 'plain'])
      await eventually(async () =>
        new RegExp(
          `"server":"${name}".*the proxy ${host}:${proxy.port} cannot be reached: DEPTH_ZERO_SELF_SIGNED_CERT`,
        ).test(wary.log),
      )
  },
)

test('a proxy that is not there, hangs up, or is no proxy is named, whatever is asked for through it', async () => {
  const closed = createNetServer()
  const nobody = await listening(closed)
  await new Promise<void>((resolve) => closed.close(() => resolve()))
  const rude = await listening(createNetServer((socket) => socket.destroy()))
  const odd = await listening(createNetServer((socket) => socket.end('SSH-2.0-odd\r\n')))
  for (const port of [nobody, rude, odd]) {
    const url = `http://127.0.0.1:${port}`
    const gateway = await start(
      {
        egress: { proxy: 'environment' },
        servers: {
          tls: { http: { url: 'https://127.0.0.1:9/mcp' }, era: 'modern' },
          plain: { http: { url: 'http://127.0.0.1:9/mcp' }, era: 'modern' },
          'api-tls': { openapi: { spec: 'https://127.0.0.1:9/openapi.json' } },
          api: api(9),
        },
      },
      { HTTP_PROXY: url, HTTPS_PROXY: url },
    )
    for (const name of ['tls', 'plain', 'api-tls', 'api'])
      await eventually(async () =>
        new RegExp(`"server":"${name}".*the proxy 127.0.0.1:${port}\\b`).test(gateway.log),
      )
    expect(gateway.log).not.toContain('undefined')
  }
})
