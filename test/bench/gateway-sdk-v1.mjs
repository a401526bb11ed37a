// A gateway as one writes it with the SDK, version 1: a Server and a session for each client, one Client behind.
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js'

const [port, upstream] = process.argv.slice(2)
const info = { name: 'sdk-v1-gateway', version: '1.0.0' }
const sessions = new Map()

const client = new Client(info, { capabilities: {} })
await client.connect(new StreamableHTTPClientTransport(new URL(upstream)))

function makeServer() {
  const server = new Server(info, { capabilities: { tools: {} } })
  server.setRequestHandler(ListToolsRequestSchema, (request) => client.listTools(request.params))
  server.setRequestHandler(CallToolRequestSchema, (request) => client.callTool(request.params))
  return server
}

async function openSession() {
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    enableJsonResponse: true,
    onsessioninitialized: (id) => sessions.set(id, transport),
  })
  transport.onclose = () => sessions.delete(transport.sessionId)
  await makeServer().connect(transport)
  return transport
}

const server = createServer(async (request, response) => {
  if (request.url !== '/mcp') return response.writeHead(404).end()
  const id = request.headers['mcp-session-id']
  const transport = id === undefined ? await openSession() : sessions.get(id)
  if (transport === undefined) return response.writeHead(404).end()
  await transport.handleRequest(request, response)
})
server.keepAliveTimeout = 75_000
process.on('SIGTERM', () => process.exit(0))
server.listen(Number(port), '127.0.0.1')
