// Legacy sessions: sealed ids, who may use them, how they end, batches, resumption, and cursors and states of others.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createKeyRing, newRingKey } from '../../src/kit/key-ring.ts'
import {
  bearer,
  eventually,
  legacySession,
  modernCall,
  modernTool,
  parseEvents,
  postText,
  replyOf,
} from './client.ts'
import { everything } from './gateway.ts'
import { dig, digList, digText } from './json.ts'
import { startWorld, type TestWorld } from './world.ts'

let world: TestWorld
beforeAll(async () => {
  world = await startWorld({ keys: { other: everything } })
})
afterAll(() => world?.stop())

const other = (): string => world.gateway.keyOf('other')
const code = (message: unknown): unknown => dig(message, 'error', 'data', 'code')
const listBody = '{"jsonrpc":"2.0","id":"l","method":"tools/list"}'
const eras = ['legacy', 'modern'] as const

async function listWith(id: string, key = world.key, url = world.at('legacy')) {
  return replyOf(await postText(url, key, listBody, { headers: { 'mcp-session-id': id } }))
}

describe('session ids', () => {
  test('are opaque, visible ASCII and short', async () => {
    const { id, opening } = await legacySession(world.gateway.url, world.key)
    expect(id).toMatch(/^[\x21-\x7e]{32,256}$/)
    expect(opening.status).toBe(200)
    expect(id).not.toContain('first')
    expect((await legacySession(world.gateway.url, world.key)).id).not.toBe(id)
  })

  test('a missing id is 400, never 404', async () => {
    const reply = await replyOf(await postText(world.at('legacy'), world.key, listBody))
    expect([reply.status, code(reply.message)]).toEqual([400, 'session_missing'])
  })

  test('forged, foreign and altered ids are 404 and tell nothing apart', async () => {
    const { id } = await legacySession(world.at('legacy'), world.key)
    const foreign = createKeyRing({ keys: [newRingKey(Date.now())] }).seal('session', 'local|x')
    const last = id.endsWith('A') ? 'B' : 'A'
    const forged = [
      'x',
      'a'.repeat(256),
      'b'.repeat(4_000),
      foreign,
      `${id}A`,
      id.slice(0, -1) + last,
    ]
    for (const wrong of [...forged, id.toLowerCase() === id ? `${id}x` : id.toLowerCase()]) {
      const reply = await listWith(wrong)
      expect([reply.status, code(reply.message)]).toEqual([404, 'session_unknown'])
      expect(withoutCall(reply.text)).toBe(withoutCall((await listWith('x')).text))
    }
  })

  test('a session of another key or another endpoint is 404', async () => {
    const { id } = await legacySession(world.at('legacy'), world.key)
    expect((await listWith(id)).status).toBe(200)
    const byOther = await listWith(id, other())
    const elsewhere = await listWith(id, world.key, world.gateway.url)
    for (const reply of [byOther, elsewhere])
      expect([reply.status, code(reply.message)]).toEqual([404, 'session_unknown'])
    expect(withoutCall(byOther.text)).toBe(withoutCall((await listWith('x')).text))
  })

  test('DELETE ends a session; only its owner can', async () => {
    const session = await legacySession(world.at('legacy'), world.key)
    const theft = { ...bearer(other()), 'mcp-session-id': session.id }
    expect((await fetch(session.url, { method: 'DELETE', headers: theft })).status).toBe(404)
    expect((await session.request('tools/list')).status).toBe(200)
    const feed = await session.listen()
    expect((await session.end()).ok).toBe(true)
    expect((await session.request('tools/list')).status).toBe(404)
    expect((await session.end()).status).toBe(404)
    expect(
      (await fetch(session.url, { headers: { ...session.headers, accept: 'text/event-stream' } }))
        .status,
    ).toBe(404)
    await eventually(async () => feed.ended)
  })

  test('a session id of an earlier start is 404, so that the client begins anew', async () => {
    const own = await startWorld()
    try {
      const { id } = await legacySession(own.at('legacy'), own.key)
      await own.gateway.restart()
      const reply = await listWith(id, own.key, own.at('legacy'))
      expect([reply.status, code(reply.message)]).toEqual([404, 'session_unknown'])
      const again = await legacySession(own.at('legacy'), own.key)
      expect((await again.request('tools/list')).status).toBe(200)
    } finally {
      await own.stop()
    }
  })

  test('a modern request ignores a session id', async () => {
    const headers = { 'mcp-session-id': 'whatever', 'last-event-id': 'x-1' }
    const reply = await modernCall(world.at('modern'), world.key, 'tools/list', {}, { headers })
    expect(reply.status).toBe(200)
    expect(reply.headers.get('mcp-session-id')).toBeNull()
  })
})

test('a legacy call may speak of modern keys in its arguments', async () => {
  const session = await legacySession(world.at('legacy'), world.key)
  const args = { 'io.modelcontextprotocol/protocolVersion': 'x' }
  expect((await session.tool('echo', args)).status).toBe(200)
})

