// @ai-sdk/mcp, either major version: its own implementation of the protocol.
import { createMCPClient as createV2 } from '@ai-sdk/mcp'
import { createMCPClient as createV1 } from 'ai-sdk-mcp-v1'
import { bearer, runJob } from './session.ts'

const create = process.argv[2] === 'v1' ? createV1 : createV2

await runJob(async (of) => {
  const client = await create({
    transport: { type: 'http', url: of.url, headers: bearer(of) },
  })
  const tools = await client.tools()
  return {
    tools: Object.keys(tools),
    call: (name, args) => {
      const tool = tools[name]
      if (tool === undefined) throw new Error(`not listed: ${name}`)
      return Promise.resolve(tool.execute(args, { toolCallId: name, messages: [] }))
    },
    close: () => client.close(),
  }
})
