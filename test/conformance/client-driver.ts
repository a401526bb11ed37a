// The "client" of the conformance client suite: a gateway with the suite's server behind it, and an SDK client in
// front. What reaches the suite's server is what the gateway made of the client's messages.
//   node test/conformance/client-driver.ts --client legacy|modern URL
// The suite calls it; the scenario comes in the environment.

import { parseArgs } from 'node:util'
import {
  type CallToolResult,
  Client,
  StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client'
import { z } from 'zod'
import { legacySession } from '../e2e/client.ts'
import { everything, startGateway, type TestGateway } from '../e2e/gateway.ts'
import { names } from '../e2e/json.ts'

const modes = { legacy: 'legacy', modern: { pin: '2026-07-28' } } as const

interface Peers {
  readonly client: Client
  readonly gateway: TestGateway
  readonly context: unknown
}

const serverName = 'upstream'

async function callAll(client: Client, calls: readonly (readonly [string, object])[]) {
  const results: CallToolResult[] = []
  for (const [name, args] of calls)
    results.push(await client.callTool({ name, arguments: { ...args } }))
  return results
}

const toolCalls = z.object({
  toolCalls: z.array(z.object({ name: z.string(), arguments: z.record(z.string(), z.unknown()) })),
})

const scenarios: Readonly<Record<string, (peers: Peers) => Promise<unknown>>> = {
  initialize: ({ client }) => client.listTools(),

  tools_call: async ({ client }) => {
    await client.listTools()
    await callAll(client, [['add_numbers', { a: 2, b: 3 }]])
  },

  'elicitation-sep1034-client-defaults': async ({ client }) => {
    await client.listTools()
    await callAll(client, [['test_client_elicitation_defaults', {}]])
  },

  'sse-retry': async ({ client }) => {
    await client.listTools()
    const [result] = await callAll(client, [['test_reconnection', {}]])
    if (!JSON.stringify(result).includes('completed successfully'))
      throw new Error('the answer on the resumed stream did not arrive')
  },

  'request-metadata': ({ client }) => client.listTools().catch(() => undefined),

  'sep-2322-client-request-state': async ({ client }) => {
    await client.listTools()
    await Promise.all([
      callAll(client, [['test_mrtr_echo_state', {}]]),
      callAll(client, [['test_mrtr_unrelated', {}]]),
    ])
    await callAll(client, [
      ['test_mrtr_no_state', {}],
      ['test_mrtr_unrelated', {}],
      ['test_mrtr_no_result_type', {}],
    ])
  },

  'http-standard-headers': async ({ client }) => {
    const { tools } = await client.listTools()
    await callAll(
      client,
      tools.map(({ name }) => [name, {}] as const),
    )
    const { resources } = await client.listResources()
    for (const { uri } of resources) await client.readResource({ uri })
    const { prompts } = await client.listPrompts()
    for (const { name } of prompts) await client.getPrompt({ name })
  },

  'http-custom-headers': async ({ client, context }) => {
    await client.listTools()
    const calls = toolCalls.parse(context).toolCalls
    await callAll(
      client,
      calls.map((call) => [call.name, call.arguments] as const),
    )
  },

  'http-invalid-tool-headers': async ({ client, gateway }) => {
    await client.listTools()
    // The SDK client leaves bad tools out by itself; a client that does not must not get to call one either.
    const careless = await legacySession(gateway.server(serverName), gateway.key)
    const listed = names((await careless.request('tools/list')).message, 'tools')
    for (const name of listed) await careless.tool(name, { region: 'x' })
    await callAll(client, [['valid_tool', { region: 'x' }]])
  },

  'json-schema-ref-no-deref': async ({ client }) => {
    const { tools } = await client.listTools()
    // A call makes the gateway compile the schema, which must not fetch anything either; the call itself may fail.
    for (const { name } of tools)
      await client.callTool({ name, arguments: { id: 'a', profile: {} } }).catch(() => undefined)
  },

  'json-schema-2020-12-preservation': async ({ client }) => {
    const { tools } = await client.listTools()
    const focal = tools.find((tool) => tool.name === 'json_schema_2020_12_tool')
    await callAll(client, [['json_schema_echo', { schema: focal?.inputSchema }]])
  },
}

/** Their server has nothing to use, and the endpoint of such a server answers as if it was not there. */
const empty: ReadonlySet<string> = new Set(['initialize', 'request-metadata'])

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { client: { type: 'string' } },
    allowPositionals: true,
  })
  const [url] = positionals
  // biome-ignore lint/style/noProcessEnv: the suite says there what it wants
  const { MCP_CONFORMANCE_SCENARIO: scenario = '', MCP_CONFORMANCE_CONTEXT: said } = process.env
  const run = scenarios[scenario]
  if (url === undefined || run === undefined) throw new Error(`no such scenario: ${scenario}`)
  const context: unknown = said === undefined ? undefined : JSON.parse(said)
  const mode = values.client === 'modern' ? modes.modern : modes.legacy
  const gateway = await startGateway({
    config: { servers: { [serverName]: { http: { url } } } },
    keys: { first: everything },
  })
  const client = new Client(
    { name: 'conformance-driver', version: '1.0.0' },
    {
      versionNegotiation: { mode },
      capabilities: { elicitation: { form: { applyDefaults: true } }, sampling: {}, roots: {} },
    },
  )
  client.setRequestHandler('elicitation/create', async () => ({ action: 'accept', content: {} }))
  try {
    const headers = { Authorization: `Bearer ${gateway.key}` }
    const endpoint = new URL(empty.has(scenario) ? gateway.url : gateway.server(serverName))
    await client.connect(new StreamableHTTPClientTransport(endpoint, { requestInit: { headers } }))
    await run({ client, gateway, context })
  } finally {
    await client.close()
    await gateway.stop()
  }
}

await main()
