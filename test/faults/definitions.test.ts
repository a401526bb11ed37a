// What servers list is often not as the protocol says. Clients check whole lists, so nothing leaves that they would refuse.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import {
  ListPromptsResultSchema,
  ListResourcesResultSchema,
  ListResourceTemplatesResultSchema,
  ListToolsResultSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/ajv-provider.js'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { legacySession, modernCall } from '../e2e/client.ts'
import { everything, startGateway, type TestGateway } from '../e2e/gateway.ts'
import { dig, names } from '../e2e/json.ts'
import { type Stub, sendJson, startStub } from './stub-server.ts'

type Definition = Record<string, unknown>

const schema = { type: 'object' }
const tool = (members: Definition): Definition => ({ inputSchema: schema, ...members })
const output = (outputSchema: unknown): Definition => tool({ outputSchema })

/** Each is given a name of its own. `undefined` members are missing. */
const oddTools: readonly Definition[] = [
  {},
  { inputSchema: null },
  { inputSchema: true },
  { inputSchema: {} },
  { inputSchema: [] },
  { inputSchema: 'object' },
  { inputSchema: { type: 'string' } },
  { inputSchema: { type: null } },
  { inputSchema: { type: ['object', 'null'] } },
  { inputSchema: { anyOf: [{ type: 'object' }] } },
  { inputSchema: { $schema: null, type: 'object' } },
  { inputSchema: { type: 'object', properties: null } },
  { inputSchema: { type: 'object', properties: [] } },
  {
    inputSchema: { type: 'object', properties: { a: true, b: false, c: null, d: 'string', e: 7 } },
  },
  { inputSchema: { type: 'object', properties: { a: { type: 'string' }, required: ['a'] } } },
  { inputSchema: { type: 'object', required: null } },
  { inputSchema: { type: 'object', required: 'a' } },
  { inputSchema: { type: 'object', required: [1, 'a', null] } },
  tool({ title: null }),
  tool({ title: 7 }),
  tool({ description: null }),
  tool({ description: ['a'] }),
  tool({ annotations: null }),
  tool({ annotations: [] }),
  tool({ annotations: { readOnlyHint: null, destructiveHint: 'no', title: 1 } }),
  tool({ _meta: null }),
  tool({ _meta: [] }),
  tool({ icons: null }),
  tool({ icons: {} }),
  tool({ icons: [null, { src: 1 }, {}, { src: 'data:,a', sizes: '48x48', theme: 'blue' }] }),
  tool({ execution: null }),
  tool({ execution: { taskSupport: 'maybe' } }),
  output({ type: 'object', $defs: { a: { $ref: '#/$defs/a' } }, not: { $ref: '#/$defs/a' } }),
  output({ type: 'object', properties: { a: { nullable: true, anyOf: [{ type: 'string' }] } } }),
  output({ type: 'object', properties: { a: { type: ['string', 'null'], nullable: false } } }),
  output(null),
  output({}),
  output(true),
  output([]),
  output({ type: 'array', items: { type: 'string' } }),
  output({ type: ['object', 'null'] }),
  output({ type: 'object', properties: { result: true } }),
  output({ type: 'object', properties: { a: { $ref: '#/$defs/Gone' } } }),
  output({ type: 'object', properties: { a: { $ref: 'https://example.com/a.json' } } }),
  output({ type: 'object', properties: { a: { type: 'text' } } }),
  output({ type: 'object', properties: { a: { type: 'string', pattern: '(' } } }),
  output({ type: 'object', properties: { a: { enum: [] } } }),
  output({ type: 'object', properties: { a: { minimum: '3' } } }),
  output({ type: 'object', required: [1] }),
  output({ type: 'object', $schema: 7 }),
  output({ $ref: '#/$defs/A', $defs: { A: { type: 'array' } } }),
]
const oddPrompts: readonly Definition[] = [
  { description: null },
  { title: 1 },
  { arguments: null },
  { arguments: {} },
  { arguments: [null, {}, { name: 7 }, { name: 'a', required: null, description: 1 }] },
  { icons: null, _meta: null },
]
const oddResources: readonly Definition[] = [
  {},
  { name: null },
  { name: 7 },
  { name: 'a', mimeType: null, description: null, title: false },
  { name: 'a', size: '12' },
  { name: 'a', size: null },
  { name: 'a', annotations: null },
  { name: 'a', annotations: { audience: 'user', priority: 7, lastModified: 'yesterday' } },
  { name: 'a', annotations: { audience: ['user', 'robot'], lastModified: '2026-02-30T00:00:00Z' } },
  { name: 'a', annotations: { lastModified: '2026-01-31' } },
  { name: 'a', _meta: [], icons: 'x' },
]