describe('the opening', () => {
  test.each([
    ['2024-11-05', '2024-11-05'],
    ['2025-03-26', '2025-03-26'],
    ['2025-06-18', '2025-06-18'],
    ['2025-11-25', '2025-11-25'],
    ['2026-07-28', '2025-11-25'],
    ['1999-01-01', '2025-11-25'],
  ])('initialize with %s settles on %s', async (asked, settled) => {
    const { opening } = await legacySession(world.at('legacy'), world.key, { revision: asked })
    expect(dig(opening.message, 'result', 'protocolVersion')).toBe(settled)
    expect(digText(opening.message, 'result', 'serverInfo', 'name')).toBe('sallyport')
  })

  test('an unknown MCP-Protocol-Version header is 400 within a session', async () => {
    const session = await legacySession(world.at('legacy'), world.key)
    for (const [version, status] of [
      ['2025-06-18', 200],
      ['1999-01-01', 400],
      ['nonsense', 400],
    ] as const) {
      const headers = { 'mcp-protocol-version': version }
      expect((await session.request('tools/list', {}, { headers })).status).toBe(status)
    }
  })

  test('notifications and answers that nobody asked for are 202 without a body', async () => {
    const session = await legacySession(world.at('legacy'), world.key)
    for (const body of [
      '{"jsonrpc":"2.0","method":"notifications/initialized"}',
      '{"jsonrpc":"2.0","method":"notifications/unknown","params":{}}',
      '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":99}}',
      '{"jsonrpc":"2.0","id":"sp-1","result":{}}',
    ]) {
      const response = await session.post(body)
      expect([response.status, await response.text()]).toEqual([202, ''])
    }
  })

  test.each(eras)('ping and setLevel are answered with exactly {} (%s server)', async (era) => {
    const session = await legacySession(world.at(era), world.key)
    for (const [method, params] of [
      ['ping', ''],
      ['logging/setLevel', ',"params":{"level":"warning"}'],
    ]) {
      const response = await session.post(
        `{"jsonrpc":"2.0","id":"a","method":"${method}"${params}}`,
      )
      expect(await response.text()).toBe('{"jsonrpc":"2.0","id":"a","result":{}}')
    }
    expect((await session.request('logging/setLevel', { level: 'loud' })).status).toBe(200)
  })

  test('an unknown method is 200 for a legacy client: 404 would end its session', async () => {
    const session = await legacySession(world.at('legacy'), world.key)
    for (const method of ['tools/destroy', '__proto__', 'constructor', 'toString']) {
      const reply = await session.request(method)
      expect([reply.status, dig(reply.message, 'error', 'code')]).toEqual([200, -32601])
      const modern = await modernCall(world.at('modern'), world.key, method)
      expect([modern.status, dig(modern.message, 'error', 'code')]).toEqual([404, -32601])
    }
  })
})

describe('batches', () => {
  const batch = `[${listBody},{"jsonrpc":"2.0","id":2,"method":"ping"},{"jsonrpc":"2.0","method":"notifications/x"}]`

  test.each([
    ['2025-03-26', 200],
    ['2025-06-18', 400],
    ['2025-11-25', 400],
  ])('of revision %s are %i', async (revision, status) => {
    const session = await legacySession(world.at('legacy'), world.key, { revision })
    const response = await session.post(batch)
    expect(response.status).toBe(status)
    const body: unknown = await response.json()
    if (status === 400) expect(code(body)).toBe('request_invalid')
    else {
      expect(digList(body).map((message) => dig(message, 'id'))).toEqual(['l', 2])
      expect(dig(body, 1, 'result')).toEqual({})
    }
  })

  test.each([
    ['an empty one', '[]'],
    [
      'a modern message inside',
      `[{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}]`,
    ],
    [
      'an initialize inside',
      '[{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-03-26"}}]',
    ],
    [
      'more messages than the limit',
      `[${Array(51).fill('{"jsonrpc":"2.0","id":1,"method":"ping"}').join()}]`,
    ],
    ['a broken message inside', `[${listBody},{"id":1}]`],
  ])('%s is 400', async (_name, body) => {
    const session = await legacySession(world.at('legacy'), world.key, { revision: '2025-03-26' })
    const response = await session.post(body)
    expect(response.status).toBe(400)
    expect(digText(await response.json(), 'error', 'message')).not.toBe('')
  })

  test('of notifications only is 202', async () => {
    const session = await legacySession(world.at('legacy'), world.key, { revision: '2025-03-26' })
    expect((await session.post('[{"jsonrpc":"2.0","method":"notifications/x"}]')).status).toBe(202)
  })

  test('calls of tools in a batch are all answered', async () => {
    const session = await legacySession(world.at('legacy'), world.key, { revision: '2025-03-26' })
    const call = (id: number): string =>
      `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"echo","arguments":{"n":${id}}}}`
    const text = await (await session.post(`[${call(1)},${call(2)}]`)).text()
    const answers: unknown = JSON.parse(text)
    expect(digList(answers).map((one) => dig(one, 'result', 'structuredContent', 'n'))).toEqual([
      1, 2,
    ])
  })
})

