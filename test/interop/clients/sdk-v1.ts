// @modelcontextprotocol/sdk 1.x: over Streamable HTTP, over the HTTP+SSE pair, or over the stdio side of mcp-remote.
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { Job } from '../job.ts'
import { program } from '../places.ts'
import { inherited } from './command-line.ts'
import { bearer, pageOf, runJob, serverUrl } from './session.ts'

const over = process.argv[2]

function transportOf(of: Job, url: string) {
  const requestInit = { headers: bearer(of) }
  if (over === 'http') return new StreamableHTTPClientTransport(new URL(url), { requestInit })
  if (over === 'sse') return new SSEClientTransport(new URL(of.sse), { requestInit })
  return new StdioClientTransport({
    command: process.execPath,
    args: [
      program('mcp-remote'),
      url,
      '--allow-http',
      '--transport',
      'http-only',
      '--header',
      `Authorization: Bearer ${of.key}`,
    ],
    env: inherited().env,
    stderr: 'inherit',
  })
}

async function connect(of: Job, url: string): Promise<Client> {
  const client = new Client({ name: 'interop-sdk-v1', version: '1.0.0' })
  const transport = transportOf(of, url)
  // biome-ignore lint/nursery/noUnsafeTypeAssertion: its transports declare optional fields looser than its own interface
  await client.connect(transport as Parameters<Client['connect']>[0])
  return client
}

async function listAll(client: Client) {
  const tools: Awaited<ReturnType<Client['listTools']>>['tools'] = []
  let cursor: string | undefined
  do {
    const page = await client.listTools(cursor === undefined ? {} : { cursor })
    tools.push(...page.tools)
    cursor = page.nextCursor
  } while (cursor !== undefined)
  return tools
}

await runJob(async (of) => {
  const client = await connect(of, of.url)
  return {
    tools: (await listAll(client)).map((tool) => tool.name),
    call: (name, args) => client.callTool({ name, arguments: args }),
    page: async (server, name) => {
      const own = await connect(of, serverUrl(of, server))
      try {
        const tool = (await listAll(own)).find((candidate) => candidate.name === name)
        return await own.readResource({ uri: pageOf(tool) })
      } finally {
        await own.close()
      }
    },
    close: () => client.close(),
  }
})
