// Progress, cancellation, logs and changes: what comes beside the answer.

import type { ServerResponse } from 'node:http'
import { expect } from 'vitest'
import {
  eventually,
  legacySession,
  modernCall,
  modernMeta,
  modernRequest,
  modernTool,
  openFeed,
  type Params,
  postText,
  type Reply,
} from '../e2e/client.ts'
import { everything, startGateway } from '../e2e/gateway.ts'
import { dig, names } from '../e2e/json.ts'
import { type Stub, startStub } from '../faults/stub-server.ts'
import { type Cell, quiet } from './cell.ts'
import { proves } from './registry.ts'

const of = (messages: readonly unknown[], method: string): readonly unknown[] =>
  messages.filter((message) => dig(message, 'method') === method)

proves('progress', 'all', 'comes with the caller’s own token', async (cell) => {
  for (const progressToken of ['mine', 7]) {
    const params = { name: 'test_tool_with_progress', arguments: {}, _meta: { progressToken } }
    const reply = await cell.request('tools/call', params)
    const progress = of(reply.messages, 'notifications/progress')
    expect(progress.map((one) => dig(one, 'params', 'progress'))).toEqual([0, 50, 100])
    for (const one of progress) expect(dig(one, 'params', 'progressToken')).toBe(progressToken)
  }
})

/** Posts a call that takes long, in the way of the client's era. */
async function slow(cell: Cell, args: object, signal: AbortSignal) {
  const params = { name: 'slow', arguments: args, _meta: { progressToken: 1 } }
  if (cell.client === 'legacy') {
    const session = await cell.session()
    const body = JSON.stringify({ jsonrpc: '2.0', id: 'slow', method: 'tools/call', params })
    return { session, answer: session.post(body, { signal }) }
  }
  const { body, headers } = modernRequest('tools/call', params)
  return { session: undefined, answer: postText(cell.url, cell.key, body, { headers, signal }) }
}

proves('cancellation', 'all', 'reaches the server', async (cell) => {
  const [started, cancelled] = [await cell.stat('slowStarted'), await cell.stat('slowCancelled')]
  const stop = new AbortController()
  const { session, answer } = await slow(cell, { ms: 60_000, steps: 600 }, stop.signal)
  answer.catch(() => undefined)
  await cell.grown('slowStarted', started)
  if (session === undefined) stop.abort()
  else await session.notify('notifications/cancelled', { requestId: 'slow' })
  await cell.grown('slowCancelled', cancelled)
})

proves('disconnect', 'all', 'cancels for one era only', async (cell) => {
  const counters = ['slowStarted', 'slowCancelled', 'slowCompleted'] as const
  const [started, cancelled, completed] = await Promise.all(counters.map((name) => cell.stat(name)))
  const stop = new AbortController()
  const { answer } = await slow(cell, { ms: 700, steps: 7 }, stop.signal)
  answer.catch(() => undefined)
  await cell.grown('slowStarted', started ?? 0)
  // The head of the answer is there with the first progress, so the stream is what breaks.
  await answer
  stop.abort()
  if (cell.client === 'modern') await cell.grown('slowCancelled', cancelled ?? 0)
  else await cell.grown('slowCompleted', completed ?? 0)
})

proves('resumption', ['LL', 'LM'], 'takes a broken stream up again', async (cell) => {
  const stop = new AbortController()
  const { session, answer } = await slow(cell, { ms: 900, steps: 3 }, stop.signal)
  const response = await answer
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    if (text.includes('notifications/progress')) break
  }
  stop.abort()
  const last = [...text.matchAll(/^id: ?(\S+)$/gm)].at(-1)?.[1]
  expect(last).toBeDefined()
  const feed = await session?.listen(last)
  const result = await feed?.until((message) => dig(message, 'id') === 'slow')
  expect(dig(result, 'result', 'content', 0, 'text')).toBe('slept 900 ms')
  feed?.close()
})

proves('ping', ['LL', 'LM'], 'is answered to clients', async (cell) => {
  expect(dig((await cell.request('ping')).message, 'result')).toEqual({})
})

