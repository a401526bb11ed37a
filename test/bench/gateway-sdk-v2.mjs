// A gateway as one writes it with the SDK, version 2: createMcpHandler + low-level Server in front, one Client behind.
import { createServer } from 'node:http'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, Server } from '@modelcontextprotocol/server'

const [port, upstream] = process.argv.slice(2)
const info = { name: 'sdk-v2-gateway', version: '1.0.0' }

const client = new Client(info, { versionNegotiation: { mode: 'auto' } })
await client.connect(new StreamableHTTPClientTransport(new URL(upstream)))

function makeServer() {
  const server = new Server(info, { capabilities: { tools: {} } })
  server.setRequestHandler('tools/list', (request) => client.listTools(request.params))
  server.setRequestHandler('tools/call', (request) =>
    client.callTool({ name: request.params.name, arguments: request.params.arguments }),
  )
  return server
}

const handle = toNodeHandler(createMcpHandler(makeServer))
const server = createServer((request, response) => {
  if (request.url !== '/mcp') return response.writeHead(404).end()
  return handle(request, response)
})
server.keepAliveTimeout = 75_000
process.on('SIGTERM', () => process.exit(0))
server.listen(Number(port), '127.0.0.1')
