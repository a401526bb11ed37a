// Servers that restart, forget their sessions, answer nonsense, or are not there at all.

import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { DesiredStateInput } from '../../src/model/desired-state.ts'
import { FIXTURE_SERVER, startFixture } from '../conformance/start-fixture.ts'
import {
  eventually,
  legacySession,
  modernCall,
  modernRequest,
  modernTool,
  postText,
  type Reply,
} from '../e2e/client.ts'
import { everything, startGateway, type TestGateway } from '../e2e/gateway.ts'
import { dig, digNumber, names } from '../e2e/json.ts'
import {
  echoTool,
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

async function stubbed(options: StubOptions): Promise<Stub> {
  const stub = await startStub(options)
  undo.push(() => stub.stop())
  return stub
}

async function gatewayOver(servers: DesiredStateInput['servers']): Promise<TestGateway> {
  const gateway = await startGateway({
    config: { servers },
    keys: { first: everything, other: everything },
  })
  undo.push(() => gateway.stop())
  return gateway
}

const code = (reply: Reply): unknown => dig(reply.message, 'error', 'data', 'code')
const echoed = (reply: Reply): unknown => dig(reply.message, 'result', 'content', 0, 'text')
const eras = ['modern', 'legacy'] as const

describe.each(eras)('a %s server', (era) => {
  test('that restarts in the middle of a call fails that call, and works again', async () => {
    let held = 0
    const first = await startStub({
      era,
      handle: ({ method }) => {
        if (method === 'tools/call') held++
        return method === 'tools/call'
      },
    })
    const gateway = await gatewayOver({ s: { http: { url: first.url } } })
    const call = modernTool(gateway.server('s'), gateway.key, 'echo', { n: 1 })
    await eventually(async () => held === 1)
    await first.stop()
    const failed = await call
    expect([failed.status, code(failed)]).toEqual([200, 'server_unavailable'])
    await stubbed({ era, port: first.port })
    await eventually(
      async () =>
        echoed(await modernTool(gateway.server('s'), gateway.key, 'echo', { n: 2 })) === '{"n":2}',
    )
  })

  test('whose list is nonsense hides nobody else', async () => {
    const odd = await stubbed({
      era,
      tools: [
        7,
        null,
        { noName: true },
        { name: '' },
        { name: 'x'.repeat(5_000) },
        { name: 'twice', inputSchema: { type: 'object' } },
        { name: 'twice', inputSchema: { type: 'object' } },
        {
          name: 'bad-header',
          inputSchema: {
            type: 'object',
            properties: { a: { type: 'number', 'x-mcp-header': 'A' } },
          },
        },
        { name: 'wild name/ä', inputSchema: { type: 'object' } },
        echoTool,
      ],
    })
    const gateway = await gatewayOver({ odd: { http: { url: odd.url } } })
    const list = await modernCall(gateway.url, gateway.key, 'tools/list')
    expect(names(list.message, 'tools')).toEqual(['odd__echo', 'odd__twice', 'odd__wild_name__'])
    expect(echoed(await modernTool(gateway.url, gateway.key, 'odd__wild_name__', { n: 1 }))).toBe(
      '{"n":1}',
    )
    expect(code(await modernTool(gateway.server('odd'), gateway.key, 'bad-header'))).toBe(
      'tool_unknown',
    )
  })
})

const bad: readonly (readonly [string, string, (response: ServerResponse, id: unknown) => void])[] =
  [
    [
      'a page of HTML',
      'server_broken',
      (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>'),
    ],
    ['half a message', 'server_broken', (response) => sendJson(response, '{"jsonrpc":"2.0","id":')],
    [
      'text behind the message',
      'server_broken',
      (response, id) => sendJson(response, `{"jsonrpc":"2.0","id":${id},"result":{}} x`),
    ],
    ['nothing', 'server_broken', (response) => sendJson(response, '')],
    ['202', 'server_broken', (response) => response.writeHead(202).end()],
    [
      'a redirect',
      'server_broken',
      (response) => response.writeHead(302, { location: 'http://127.0.0.1:9/' }).end(),
    ],
    [
      'a result that is no object',
      'server_broken',
      (response, id) => sendJson(response, { jsonrpc: '2.0', id, result: [] }),
    ],
    [
      'neither result nor error',
      'server_broken',
      (response, id) => sendJson(response, { jsonrpc: '2.0', id }),
    ],
    [
      'an answer to another request',
      'server_broken',
      (response) => sendJson(response, { jsonrpc: '2.0', id: 424_242, result: {} }),
    ],
    [
      'a stream that ends early',
      'server_broken',
      (response) =>
        response.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: {"json'),
    ],
    ['500', 'server_unavailable', (response) => response.writeHead(500).end('no')],
    ['401', 'server_refused_us', (response) => response.writeHead(401).end()],
    ['a broken connection', 'server_unavailable', (response) => response.socket?.destroy()],
    [
      'half of an announced body',
      'server_unavailable',
      (response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': 1_000 })
        response.write('{"jsonrpc"', () => response.socket?.destroy())
      },
    ],
    [
      'very deep nesting',
      'server_broken',
      (response, id) =>
        sendJson(
          response,
          `{"jsonrpc":"2.0","id":${id},"result":${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}}`,
        ),
    ],
  ]

type Answer = (response: ServerResponse, id: unknown, message: unknown) => void

describe.each(eras)('with a %s server that answers', (era) => {
  let answer: Answer | undefined
  let gateway: TestGateway
  let stub: Stub
  let healthy: Stub
  let closed = 0
  beforeAll(async () => {
    stub = await startStub({
      era,
      handle: ({ method, response, message }) => {
        if (method !== 'tools/call' || answer === undefined) return false
        answer(response, dig(message, 'id'), message)
        return true
      },
    })
    healthy = await startStub({ era })
    const servers = {
      s: { http: { url: stub.url } },
      brief: { http: { url: stub.url }, timeout: '300ms' },
      h: { http: { url: healthy.url } },
    }
    gateway = await startGateway({ config: { servers }, keys: { first: everything } })
  })
  afterEach(() => {
    answer = undefined
  })
  afterAll(async () => {
    await gateway?.stop()
    await stub?.stop()
    await healthy?.stop()
  })

  const othersAreServed = async (): Promise<void> => {
    const reply = await modernTool(gateway.url, gateway.key, 'h__echo', { n: 1 })
    expect(echoed(reply)).toBe('{"n":1}')
  }

  const endless: Answer = (response, id, message) => {
    response.once('close', () => closed++)
    response.writeHead(200, { 'content-type': 'application/json' })
    response.write(`{"jsonrpc":"2.0","id":${String(id)},"result":{"x":"`)
    void pour(response, dig(message, 'params', 'arguments', 'slow') === true)
  }

  test.each(bad)('%s, only that call fails: %s', async (_name, expected, bytes) => {
    answer = bytes
    const session = await legacySession(gateway.server('s'), gateway.key)
    const call = () => modernTool(gateway.server('s'), gateway.key, 'echo')
    for (const reply of [await call(), await session.tool('echo')]) {
      expect([reply.status, code(reply)]).toEqual([200, expected])
      expect(reply.text).not.toContain('127.0.0.1')
    }
    await othersAreServed()
    answer = undefined
    const good = await modernTool(gateway.server('s'), gateway.key, 'echo', { n: 2 })
    expect(echoed(good)).toBe('{"n":2}')
  })

  test('byte by byte, the call is cut off at its deadline', async () => {
    answer = endless
    const before = closed
    const slow = modernTool(gateway.server('brief'), gateway.key, 'echo', { slow: true })
    await othersAreServed()
    expect(code(await slow)).toBe('server_timeout')
    await eventually(async () => closed === before + 1)
  })

  test('without end, it is left when its caller leaves', async () => {
    answer = endless
    const before = closed
    const stop = new AbortController()
    const response = await endlessCall(gateway, 's', stop.signal)
    await response.body?.getReader().read()
    await othersAreServed()
    expect(closed).toBe(before)
    stop.abort()
    await eventually(async () => closed === before + 1)
  })

  test('without end, a large result is broken off', async () => {
    answer = endless
    const stop = new AbortController()
    const reading = endlessCall(gateway, 'brief', stop.signal)
      .then(async (response) => {
        for await (const _chunk of response.body ?? []);
      })
      .catch(() => undefined)
    // Nothing but the gateway ends it.
    await reading
    stop.abort()
  })
})

function endlessCall(gateway: TestGateway, server: string, signal: AbortSignal): Promise<Response> {
  const { body, headers } = modernRequest('tools/call', { name: 'echo', arguments: {} })
  return postText(gateway.server(server), gateway.key, body, { headers, signal })
}

async function pour(response: ServerResponse, slow: boolean): Promise<void> {
  const chunk = slow ? 'x' : 'x'.repeat(262_144)
  response.setMaxListeners(0)
  while (!response.destroyed) {
    await delay(slow ? 20 : 2)
    if (!response.write(chunk))
      await Promise.race([once(response, 'drain'), once(response, 'close')])
  }
}

test('changes of a server whose watch could not be opened at first are heard later', async () => {
  let listens = 0
  const refuseOnce = ({ method, response }: StubRequest): boolean => {
    if (method !== 'subscriptions/listen' || listens++ > 0) return false
    response.writeHead(500).end()
    return true
  }
  const stub = await stubbed({ era: 'modern', handle: refuseOnce })
  await gatewayOver({ s: { http: { url: stub.url } } })
  await eventually(async () => listens > 1)
})

describe('a legacy server', () => {
  test.each([
    ['e-1', '{"n":1}', undefined],
    ['\u00e9', undefined, 'server_broken'],
  ])(
    'that closes the stream of a call behind event %s is gone back to, if a header can say it',
    async (event, text, refused) => {
      let calls = 0
      let waiting: unknown
      const stub = await stubbed({
        era: 'legacy',
        handle: ({ method, request, response, message }) => {
          const last = request.headers['last-event-id']
          const resumed = method === 'GET' && last !== undefined
          if (method !== 'tools/call' && !resumed) return false
          response.writeHead(200, { 'content-type': 'text/event-stream' })
          if (method === 'tools/call') {
            calls++
            waiting = dig(message, 'id')
            response.end(`id: ${event}\nretry: 100\ndata:\n\n`)
            return true
          }
          const result = { content: [{ type: 'text', text: '{"n":1}' }] }
          response.end(`data: ${JSON.stringify({ jsonrpc: '2.0', id: waiting, result })}\n\n`)
          return true
        },
      })
      const gateway = await gatewayOver({ s: { http: { url: stub.url }, era: 'legacy' } })
      const reply = await modernTool(gateway.server('s'), gateway.key, 'echo', { n: 1 })
      expect([echoed(reply), code(reply), calls]).toEqual([text, refused, 1])
    },
  )

  test('that closes the stream of a call again and again without a word is given up', async () => {
    let resumed = 0
    const stub = await stubbed({
      era: 'legacy',
      handle: ({ method, request, response }) => {
        if (method === 'GET' && request.headers['last-event-id'] !== undefined) resumed++
        else if (method !== 'tools/call') return false
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.end(method === 'GET' ? ':\n\n' : 'id: e-1\nretry: 100\ndata:\n\n')
        return true
      },
    })
    const gateway = await gatewayOver({ s: { http: { url: stub.url }, era: 'legacy' } })
    const reply = await modernTool(gateway.server('s'), gateway.key, 'echo', { n: 1 })
    expect([code(reply), resumed]).toEqual(['server_broken', 5])
  })

  test('that forgets its sessions gets a new one, and the call is made once', async () => {
    const used = new Set<string>()
    const stub = await stubbed({
      era: 'legacy',
      handle: ({ method, request }) => {
        if (method === 'tools/call') used.add(String(request.headers['mcp-session-id']))
        return false
      },
    })
    const gateway = await gatewayOver({ s: { http: { url: stub.url } } })
    expect(echoed(await modernTool(gateway.server('s'), gateway.key, 'echo', { n: 1 }))).toBe(
      '{"n":1}',
    )
    const before = new Set(used)
    // The gateway's own session goes on, and may be renewed at any time.
    for (const id of before) stub.sessions.delete(id)
    const replies = await Promise.all(
      [2, 3].map((n) => modernTool(gateway.server('s'), gateway.key, 'echo', { n })),
    )
    expect(replies.map(echoed)).toEqual(['{"n":2}', '{"n":3}'])
    expect([...used].filter((id) => !before.has(id))).toHaveLength(1)
  })

  test('that has no GET stream is used all the same', async () => {
    const stub = await stubbed({ era: 'legacy' })
    const gateway = await gatewayOver({ s: { http: { url: stub.url } } })
    expect(
      names((await modernCall(gateway.server('s'), gateway.key, 'tools/list')).message, 'tools'),
    ).toEqual(['echo'])
    await eventually(async () => stub.seen.includes('GET'))
    expect(echoed(await modernTool(gateway.server('s'), gateway.key, 'echo', { n: 1 }))).toBe(
      '{"n":1}',
    )
  })

  test('never shares the session of one caller with another', async () => {
    const sessions: [unknown, unknown][] = []
    const stub = await stubbed({
      era: 'legacy',
      handle: ({ method, request, message }) => {
        if (method === 'tools/call')
          sessions.push([
            dig(message, 'params', 'arguments', 'by'),
            request.headers['mcp-session-id'],
          ])
        return false
      },
    })
    const gateway = await gatewayOver({ s: { http: { url: stub.url } } })
    for (const by of ['first', 'other', 'first', 'other'])
      await modernTool(gateway.server('s'), gateway.keyOf(by), 'echo', { by })
    expect(new Set(sessions.map(([, session]) => session)).size).toBe(2)
    expect(sessions[0]?.[1]).toBe(sessions[2]?.[1])
    expect(sessions[0]?.[1]).not.toBe(sessions[1]?.[1])
  })
})

const stale = (reply: Reply): unknown =>
  dig(reply.message, 'result', '_meta', 'dev.sallyport/stale')

describe('a server that goes away', () => {
  test('keeps its last list, marked stale, also over a restart of the gateway', async () => {
    const fixture = await startFixture()
    const healthy = await stubbed({ era: 'modern' })
    const { url } = fixture
    const gateway = await gatewayOver({
      kept: { http: { url } },
      hidden: { http: { url }, offline: 'hide' },
      h: { http: { url: healthy.url } },
    })
    const list = () => modernCall(gateway.url, gateway.key, 'tools/list')
    await eventually(async () => names((await list()).message, 'tools').length > 60)
    expect(stale(await list())).toBeUndefined()
    await eventually(async () => {
      const reply = await modernTool(gateway.server('kept'), gateway.key, 'stats')
      return dig(reply.message, 'result', 'structuredContent', 'listensOpen') === 2
    })
    await fixture.stop()
    const down = await eventually(async () => {
      const reply = await list()
      const hidden = !names(reply.message, 'tools').includes('hidden__echo')
      return hidden && JSON.stringify(stale(reply))?.includes('"kept"') ? reply : undefined
    })
    expect(names(down.message, 'tools')).toContain('kept__echo')
    expect(digNumber(down.message, 'result', 'ttlMs')).toBe(0)
    expect(code(await modernTool(gateway.url, gateway.key, 'kept__echo'))).toBe(
      'server_unavailable',
    )
    expect(echoed(await modernTool(gateway.url, gateway.key, 'h__echo', { n: 1 }))).toBe('{"n":1}')
    await gateway.restart()
    const again = await eventually(async () => {
      const reply = await list()
      return stale(reply) === undefined ? undefined : reply
    })
    expect(names(again.message, 'tools')).toContain('kept__echo')
    expect(names(again.message, 'tools')).toContain('h__echo')
  })

  test('is not named to those who may see nothing of it', async () => {
    const config = {
      servers: { secret: { http: { url: 'http://127.0.0.1:9/mcp' } } },
      roles: { nothing: { allow: [] } },
    }
    const gateway = await startGateway({ config, keys: { first: { roles: ['nothing'] } } })
    undo.push(() => gateway.stop())
    for (const method of ['tools/list', 'resources/list', 'server/discover']) {
      const reply = await modernCall(gateway.url, gateway.key, method)
      expect(reply.text).not.toContain('secret')
    }
  })

  test('is waited for by those who may use it, and by nobody else', async () => {
    const silent = await stubbed({ era: 'modern', handle: () => true })
    const config = {
      servers: { secret: { http: { url: silent.url } } },
      roles: { some: { allow: ['secret/*'] }, nothing: { allow: ['other/*'] } },
    }
    const keys = { insider: { roles: ['some'] }, outsider: { roles: ['nothing'] } }
    const gateway = await startGateway({ config, keys })
    undo.push(() => gateway.stop())
    const [insider, outsider] = [gateway.keyOf('insider'), gateway.keyOf('outsider')]
    let waits = true
    // It goes on waiting when the test ends.
    modernTool(gateway.url, insider, 'secret__echo').then(
      () => (waits = false),
      () => (waits = false),
    )
    const hidden = await modernTool(gateway.url, outsider, 'secret__echo')
    const unknown = await modernTool(gateway.url, outsider, 'nothing__echo')
    expect(waits).toBe(true)
    expect(code(hidden)).toBe('tool_unknown')
    expect(code(unknown)).toBe('tool_unknown')
  })

  test('or never was there, or never answers, delays and hides nobody', async () => {
    const silent = await stubbed({ era: 'modern', handle: () => true })
    const healthy = await stubbed({ era: 'modern' })
    const gateway = await gatewayOver({
      absent: { http: { url: 'http://127.0.0.1:9/mcp' } },
      broken: { stdio: { command: '/nowhere/to/be/found' } },
      quits: { stdio: { command: process.execPath, args: ['-e', ''] } },
      silent: { http: { url: silent.url } },
      h: { http: { url: healthy.url } },
    })
    const list = await modernCall(gateway.url, gateway.key, 'tools/list')
    expect(names(list.message, 'tools')).toEqual(['h__echo'])
    expect(digNumber(list.message, 'result', 'ttlMs')).toBe(0)
    expect(echoed(await modernTool(gateway.url, gateway.key, 'h__echo', { n: 1 }))).toBe('{"n":1}')
    for (const name of ['absent', 'broken', 'quits'])
      expect(code(await modernTool(gateway.url, gateway.key, `${name}__echo`))).toBe('tool_unknown')
  })

  test('as a process is started again', async () => {
    const stdio = { command: process.execPath, args: [FIXTURE_SERVER, '--stdio'] }
    const gateway = await gatewayOver({ p: { stdio } })
    const call = () => modernTool(gateway.server('p'), gateway.key, 'stats')
    const pid = (reply: Reply): unknown => dig(reply.message, 'result', 'structuredContent', 'pid')
    const first = pid(await call())
    expect(typeof first).toBe('number')
    expect(code(await modernTool(gateway.server('p'), gateway.key, 'crash'))).toBe(
      'server_unavailable',
    )
    const second = await eventually(async () => pid(await call()))
    expect(second).not.toBe(first)
  })
})