describe('resumption', () => {
  test.each(eras)(
    'a dropped stream is taken up again by its last event id (%s server)',
    async (era) => {
      const session = await legacySession(world.at(era), world.key)
      const stop = new AbortController()
      const body = JSON.stringify({
        jsonrpc: '2.0',
        id: 'r',
        method: 'tools/call',
        params: { name: 'slow', arguments: { ms: 900, steps: 3 }, _meta: { progressToken: 'p' } },
      })
      const response = await session.post(body, { signal: stop.signal })
      expect(response.headers.get('content-type')).toContain('text/event-stream')
      const reader = response.body?.getReader()
      let seen = ''
      while (!seen.includes('"progress":1'))
        seen += new TextDecoder().decode((await reader?.read())?.value)
      stop.abort()
      const ids = parseEvents(seen).flatMap(({ id }) => (id === undefined ? [] : [id]))
      expect(ids.length).toBeGreaterThan(0)
      const feed = await session.listen(ids.at(-1))
      await feed.until((message) => dig(message, 'result') !== undefined)
      const messages = feed.messages
      expect(messages.map((message) => dig(message, 'params', 'progress'))).toEqual([
        2,
        3,
        undefined,
      ])
      expect(dig(messages.at(-1), 'id')).toBe('r')
      feed.close()
      // Replayed from the start for a client that saw nothing.
      const whole = await session.listen(ids[0]?.replace(/-\d+$/, '-0'))
      await whole.until((message) => dig(message, 'result') !== undefined)
      expect(whole.messages.length).toBe(4)
      whole.close()
    },
  )

  test('an event id of another session gives nothing away', async () => {
    const mine = await legacySession(world.at('legacy'), world.key)
    const reply = await mine.tool('test_tool_with_logging')
    const id = parseEvents(reply.text).findLast((event) => event.id !== undefined)?.id
    const theirs = await legacySession(world.at('legacy'), other())
    const feed = await theirs.listen(id?.replace(/-\d+$/, '-0'))
    await theirs.request('ping')
    expect(feed.messages).toEqual([])
    feed.close()
  })
})

describe('what is sealed for one caller opens for no other', () => {
  test.each(eras)('cursors (%s)', async (era) => {
    const paged = await modernCall(world.at(era), world.key, 'tools/list', { cursor: 'forged' })
    expect([paged.status, dig(paged.message, 'error', 'code'), code(paged.message)]).toEqual([
      200,
      -32602,
      'cursor_invalid',
    ])
  })

  test.each(eras)('requestState (%s server)', async (era) => {
    const capabilities = { elicitation: {} }
    const meta = { 'io.modelcontextprotocol/clientCapabilities': capabilities }
    const name = 'test_input_required_result_request_state'
    const ask = (key: string, more: object, args: object = {}) =>
      modernCall(world.at(era), key, 'tools/call', { name, arguments: args, _meta: meta, ...more })
    const asked = await ask(world.key, {})
    const requestState = digText(asked.message, 'result', 'requestState')
    const [question] = Object.keys(Object(dig(asked.message, 'result', 'inputRequests')))
    const inputResponses = { [question ?? '']: { action: 'accept', content: { confirm: true } } }
    const answered = { requestState, inputResponses }
    const flip = requestState.endsWith('A') ? 'B' : 'A'
    for (const [key, more, args] of [
      [other(), answered, {}],
      [world.key, answered, { more: 1 }],
      [world.key, { ...answered, requestState: requestState.slice(0, -2) + flip.repeat(2) }, {}],
      [world.key, { ...answered, requestState: 'forged' }, {}],
    ] as const) {
      const reply = await ask(key, more, args)
      expect([reply.status, code(reply.message)]).toEqual([200, 'state_invalid'])
    }
    const echoed = await modernCall(world.at(era), world.key, 'tools/call', {
      name: 'echo',
      arguments: {},
      ...answered,
    })
    expect(code(echoed.message)).toBe('state_invalid')
    const done = await ask(world.key, answered)
    expect(digText(done.message, 'result', 'content', 0, 'text')).toContain('state-ok')
  })

  test('a parked call can be answered once', async () => {
    const meta = { 'io.modelcontextprotocol/clientCapabilities': { elicitation: {} } }
    const params = { name: 'test_input_required_result_elicitation', arguments: {}, _meta: meta }
    const asked = await modernCall(world.at('legacy'), world.key, 'tools/call', params)
    const requestState = digText(asked.message, 'result', 'requestState')
    const [question] = Object.keys(Object(dig(asked.message, 'result', 'inputRequests')))
    const inputResponses = { [question ?? '']: { action: 'accept', content: { name: 'Ada' } } }
    const again = { ...params, requestState, inputResponses }
    const first = await modernCall(world.at('legacy'), world.key, 'tools/call', again)
    expect(dig(first.message, 'result', 'resultType')).toBe('complete')
    const second = await modernCall(world.at('legacy'), world.key, 'tools/call', again)
    expect(code(second.message)).toBe('state_invalid')
    expect((await modernTool(world.at('legacy'), world.key, 'stats')).status).toBe(200)
  })
})

/** Every answer names its own call. */
function withoutCall(text: string): string {
  return text.replace(/"call":"[^"]*"/, '')
}
