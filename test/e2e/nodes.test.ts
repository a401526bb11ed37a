// Two gateways that are one: sessions and parked calls of one node, used at the other.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createKeyRing, newRingKey, parseRing } from '../../src/kit/key-ring.ts'
import { builtProgram } from '../built.ts'
import {
  bearer,
  eventually,
  Feed,
  legacySession,
  modernTool,
  openFeed,
  postText,
} from './client.ts'
import { type Cluster, startCluster } from './cluster.ts'
import {
  acquainted,
  answering,
  ask,
  begun,
  codeOf,
  connections,
  entriesOf,
  textOf,
  used,
  written,
} from './cluster-calls.ts'
import type { TestGateway } from './gateway.ts'
import { dig, digText } from './json.ts'

let cluster: Cluster
let a: TestGateway
let b: TestGateway
let key: string
beforeAll(async () => {
  const config = { limits: [{ tool: 'legacy/test_simple_text', calls: '3/hour' }] }
  cluster = await startCluster({ keys: ['first', 'other'], config })
  key = cluster.keyOf('first')
  a = await cluster.node()
  b = await cluster.node()
  await acquainted(a, b, key)
  await acquainted(b, a, key)
})
afterAll(() => cluster?.stop())

describe('a legacy session of one node', () => {
  test('works at the other; its calls are recorded and limited once, at home', async () => {
    const session = used(await begun(a, key), b)
    const before = [await written(a, 'echo'), await written(b, 'echo')]
    const params = '{"name":"echo","arguments":{"n":12345678901234567890,"u":"\u00e4"}}'
    const reply = await session.post(
      `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${params}}`,
    )
    expect(reply.status).toBe(200)
    expect(await reply.text()).toContain('"structuredContent":{"n":12345678901234567890,"u":"ä"}')
    expect((await written(a, 'echo')).slice(before[0]?.length)).toEqual(['intent'])
    expect(await written(b, 'echo')).toEqual(before[1])
    const batch = await legacySession(a.server('legacy'), key, { revision: '2025-03-26' })
    const pings = '[{"jsonrpc":"2.0","id":1,"method":"ping"}]'
    expect(await (await used(batch, b).post(pings)).text()).toBe(
      '[{"jsonrpc":"2.0","id":1,"result":{}}]',
    )
  })

  test('its calls count at home alone', async () => {
    const session = used(await begun(a, key), b)
    const call = async (at: typeof session): Promise<unknown> =>
      codeOf(await at.tool('test_simple_text'))
    for (let count = 0; count < 3; count++) expect(await call(session)).toBeUndefined()
    expect(await call(session)).toBe('rate_limited')
    const own = await begun(b, key)
    for (let count = 0; count < 3; count++) expect(await call(own)).toBeUndefined()
    expect(await call(own)).toBe('rate_limited')
  })

  test.each([
    ['the other node', () => b],
    ['its home', () => a],
  ])(
    'a question comes on the call’s own stream; the answer is taken at %s',
    async (_, answerAt) => {
      const home = await begun(a, key, { elicitation: {} })
      const params = { name: 'test_elicitation', arguments: { message: 'Who are you?' } }
      const body = JSON.stringify({ jsonrpc: '2.0', id: 'q', method: 'tools/call', params })
      const stop = new AbortController()
      const feed = new Feed(await used(home, b).post(body, { signal: stop.signal }), stop)
      expect(feed.response.headers.get('content-type')).toContain('text/event-stream')
      const question = await feed.untilMethod('elicitation/create')
      expect(dig(question, 'params', 'message')).toBe('Who are you?')
      const result = { action: 'accept', content: { username: 'ada', email: 'ada@example.com' } }
      const answer = JSON.stringify({ jsonrpc: '2.0', id: dig(question, 'id'), result })
      expect((await used(home, answerAt()).post(answer)).status).toBe(202)
      const done = await feed.until((message) => dig(message, 'id') === 'q')
      expect(digText(done, 'result', 'content', 0, 'text')).toContain('"username":"ada"')
      await eventually(async () => feed.ended)
    },
  )

  test('its GET stream comes through the other node, and DELETE ends both', async () => {
    const session = used(await begun(a, key), b)
    const feed = await session.listen()
    expect(feed.response.status).toBe(200)
    await modernTool(a.server('legacy'), key, 'add_tool', { name: 'through_b' })
    await feed.untilMethod('notifications/tools/list_changed')
    expect((await session.end()).status).toBe(204)
    await eventually(async () => feed.ended)
    expect((await used(session, a).request('ping')).status).toBe(404)
    const gone = await session.request('ping')
    expect([gone.status, codeOf(gone)]).toEqual([404, 'session_unknown'])
    await modernTool(a.server('legacy'), key, 'remove_tool', { name: 'through_b' })
  })

  test.runIf(process.platform === 'linux')(
    'a client that closes its GET stream at the other node closes it at home',
    async () => {
      const sessions = await Promise.all([1, 2, 3, 4, 5].map(() => begun(a, key)))
      const feeds = await Promise.all(sessions.map((session) => used(session, b).listen()))
      expect(await connections(b, a)).toBeGreaterThanOrEqual(feeds.length)
      for (const feed of feeds) feed.close()
      await eventually(async () => (await connections(b, a)) === 0)
    },
  )

  test('a lost stream is resumed through either node', async () => {
    const home = await begun(a, key)
    const stop = new AbortController()
    const params = { name: 'slow', arguments: { ms: 600, steps: 3 }, _meta: { progressToken: 'p' } }
    const body = JSON.stringify({ jsonrpc: '2.0', id: 'r', method: 'tools/call', params })
    const feed = new Feed(await used(home, b).post(body, { signal: stop.signal }), stop)
    await feed.untilMethod('notifications/progress')
    const last = feed.events.findLast((event) => event.id !== undefined)?.id
    feed.close()
    const resumed = await used(home, b).listen(last)
    const done = await resumed.until((message) => dig(message, 'id') === 'r')
    expect(digText(done, 'result', 'content', 0, 'text')).toBe('slept 600 ms')
    resumed.close()
  })

  test('a client that goes away cancels its call at home', async () => {
    const session = used(await begun(a, key), b)
    const stop = new AbortController()
    const hanging = session.tool('hang', {}, { signal: stop.signal }).catch(() => 'gone')
    const started = async (what: string): Promise<number> =>
      Number(
        dig(
          (await modernTool(a.server('modern'), key, 'stats')).message,
          'result',
          'structuredContent',
          what,
        ),
      )
    const cancelled = await started('hangCancelled')
    await eventually(async () => (await started('hangStarted')) > cancelled)
    stop.abort()
    expect(await hanging).toBe('gone')
    await eventually(async () => (await started('hangCancelled')) > cancelled)
    await eventually(async () =>
      (await entriesOf(a)).some(
        (entry) => entry.kind === 'outcome' && entry.status === 'cancelled',
      ),
    )
  })

  test('the HTTP+SSE pair is posted to at the other node', async () => {
    const at = (node: TestGateway, path: string): string => new URL(path, node.url).href
    const headers = { ...bearer(key), accept: 'text/event-stream' }
    const feed = await openFeed(at(a, '/sse'), { method: 'GET', headers })
    const place = await eventually(async () =>
      feed.events.find(({ event }) => event === 'endpoint'),
    )
    const post = (message: object): Promise<Response> =>
      postText(at(b, place.data), key, JSON.stringify({ jsonrpc: '2.0', ...message }))
    const opening = { protocolVersion: '2024-11-05', capabilities: {}, clientInfo: { name: 't' } }
    expect((await post({ id: 1, method: 'initialize', params: opening })).status).toBe(202)
    expect(
      dig(await feed.until((one) => dig(one, 'id') === 1), 'result', 'serverInfo'),
    ).toBeDefined()
    feed.close()
  })

  test('another key, and what a stranger seals, get nothing at either node', async () => {
    const session = await begun(a, key)
    for (const node of [a, b]) {
      const theft = await used(session, node, cluster.keyOf('other')).request('ping')
      expect([theft.status, codeOf(theft)]).toEqual([404, 'session_unknown'])
      const none = await used(session, node, 'sp_nobody').request('ping')
      expect(none.status).toBe(401)
    }
    const foreign = createKeyRing({ keys: [newRingKey(Date.now())] })
    for (const header of ['x', foreign.seal('node-pass', '{"from":"x","to":"y"}')]) {
      const headers = { 'sallyport-passed-to': header }
      expect((await used(session, b).request('ping', {}, { headers })).status).toBe(200)
    }
  })
})

