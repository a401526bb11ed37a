// Opening, identity, primitives, headers, errors: what needs no conversation.
import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect } from 'vitest'
import {
  eventually,
  legacySession,
  modernCall,
  modernRequest,
  postText,
  replyOf,
} from '../e2e/client.ts'
import { dig, digList, digText, names } from '../e2e/json.ts'
import type { Cell } from './cell.ts'
import { proves } from './registry.ts'

const echo = (result: unknown): unknown => dig(result, 'result', 'structuredContent')

/** What the server says of the request that reached it. */
async function seenBy(cell: Cell, capabilities: object = {}, key = cell.key): Promise<unknown> {
  return echo((await cell.tool('request_info', {}, { capabilities, key })).message)
}

/** What the client is offered when it opens. */
async function opening(cell: Cell): Promise<unknown> {
  const message =
    cell.client === 'legacy'
      ? (await cell.session()).opening.message
      : (await cell.request('server/discover')).message
  return dig(message, 'result')
}

proves('opening', 'all', 'opens as its era does', async (cell) => {
  const result = await opening(cell)
  if (cell.client === 'legacy') expect(dig(result, 'protocolVersion')).toBe('2025-11-25')
  else expect(dig(result, 'supportedVersions')).toEqual(['2026-07-28'])
  for (const kind of ['tools', 'prompts', 'resources', 'completions', 'logging'])
    expect(dig(result, 'capabilities', kind), kind).toBeDefined()
  if (cell.client === 'modern') return
  for (const revision of ['2024-11-05', '2025-03-26', '2025-06-18', '1999-01-01']) {
    const { opening: reply } = await legacySession(cell.url, cell.key, { revision })
    const settled = revision === '1999-01-01' ? '2025-11-25' : revision
    expect(dig(reply.message, 'result', 'protocolVersion')).toBe(settled)
  }
})

proves('session-id', ['LL', 'LM', 'ML'], 'keeps the ids of both sides apart', async (cell) => {
  const inside = dig(await seenBy(cell), 'headers', 'mcp-session-id')
  if (cell.server === 'modern') expect(inside).toBeUndefined()
  else expect(typeof inside).toBe('string')
  const reply = await cell.tool('echo', {})
  expect(reply.headers.get('mcp-session-id')).toBeNull()
  if (cell.client === 'legacy') expect((await cell.session()).id).not.toBe(inside)
})

proves('capabilities', 'all', 'asks only for what this caller declared', async (cell) => {
  const tool = { name: 'test_input_required_result_capabilities', arguments: {} }
  const ask = async (capabilities: object): Promise<string> => {
    const answer = () => ({ action: 'accept', content: { name: 'Ann' } })
    const talk = await cell.talk('tools/call', tool, answer, { capabilities })
    return digText(talk.message, 'result', 'content', 0, 'text')
  }
  expect(await ask({})).toBe('The client declared nothing to ask for')
  expect(await ask({ elicitation: {} })).toBe('Answered: user_name')
})

proves('identity', 'all', 'passes instructions and says who the gateway is', async (cell) => {
  const result = await opening(cell)
  expect(dig(result, 'instructions')).toBe('A server for tests.')
  const info =
    dig(result, 'serverInfo') ?? dig(result, '_meta', 'io.modelcontextprotocol/serverInfo')
  expect(digText(info, 'name')).toBe('sallyport')
})

proves('primitives', 'all', 'lists, calls, reads, gets and completes', async (cell) => {
  const session = cell.client === 'legacy' ? await cell.session() : undefined
  const ask = (method: string, params = {}) =>
    session?.request(method, params) ?? modernCall(cell.url, cell.key, method, params)
  expect(names((await ask('tools/list')).message, 'tools')).toContain('echo')
  expect(names((await ask('prompts/list')).message, 'prompts')).toContain('test_simple_prompt')
  const resources = names((await ask('resources/list')).message, 'resources', 'uri')
  expect(resources).toContain('test://static-text')
  const templates = await ask('resources/templates/list')
  expect(names(templates.message, 'resourceTemplates', 'uriTemplate')).toHaveLength(1)
  const called = await cell.request('tools/call', { name: 'echo', arguments: { n: 1 } })
  expect(echo(called.message)).toEqual({ n: 1 })
  const read = await ask('resources/read', { uri: 'test://template/7/data' })
  expect(digText(read.message, 'result', 'contents', 0, 'text')).toContain('Data for ID: 7')
  const got = await ask('prompts/get', { name: 'test_simple_prompt' })
  expect(digList(got.message, 'result', 'messages').length).toBeGreaterThan(0)
  const completed = await ask('completion/complete', {
    ref: { type: 'ref/prompt', name: 'test_prompt_with_arguments' },
    argument: { name: 'arg1', value: 'p' },
  })
  expect(digList(completed.message, 'result', 'completion', 'values').length).toBeGreaterThan(0)
  const hasType = dig(called.message, 'result', 'resultType') !== undefined
  expect(hasType).toBe(cell.client === 'modern')
})