/** The lists of the two servers; a test may put others there. */
const lists: Record<Member, readonly unknown[]> = {
  tools: [],
  prompts: [],
  resources: [],
  resourceTemplates: [],
}
type Member = 'tools' | 'prompts' | 'resources' | 'resourceTemplates'

const methods: readonly (readonly [string, Member, { parse(value: unknown): unknown }])[] = [
  ['tools/list', 'tools', ListToolsResultSchema],
  ['prompts/list', 'prompts', ListPromptsResultSchema],
  ['resources/list', 'resources', ListResourcesResultSchema],
  ['resources/templates/list', 'resourceTemplates', ListResourceTemplatesResultSchema],
]
const capabilities = { tools: { listChanged: true }, prompts: {}, resources: {} }

function startServer(era: 'legacy' | 'modern'): Promise<Stub> {
  const cached = era === 'modern' ? { resultType: 'complete', ttlMs: 0, cacheScope: 'private' } : {}
  return startStub({
    era,
    handle: ({ method, response, message }) => {
      const answer = (result: Definition): boolean => {
        sendJson(response, {
          jsonrpc: '2.0',
          id: dig(message, 'id'),
          result: { ...cached, ...result },
        })
        return true
      }
      const list = methods.find(([name]) => name === method)
      if (list !== undefined) return answer({ [list[1]]: lists[list[1]] })
      if (method === 'server/discover' && era === 'modern')
        return answer({ supportedVersions: ['2026-07-28'], capabilities })
      if (method !== 'initialize' || era === 'modern') return false
      const serverInfo = { name: 'odd', version: '1' }
      const result = { protocolVersion: '2025-11-25', capabilities, serverInfo }
      const headers = { 'mcp-session-id': 'one' }
      sendJson(response, { jsonrpc: '2.0', id: dig(message, 'id'), result }, 200, headers)
      return true
    },
  })
}

const good = { name: 'good', uri: 'a:///good', uriTemplate: 'a:///good/{x}', inputSchema: schema }

function put(
  tools: readonly Definition[],
  prompts: readonly Definition[],
  resources: readonly Definition[],
): void {
  const named = (odd: readonly Definition[], name: (index: number) => Definition) => [
    good,
    ...odd.map((one, index) => ({ ...name(index), ...one })),
  ]
  lists.tools = named(tools, (index) => ({ name: `tool-${index}` }))
  lists.prompts = named(prompts, (index) => ({ name: `prompt-${index}` }))
  lists.resources = named(resources, (index) => ({ uri: `a:///${index}` }))
  lists.resourceTemplates = named(resources, (index) => ({ uriTemplate: `a:///${index}/{x}` }))
}

let gateway: TestGateway
const servers: Stub[] = []
async function start(): Promise<TestGateway> {
  const [legacy, modern] = [await startServer('legacy'), await startServer('modern')]
  for (const server of [legacy, modern]) {
    server.sessions.add('one')
    servers.push(server)
  }
  return startGateway({
    config: {
      servers: {
        legacy: { http: { url: legacy.url }, era: 'legacy' },
        modern: { http: { url: modern.url }, era: 'modern' },
      },
    },
    keys: { first: everything },
  })
}
beforeAll(async () => {
  put(oddTools, oddPrompts, oddResources)
  gateway = await start()
})
afterAll(async () => {
  await gateway.stop()
  for (const server of servers) await server.stop()
})

const headers = (): Record<string, string> => ({ authorization: `Bearer ${gateway.key}` })
const endpoints = (): readonly string[] => [
  gateway.url,
  gateway.server('legacy'),
  gateway.server('modern'),
]

test('the client of the official SDK, version 1, takes every list', async () => {
  for (const url of endpoints()) {
    const client = new ClientV1({ name: 'v1', version: '1' })
    await client.connect(new TransportV1(new URL(url), { requestInit: { headers: headers() } }))
    const { tools } = await client.listTools()
    expect(tools.length).toBeGreaterThan(oddTools.length - 6)
    expect((await client.listPrompts()).prompts.length).toBeGreaterThanOrEqual(oddPrompts.length)
    expect((await client.listResources()).resources.length).toBeGreaterThanOrEqual(
      oddResources.length,
    )
    const { resourceTemplates } = await client.listResourceTemplates()
    expect(resourceTemplates.length).toBeGreaterThanOrEqual(oddResources.length)
    await client.close()
  }
})

