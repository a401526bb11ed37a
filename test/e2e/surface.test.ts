// The whole non-interactive surface through the gateway, in all four pairs of eras.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startStub } from '../faults/stub-server.ts'
import {
  eventually,
  legacySession,
  modernCall,
  modernRequest,
  modernTool,
  openListen,
  postText,
} from './client.ts'
import { everything, startGateway } from './gateway.ts'
import { dig, digList, digText, names } from './json.ts'
import { startWorld, type TestWorld } from './world.ts'

let world: TestWorld
beforeAll(async () => {
  world = await startWorld({ keys: { other: everything } })
  await eventually(
    async () =>
      names((await modernCall(world.gateway.url, world.key, 'tools/list')).message, 'tools')
        .length > 60,
  )
})
afterAll(() => world?.stop())

const eras = ['modern', 'legacy'] as const

async function stat(name: string): Promise<number> {
  const reply = await modernTool(world.at('modern'), world.key, 'stats')
  return Number(dig(reply.message, 'result', 'structuredContent', name))
}

const isLog = (message: unknown): boolean => dig(message, 'method') === 'notifications/message'
const isProgress = (message: unknown): boolean =>
  dig(message, 'method') === 'notifications/progress'

describe.each(eras)('over a %s server', (era) => {
  test('progress comes on the stream of its call, with the token as the client wrote it', async () => {
    const session = await legacySession(world.at(era), world.key)
    for (const progressToken of ['t', 7, 'ä"\\', 12345678901234]) {
      const params = { name: 'test_tool_with_progress', arguments: {}, _meta: { progressToken } }
      const modern = await modernCall(world.at(era), world.key, 'tools/call', params)
      const legacy = await session.request('tools/call', params)
      for (const { messages } of [modern, legacy]) {
        const progress = messages.filter(isProgress)
        expect(progress.map((message) => dig(message, 'params', 'progress'))).toEqual([0, 50, 100])
        expect(new Set(progress.map((message) => dig(message, 'params', 'progressToken')))).toEqual(
          new Set([progressToken]),
        )
      }
    }
    const silent = await modernTool(world.at(era), world.key, 'test_tool_with_progress')
    expect(silent.messages.filter(isProgress)).toEqual([])
  })

  test('progress of simultaneous calls with one token each reaches its own caller only', async () => {
    const replies = await Promise.all(
      ['a', 'b', 'c', 'd'].map((progressToken) =>
        modernCall(world.at(era), world.key, 'tools/call', {
          name: 'slow',
          arguments: { ms: 100, steps: 5 },
          _meta: { progressToken },
        }),
      ),
    )
    for (const [index, { messages }] of replies.entries()) {
      const progress = messages.filter(isProgress)
      expect(progress.map((message) => dig(message, 'params', 'progressToken'))).toEqual(
        Array(5).fill('abcd'[index]),
      )
    }
  })

  test('log messages come from the level on that was asked for', async () => {
    const withLevel = (level: string) =>
      modernCall(world.at(era), world.key, 'tools/call', {
        name: 'test_tool_with_logging',
        arguments: {},
        _meta: { 'io.modelcontextprotocol/logLevel': level },
      })
    expect((await withLevel('debug')).messages.filter(isLog).length).toBe(3)
    expect((await withLevel('error')).messages.filter(isLog).length).toBe(0)
    const none = await modernTool(world.at(era), world.key, 'test_tool_with_logging')
    expect(none.messages.filter(isLog).length).toBe(0)
    const session = await legacySession(world.at(era), world.key)
    await session.request('logging/setLevel', { level: 'info' })
    expect((await session.tool('test_tool_with_logging')).messages.filter(isLog).length).toBe(3)
    await session.request('logging/setLevel', { level: 'critical' })
    expect((await session.tool('test_tool_with_logging')).messages.filter(isLog).length).toBe(0)
  })

  test('a modern client that closes its call cancels it at the server', async () => {
    const [started, cancelled] = [await stat('slowStarted'), await stat('slowCancelled')]
    const stop = new AbortController()
    const call = modernTool(
      world.at(era),
      world.key,
      'slow',
      { ms: 60_000 },
      { signal: stop.signal },
    )
    await eventually(async () => (await stat('slowStarted')) === started + 1)
    stop.abort()
    await expect(call).rejects.toThrow()
    await eventually(async () => (await stat('slowCancelled')) === cancelled + 1)
  })

  test('a legacy client cancels by a notification, and only its own call', async () => {
    const [started, cancelled] = [await stat('slowStarted'), await stat('slowCancelled')]
    const session = await legacySession(world.at(era), world.key)
    const stranger = await legacySession(world.at(era), world.gateway.keyOf('other'))
    const body =
      '{"jsonrpc":"2.0","id":"mine","method":"tools/call","params":{"name":"slow","arguments":{"ms":60000}}}'
    const call = session.post(body)
    await eventually(async () => (await stat('slowStarted')) === started + 1)
    await stranger.notify('notifications/cancelled', { requestId: 'mine' })
    await session.notify('notifications/cancelled', { requestId: 'another' })
    expect(await stat('slowCancelled')).toBe(cancelled)
    await session.notify('notifications/cancelled', { requestId: 'mine', reason: 'enough' })
    expect(await (await call).text()).not.toContain('"result"')
    await eventually(async () => (await stat('slowCancelled')) === cancelled + 1)
  })

  test('a legacy client that loses its stream has cancelled nothing', async () => {
    const [completed, cancelled] = [await stat('slowCompleted'), await stat('slowCancelled')]
    const session = await legacySession(world.at(era), world.key)
    const stop = new AbortController()
    const params = { name: 'slow', arguments: { ms: 500, steps: 5 }, _meta: { progressToken: 1 } }
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })
    await session.post(body, { signal: stop.signal })
    stop.abort()
    await eventually(async () => (await stat('slowCompleted')) === completed + 1)
    expect(await stat('slowCancelled')).toBe(cancelled)
  })

  test('a new tool is told to listen and GET streams, listed and callable', async () => {
    const name = `late_${era}`
    const session = await legacySession(world.at(era), world.key)
    const get = await session.listen()
    const listen = await openListen(world.at(era), world.key, { toolsListChanged: true })
    const deaf = await openListen(world.at(era), world.key, { promptsListChanged: true })
    await listen.untilMethod('notifications/subscriptions/acknowledged')
    await deaf.untilMethod('notifications/subscriptions/acknowledged')
    await modernTool(world.at(era), world.key, 'add_tool', { name })
    await get.untilMethod('notifications/tools/list_changed')
    const told = await listen.untilMethod('notifications/tools/list_changed')
    const id = dig(listen.messages[0], 'params', '_meta', 'io.modelcontextprotocol/subscriptionId')
    expect(typeof id).toBe('number')
    expect(dig(told, 'params', '_meta', 'io.modelcontextprotocol/subscriptionId')).toBe(id)
    expect(deaf.count('notifications/tools/list_changed')).toBe(0)
    expect(dig(get.messages[0], 'params')).toBeUndefined()
    const listed = await modernCall(world.at(era), world.key, 'tools/list')
    expect(names(listed.message, 'tools')).toContain(name)
    expect(names((await session.request('tools/list')).message, 'tools')).toContain(name)
    const called = await session.tool(name, { n: 1 })
    expect(dig(called.message, 'result', 'structuredContent')).toEqual({ n: 1 })
    await modernTool(world.at(era), world.key, 'remove_tool', { name })
    await eventually(async () => {
      const reply = await session.tool(name)
      return dig(reply.message, 'error', 'data', 'code') === 'tool_unknown'
    })
    for (const feed of [get, listen, deaf]) feed.close()
  })

  test('updates of a resource reach those who asked for it, on both kinds of streams', async () => {
    const uri = 'test://watched-resource'
    const session = await legacySession(world.at(era), world.key)
    const get = await session.listen()
    expect(dig((await session.request('resources/subscribe', { uri })).message, 'result')).toEqual(
      {},
    )
    const listen = await openListen(world.at(era), world.key, {
      resourceSubscriptions: [uri, 'test://nothing-there'],
    })
    const acknowledged = await listen.untilMethod('notifications/subscriptions/acknowledged')
    expect(dig(acknowledged, 'params', 'notifications', 'resourceSubscriptions', 0)).toBe(uri)
    const joined = await openListen(world.gateway.url, world.key, {
      resourceSubscriptions: [`${era}+${uri}`],
    })
    await joined.untilMethod('notifications/subscriptions/acknowledged')
    await modernTool(world.at(era), world.key, 'update_resource', { uri })
    for (const feed of [get, listen])
      expect(dig(await feed.untilMethod('notifications/resources/updated'), 'params', 'uri')).toBe(
        uri,
      )
    expect(dig(await joined.untilMethod('notifications/resources/updated'), 'params', 'uri')).toBe(
      `${era}+${uri}`,
    )
    await session.request('resources/unsubscribe', { uri })
    const before = get.count('notifications/resources/updated')
    const heard = listen.count('notifications/resources/updated')
    await modernTool(world.at(era), world.key, 'update_resource', { uri })
    await eventually(async () => listen.count('notifications/resources/updated') > heard)
    expect(get.count('notifications/resources/updated')).toBe(before)
    for (const feed of [get, listen, joined]) feed.close()
  })

  test('resources, templates, prompts and completion', async () => {
    const session = await legacySession(world.at(era), world.key)
    const ask = async (method: string, params = {}) => [
      (await modernCall(world.at(era), world.key, method, params)).message,
      (await session.request(method, params)).message,
    ]
    for (const message of await ask('resources/list'))
      expect(names(message, 'resources', 'uri')).toContain('test://static-text')
    for (const message of await ask('resources/templates/list'))
      expect(names(message, 'resourceTemplates', 'uriTemplate')).toEqual([
        'test://template/{id}/data',
      ])
    for (const message of await ask('resources/read', { uri: 'test://template/42/data' }))
      expect(digText(message, 'result', 'contents', 0, 'text')).toContain('Data for ID: 42')
    for (const message of await ask('prompts/list'))
      expect(names(message, 'prompts')).toContain('test_simple_prompt')
    for (const message of await ask('prompts/get', { name: 'test_simple_prompt' }))
      expect(digList(message, 'result', 'messages').length).toBeGreaterThan(0)
    const ref = { type: 'ref/prompt', name: 'test_prompt_with_arguments' }
    for (const message of await ask('completion/complete', {
      ref,
      argument: { name: 'arg1', value: 'par' },
    }))
      expect(Array.isArray(dig(message, 'result', 'completion', 'values'))).toBe(true)
    const [modern, legacy] = await ask('resources/read', { uri: 'test://nowhere' })
    expect([dig(modern, 'error', 'code'), dig(legacy, 'error', 'code')]).toEqual([-32602, -32002])
  })
})

