// Bytes that nobody asked to change are not changed, and the 2024-11-05 pair of GET and POST.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RAW_RESULT } from '../fixtures/mcp-server/fixed-content.ts'
import {
  bearer,
  type Feed,
  legacySession,
  modernCall,
  modernHeaders,
  modernMeta,
  modernTool,
  openFeed,
  postText,
} from './client.ts'
import { everything } from './gateway.ts'
import { dig, digText, names } from './json.ts'
import { startWorld, type TestWorld } from './world.ts'

let world: TestWorld
beforeAll(async () => {
  world = await startWorld({ keys: { other: everything } })
})
afterAll(() => world?.stop())

const odd =
  '{ "n":12345678901234567890,"f":1.0, "e":1E+2,\n\t"s":"\\u00e9\\/\\ud83d\\ude00", "z":-0, "a":[ 1 ,2 ],"":{"__proto__":null} }'
const meta = JSON.stringify(modernMeta())

async function modernBytes(
  name: string,
  args: string,
  url = world.at('modern'),
  id = '1',
): Promise<string> {
  const body = `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"${name}","arguments":${args},"_meta":${meta}}}`
  const response = await postText(url, world.key, body, {
    headers: modernHeaders('tools/call', name),
  })
  return response.text()
}

async function legacyBytes(
  name: string,
  args: string,
  url = world.at('legacy'),
  id = '1',
): Promise<string> {
  const session = await legacySession(url, world.key)
  const body = `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"${name}","arguments":${args}}}`
  return (await session.post(body, { headers: { accept: 'application/json' } })).text()
}

describe('same era on both sides', () => {
  test('results are the bytes that the server sent', async () => {
    expect(await modernBytes('raw_result', '{}')).toBe(
      `{"jsonrpc":"2.0","id":1,"result":${RAW_RESULT.modern}}`,
    )
    expect(await legacyBytes('raw_result', '{}')).toBe(
      `{"jsonrpc":"2.0","id":1,"result":${RAW_RESULT.legacy}}`,
    )
  })

  test('arguments are the bytes that the client sent', async () => {
    const echoed = `"content":[{"type":"text","text":${JSON.stringify(odd)}}],"structuredContent":${odd}}`
    expect(await modernBytes('echo', odd)).toBe(
      `{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete",${echoed}}`,
    )
    expect(await legacyBytes('echo', odd)).toBe(`{"jsonrpc":"2.0","id":1,"result":{${echoed}}`)
  })

  test.each([
    '1',
    '"1"',
    '-7',
    '9007199254740993',
    '"\\u00e9\\"\\\\"',
    '""',
    '12345678901234567890',
  ])('id %s comes back as it was', async (id) => {
    expect(await modernBytes('test_simple_text', '{}', world.at('modern'), id)).toContain(
      `"id":${id},`,
    )
    expect(await legacyBytes('test_simple_text', '{}', world.at('legacy'), id)).toContain(
      `"id":${id},`,
    )
  })
})

describe('across eras', () => {
  test('a result changes in its outermost level only', async () => {
    const members = RAW_RESULT.legacy.slice(1)
    const toModern = await modernBytes('raw_result', '{}', world.at('legacy'))
    expect(toModern).toBe(`{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete",${members}}`)
    const toLegacy = await legacyBytes('raw_result', '{}', world.at('modern'))
    expect(toLegacy).toBe(`{"jsonrpc":"2.0","id":1,"result":{${members}}`)
  })

  test('arguments arrive untouched', async () => {
    expect(await modernBytes('echo', odd, world.at('legacy'))).toContain(
      `"structuredContent":${odd}`,
    )
    expect(await legacyBytes('echo', odd, world.at('modern'))).toContain(
      `"structuredContent":${odd}`,
    )
  })
})

test('the endpoint over all servers changes only the URIs that it must', async () => {
  const text = await modernBytes('modern__raw_result', '{}', world.gateway.url)
  expect(text).toBe(
    `{"jsonrpc":"2.0","id":1,"result":${RAW_RESULT.modern.replace('"uri":"test://raw"', '"uri":"modern+test://raw"')}}`,
  )
})

test('vendor members of _meta and of params reach the server', async () => {
  for (const era of ['modern', 'legacy'] as const) {
    const _meta = { 'com.example/x': { deep: [1, { y: null }] }, traceparent: '00-aa-bb-01' }
    const reply = await modernCall(world.at(era), world.key, 'tools/call', {
      name: 'request_info',
      arguments: {},
      _meta,
    })
    const seen = dig(reply.message, 'result', 'structuredContent', 'meta')
    expect(dig(seen, 'com.example/x')).toEqual({ deep: [1, { y: null }] })
    expect(dig(seen, 'traceparent')).toBe('00-aa-bb-01')
  }
})

test('definitions keep members that no revision knows', async () => {
  for (const era of ['modern', 'legacy'] as const) {
    const { text } = await modernCall(world.at(era), world.key, 'tools/list')
    expect(text).toContain('"_meta":{"com.example/tool":{"keep":true}}')
    expect(text).toContain(
      '"annotations":{"readOnlyHint":true,"idempotentHint":true,"openWorldHint":false}',
    )
  }
})

