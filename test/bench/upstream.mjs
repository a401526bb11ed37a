// The MCP server behind every gateway: node:http, JSON answers, both eras by path.
//   /mcp     2026-07-28 only           /legacy  2025-11-25 with sessions     /any  both
//   /rest/echo  the same echo as a plain API
//   /hang    lists, but calls never end /many   5,000 tools                  /large one result of 100 MB
import { createServer } from 'node:http'
import { echoTool, resultOf, wideTool } from './echo-reply.mjs'

const [port] = process.argv.slice(2)
const lists = { '/many': Array.from({ length: 5_000 }, (_, index) => wideTool(index)) }
const largeChunk = Buffer.alloc(64_000, 'a')
const largeChunks = 1_600
let sessions = 0

function answer(response, text, headers) {
  response.writeHead(200, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    ...headers,
  })
  response.end(text)
}

function large(message, response) {
  const head = `{"jsonrpc":"2.0","id":${JSON.stringify(message.id)},"result":{"resultType":"complete","content":[{"type":"text","text":"`
  const tail = '"}]}}'
  response.writeHead(200, {
    'content-type': 'application/json',
    'content-length': head.length + tail.length + largeChunk.length * largeChunks,
  })
  response.write(head)
  let left = largeChunks
  const more = () => {
    while (left > 0) {
      left -= 1
      if (!response.write(largeChunk)) return response.once('drain', more)
    }
    response.end(tail)
  }
  more()
}

function take(path, body, response) {
  const message = JSON.parse(body)
  if (path === '/rest/echo')
    return answer(response, JSON.stringify({ text: String(message.text).padEnd(60, '.') }))
  if (message.id === undefined) return response.writeHead(202).end()
  const isModern = message.params?._meta?.['io.modelcontextprotocol/protocolVersion'] !== undefined
  const refused = (path === '/legacy' && isModern) || (path === '/mcp' && !isModern)
  if (path === '/hang' && message.method === 'tools/call') return undefined
  if (path === '/large' && message.method === 'tools/call') return large(message, response)
  const result = refused ? undefined : resultOf(message, lists[path] ?? [echoTool])
  const head = `{"jsonrpc":"2.0","id":${JSON.stringify(message.id)},`
  if (result === undefined)
    return answer(response, `${head}"error":{"code":-32601,"message":"Method not found"}}`)
  const session =
    message.method === 'initialize' ? { 'mcp-session-id': `s-${++sessions}` } : undefined
  return answer(response, `${head}"result":${JSON.stringify(result)}}`, session)
}

const server = createServer((request, response) => {
  if (request.method !== 'POST') return response.writeHead(405, { allow: 'POST' }).end()
  const chunks = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', () =>
    take(request.url, chunks.length === 1 ? chunks[0] : Buffer.concat(chunks), response),
  )
})
server.keepAliveTimeout = 75_000
server.listen(Number(port), '127.0.0.1')
