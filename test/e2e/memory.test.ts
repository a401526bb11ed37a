// Whatever a caller can make the gateway keep is bounded for its key, its address and in all; others go on meanwhile.
import { spawn } from 'node:child_process'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { builtProgram } from '../built.ts'
import { FIXTURE_SERVER, type Fixture, startFixture } from '../conformance/start-fixture.ts'
import {
  bearer,
  eventually,
  legacySession,
  modernCall,
  modernRequest,
  modernTool,
  postText,
  replyOf,
} from './client.ts'
import { everything, startGateway, type TestGateway } from './gateway.ts'
import { type Inspector, inspectable, inspectProcess } from './inspect-process.ts'
import { dig, names } from './json.ts'
import { rawRequest } from './raw-http.ts'

/** A quarter of it is for one key, half for one address. */
const memoryMax = 64_000_000
/** What lies around of messages that are over, code that was compiled, and the like. */
const slackBytes = 24_000_000

let fixture: Fixture
let gateway: TestGateway
let inspector: Inspector

beforeAll(async () => {
  fixture = await startFixture({ era: 'dual' })
  gateway = await startGateway({
    config: {
      listen: { memoryMax },
      parking: { timeout: '8s' },
      servers: {
        old: { http: { url: fixture.url }, era: 'legacy', concurrency: 10_000 },
        new: { http: { url: fixture.url }, era: 'modern', concurrency: 10_000 },
        child: { stdio: { command: process.execPath, args: [FIXTURE_SERVER, '--stdio'] } },
      },
    },
    keys: {
      first: everything,
      idle: { roles: [] },
      greedy: everything,
      other: everything,
      more: everything,
      most: everything,
    },
    env: inspectable,
  })
  inspector = await inspectProcess(() => gateway.log)
  await eventually(async () => {
    const list = await modernCall(gateway.url, gateway.key, 'tools/list')
    const found = names(list.message, 'tools')
    return ['old__echo', 'new__echo', 'child__echo'].every((name) => found.includes(name))
  })
})
afterAll(async () => {
  inspector?.close()
  await gateway?.stop()
  await fixture?.stop()
})

const open: Socket[] = []
/** How what an attack opened is ended, once it was measured. */
const leaving: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const leave of leaving.splice(0)) await leave()
  for (const socket of open.splice(0)) socket.destroy()
})

/** A connection whose other end is never read. */
async function deaf(text: string): Promise<void> {
  const { hostname, port } = new URL(gateway.url)
  const socket = connect({ host: hostname, port: Number(port) })
  socket.on('error', () => undefined)
  socket.pause()
  open.push(socket)
  await new Promise<void>((resolve) => socket.write(text, 'latin1', () => resolve()))
}

const json = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
const rawPost = (url: string, key: string, body: string, headers = {}): string =>
  rawRequest(
    url,
    'POST',
    { ...json, ...bearer(key), 'content-length': body.length, ...headers },
    body,
  )
const initialize = (params: object): string =>
  JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, ...params },
  })

/** One way to make the gateway keep something, as often and as large as it is taken. */
interface Attack {
  readonly what: string
  readonly key: 'idle' | 'greedy'
  run(key: string): Promise<void>
}

/** Runs until one is refused, at most so often: what is refused must say which limit it was. */
async function untilRefused(times: number, act: () => Promise<string>): Promise<void> {
  for (let count = 0; count < times; count++) {
    const text = await act()
    if (!text.includes('memory_limited')) continue
    expect(text).toContain('The limit of one key is')
    expect(text).toContain('listen.memoryMax')
    return
  }
  throw new Error(`${times} were taken`)
}

const many = async (times: number, act: (count: number) => Promise<unknown>): Promise<void> => {
  for (let count = 0; count < times; count++) await act(count)
}

const text = async (response: Promise<Response>): Promise<string> => (await response).text()