test('a client that asks for no stream still gets its answer', async () => {
  const { body, headers } = modernRequest('tools/call', {
    name: 'test_tool_with_progress',
    arguments: {},
    _meta: { progressToken: 1 },
  })
  const response = await postText(world.at('modern'), world.key, body, {
    headers: { ...headers, accept: 'application/json' },
  })
  expect(response.headers.get('content-type')).toBe('application/json')
  expect(dig(await response.json(), 'result', 'resultType')).toBe('complete')
})

test('the endpoint over all servers names and prefixes what it joins', async () => {
  const list = await modernCall(world.gateway.url, world.key, 'tools/list')
  const found = names(list.message, 'tools')
  expect(found).toContain('modern__echo')
  expect(found).toContain('legacy__echo')
  expect([...found].sort()).toEqual(found)
  expect(dig(list.message, 'result', 'cacheScope')).toBe('private')
  const resources = await modernCall(world.gateway.url, world.key, 'resources/list')
  expect(names(resources.message, 'resources', 'uri')).toContain('legacy+test://static-text')
  for (const era of eras) {
    const echoed = await modernTool(world.gateway.url, world.key, `${era}__echo`, { n: 1 })
    expect(dig(echoed.message, 'result', 'structuredContent')).toEqual({ n: 1 })
    const uri = `${era}+test://static-text`
    const read = await modernCall(world.gateway.url, world.key, 'resources/read', { uri })
    expect(dig(read.message, 'result', 'contents', 0, 'uri')).toBe(uri)
    const embedded = await modernTool(
      world.gateway.url,
      world.key,
      `${era}__test_embedded_resource`,
    )
    expect(digText(embedded.message, 'result', 'content', 0, 'resource', 'uri')).toBe(
      `${era}+test://embedded-resource`,
    )
  }
})

