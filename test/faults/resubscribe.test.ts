// Subscriptions outlive the server's restarts: who listens does nothing, and hears again.
import { afterEach, describe, expect, test } from 'vitest'
import { FIXTURE_SERVER, type Fixture, startFixture } from '../conformance/start-fixture.ts'
import {
  eventually,
  type Feed,
  legacySession,
  modernCall,
  modernTool,
  openListen,
} from '../e2e/client.ts'
import { everything, startGateway, type TestGateway } from '../e2e/gateway.ts'
import { dig } from '../e2e/json.ts'
import { type StubRequest, sendJson, startStub } from './stub-server.ts'

const undo: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

const uri = 'test://watched-resource'
const updated = 'notifications/resources/updated'

interface Upstream {
  readonly gateway: TestGateway
  /** Ends the server and starts it again at the same place. */
  restart(): Promise<void>
}

async function overHttp(era: 'modern' | 'legacy'): Promise<Upstream> {
  let fixture: Fixture = await startFixture({ era })
  undo.push(() => fixture.stop())
  const { url } = fixture
  const gateway = await startGateway({
    config: { servers: { s: { http: { url }, era } } },
    keys: { first: everything },
  })
  undo.push(() => gateway.stop())
  return {
    gateway,
    async restart() {
      await fixture.stop()
      fixture = await startFixture({ era, args: ['--port', new URL(url).port] })
    },
  }
}

async function overStdio(era: 'modern' | 'legacy'): Promise<Upstream> {
  const args = [FIXTURE_SERVER, '--stdio', '--era', era]
  const gateway = await startGateway({
    config: { servers: { s: { stdio: { command: process.execPath, args }, era } } },
    keys: { first: everything },
  })
  undo.push(() => gateway.stop())
  return {
    gateway,
    async restart() {
      await modernTool(gateway.server('s'), gateway.key, 'crash')
    },
  }
}

const kinds = { HTTP: overHttp, stdio: overStdio } as const

/** Announces a change until every feed has heard of one more. */
async function isHeard(gateway: TestGateway, feeds: readonly Feed[]): Promise<void> {
  const before = feeds.map((feed) => feed.count(updated))
  await eventually(async () => {
    await modernTool(gateway.server('s'), gateway.key, 'update_resource', { uri })
    return feeds.every((feed, index) => feed.count(updated) > (before[index] ?? 0))
  })
}

describe.each([
  ['HTTP', 'modern'],
  ['HTTP', 'legacy'],
  ['stdio', 'modern'],
  ['stdio', 'legacy'],
] as const)('over %s, a %s server', (kind, era) => {
  test('that restarts is subscribed to again, twice', async () => {
    const { gateway, restart } = await kinds[kind](era)
    const session = await legacySession(gateway.server('s'), gateway.key)
    const get = await session.listen()
    const subscribed = await session.request('resources/subscribe', { uri })
    expect(dig(subscribed.message, 'result')).toEqual({})
    const filter = { toolsListChanged: true, resourceSubscriptions: [uri] }
    const listen = await openListen(gateway.server('s'), gateway.key, filter)
    await listen.untilMethod('notifications/subscriptions/acknowledged')
    const feeds = [get, listen]
    await isHeard(gateway, feeds)
    for (let time = 0; time < 2; time++) {
      await restart()
      await isHeard(gateway, feeds)
    }
    // Lists, too: the new process says that it has one tool more.
    const lists = listen.count('notifications/tools/list_changed')
    await modernTool(gateway.server('s'), gateway.key, 'add_tool', { name: 'later' })
    await eventually(async () => listen.count('notifications/tools/list_changed') > lists)
    expect([get.ended, listen.ended]).toEqual([false, false])
    for (const feed of feeds) feed.close()
  })
})

const resources = [
  { uri, name: 'watched' },
  { uri: 'test://other', name: 'other' },
]
const capabilities = { resources: { subscribe: true, listChanged: true } }