const attacks: readonly Attack[] = [
  {
    what: 'sessions with a long clientInfo',
    key: 'idle',
    run: (key) =>
      many(40, async () => {
        const body = initialize({ clientInfo: { name: 'n'.repeat(3_500_000), version: '1' } })
        expect((await text(postText(gateway.url, key, body))).includes('"result"')).toBe(true)
      }),
  },
  {
    what: 'sessions with long capabilities',
    key: 'idle',
    run: (key) =>
      many(40, async () => {
        const body = initialize({ capabilities: { experimental: { x: 'c'.repeat(3_500_000) } } })
        expect(await text(postText(gateway.url, key, body))).toContain('8192')
      }),
  },
  {
    what: 'sessions with capabilities as long as they may be',
    key: 'idle',
    run: (key) =>
      sessionsOf(key, 2_000, (count) =>
        initialize({ capabilities: { experimental: { x: 'c'.repeat(8_000), count } } }),
      ),
  },
  {
    what: 'messages that never end',
    key: 'idle',
    run: (key) =>
      many(60, () =>
        deaf(rawPost(gateway.url, key, 'x'.repeat(1_500_000), { 'content-length': 3_900_000 })),
      ),
  },
  {
    what: 'headers with ever more blanks',
    key: 'idle',
    run: (key) =>
      many(3_000, async (count) => {
        const blanks = ' '.repeat(1 + 25_000 + count)
        const headers = { authorization: `Bearer${blanks}${key}` }
        await text(fetch(gateway.url, { headers }))
      }),
  },
  {
    what: 'calls that run, with large arguments',
    key: 'greedy',
    run: (key) =>
      many(60, async () => {
        const { body, headers } = modernRequest('tools/call', {
          name: 'hang',
          arguments: { fill: 'x'.repeat(1_000_000) },
        })
        await deaf(rawPost(gateway.server('new'), key, body, headers))
      }),
  },
  {
    what: 'answers that nobody takes',
    key: 'greedy',
    run: (key) =>
      many(40, async () => {
        const params = { name: 'big', arguments: { bytes: 8_000_000 } }
        const { body, headers } = modernRequest('tools/call', params)
        await deaf(rawPost(gateway.server('child'), key, body, headers))
      }),
  },
  {
    what: 'a stream of the pair that nobody reads',
    key: 'greedy',
    run: async (key) => {
      await many(12, async () => {
        const place = await pairPlace(key)
        await many(8, async (id) => {
          const params = { name: 'child__big', arguments: { bytes: 1_500_000 } }
          const body = JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params })
          await text(postText(place, key, body))
        })
      })
    },
  },
  {
    what: 'events that are kept for who comes back',
    key: 'greedy',
    run: (key) =>
      many(30, async () => {
        const session = await legacySession(gateway.server('new'), key)
        await many(3, () => text(session.post(streamedBig)))
      }),
  },
  {
    what: 'listens to many long names',
    key: 'idle',
    run: (key) => {
      const uris = Array.from({ length: 200 }, (_, at) => `test://${'u'.repeat(4_000)}${at}`)
      return untilRefused(60, () => held(key, { notifications: { resourceSubscriptions: uris } }))
    },
  },
  {
    what: 'subscriptions to many long names',
    key: 'greedy',
    run: async (key) => {
      const sessions = [await legacySession(gateway.server('old'), key)]
      let count = 0
      await untilRefused(900, async () => {
        if (++count % 190 === 0) sessions.push(await legacySession(gateway.server('old'), key))
        const uri = `test://template/${'i'.repeat(4_000)}${count}/data`
        return (await sessions.at(-1)?.request('resources/subscribe', { uri }))?.text ?? ''
      })
      leaving.push(...sessions.map((session) => () => session.end()))
    },
  },
  {
    what: 'questions that nobody answers',
    key: 'greedy',
    run: (key) =>
      many(60, async () => {
        await modernCall(gateway.server('old'), key, 'tools/call', {
          name: 'test_input_required_result_elicitation',
          arguments: { fill: 'x'.repeat(1_000_000) },
          _meta: { 'io.modelcontextprotocol/clientCapabilities': { elicitation: {} } },
        })
      }),
  },
  {
    what: 'a client at stdio that reads nothing',
    key: 'greedy',
    run: async (key) => {
      const child = spawn(process.execPath, [builtProgram, 'stdio', '--data', gateway.dataDir], {
        stdio: ['pipe', 'pipe', 'ignore'],
        env: { PATH: '/usr/bin:/bin', SALLYPORT_KEY: key },
      })
      child.stdin.on('error', () => undefined)
      const params = { name: 'child__big', arguments: { bytes: 3_000_000 } }
      for (let id = 1; id <= 40; id++)
        child.stdin.write(
          `${JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params })}\n`,
        )
      leaving.push(async () => child.kill())
    },
  },
]

const streamedBig = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name: 'big', arguments: { bytes: 200_000, stream: true }, _meta: { progressToken: 1 } },
})

