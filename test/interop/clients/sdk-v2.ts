// @modelcontextprotocol/client 2.x, asked for one era or left to find out.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import type { Job } from '../job.ts'
import { bearer, pageOf, runJob, serverUrl } from './session.ts'

const modes = { legacy: 'legacy', auto: 'auto', modern: { pin: '2026-07-28' } } as const
const wanted = process.argv[2]
if (wanted !== 'legacy' && wanted !== 'auto' && wanted !== 'modern')
  throw new Error('say legacy, modern or auto')
const mode = modes[wanted]

async function connect(of: Job, url: string): Promise<Client> {
  const client = new Client(
    { name: 'interop-sdk-v2', version: '1.0.0' },
    { versionNegotiation: { mode } },
  )
  await client.connect(
    new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: bearer(of) } }),
  )
  return client
}

await runJob(async (of) => {
  const client = await connect(of, of.url)
  const { tools } = await client.listTools()
  return {
    tools: tools.map((tool) => tool.name),
    call: (name, args) => client.callTool({ name, arguments: args }),
    page: async (server, name) => {
      const own = await connect(of, serverUrl(of, server))
      try {
        const tool = (await own.listTools()).tools.find((candidate) => candidate.name === name)
        return await own.readResource({ uri: pageOf(tool) })
      } finally {
        await own.close()
      }
    },
    close: () => client.close(),
  }
})
