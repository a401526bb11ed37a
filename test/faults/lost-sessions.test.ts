// Legacy servers say in every way there is that they know a session no more; a call is then made once in a new one.
import type { ServerResponse } from 'node:http'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { modernTool, type Reply } from '../e2e/client.ts'
import { everything, startGateway, type TestGateway } from '../e2e/gateway.ts'
import { dig } from '../e2e/json.ts'
import { type Stub, type StubRequest, sendJson, startStub } from './stub-server.ts'

type Refuse = (response: ServerResponse, id: unknown) => void

const text =
  (status: number, body = '', headers = {}): Refuse =>
  (response) =>
    response.writeHead(status, { 'content-type': 'text/plain', ...headers }).end(body)
const rpc =
  (status: number, code: number, message: string, own: unknown = null): Refuse =>
  (response, id) =>
    sendJson(
      response,
      { jsonrpc: '2.0', id: own === 'ours' ? id : own, error: { code, message } },
      status,
    )
const event =
  (code: number, message: string): Refuse =>
  (response, id) => {
    const error = { jsonrpc: '2.0', id, error: { code, message } }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.end(`event: message\ndata: ${JSON.stringify(error)}\n\n`)
  }

/** What servers and their SDKs answer, by status, form, id and wording. */
const lost: readonly (readonly [string, Refuse])[] = [
  ['404', text(404)],
  ['404 of the TypeScript SDK', rpc(404, -32_001, 'Session not found')],
  ['404 of the Python SDK', rpc(404, -32_600, 'Session not found', 'server-error')],
  ['404 of the Go SDK', text(404, 'session not found\n')],
  ['404 of the Java SDK', rpc(404, -32_603, 'Session not found: 7d1', 'ours')],
  ['410', text(410, 'Gone')],
  ['400 of example servers', rpc(400, -32_000, 'Bad Request: No valid session ID provided')],
  ['400 of older Python', text(400, 'Bad Request: No valid session ID provided')],
  ['400 not initialized', rpc(400, -32_000, 'Bad Request: Server not initialized')],
  ['400 of mcp-go', text(400, 'Invalid session ID')],
  ['400 in other JSON', (response) => sendJson(response, { error: 'unknown session' }, 400)],
  ['400 with our id', rpc(400, -32_001, 'Session expired', 'ours')],
  ['400 without a word', text(400)],
  ['400 in another language', text(400, 'Sitzung unbekannt')],
  ['401 of the Rust SDK', text(401, 'Unauthorized: Session not found')],
  ['401 without a word', text(401)],
  ['403', rpc(403, -32_000, 'Forbidden: The session belongs to another user')],
  ['409', text(409, 'no such mcp-session-id')],
  ['422 of the Rust SDK', text(422, 'Unexpected message, expect initialize request')],
  ['500', rpc(500, -32_603, 'Error: session 7d1 not in store')],
  ['200 with an error', rpc(200, -32_001, 'session not found', 'ours')],
  ['200 with a null id', rpc(200, -32_000, 'Session terminated')],
  ['200 not initialized', rpc(200, -32_600, 'Server not initialized', 'ours')],
  [
    '200 before initialization',
    rpc(200, -32_602, 'Received request before initialization was complete', 'ours'),
  ],
  ['200 with a bare code', rpc(200, -32_001, 'gone', 'ours')],
  ['an event', event(-32_000, 'Invalid or expired session ID')],
]

let stub: Stub
let gateway: TestGateway
let refuse: Refuse | undefined
/** Calls that ran. */
let ran = 0
/** What a test lets the server say instead. */
let answers: ((request: StubRequest) => boolean) | undefined

const isOpening = (method: string): boolean => ['initialize', 'server/discover'].includes(method)

function handle(taken: StubRequest): boolean {
  const { method, request, response, message } = taken
  const session = String(request.headers['mcp-session-id'])
  if (refuse !== undefined && !isOpening(method) && !stub.sessions.has(session)) {
    refuse(response, dig(message, 'id'))
    return true
  }
  if (answers?.(taken) === true) return true
  if (method === 'tools/call') ran++
  return false
}

beforeAll(async () => {
  stub = await startStub({ era: 'legacy', handle })
  gateway = await startGateway({
    config: { servers: { s: { http: { url: stub.url }, era: 'legacy' } } },
    keys: { first: everything },
  })
})
afterEach(() => {
  ran = 0
  refuse = undefined
  answers = undefined
  stub.seen.splice(0)
})
afterAll(async () => {
  await gateway.stop()
  await stub.stop()
})

const call = (): Promise<Reply> => modernTool(gateway.server('s'), gateway.key, 'echo', { n: 1 })
const echoed = (reply: Reply): unknown => dig(reply.message, 'result', 'content', 0, 'text')
const count = (method: string): number => stub.seen.filter((one) => one === method).length

test.each(lost)('%s: the call is made once in a new session', async (_name, how) => {
  expect(echoed(await call())).toBe('{"n":1}')
  refuse = how
  stub.sessions.clear()
  const before = count('tools/call')
  const replies = await Promise.all([call(), call()])
  expect(replies.map(echoed)).toEqual(['{"n":1}', '{"n":1}'])
  expect(echoed(await call())).toBe('{"n":1}')
  expect(ran).toBe(4)
  // At most two were refused and repeated; the third went into the new session at once.
  expect(count('tools/call') - before).toBeLessThanOrEqual(5)
  // Beside the session of the caller there is that of the gateway itself.
  expect(stub.sessions.size).toBeLessThanOrEqual(2)
})

describe('no end of a session is', () => {
  test.each<[string, Refuse]>([
    ['the fault of one call', rpc(400, -32_602, 'Unknown browser session: 7', 'ours')],
    ['one that only sounds like it', rpc(200, -32_000, 'Database session not found', 'ours')],
    ['a plain 400 for one call', text(400, 'Bad Request')],
    ['a 403 for one tool', text(403, 'not for you')],
    ['a method that is not there', rpc(404, -32_601, 'Method not found', 'ours')],
    ['a broken server', text(500, 'oops')],
    ['a limit', text(429, 'session limit', { 'retry-after': '7' })],
  ])('%s', async (_name, how) => {
    await call()
    answers = ({ method, response, message }) => {
      if (method !== 'tools/call') return false
      how(response, dig(message, 'id'))
      return true
    }
    const opened = count('initialize')
    for (const reply of [await call(), await call()])
      expect(dig(reply.message, 'error')).toBeDefined()
    expect(count('initialize')).toBe(opened)
    expect(count('tools/call')).toBe(3)
  })
})

test('a server that refuses every session is asked once more, never again and again', async () => {
  answers = ({ method, response }) => {
    if (method !== 'tools/call') return false
    response.writeHead(404).end()
    return true
  }
  await call()
  const opened = count('initialize')
  await call()
  // It begins in no session, since the last one was refused, and tries one more.
  expect(count('initialize') - opened).toBe(2)
  expect(count('tools/call')).toBe(4)
})

test('a call that has begun is not made again', async () => {
  answers = ({ method, response, message }) => {
    if (method !== 'tools/call') return false
    const id = dig(message, 'id')
    const progress = {
      method: 'notifications/progress',
      params: { progressToken: id, progress: 1 },
    }
    const error = { id, error: { code: -32_001, message: 'Session not found' } }
    const events = [progress, error].map(
      (one) => `data: ${JSON.stringify({ jsonrpc: '2.0', ...one })}\n\n`,
    )
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(events.join(''))
    return true
  }
  expect(dig((await call()).message, 'error', 'message')).toBe('Session not found')
  expect(count('tools/call')).toBe(1)
})
