// A server that asks, floods and storms at a test's command, in either era.
import type { ServerResponse } from 'node:http'
import { dig } from '../e2e/json.ts'
import { type Stub, type StubRequest, sendJson, startStub } from './stub-server.ts'

export type Era = 'legacy' | 'modern'

export interface AskingServer extends Stub {
  /** Answers to questions as they came, by the text that the call gave with it. */
  readonly answered: { readonly by: string; readonly answer: unknown }[]
  /** Questions of a legacy server that nobody answered yet. */
  readonly open: () => number
  /** Calls of `stall` so far. */
  readonly stalled: () => number
  /** Calls that the other side gave up. */
  readonly left: () => number
  /** Sends a notification on every stream of changes. */
  tell(method: string): void
  readonly streams: () => number
}

interface Waiting {
  readonly response: ServerResponse
  readonly callId: unknown
  readonly by: string
  readonly tool: string
  left: number
}

const question = {
  method: 'elicitation/create',
  params: { message: 'Yes?', requestedSchema: { type: 'object', properties: {} } },
}
const kinds = [
  question,
  {
    method: 'elicitation/create',
    params: { mode: 'url', message: 'Go', url: 'https://a.example', elicitationId: 'e' },
  },
  { method: 'sampling/createMessage', params: { messages: [], maxTokens: 1 } },
  { method: 'roots/list' },
]
const open = { inputSchema: { type: 'object' } }
const tools = ['ask', 'forever', 'everything', 'flood', 'stall'].map((name) => ({ name, ...open }))

/** `ask` asks once, `forever` without end, `everything` all kinds at once; `flood` notifies; `stall` never answers. */
export async function startAskingServer(era: Era, port = 0): Promise<AskingServer> {
  const waiting = new Map<string, Waiting>()
  const streams = new Set<ServerResponse>()
  const answered: { by: string; answer: unknown }[] = []
  let ids = 0
  let left = 0
  let stalled = 0

  const event = (response: ServerResponse, message: object): boolean =>
    response.write(`event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`)
  const begin = (response: ServerResponse): void => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
  }
  const result = (text: string): object => ({
    ...(era === 'modern' ? { resultType: 'complete' } : {}),
    content: [{ type: 'text', text }],
  })

  const ask = (entry: Waiting, what: object): void => {
    const id = `ask-${++ids}`
    waiting.set(id, entry)
    event(entry.response, { id, ...what })
  }

  /** The answer of a client to a question of the legacy era. */
  const take = (message: unknown): void => {
    const id = String(dig(message, 'id'))
    const entry = waiting.get(id)
    waiting.delete(id)
    if (entry === undefined) return
    const answer = dig(message, 'result') ?? { error: dig(message, 'error') }
    answered.push({ by: entry.by, answer })
    if (entry.tool === 'forever') ask(entry, question)
    else if (--entry.left === 0) {
      event(entry.response, { id: entry.callId, result: result(entry.by) })
      entry.response.end()
    }
  }

  const flood = async (response: ServerResponse, id: unknown, message: unknown): Promise<void> => {
    begin(response)
    const count = Number(dig(message, 'params', 'arguments', 'count'))
    const progressToken = dig(message, 'params', '_meta', 'progressToken') ?? id
    for (let n = 0; n < count && !response.destroyed; n++) {
      const data = 'x'.repeat(200)
      const progress = { progressToken, progress: n, message: data }
      event(response, { method: 'notifications/progress', params: progress })
      const log = { level: 'error', data }
      if (!event(response, { method: 'notifications/message', params: log }))
        await new Promise((resolve) => {
          response.once('drain', resolve)
          response.once('close', resolve)
        })
    }
    event(response, { id, result: result(String(count)) })
    response.end()
  }

  const call = ({ response, message }: StubRequest): void => {
    const id = dig(message, 'id')
    const tool = String(dig(message, 'params', 'name'))
    const by = String(dig(message, 'params', 'arguments', 'by'))
    response.once('close', () => {
      if (!response.writableFinished) left++
      for (const [key, entry] of waiting) if (entry.response === response) waiting.delete(key)
    })
    if (tool === 'stall') {
      stalled++
      return
    }
    if (tool === 'flood') {
      void flood(response, id, message)
      return
    }
    const asked = tool === 'everything' ? kinds : [question]
    if (era === 'legacy') {
      begin(response)
      const entry = { response, callId: id, by, tool, left: asked.length }
      for (const what of asked) ask(entry, what)
      return
    }
    const answers = dig(message, 'params', 'inputResponses')
    if (answers !== undefined) answered.push({ by, answer: dig(answers, 'k0') })
    const done = answers !== undefined && tool !== 'forever'
    const inputRequests = Object.fromEntries(asked.map((what, index) => [`k${index}`, what]))
    sendJson(response, {
      jsonrpc: '2.0',
      id,
      result: done
        ? result(by)
        : { resultType: 'input_required', inputRequests, requestState: `of ${by}` },
    })
  }

  const listen = (taken: StubRequest): void => {
    const { response, message } = taken
    begin(response)
    streams.add(response)
    response.once('close', () => streams.delete(response))
    if (era === 'legacy') return
    const id = dig(message, 'id')
    const _meta = { 'io.modelcontextprotocol/subscriptionId': id }
    const notifications = dig(message, 'params', 'notifications')
    const method = 'notifications/subscriptions/acknowledged'
    event(response, { method, params: { notifications, _meta } })
  }

  const stub = await startStub({
    era,
    port,
    tools,
    keepAliveMs: 2_000,
    handle: (taken) => {
      const { request, response, message, method } = taken
      const session = request.headers['mcp-session-id']
      if (era === 'legacy' && !(typeof session === 'string' && stub.sessions.has(session)))
        return false
      const answers = dig(message, 'method') === undefined && dig(message, 'id') !== undefined
      if (answers && request.method === 'POST') {
        response.writeHead(202).end()
        take(message)
      } else if (method === 'tools/call') call(taken)
      else if (method === (era === 'legacy' ? 'GET' : 'subscriptions/listen')) listen(taken)
      else return false
      return true
    },
  })
  return {
    ...stub,
    answered,
    open: () => waiting.size,
    stalled: () => stalled,
    left: () => left,
    streams: () => streams.size,
    tell: (method) => {
      for (const response of streams) event(response, { method })
    },
  }
}