test.each([
  ['modern', 'modern', 3_000_000],
  ['legacy', 'legacy', 3_000_000],
  ['modern', 'legacy', 3_000_000],
  ['legacy', 'modern', 20_000_000],
] as const)(
  'a %s client gets a large result of a %s server whole',
  async (client, server, bytes) => {
    const text =
      client === 'modern'
        ? await modernBytes('big', `{"bytes":${bytes}}`, world.at(server))
        : await legacyBytes('big', `{"bytes":${bytes}}`, world.at(server))
    expect(digText(JSON.parse(text), 'result', 'content', 0, 'text').length).toBe(bytes)
    const resource = await modernCall(world.at(server), world.key, 'resources/read', {
      uri: 'test://big',
    })
    expect(digText(resource.message, 'result', 'contents', 0, 'text').length).toBe(5 * 1024 * 1024)
  },
)

describe('the HTTP+SSE pair', () => {
  const origin = (): string => new URL(world.gateway.url).origin

  async function open(
    key = world.key,
  ): Promise<{ feed: Feed; post: (message: object, as?: string) => Promise<Response> }> {
    const headers = { ...bearer(key), accept: 'text/event-stream' }
    const feed = await openFeed(`${origin()}/sse`, { method: 'GET', headers })
    while (feed.events.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    expect(feed.events[0]?.event).toBe('endpoint')
    const target = new URL(feed.events[0]?.data ?? '', origin()).href
    return {
      feed,
      post: (message, as = key) =>
        postText(target, as, JSON.stringify({ jsonrpc: '2.0', ...message })),
    }
  }

  const initialize = {
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2024-11-05', capabilities: {}, clientInfo: {} },
  }
  const byId = (feed: Feed, id: number) => feed.until((message) => dig(message, 'id') === id)

  test('carries a whole session', async () => {
    const { feed, post } = await open()
    expect((await post(initialize)).status).toBe(202)
    expect(dig(await byId(feed, 1), 'result', 'protocolVersion')).toBe('2024-11-05')
    await post({ method: 'notifications/initialized' })
    await post({ id: 2, method: 'tools/list' })
    expect(names(await byId(feed, 2), 'tools')).toContain('modern__echo')
    const slow = {
      name: 'modern__slow',
      arguments: { ms: 60, steps: 3 },
      _meta: { progressToken: 'p' },
    }
    await post({ id: 3, method: 'tools/call', params: slow })
    expect(dig(await byId(feed, 3), 'result', 'content', 0, 'text')).toBe('slept 60 ms')
    expect(feed.count('notifications/progress')).toBe(3)
    await post({ id: 4, method: 'ping' })
    expect(dig(await byId(feed, 4), 'result')).toEqual({})
    await post({
      id: 5,
      method: 'tools/call',
      params: { name: 'modern__add_tool', arguments: { name: 'paired' } },
    })
    await feed.untilMethod('notifications/tools/list_changed')
    await post({
      id: 6,
      method: 'tools/call',
      params: { name: 'modern__remove_tool', arguments: { name: 'paired' } },
    })
    await byId(feed, 6)
    feed.close()
  })

  test('takes questions and answers', async () => {
    const { feed, post } = await open()
    const asking = { ...initialize.params, capabilities: { elicitation: {} } }
    await post({ ...initialize, params: asking })
    await byId(feed, 1)
    await post({
      id: 2,
      method: 'tools/call',
      params: { name: 'legacy__test_input_required_result_elicitation', arguments: {} },
    })
    const question = await feed.untilMethod('elicitation/create')
    await post({ id: dig(question, 'id'), result: { action: 'accept', content: { name: 'Ada' } } })
    expect(digText(await byId(feed, 2), 'result', 'content', 0, 'text')).toContain('Ada')
    feed.close()
  })

  test('is nobody else’s, and ends with its stream', async () => {
    const { feed, post } = await open()
    await post(initialize)
    await byId(feed, 1)
    expect((await post({ id: 9, method: 'ping' }, world.gateway.keyOf('other'))).status).toBe(404)
    expect((await post({ id: 9, method: 'ping' }, '')).status).toBe(401)
    expect((await postText(`${origin()}/messages?session=forged`, world.key, '{}')).status).toBe(
      404,
    )
    expect((await fetch(`${origin()}/sse`)).status).toBe(401)
    expect(
      (await fetch(`${origin()}/sse`, { method: 'DELETE', headers: bearer(world.key) })).status,
    ).toBe(405)
    feed.close()
    for (let status = 202; status !== 404; )
      status = (await post({ id: 10, method: 'ping' })).status
  })
})

test('a call of the name of a prototype member is unknown, not a crash', async () => {
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    for (const url of [world.gateway.url, world.at('modern'), world.at('legacy')]) {
      const reply = await modernTool(url, world.key, name)
      expect(dig(reply.message, 'error', 'data', 'code')).toBe('tool_unknown')
    }
  }
})