test('long lists come in pages whose cursors are sealed', async () => {
  const tools = Array.from({ length: 2_500 }, (_, index) => ({
    name: `tool_${String(index).padStart(4, '0')}`,
    inputSchema: { type: 'object' },
  }))
  const stub = await startStub({ era: 'modern', tools })
  const config = { servers: { many: { http: { url: stub.url } } } }
  const gateway = await startGateway({ config, keys: { first: everything, other: everything } })
  try {
    const session = await legacySession(gateway.url, gateway.key)
    const found: string[] = []
    let cursor: string | undefined
    let pages = 0
    do {
      const page = await session.request('tools/list', cursor === undefined ? {} : { cursor })
      found.push(...names(page.message, 'tools'))
      const next = dig(page.message, 'result', 'nextCursor')
      if (typeof next === 'string') {
        expect(Buffer.from(next, 'base64url').toString('latin1')).not.toContain('tool_')
        const wrong = await session.request('prompts/list', { cursor: next })
        expect(dig(wrong.message, 'error', 'data', 'code')).toBe('cursor_invalid')
        const elsewhere = await modernCall(gateway.server('many'), gateway.key, 'tools/list', {
          cursor: next,
        })
        expect(dig(elsewhere.message, 'error', 'data', 'code')).toBe('cursor_invalid')
        const altered = next.replace(/(?<=^.{20})./, (at) => (at === 'A' ? 'B' : 'A'))
        const tampered = await session.request('tools/list', { cursor: altered })
        expect(dig(tampered.message, 'error', 'data', 'code')).toBe('cursor_invalid')
      }
      cursor = typeof next === 'string' ? next : undefined
      pages++
    } while (cursor !== undefined && pages < 20)
    expect(pages).toBeGreaterThan(1)
    expect(found).toEqual(tools.map(({ name }) => `many__${name}`))
  } finally {
    await gateway.stop()
    await stub.stop()
  }
})

test('a server that lists in pages is listed whole', async () => {
  const paged = await startWorld({ fixtureArgs: ['--page-size', '3'] })
  try {
    const whole = names(
      (await modernCall(world.at('modern'), world.key, 'tools/list')).message,
      'tools',
    )
    for (const era of eras) {
      const list = await modernCall(paged.at(era), paged.key, 'tools/list')
      expect(names(list.message, 'tools')).toEqual(whole)
    }
  } finally {
    await paged.stop()
  }
})
