// Servers whose answers are right but come in an unusual way, and lists of which one fails.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import type { DesiredStateInput } from '../../src/model/desired-state.ts'
import { eventually, legacySession, modernCall, modernTool, type Reply } from '../e2e/client.ts'
import { everything, startGateway, type TestGateway } from '../e2e/gateway.ts'
import { dig, names } from '../e2e/json.ts'
import {
  type Stub,
  type StubOptions,
  type StubRequest,
  sendJson,
  startStub,
} from './stub-server.ts'

const undo: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

async function stubbed(options: Partial<StubOptions>): Promise<Stub> {
  const stub = await startStub({ era: 'legacy', ...options })
  undo.push(() => stub.stop())
  return stub
}

async function gatewayOver(servers: DesiredStateInput['servers']): Promise<TestGateway> {
  const gateway = await startGateway({ config: { servers }, keys: { first: everything } })
  undo.push(() => gateway.stop())
  return gateway
}

/** One server `s` behind a gateway. */
async function over(options: Partial<StubOptions>): Promise<{ stub: Stub; gateway: TestGateway }> {
  const stub = await stubbed(options)
  return { stub, gateway: await gatewayOver({ s: { http: { url: stub.url } } }) }
}

const call = (gateway: TestGateway): Promise<Reply> =>
  modernTool(gateway.server('s'), gateway.key, 'echo', { n: 1 })
const echoed = (reply: Reply): unknown => dig(reply.message, 'result', 'content', 0, 'text')
const code = (reply: Reply): unknown => dig(reply.message, 'error', 'data', 'code')
const tools = async (gateway: TestGateway, server = 's'): Promise<readonly unknown[]> =>
  names((await modernCall(gateway.server(server), gateway.key, 'tools/list')).message, 'tools')

/** Writes every answer of a stub in another way. */
type Write = (response: ServerResponse, text: string, request: IncomingMessage) => void
const writing =
  (write: Write) =>
  ({ request, response, message, method }: StubRequest): boolean => {
    const id = dig(message, 'id')
    if (id === undefined || request.method !== 'POST') return false
    const serverInfo = { name: 's', version: '1' }
    const opened = { protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo }
    const result =
      method === 'initialize'
        ? opened
        : method === 'tools/list'
          ? { tools: [{ name: 'echo', inputSchema: { type: 'object' } }] }
          : { content: [{ type: 'text', text: '{"n":1}' }] }
    const answer =
      method === 'server/discover' ? { error: { code: -32601, message: 'unknown' } } : { result }
    write(response, JSON.stringify({ jsonrpc: '2.0', id, ...answer }), request)
    return true
  }

const packed =
  (coding: string, pack: (text: string) => Buffer): Write =>
  (response, text) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': coding })
    response.end(pack(text))
  }