proves('output', ['MM', 'LM'], 'wraps a list where only objects are known', async (cell) => {
  const list = await cell.request('tools/list')
  const tool = digList(list.message, 'result', 'tools').find(
    (one) => dig(one, 'name') === 'list_output',
  )
  const schema = dig(tool, 'outputSchema')
  const result = dig((await cell.tool('list_output')).message, 'result')
  const output = dig(result, 'structuredContent')
  if (cell.client === 'modern') {
    expect(dig(schema, 'type')).toBe('array')
    expect(output).toEqual([1, 2, 3])
    return
  }
  expect(output).toEqual({ result: [1, 2, 3] })
  expect(dig(result, 'content')).toEqual([{ type: 'text', text: '[1,2,3]' }])
  if (typeof schema !== 'object' || schema === null) throw new Error('no output schema')
  expect(dig(schema, 'type')).toBe('object')
  const valid = new Ajv2020({ strict: false }).compile(schema)
  expect([valid(output), valid({ result: ['a'] }), valid([1])]).toEqual([true, false, false])
})

proves('task-support', ['LL', 'ML'], 'shows core tasks to those who have them', async (cell) => {
  const list = await cell.request('tools/list')
  const slow = digList(list.message, 'result', 'tools').find(
    (one) => dig(one, 'name') === 'slow_compute',
  )
  const capability = dig(await opening(cell), 'capabilities', 'tasks')
  expect(dig(slow, 'execution') !== undefined).toBe(cell.client === 'legacy')
  expect(capability !== undefined).toBe(cell.client === 'legacy')
})

proves('missing-capability', 'all', 'says so in the words of the caller’s era', async (cell) => {
  const reply = await cell.tool('needs_sampling', {}, { capabilities: {} })
  if (cell.id === 'MM') {
    expect([reply.status, dig(reply.message, 'error', 'code')]).toEqual([400, -32021])
    expect(dig(reply.message, 'error', 'data', 'requiredCapabilities')).toEqual({ sampling: {} })
  } else {
    expect(reply.status).toBe(200)
    expect(dig(reply.message, 'result', 'isError')).toBe(true)
    expect(digText(reply.message, 'result', 'content', 0, 'text')).toContain('sampling')
  }
})

proves('caching', ['MM', 'LM', 'ML'], 'gives hints to those who know them', async (cell) => {
  for (const [method, params] of [
    ['tools/list', {}],
    ['resources/read', { uri: 'test://static-text' }],
  ] as const) {
    const result = dig((await cell.request(method, params)).message, 'result')
    if (cell.client === 'legacy') {
      for (const key of ['ttlMs', 'cacheScope', 'resultType'])
        expect(dig(result, key)).toBeUndefined()
    } else {
      expect(typeof dig(result, 'ttlMs')).toBe('number')
      expect(dig(result, 'cacheScope')).toBe('private')
    }
  }
})

proves('headers', ['MM', 'LM', 'ML'], 'checks and makes the mirrored headers', async (cell) => {
  const args = { region: 'eu-ü', priority: 3 }
  if (cell.client === 'legacy') {
    const reply = await cell.tool('test_x_mcp_header', args)
    expect(digText(reply.message, 'result', 'content', 0, 'text')).toBe('region=eu-ü')
    const headers = dig(await seenBy(cell), 'headers')
    expect([dig(headers, 'mcp-method'), dig(headers, 'mcp-name')]).toEqual([
      'tools/call',
      'request_info',
    ])
    return
  }
  const request = modernRequest('tools/call', { name: 'test_x_mcp_header', arguments: args })
  const post = async (extra: Record<string, string>) =>
    replyOf(
      await postText(cell.url, cell.key, request.body, {
        headers: { ...request.headers, ...extra },
      }),
    )
  const region = `=?base64?${Buffer.from('eu-ü').toString('base64')}?=`
  const right = await post({ 'mcp-param-region': region, 'mcp-param-priority': '3' })
  expect(digText(right.message, 'result', 'content', 0, 'text')).toBe('region=eu-ü')
  for (const wrong of [
    { 'mcp-name': 'echo' },
    { 'mcp-method': 'tools/list' },
    { 'mcp-param-region': 'us', 'mcp-param-priority': '3' },
    { 'mcp-param-region': region, 'mcp-param-priority': '4' },
  ]) {
    const reply = await post(wrong)
    expect([reply.status, dig(reply.message, 'error', 'code')]).toEqual([400, -32020])
  }
})