/** Lists two resources; `answer` says what else it does. */
async function withResources(
  era: 'modern' | 'legacy',
  answer: (taken: StubRequest) => boolean,
): Promise<TestGateway> {
  const stub = await startStub({
    era,
    handle: (taken) => {
      const { message, response, method } = taken
      const id = dig(message, 'id')
      const say = (result: object, headers = {}): true => {
        const complete =
          era === 'modern' ? { resultType: 'complete', ttlMs: 0, cacheScope: 'private' } : {}
        sendJson(response, { jsonrpc: '2.0', id, result: { ...complete, ...result } }, 200, headers)
        return true
      }
      if (answer(taken)) return true
      if (method === 'server/discover' && era === 'modern')
        return say({ supportedVersions: ['2026-07-28'], capabilities })
      if (method === 'initialize') {
        stub.sessions.add('one')
        const info = { name: 'stub', version: '1' }
        const opened = { protocolVersion: '2025-11-25', capabilities, serverInfo: info }
        return say(opened, { 'mcp-session-id': 'one' })
      }
      if (method === 'resources/list') return say({ resources })
      return false
    },
  })
  undo.push(() => stub.stop())
  const gateway = await startGateway({
    config: { servers: { s: { http: { url: stub.url }, era } } },
    keys: { first: everything },
  })
  undo.push(() => gateway.stop())
  return gateway
}

const openStream = ({ response }: StubRequest): void => {
  response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
}

/** What the server does with a wish for updates of the first resource. */
const refusals: readonly (readonly [
  string,
  'modern' | 'legacy',
  (taken: StubRequest) => boolean,
])[] = [
  [
    'a modern server that leaves the resource out of its acknowledgement',
    'modern',
    (taken) => {
      if (taken.method !== 'subscriptions/listen') return false
      openStream(taken)
      const id = dig(taken.message, 'id')
      const asked = dig(taken.message, 'params', 'notifications', 'resourceSubscriptions')
      const honoured = Array.isArray(asked) ? asked.filter((entry) => entry !== uri) : []
      const params = {
        notifications: { toolsListChanged: true, resourceSubscriptions: honoured },
        _meta: { 'io.modelcontextprotocol/subscriptionId': id },
      }
      const method = 'notifications/subscriptions/acknowledged'
      taken.response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', method, params })}\n\n`)
      return true
    },
  ],
  [
    'a legacy server that answers with an error',
    'legacy',
    (taken) => {
      const { method, message, response, request } = taken
      if (request.method === 'GET') openStream(taken)
      else if (method === 'resources/subscribe') {
        const wanted = dig(message, 'params', 'uri') !== uri
        const end = wanted ? { result: {} } : { error: { code: -32602, message: 'no' } }
        sendJson(response, { jsonrpc: '2.0', id: dig(message, 'id'), ...end })
      } else return false
      return true
    },
  ],
]

test.each(refusals)(
  '%s: an error to legacy clients, and missing from what modern ones are told',
  async (_name, era, answer) => {
    const gateway = await withResources(era, answer)
    const url = gateway.server('s')
    const session = await legacySession(url, gateway.key)
    const refused = await session.request('resources/subscribe', { uri })
    expect(dig(refused.message, 'error', 'code')).toBe(-32603)
    expect(dig(refused.message, 'error', 'data', 'code')).toBe('subscription_refused')
    const good = await session.request('resources/subscribe', { uri: 'test://other' })
    expect(dig(good.message, 'result')).toEqual({})
    const listen = await openListen(url, gateway.key, {
      resourceSubscriptions: [uri, 'test://other'],
    })
    const told = await listen.untilMethod('notifications/subscriptions/acknowledged')
    expect(dig(told, 'params', 'notifications', 'resourceSubscriptions')).toEqual(['test://other'])
    listen.close()
  },
)

describe.each(['modern', 'legacy'] as const)('a %s server without a stream of changes', (era) => {
  test('is not said to tell of resources, and lists are said to change since they are asked for', async () => {
    const without = era === 'legacy' ? 'GET' : 'subscriptions/listen'
    const gateway = await withResources(era, ({ method, response }) => {
      if (method !== without) return false
      response.writeHead(405).end()
      return true
    })
    const url = gateway.server('s')
    const offered = await eventually(async () => {
      const reply = await modernCall(url, gateway.key, 'server/discover')
      const found = dig(reply.message, 'result', 'capabilities', 'resources')
      return dig(found, 'subscribe') === undefined ? found : undefined
    })
    expect(offered).toEqual({ listChanged: true })
    const session = await legacySession(url, gateway.key)
    expect(dig(session.opening.message, 'result', 'capabilities', 'resources')).toEqual(offered)
    const refused = await session.request('resources/subscribe', { uri })
    expect(dig(refused.message, 'error', 'data', 'code')).toBe('subscription_refused')
    const listen = await openListen(url, gateway.key, { resourceSubscriptions: [uri] })
    const told = await listen.untilMethod('notifications/subscriptions/acknowledged')
    expect(dig(told, 'params', 'notifications')).toEqual({})
    listen.close()
  })
})