describe('answers are read that', () => {
  test.each<[string, Write]>([
    ['are packed with gzip', packed('gzip', gzipSync)],
    ['are packed with gzip under its old name', packed('X-GZIP', gzipSync)],
    ['are packed with brotli', packed('br', brotliCompressSync)],
    ['are packed with deflate', packed('deflate', deflateSync)],
    ['are packed with raw deflate', packed('deflate', deflateRawSync)],
    ['are packed twice', packed('deflate, gzip', (text) => gzipSync(deflateSync(text)))],
    ['name no coding', packed('identity', Buffer.from)],
    [
      'are events, packed and flushed one by one',
      (response, text) => {
        response.writeHead(200, {
          'content-type': 'text/event-stream',
          'content-encoding': 'gzip',
        })
        response.end(Buffer.concat([gzipSync(': hello\n\n'), gzipSync(`data: ${text}\n\n`)]))
      },
    ],
    ['begin with a byte order mark', (response, text) => sendJson(response, `\ufeff${text}`)],
    [
      'begin with blanks and name no type',
      (response, text) =>
        response.writeHead(200, { 'content-type': 'text/plain' }).end(`\n ${text}`),
    ],
    [
      'write the media type in capitals',
      (response, text) =>
        response
          .writeHead(200, { 'content-type': 'Text/Event-Stream;Charset=UTF-8' })
          .end(`data: ${text}\n\n`),
    ],
    [
      'come behind events of others',
      (response, text) =>
        response
          .writeHead(200, { 'content-type': 'text/event-stream' })
          .end(`data: {"type":"heartbeat"}\n\ndata: ping\n\ndata: [1]\n\ndata: ${text}\n\n`),
    ],
    ['are batches of one', (response, text) => sendJson(response, `[${text}]`)],
    [
      'write our id as text',
      (response, text) => sendJson(response, text.replace(/"id":(\d+)/, '"id":"$1"')),
    ],
    [
      'need a User-Agent',
      (response, text, request) =>
        request.headers['user-agent'] === undefined
          ? response.writeHead(403).end()
          : sendJson(response, text),
    ],
  ])('%s', async (_name, write) => {
    const { gateway } = await over({ handle: writing(write) })
    expect(await tools(gateway)).toEqual(['echo'])
    expect(echoed(await call(gateway))).toBe('{"n":1}')
  })

  test('are packed in a coding that is not known are refused, and a bomb is', async () => {
    let coding = 'zip'
    const { gateway } = await over({
      handle: ({ method, response }) => {
        if (method !== 'tools/call') return false
        const headers = { 'content-type': 'application/json', 'content-encoding': coding }
        response.writeHead(200, headers).end(gzipSync(Buffer.alloc(200_000_000, 0x20)))
        return true
      },
    })
    expect(code(await call(gateway))).toBe('server_broken')
    coding = 'gzip'
    expect(['server_broken', 'answer_too_large']).toContain(code(await call(gateway)))
    expect((await fetch(gateway.url.replace('/mcp', '/healthz'))).status).toBe(200)
  })
})

/** A call whose answer never ends the stream. */
const open =
  (text: (id: unknown) => string) =>
  ({ method, response, message }: StubRequest): boolean => {
    if (method !== 'tools/call') return false
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(`data: ${text(dig(message, 'id'))}\n\n`)
    return true
  }

describe('what carries the id of a call ends it at once, also when the stream goes on', () => {
  test.each<[string, (id: unknown) => string, unknown]>([
    [
      'an error beside a null result',
      (id) =>
        `{"jsonrpc":"2.0","id":${id},"result":null,"error":{"code":-32050,"message":"quota"}}`,
      undefined,
    ],
    ['an error that is a text', (id) => `{"jsonrpc":"2.0","id":${id},"error":"quota"}`, undefined],
    ['a null result', (id) => `{"jsonrpc":"2.0","id":${id},"result":null}`, 'server_broken'],
    ['a result that is a text', (id) => `{"id":${id},"result":"done"}`, 'server_broken'],
    ['neither result nor error', (id) => `{"jsonrpc":"2.0","id":${id}}`, 'server_broken'],
    [
      'what is no JSON',
      (id) => `{"jsonrpc":"2.0","id":${id},"result":{"content":[],"a":NaN}}`,
      'server_broken',
    ],
    [
      'what is no JSON, the id behind it',
      (id) => `{"result":{"content":[],"a":NaN},"id":${id},"jsonrpc":"2.0"}`,
      'server_broken',
    ],
  ])('%s', async (_name, text, expected) => {
    const { gateway } = await over({ handle: open(text) })
    const reply = await call(gateway)
    expect([reply.status, code(reply)]).toEqual([200, expected])
    if (expected === undefined) expect(dig(reply.message, 'error', 'message')).toBe('quota')
  })

  test('from a program, too', async () => {
    const program = fileURLToPath(new URL('../fixtures/malformed-server.mjs', import.meta.url))
    const gateway = await gatewayOver({
      s: { stdio: { command: process.execPath, args: [program] } },
    })
    for (const [how, expected] of [
      ['error', undefined],
      ['null', 'server_broken'],
      ['nan', 'server_broken'],
      ['neither', 'server_broken'],
    ]) {
      const reply = await modernTool(gateway.server('s'), gateway.key, 'odd', { how })
      expect(code(reply)).toBe(expected)
      expect(dig(reply.message, 'error')).toBeDefined()
    }
  })
})