proves('not-found', 'all', 'names a missing resource in the caller’s code', async (cell) => {
  const reply = await cell.request('resources/read', { uri: 'test://nowhere' })
  const code = cell.client === 'legacy' ? -32002 : -32602
  expect([reply.status, dig(reply.message, 'error', 'code')]).toEqual([200, code])
})

proves(
  'batches',
  ['LL', 'LM'],
  'runs a batch of 2025-03-26 and joins the answers',
  async (cell) => {
    const session = await cell.session({ revision: '2025-03-26' })
    const call = (id: number) =>
      `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"echo","arguments":{"id":${id}}}}`
    const response = await session.post(`[${call(1)},${call(2)}]`)
    const answers: unknown = await response.json()
    if (!Array.isArray(answers)) throw new Error('no batch of answers')
    const said = answers.map((one) => [dig(one, 'id'), dig(echo(one), 'id')])
    expect(said.sort()).toEqual([
      [1, 1],
      [2, 2],
    ])
  },
)

proves('trace', 'all', 'passes the trace context', async (cell) => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const params = { name: 'request_info', arguments: {}, _meta: { traceparent } }
  const reply = await cell.request('tools/call', params)
  expect(dig(echo(reply.message), 'meta', 'traceparent')).toBe(traceparent)
})

proves(
  'server-state',
  ['LL', 'ML'],
  'gives a session to one key and capabilities',
  async (cell) => {
    const session = async (capabilities: object, key?: string) =>
      dig(await seenBy(cell, capabilities, key ?? cell.key), 'headers', 'mcp-session-id')
    const mine = await session({})
    expect(await session({})).toBe(mine)
    expect(await session({ sampling: {} })).not.toBe(mine)
    expect(await session({}, cell.world.gateway.keyOf('other'))).not.toBe(mine)
  },
)

proves('extensions', 'all', 'relays extensions that are allowed, and no others', async (cell) => {
  const ui = 'io.modelcontextprotocol/ui'
  const offered = Object.keys(dig(await opening(cell), 'capabilities', 'extensions') ?? {}).sort()
  const tasks = cell.server === 'modern' ? ['io.modelcontextprotocol/tasks'] : []
  const wanted = ['io.modelcontextprotocol/skills', ...tasks, ui].sort()
  // A legacy client is offered what a modern server has, but for tasks, which it could not drive.
  const shown = cell.id === 'LM' ? wanted.filter((id) => !tasks.includes(id)) : wanted
  expect(offered).toEqual(shown)
  const settings = { mimeTypes: ['text/html;profile=mcp-app'] }
  const extensions = { [ui]: settings, 'com.example/unknown': { secret: 1 } }
  const told = dig(await seenBy(cell, { extensions }), 'capabilities', 'extensions')
  expect(told).toEqual({ [ui]: settings })
})

proves('http-sse', ['LL', 'LM'], 'serves clients of the old pair', async (cell) => {
  const base = new URL(cell.url).origin
  const stop = new AbortController()
  const authorization = `Bearer ${cell.key}`
  const stream = await fetch(`${base}/sse`, {
    headers: { authorization, accept: 'text/event-stream' },
    signal: stop.signal,
  })
  let text = ''
  const decoder = new TextDecoder()
  void (async () => {
    for await (const chunk of stream.body ?? []) text += decoder.decode(chunk, { stream: true })
  })().catch(() => undefined)
  const path = await eventually(async () => /data: (\S+)/.exec(text)?.[1])
  // A proxy may serve the gateway below a path.
  expect(new URL(path, 'http://proxy/gw/sse').pathname).toBe('/gw/messages')
  const post = (body: object) =>
    fetch(new URL(path, `${base}/sse`), {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', ...body }),
    })
  const params = {
    protocolVersion: '2024-11-05',
    capabilities: {},
    clientInfo: { name: 't', version: '1' },
  }
  await post({ id: 1, method: 'initialize', params })
  await eventually(async () => text.includes('"protocolVersion":"2024-11-05"'))
  await post({ method: 'notifications/initialized' })
  const name = `${cell.server}__echo`
  await post({ id: 2, method: 'tools/call', params: { name, arguments: { n: 5 } } })
  await eventually(async () => text.includes('"structuredContent":{"n":5}'))
  stop.abort()
})

proves('http-sse', ['ML'], 'speaks to servers of the old pair', async (cell) => {
  const reply = await modernCall(cell.world.gateway.server('pair'), cell.key, 'tools/call', {
    name: 'echo',
    arguments: { message: 'over the pair' },
  })
  expect(digText(reply.message, 'result', 'content', 0, 'text')).toContain('over the pair')
})