test.each(['legacy', '2026-07-28'])('that of version 2 does in its mode %s', async (mode) => {
  for (const url of endpoints()) {
    const client = new Client(
      { name: 'v2', version: '1' },
      { versionNegotiation: { mode: mode === 'legacy' ? 'legacy' : { pin: mode } } },
    )
    const requestInit = { headers: headers() }
    await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit }))
    expect((await client.listTools()).tools.length).toBeGreaterThan(oddTools.length - 6)
    await client.listPrompts()
    await client.listResources()
    await client.listResourceTemplates()
    await client.close()
  }
})

test('what cannot be mended is left out, alone', async () => {
  const list = await modernCall(gateway.server('legacy'), gateway.key, 'tools/list')
  const shown = names(list.message, 'tools')
  const left = oddTools.flatMap((_one, index) => (shown.includes(`tool-${index}`) ? [] : [index]))
  expect(left.map((index) => oddTools[index])).toEqual([
    { inputSchema: [] },
    { inputSchema: 'object' },
    { inputSchema: { type: 'string' } },
  ])
  expect(shown).toContain('good')
})

const json = fc.oneof(
  fc.constantFrom<unknown>(null, true, false, 0, -1, 1.5, '', 'object', 'a', [], {}, [null], ['a']),
  fc.jsonValue({ maxDepth: 3 }),
)
const keywords = fc.dictionary(
  fc.constantFrom(
    'type',
    'properties',
    'required',
    'items',
    'enum',
    'pattern',
    '$ref',
    '$defs',
    'anyOf',
    'not',
    'minimum',
    'format',
    '$id',
    'const',
    'additionalProperties',
    'patternProperties',
    'dependencies',
    'if',
    'then',
    'uniqueItems',
    'maxLength',
    '$schema',
    'contains',
    'minContains',
    'nullable',
    '$anchor',
    'definitions',
  ),
  fc.oneof(
    json,
    fc.constantFrom<unknown>(
      { a: { type: 'string' } },
      { type: 'object' },
      [{ type: 'string' }],
      '#/$defs/a',
      '#',
      'object',
    ),
  ),
  { maxKeys: 4 },
)
const members = (keys: readonly string[]) =>
  fc.dictionary(fc.constantFrom(...keys), fc.oneof(json, keywords), { maxKeys: 4 })
const common = ['title', 'description', 'icons', '_meta', 'annotations', 'size', 'mimeType', 'name']

describe('random definitions', () => {
  test('never make a list that a client refuses, in any revision', async () => {
    const some = <T>(of: fc.Arbitrary<T>, count: number): T[] => fc.sample(of, count)
    const toolMembers = members([...common, 'execution', 'inputSchema', 'outputSchema'])
    const schemas = fc.record({ outputSchema: keywords.map((one) => ({ type: 'object', ...one })) })
    put(
      [...some(toolMembers, 1_500), ...some(schemas, 1_500).map(tool)],
      some(members([...common, 'arguments']), 500),
      some(members(common), 500),
    )
    const other = await start()
    try {
      for (const revision of ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25']) {
        const session = await legacySession(other.url, other.key, { revision })
        for (const [method, member, parser] of methods) {
          const all: unknown[] = []
          let cursor: unknown
          do {
            const page = await session.request(method, cursor === undefined ? {} : { cursor })
            const result = dig(page.message, 'result')
            parser.parse(result)
            const items = dig(result, member)
            if (Array.isArray(items)) all.push(...items)
            cursor = dig(result, 'nextCursor')
          } while (cursor !== undefined)
          expect(all.length).toBeGreaterThan(100)
          if (member !== 'tools') continue
          const validator = new AjvJsonSchemaValidator()
          for (const item of all) {
            const outputSchema = dig(item, 'outputSchema')
            if (typeof outputSchema === 'object' && outputSchema !== null)
              validator.getValidator({ ...outputSchema })
          }
        }
      }
      for (const mode of ['legacy', '2026-07-28']) {
        const client = new Client(
          { name: 'v2', version: '1' },
          { versionNegotiation: { mode: mode === 'legacy' ? 'legacy' : { pin: mode } } },
        )
        const requestInit = { headers: { authorization: `Bearer ${other.key}` } }
        await client.connect(new StreamableHTTPClientTransport(new URL(other.url), { requestInit }))
        expect((await client.listTools()).tools.length).toBeGreaterThan(100)
        await client.listPrompts()
        await client.listResources()
        await client.listResourceTemplates()
        await client.close()
      }
    } finally {
      await other.stop()
    }
  })
})