test('a notification whose answer never ends is taken all the same', async () => {
  const { gateway } = await over({
    handle: ({ method, response }) => {
      if (!method.startsWith('notifications/')) return false
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(': open\n\n')
      return true
    },
  })
  expect(await tools(gateway)).toEqual(['echo'])
  expect(echoed(await call(gateway))).toBe('{"n":1}')
})

describe('redirects', () => {
  test.each([307, 308])(
    '%i is followed within the origin, with all that the request has',
    async (status) => {
      const bodies: [unknown, unknown][] = []
      const { gateway, stub } = await over({
        handle: ({ request, response, method, message }) => {
          if (request.url === '/mcp') {
            const there = status === 307 ? '/moved?a=1' : `http://${request.headers.host}/moved?a=1`
            response.writeHead(status, { location: there }).end()
            return true
          }
          if (method === 'tools/call')
            bodies.push([dig(message, 'params', 'arguments'), request.headers['mcp-session-id']])
          return false
        },
      })
      expect(echoed(await call(gateway))).toBe('{"n":1}')
      expect(bodies).toEqual([[{ n: 1 }, [...stub.sessions].at(-1)]])
    },
  )

  test('others, to other origins and in a circle are named', async () => {
    const asked: unknown[] = []
    const elsewhere = createServer((request, response) => {
      asked.push(request.url)
      response.end()
    })
    await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', () => resolve()))
    undo.push(() => new Promise((resolve) => elsewhere.close(() => resolve())))
    const address = elsewhere.address()
    const port = typeof address === 'object' ? address?.port : 0
    for (const [status, location] of [
      [307, `http://127.0.0.1:${port}/mcp`],
      [302, '/other'],
      [307, '/mcp'],
    ] as const) {
      const { gateway } = await over({
        handle: ({ response }) => {
          response.writeHead(status, { location }).end()
          return true
        },
      })
      const reply = await call(gateway)
      expect(dig(reply.message, 'error')).toBeDefined()
      expect(reply.text).not.toContain(String(port))
      await eventually(async () => gateway.log.includes(`answered ${status} to ${location}`))
    }
    expect(asked).toEqual([])
  })
})

const hour = 3_600_000
test.each<[string, () => string, (ms: number) => boolean]>([
  ['seconds', () => '7', (ms) => ms === 7_000],
  ['a date', () => new Date(Date.now() + hour).toUTCString(), (ms) => ms > 0 && ms <= hour],
])('429 says how long to wait, in %s', async (_name, after, fits) => {
  const { gateway } = await over({
    handle: ({ method, response, message }) => {
      if (method !== 'tools/call') return false
      const error = { code: -32000, message: 'slow down' }
      const body = { jsonrpc: '2.0', id: dig(message, 'id'), error }
      sendJson(response, body, 429, { 'retry-after': after() })
      return true
    },
  })
  const reply = await call(gateway)
  expect(code(reply)).toBe('server_busy')
  expect(fits(Number(dig(reply.message, 'error', 'data', 'retryAfterMs')))).toBe(true)
})

/** A server with these capabilities, whose other lists answer as given. */
const offering =
  (capabilities: object, lists: Readonly<Record<string, object>> = {}) =>
  ({ method, response, message }: StubRequest): boolean => {
    const id = dig(message, 'id')
    if (method === 'initialize') {
      const serverInfo = { name: 's', version: '1' }
      const result = { protocolVersion: '2025-06-18', capabilities, serverInfo }
      sendJson(response, { jsonrpc: '2.0', id, result }, 200, { 'mcp-session-id': 'one' })
      return true
    }
    const answer = lists[method]
    if (answer === undefined) return false
    sendJson(response, { jsonrpc: '2.0', id, ...answer })
    return true
  }