async function pairPlace(key: string): Promise<string> {
  const { hostname, port } = new URL(gateway.url)
  const socket = connect({ host: hostname, port: Number(port) })
  socket.on('error', () => undefined)
  open.push(socket)
  const sse = gateway.url.replace(/mcp$/, 'sse')
  socket.write(rawRequest(sse, 'GET', { ...bearer(key), accept: 'text/event-stream' }))
  let seen = ''
  socket.on('data', (chunk: Buffer) => {
    seen += chunk.toString('latin1')
  })
  const place = await eventually(async () => /data: (\S+)/.exec(seen)?.[1])
  socket.removeAllListeners('data')
  socket.pause()
  return new URL(place, sse).href
}

/** Opens a stream and leaves it open, unless it is refused; gives what came first. */
async function held(key: string, params: object): Promise<string> {
  const { body, headers } = modernRequest('subscriptions/listen', { ...params })
  const { hostname, port } = new URL(gateway.url)
  const socket = connect({ host: hostname, port: Number(port) })
  socket.on('error', () => undefined)
  open.push(socket)
  let seen = ''
  socket.on('data', (chunk: Buffer) => {
    seen += chunk.toString('latin1')
  })
  socket.write(rawPost(gateway.url, key, body, headers))
  return eventually(async () => /acknowledged|memory_limited/.test(seen) && seen)
}

async function keptBytes(): Promise<number> {
  const { heapBytes, externalBytes } = await inspector.look()
  return heapBytes + externalBytes
}

/** Until what the gateway keeps changes no more. */
async function settled(): Promise<void> {
  let last = -1
  await eventually(async () => {
    const now = await keptBytes()
    const same = Math.abs(now - last) < 1_000_000
    last = now
    if (!same) await delay(300)
    return same
  })
}

/** Opens many sessions, and ends those that are left when it was measured. */
async function sessionsOf(
  key: string,
  times: number,
  message: (count: number) => string,
): Promise<void> {
  await many(times, async (count) => {
    const response = await postText(gateway.url, key, message(count))
    await response.text()
    const id = response.headers.get('mcp-session-id') ?? ''
    const headers = { ...bearer(key), 'mcp-session-id': id }
    leaving.push(() => fetch(gateway.url, { method: 'DELETE', headers }))
  })
}

describe('one key, one way', () => {
  test.each(attacks)('$what', async ({ key, run }) => {
    const before = await keptBytes()
    await run(gateway.keyOf(key))
    // What is on its way settles; what is kept stays.
    await settled()
    expect((await keptBytes()) - before).toBeLessThan(memoryMax / 4 + slackBytes)
    const reply = await modernTool(gateway.server('new'), gateway.keyOf('other'), 'echo', { a: 1 })
    expect(dig(reply.message, 'result', 'structuredContent')).toEqual({ a: 1 })
    for (const leave of leaving.splice(0)) await leave()
    for (const socket of open.splice(0)) socket.destroy()
    // What the connections held is given back.
    await eventually(async () => {
      const after = await modernTool(gateway.server('new'), gateway.keyOf(key), 'echo', {
        fill: 'x'.repeat(1_500_000),
      })
      return key === 'idle' || after.text.includes('xxx')
    })
  })
})

test('several keys from one address get no more than one address', async () => {
  const before = await keptBytes()
  const refused: string[] = []
  for (const name of ['greedy', 'more', 'most', 'idle'])
    await many(8, async () => {
      const { body, headers } = modernRequest('tools/call', {
        name: 'hang',
        arguments: { fill: 'x'.repeat(1_500_000) },
      })
      const key = gateway.keyOf(name)
      const { hostname, port } = new URL(gateway.url)
      const socket = connect({ host: hostname, port: Number(port) })
      socket.on('error', () => undefined)
      socket.on('data', (chunk: Buffer) => refused.push(chunk.toString('latin1')))
      open.push(socket)
      socket.write(rawPost(gateway.server('new'), key, body, headers))
      await delay(20)
    })
  await eventually(async () => refused.join('').includes('The limit of one address is 32000 KB.'))
  expect(refused.join('')).toContain('The limit of one key is 16000 KB.')
  expect((await keptBytes()) - before).toBeLessThan(memoryMax / 2 + slackBytes)
})

test('a session of a key that has too many makes room, so that nobody locks itself out', async () => {
  const key = gateway.keyOf('most')
  for (let count = 0; count < 400; count++)
    await replyOf(await postText(gateway.url, key, initialize({})))
  const session = await legacySession(gateway.server('new'), key)
  expect((await session.request('ping')).status).toBe(200)
})