proves('ping', ['LL', 'ML'], 'is answered to servers', async (cell) => {
  const answers: unknown[] = []
  const stub = await startStub({
    era: 'legacy',
    handle: ({ response, message, method }) => {
      if (method === 'POST') answers.push(message)
      if (method === 'POST') response.writeHead(202).end()
      if (method !== 'tools/call') return method === 'POST'
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: {"jsonrpc":"2.0","id":"p1","method":"ping"}\n\n')
      const id = JSON.stringify(dig(message, 'id'))
      void eventually(async () => answers.length > 0).then(() =>
        response.end(`data: {"jsonrpc":"2.0","id":${id},"result":{"content":[]}}\n\n`),
      )
      return true
    },
  })
  const gateway = await startGateway({
    config: { servers: { stub: { http: { url: stub.url } } } },
    keys: { first: everything },
  })
  try {
    const other = { ...cell.world, key: gateway.key, at: () => gateway.server('stub') }
    const pinged = new (Object.getPrototypeOf(cell).constructor)(cell.id, other)
    const reply = await pinged.tool('echo', {})
    expect(dig(reply.message, 'result', 'content')).toEqual([])
    expect(answers).toEqual([{ jsonrpc: '2.0', id: 'p1', result: {} }])
  } finally {
    await gateway.stop()
    await stub.stop()
  }
})

proves('logging', 'all', 'comes from the level on that was asked for', async (cell) => {
  const logs = async (level: string | undefined): Promise<number> => {
    if (cell.client === 'modern') {
      const meta = level === undefined ? {} : { 'io.modelcontextprotocol/logLevel': level }
      const params = { name: 'test_tool_with_logging', arguments: {}, _meta: meta }
      return of((await cell.request('tools/call', params)).messages, 'notifications/message').length
    }
    const session = await cell.session()
    if (level !== undefined) await session.request('logging/setLevel', { level })
    const reply = await session.tool('test_tool_with_logging')
    return of(reply.messages, 'notifications/message').length
  }
  expect(await logs('info')).toBe(3)
  expect(await logs('critical')).toBe(0)
  // Never asked: a legacy server logs as it likes, a modern one and for a modern caller nothing comes.
  if (cell.id !== 'LL') expect(await logs(undefined)).toBe(0)
})

proves('list-changed', 'all', 'is told, and the new list is there', async (cell) => {
  const name = `late_${cell.id.toLowerCase()}`
  const { feed } = await cell.changes()
  await modernTool(cell.url, cell.key, 'add_tool', { name })
  await feed.untilMethod('notifications/tools/list_changed')
  expect(names((await cell.request('tools/list')).message, 'tools')).toContain(name)
  await modernTool(cell.url, cell.key, 'remove_tool', { name })
  await eventually(
    async () => !names((await cell.request('tools/list')).message, 'tools').includes(name),
  )
  feed.close()
})

proves('resource-updates', 'all', 'reach those who asked', async (cell) => {
  const uri = 'test://watched-resource'
  const { feed } = await cell.changes(uri)
  await quiet()
  await modernTool(cell.url, cell.key, 'update_resource', { uri })
  const told = await feed.untilMethod('notifications/resources/updated')
  expect(dig(told, 'params', 'uri')).toBe(uri)
  feed.close()
})

proves('resource-updates', 'all', 'of what is not there are refused', async (cell) => {
  const { feed, asked } = await cell.changes('test://nothing-there')
  if (cell.client === 'legacy') expect(dig(asked, 'error')).toBeDefined()
  else expect(dig(asked, 'params', 'notifications', 'resourceSubscriptions') ?? []).toEqual([])
  feed.close()
})

proves('roots-changed', ['LL', 'LM', 'ML'], 'is taken and dropped', async (cell) => {
  if (cell.client === 'legacy') {
    const session = await cell.session({ capabilities: { roots: { listChanged: true } } })
    expect((await session.notify('notifications/roots/list_changed')).status).toBe(202)
    expect((await session.request('ping')).status).toBe(200)
    return
  }
  const body = '{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}'
  const headers = {
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'notifications/roots/list_changed',
  }
  expect((await postText(cell.url, cell.key, body, { headers })).status).toBe(202)
})

proves('loose-requests', ['LL', 'ML'], 'of a server are refused', async (cell) => {
  const answers: unknown[] = []
  const stub = await startStub({
    era: 'legacy',
    handle: ({ request, response, message, method }) => {
      if (request.method === 'GET') {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write('data: {"jsonrpc":"2.0","id":"r1","method":"roots/list"}\n\n')
        return true
      }
      if (request.method !== 'POST' || method !== 'POST') return false
      answers.push(message)
      response.writeHead(202).end()
      return true
    },
  })
  const gateway = await startGateway({
    config: { servers: { stub: { http: { url: stub.url } } } },
    keys: { first: everything },
  })
  try {
    await eventually(async () => answers.length > 0)
    expect([dig(answers[0], 'id'), dig(answers[0], 'error', 'code')]).toEqual(['r1', -32601])
    expect(cell.server).toBe('legacy')
  } finally {
    await gateway.stop()
    await stub.stop()
  }
})