describe('lists', () => {
  const resources = Array.from({ length: 10_001 }, (_, index) => ({
    uri: `a:///${index}`,
    name: String(index),
  }))
  test.each<[string, ReturnType<typeof offering>]>([
    ['one that is not there', offering({ tools: {}, prompts: {} })],
    [
      'one that fails',
      offering(
        { tools: {}, prompts: {} },
        { 'prompts/list': { error: { code: -32603, message: 'database away' } } },
      ),
    ],
    [
      'one that is no list',
      offering({ tools: {}, prompts: {} }, { 'prompts/list': { result: {} } }),
    ],
    [
      'one that is too long',
      offering({ tools: {}, resources: {} }, { 'resources/list': { result: { resources } } }),
    ],
    ['no capability at all', offering({})],
    ['capabilities that are not there', offering({ tools: null, prompts: false })],
  ])('%s takes no tools along', async (_name, handle) => {
    const stub = await stubbed({ handle })
    stub.sessions.add('one')
    const gateway = await gatewayOver({ s: { http: { url: stub.url }, era: 'legacy' } })
    expect(await tools(gateway)).toEqual(['echo'])
    expect(echoed(await call(gateway))).toBe('{"n":1}')
  })

  test('one that hangs does not hold the tools back', async () => {
    const stub = await stubbed({
      handle: (taken) =>
        taken.method === 'prompts/list' || offering({ tools: {}, prompts: {} })(taken),
    })
    stub.sessions.add('one')
    const gateway = await gatewayOver({ s: { http: { url: stub.url }, era: 'legacy' } })
    await eventually(async () => (await tools(gateway)).length === 1)
  })
})

test('user and password of a URL are shown, and not told', async () => {
  const seen: unknown[] = []
  const stub = await stubbed({
    handle: ({ request }) => {
      seen.push(request.headers.authorization)
      return false
    },
  })
  const url = stub.url.replace('//', '//bob:s%40cret@')
  const gateway = await gatewayOver({
    s: { http: { url } },
    own: { http: { url }, credential: { bearer: 'token' } },
  })
  expect(echoed(await call(gateway))).toBe('{"n":1}')
  expect(new Set(seen)).toEqual(new Set(['Basic Ym9iOnNAY3JldA==', 'Bearer token']))
  expect(gateway.log).not.toContain('cret')
})

describe('content that a revision does not know', () => {
  const link = { type: 'resource_link', uri: 'doc://a', name: 'a' }
  const audio = { type: 'audio', data: 'A'.repeat(1_000), mimeType: 'audio/wav' }
  const expected = {
    '2024-11-05': ['text', 'text', 'text'],
    '2025-03-26': ['text', 'text', 'audio'],
    '2025-06-18': ['text', 'resource_link', 'audio'],
    '2025-11-25': ['text', 'resource_link', 'audio'],
  }
  test.each(['small', 'large'])('becomes a text in a %s result', async (size) => {
    const text = { type: 'text', text: 'x'.repeat(size === 'small' ? 1 : 400_000) }
    const { gateway } = await over({
      handle: ({ method, response, message }) => {
        if (method !== 'tools/call') return false
        const result = { content: [text, link, audio] }
        sendJson(response, { jsonrpc: '2.0', id: dig(message, 'id'), result })
        return true
      },
    })
    for (const url of [gateway.server('s'), gateway.url])
      for (const [revision, types] of Object.entries(expected)) {
        const session = await legacySession(url, gateway.key, { revision })
        const name = url === gateway.url ? 's__echo' : 'echo'
        const reply = await session.tool(name)
        const content = dig(reply.message, 'result', 'content')
        expect(Array.isArray(content) && content.map((one) => dig(one, 'type'))).toEqual(types)
        expect(dig(content, 0)).toEqual(text)
        const uri = url === gateway.url ? 's+doc://a' : 'doc://a'
        expect(reply.text).toContain(uri)
      }
  })
})
