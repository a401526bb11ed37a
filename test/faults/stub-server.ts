// A small MCP server whose every answer a test can replace, for servers that misbehave.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { dig } from '../e2e/json.ts'

export interface StubRequest {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** The parsed body; undefined for GET and DELETE. */
  readonly message: unknown
  readonly method: string
}

/** Returns true when it answered. */
export type StubHandler = (request: StubRequest) => boolean

export interface StubOptions {
  readonly era: 'legacy' | 'modern'
  readonly tools?: readonly unknown[]
  readonly handle?: StubHandler
  /** To listen again where an earlier stub did. */
  readonly port?: number
  /** When idle connections are closed. */
  readonly keepAliveMs?: number
}

export interface Stub {
  readonly url: string
  readonly port: number
  /** Methods in the order in which they came; `GET` and `DELETE` for those. */
  readonly seen: string[]
  /** Session ids that are valid; a test may forget one. */
  readonly sessions: Set<string>
  stop(): Promise<void>
}

export const echoTool = { name: 'echo', inputSchema: { type: 'object' } }

export function sendJson(
  response: ServerResponse,
  body: unknown,
  status = 200,
  headers = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(typeof body === 'string' ? body : JSON.stringify(body))
}

const revisionOf = { legacy: '2025-11-25', modern: '2026-07-28' } as const
const info = { name: 'stub', version: '1' }
const capabilities = { tools: { listChanged: true } }

export async function startStub(options: StubOptions): Promise<Stub> {
  const seen: string[] = []
  const sessions = new Set<string>()
  const server = createServer((request, response) => {
    let text = ''
    request.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
    request.on('end', () => {
      const message: unknown = text === '' ? undefined : JSON.parse(text)
      const said = dig(message, 'method')
      const method = typeof said === 'string' ? said : (request.method ?? '')
      seen.push(method)
      const taken = { request, response, message, method }
      if (options.handle?.(taken) !== true) serve(taken, options, sessions)
    })
  })
  if (options.keepAliveMs !== undefined) server.keepAliveTimeout = options.keepAliveMs
  const port = await listen(server, options.port ?? 0)
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    port,
    seen,
    sessions,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : 0)
    })
  })
}

function serve(taken: StubRequest, options: StubOptions, sessions: Set<string>): void {
  const { request, response, message, method } = taken
  if (request.method !== 'POST') {
    response.writeHead(request.method === 'GET' ? 405 : 200).end()
    return
  }
  const id = dig(message, 'id')
  const answer = (result: unknown, headers = {}): void =>
    sendJson(response, { jsonrpc: '2.0', id, result }, 200, headers)
  if (options.era === 'legacy') {
    if (method === 'initialize') {
      const session = `stub-${sessions.size + 1}-${Math.random().toString(36).slice(2)}`
      sessions.add(session)
      const result = { protocolVersion: revisionOf.legacy, capabilities, serverInfo: info }
      answer(result, { 'mcp-session-id': session })
      return
    }
    const session = request.headers['mcp-session-id']
    if (method !== 'server/discover' && !(typeof session === 'string' && sessions.has(session))) {
      sendJson(response, { jsonrpc: '2.0', id, error: { code: -32001, message: 'gone' } }, 404)
      return
    }
  }
  if (id === undefined) {
    response.writeHead(202).end()
    return
  }
  const modern = options.era === 'modern'
  const cached = modern ? { resultType: 'complete', ttlMs: 0, cacheScope: 'private' } : {}
  if (method === 'server/discover' && modern)
    answer({ ...cached, supportedVersions: [revisionOf.modern], capabilities })
  else if (method === 'tools/list') answer({ ...cached, tools: options.tools ?? [echoTool] })
  else if (method === 'tools/call')
    answer({
      ...(modern ? { resultType: 'complete' } : {}),
      content: [{ type: 'text', text: JSON.stringify(dig(message, 'params', 'arguments')) }],
    })
  else
    sendJson(
      response,
      { jsonrpc: '2.0', id, error: { code: -32601, message: 'unknown' } },
      modern ? 404 : 200,
    )
}
