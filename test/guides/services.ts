/** What stands behind the example names of README and guides: small services on the loopback. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { buildSchema, graphql } from 'graphql'
import { z } from 'zod'
import { convertGrpc } from '../../src/kinds/grpc/convert/convert.ts'
import { grpcSpec } from '../../src/model/kinds/grpc.ts'
import { descriptionFor, startService } from '../apis/asyncapi/service.ts'
import { labProto, startGrpcJs } from '../apis/grpc-lab.ts'
import { startOrders } from '../apis/soap-orders.ts'
import { documentOf, readBeside } from '../apis/soap-tools.ts'
import { isInstalled } from '../fixtures/databases/server.ts'
import { openPostgres } from '../fixtures/databases/world.ts'

const fixture = (name: string): string =>
  readFileSync(fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url)), 'utf8')

export interface Services {
  /** Of REST, GraphQL, SOAP and MCP over HTTP. */
  readonly origin: string
  /** `127.0.0.1:port` of gRPC. */
  readonly lab: string
  readonly wsdl: string
  readonly exchange: string
  /** Undefined where no PostgreSQL is installed. */
  readonly database: string | undefined
  stop(): Promise<void>
}

const shop = buildSchema(
  'type User { id: ID! name: String! color: String } type Query { user(id: ID!): User }',
)

const pets = {
  openapi: '3.1.0',
  info: { title: 'Pets', version: '1' },
  paths: {
    '/pets': {
      get: {
        operationId: 'list_pets',
        parameters: [{ name: 'limit', in: 'query', schema: { type: 'integer' } }],
        responses: { 200: { description: 'pets' } },
      },
    },
  },
}

const byId = { name: 'id', in: 'path', required: true, schema: { type: 'integer' } }
const ok = { responses: { 200: { description: 'ok' } } }
const orders = {
  openapi: '3.1.0',
  info: { title: 'Orders', version: '2.1.0' },
  servers: [{ url: '/v2' }],
  paths: {
    '/orders': {
      get: {
        operationId: 'list_orders',
        parameters: [
          {
            name: 'status',
            in: 'query',
            schema: { type: 'array', items: { type: 'string' } },
          },
          { name: 'page_size', in: 'query', schema: { type: 'integer' } },
        ],
        ...ok,
      },
    },
    '/orders/{id}': { get: { operationId: 'get_order', parameters: [byId], ...ok } },
    '/orders/{id}/cancel': { post: { operationId: 'cancel_order', parameters: [byId], ...ok } },
  },
}

const rpc = z.looseObject({ id: z.unknown(), method: z.string().default('') })
const query = z.object({
  query: z.string(),
  variables: z.record(z.string(), z.unknown()).nullish(),
  operationName: z.string().nullish(),
})

/** The smallest MCP server with one tool. */
function mcpAnswer(body: string): unknown {
  const { id, method } = rpc.parse(JSON.parse(body))
  if (id === undefined) return undefined
  const result: Readonly<Record<string, unknown>> = {
    initialize: {
      protocolVersion: '2025-11-25',
      capabilities: { tools: {} },
      serverInfo: { name: 'issues', version: '1' },
    },
    'tools/list': { tools: [{ name: 'list_issues', inputSchema: { type: 'object' } }] },
    'tools/call': { content: [{ type: 'text', text: 'no issue' }] },
  }
  if (result[method] === undefined)
    return { jsonrpc: '2.0', id, error: { code: -32601, message: 'Method not found' } }
  return { jsonrpc: '2.0', id, result: result[method] }
}

async function graphqlAnswer(body: string): Promise<unknown> {
  const given = query.parse(JSON.parse(body))
  return graphql({
    schema: shop,
    source: given.query,
    variableValues: given.variables,
    operationName: given.operationName,
    rootValue: { user: ({ id }: { id: string }) => ({ id, name: 'Ada', color: 'RED' }) },
  })
}

export async function startServices(): Promise<Services> {
  const spec = grpcSpec.parse({ address: 'x:1', proto: labProto })
  const { common } = await convertGrpc(spec, documentOf(labProto), readBeside)
  const descriptors = Buffer.from(common.files, 'base64')
  const lab = await startGrpcJs({ reflection: 'v1', descriptors })
  const soap = await startOrders()
  const exchange = await startService()
  const database = isInstalled('PostgreSQL') ? await openPostgres() : undefined
  const wsdl = fixture('soap/orders.wsdl').replaceAll(
    'http://127.0.0.1:1/orders',
    `${soap.origin}/orders`,
  )
  const documents: Readonly<Record<string, string>> = {
    '/openapi.json': JSON.stringify(pets),
    '/openapi.yaml': JSON.stringify(orders),
    '/orders': wsdl,
    '/orders.xsd': fixture('soap/orders.xsd'),
    '/pets': '[{"name":"Rex"}]',
    '/v2/orders': '[{"id":7,"status":"open","total":12.50}]',
  }
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname } = new URL(request.url ?? '', 'http://x')
    const body = await text(request)
    const json = (status: number, value: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(typeof value === 'string' ? value : JSON.stringify(value))
    }
    if (pathname === '/mcp' && request.method === 'POST') {
      const value = mcpAnswer(body)
      if (value === undefined) response.writeHead(202).end()
      else json(200, value)
    } else if (pathname === '/graphql' && request.method === 'POST')
      json(200, await graphqlAnswer(body))
    else if (documents[pathname] !== undefined && request.method === 'GET') {
      if (/^\/orders/.test(pathname))
        response.writeHead(200, { 'content-type': 'text/xml' }).end(documents[pathname])
      else json(200, documents[pathname])
    } else json(404, { message: 'no such order' })
  }
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.writeHead(500).end())
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    origin: `http://127.0.0.1:${port}`,
    lab: lab.address,
    wsdl,
    exchange: descriptionFor(exchange.port),
    database: database?.url.replace('agent_write:writes', 'agent_read:reads'),
    async stop() {
      server.closeAllConnections()
      server.close()
      soap.stop()
      await Promise.all([lab.stop(), exchange.stop(), database?.close()])
    },
  }
}