/** Asks on the GET stream of the session, and answers the call with what it heard. */
async function looseServer(): Promise<Stub> {
  const streams = new Map<unknown, ServerResponse>()
  const calls: { readonly id: unknown; readonly response: ServerResponse }[] = []
  const stub = await startStub({
    era: 'legacy',
    tools: [
      { name: 'loose', inputSchema: { type: 'object' } },
      { name: 'wait', inputSchema: { type: 'object' } },
    ],
    handle: ({ request, response, message, method }) => {
      const session = request.headers['mcp-session-id']
      if (request.method === 'GET') {
        response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
        streams.set(session, response)
      } else if (method === 'tools/call') {
        response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
        if (dig(message, 'params', 'name') === 'wait') return true
        calls.push({ id: dig(message, 'id'), response })
        const params = { message: 'Yes?', requestedSchema: { type: 'object', properties: {} } }
        const question = { jsonrpc: '2.0', id: 'loose', method: 'elicitation/create', params }
        streams.get(session)?.write(`data: ${JSON.stringify(question)}\n\n`)
      } else if (method === 'POST' && dig(message, 'id') === 'loose') {
        response.writeHead(202).end()
        const heard = dig(message, 'result', 'action') ?? dig(message, 'error', 'code')
        const result = { content: [{ type: 'text', text: String(heard) }] }
        const call = calls.pop()
        call?.response.end(`data: ${JSON.stringify({ jsonrpc: '2.0', id: call.id, result })}\n\n`)
      } else return false
      return true
    },
  })
  return stub
}

proves('loose-requests', ['LL', 'ML'], 'are put to the only call in flight', async (cell) => {
  const stub = await looseServer()
  const gateway = await startGateway({
    config: { servers: { stub: { http: { url: stub.url } } } },
    keys: { first: everything },
  })
  const capabilities = { elicitation: {} }
  const url = gateway.server('stub')
  const stop = new AbortController()
  const modern = (name: string, more: Params = {}, signal?: AbortSignal): Promise<Reply> => {
    const params = { name, arguments: {}, _meta: modernMeta(capabilities), ...more }
    const options = signal === undefined ? {} : { signal }
    return modernCall(url, gateway.key, 'tools/call', params, options)
  }
  const heard = (reply: unknown): unknown => dig(reply, 'result', 'content', 0, 'text')
  try {
    if (cell.client === 'legacy') {
      const session = await legacySession(url, gateway.key, { capabilities })
      const params = { name: 'loose', arguments: {} }
      const body = JSON.stringify({ jsonrpc: '2.0', id: 'call', method: 'tools/call', params })
      const headers = {
        ...session.headers,
        accept: 'application/json, text/event-stream',
        'content-type': 'application/json',
      }
      const feed = await openFeed(url, { method: 'POST', headers, body })
      const id = dig(await feed.untilMethod('elicitation/create'), 'id')
      await session.post(JSON.stringify({ jsonrpc: '2.0', id, result: { action: 'accept' } }))
      expect(heard(await feed.until((message) => dig(message, 'id') === 'call'))).toBe('accept')
    } else {
      const asked = await modern('loose')
      const keys = Object.keys(dig(asked.message, 'result', 'inputRequests') ?? {})
      const inputResponses = Object.fromEntries(keys.map((key) => [key, { action: 'accept' }]))
      const requestState = dig(asked.message, 'result', 'requestState')
      expect(heard((await modern('loose', { inputResponses, requestState })).message)).toBe(
        'accept',
      )
    }
    // With another call in flight it cannot be known whom to ask.
    const waiting = modern('wait', {}, stop.signal).catch(() => undefined)
    await eventually(async () => stub.seen.at(-1) === 'tools/call')
    const session = await legacySession(url, gateway.key, { capabilities })
    const second = cell.client === 'legacy' ? session.tool('loose') : modern('loose')
    expect(heard((await second).message)).toBe('-32601')
    stop.abort()
    await waiting
  } finally {
    stop.abort()
    await gateway.stop()
    await stub.stop()
  }
})
