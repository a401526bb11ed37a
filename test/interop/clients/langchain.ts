// @langchain/mcp-adapters: tools come as LangChain tools; a tool that is not listed is called on the client below them.
import { MultiServerMCPClient } from '@langchain/mcp-adapters'
import { bearer, runJob } from './session.ts'

await runJob(async (of) => {
  const client = new MultiServerMCPClient({
    mcpServers: { sallyport: { transport: 'http', url: of.url, headers: bearer(of) } },
    prefixToolNameWithServerName: false,
  })
  const tools = await client.getTools()
  return {
    tools: tools.map((tool) => tool.name),
    call: async (name, args) => {
      const tool = tools.find((candidate) => candidate.name === name)
      if (tool !== undefined) return tool.invoke(args)
      const below = await client.getClient('sallyport')
      if (below === undefined) throw new Error('not connected')
      return below.callTool({ name, arguments: args })
    },
    close: () => client.close(),
  }
})