describe('a call that a modern client was asked in', () => {
  test.each(['legacy', 'modern'] as const)(
    'is answered at the other node (%s server)',
    async (era) => {
      const tool = 'test_input_required_result_request_state'
      const asking = { tool, args: { of: era }, era }
      const asked = await ask(a, key, asking)
      const before = [await written(a, tool), await written(b, tool)]
      const answer = answering(asked, { ok: true })
      expect(textOf(await ask(b, key, { ...asking, answer }))).toContain('"ok":true')
      // A parked call lives at home; the state of a modern server is opened by any node.
      const [atA = [], atB = []] = before
      const home = era === 'legacy' ? a : b
      expect((await written(a, tool)).length - atA.length).toBe(home === a ? 1 : 0)
      expect((await written(b, tool)).length - atB.length).toBe(home === b ? 1 : 0)
      if (era === 'legacy')
        expect(codeOf(await ask(b, key, { ...asking, answer }))).toBe('state_invalid')
    },
  )

  test('goes from round to round at whichever node', async () => {
    const asking = { tool: 'test_input_required_result_multi_round', args: {} }
    const first = await ask(a, key, asking)
    const second = await ask(b, key, { ...asking, answer: answering(first, { name: 'Ada' }) })
    const last = await ask(b, key, { ...asking, answer: answering(second, { color: 'red' }) })
    expect(textOf(last)).toBe('Ada likes red')
  })

  test('takes no state that is foreign, altered, expired or used, at either node, and records it', async () => {
    const ring = createKeyRing(parseRing(cluster.ring) ?? { keys: [] })
    const args = { message: 'mine' }
    for (const node of [a, b]) {
      const refused = async (): Promise<number> =>
        (await entriesOf(node)).filter(
          (entry) => entry.kind === 'outcome' && entry.code === 'state_invalid',
        ).length
      const before = await refused()
      const good = answering(await ask(a, key, { args }), { username: 'eve', email: 'e' })
      const state = digText(good, 'requestState')
      const box = Object(JSON.parse(ring.open('request-state', state) ?? ''))
      const past = JSON.stringify({ ...box, expiresAt: Date.now() - 1 })
      const withState = (requestState: string): object => ({ ...good, requestState })
      const bad: readonly (readonly [object, string?, object?])[] = [
        [good, cluster.keyOf('other')],
        [good, key, { message: 'not what was asked' }],
        [withState(`${state.slice(0, -2)}${state.endsWith('A') ? 'BB' : 'AA'}`)],
        [withState('forged')],
        [withState(ring.seal('request-state', past))],
      ]
      for (const [answer, by = key, other = args] of bad) {
        const reply = await ask(node, by, { args: other, answer })
        expect([reply.status, dig(reply.message, 'error', 'code'), codeOf(reply)]).toEqual([
          200,
          -32602,
          'state_invalid',
        ])
      }
      expect((await refused()) - before).toBe(bad.length)
      // None of them used the call up.
      expect(textOf(await ask(b, key, { args, answer: good }))).toContain('"username":"eve"')
      expect(codeOf(await ask(node, key, { args, answer: good }))).toBe('state_invalid')
    }
  })

  test('beyond the bound of a principal the question is refused to the server at once', async () => {
    const small = await startCluster({ keys: ['first'], config: { parking: { perPrincipal: 1 } } })
    try {
      const node = await small.node()
      const by = small.keyOf('first')
      const first = await ask(node, by)
      const second = await ask(node, by)
      const content = { username: 'x', email: 'x' }
      const late = await ask(node, by, { answer: answering(second, content) })
      expect(codeOf(late)).toBe('state_invalid')
      expect(textOf(await ask(node, by, { answer: answering(first, content) }))).toContain('"x"')
    } finally {
      await small.stop()
    }
  })
})

describe('desired state', () => {
  test('a key made on one node works on the other, until it is revoked there', async () => {
    const cli = (...args: string[]) =>
      promisify(execFile)(
        process.execPath,
        [builtProgram, ...args, '--data', a.dataDir, '--json'],
        {
          env: { PATH: '/usr/bin:/bin', NODE_NO_WARNINGS: '1' },
        },
      )
    const made: unknown = JSON.parse(
      (await cli('keys', 'create', 'made-on-a', '--role', 'all-tools')).stdout,
    )
    const fresh = digText(made, 'key')
    const status = async (node: TestGateway): Promise<number> =>
      (await modernTool(node.server('modern'), fresh, 'echo')).status
    await eventually(async () => (await status(b)) === 200)
    // A session of that key, of one node, held open through the other.
    const session = used(await begun(a, fresh), b)
    const feed = await session.listen()
    await cli('keys', 'revoke', 'made-on-a')
    await eventually(async () => (await status(b)) === 401)
    expect(await status(a)).toBe(401)
    await eventually(async () => feed.ended)
  })

  test('each node has a chain of its own that proves itself, and the index has both', async () => {
    for (const node of [a, b]) {
      const { stdout } = await promisify(execFile)(
        process.execPath,
        [builtProgram, 'audit', 'verify', '--data', node.dataDir],
        { env: { PATH: '/usr/bin:/bin', NODE_NO_WARNINGS: '1' } },
      )
      expect(stdout).toContain('whole')
    }
    const calls = async (node: TestGateway): Promise<readonly string[]> =>
      (await entriesOf(node)).flatMap((entry) => (entry.kind === 'intent' ? [entry.call] : []))
    const [own, theirs] = [await calls(a), await calls(b)]
    expect(own.filter((call) => theirs.includes(call))).toEqual([])
    await eventually(async () => {
      const indexed = new Set(
        (await cluster.store.records({ limit: 10_000 })).map(({ call }) => call),
      )
      return [...own, ...theirs].every((call) => indexed.has(call))
    })
  })
})
