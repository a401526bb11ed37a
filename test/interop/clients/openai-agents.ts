// @openai/agents, its hosted MCP server class without any agent or model around it.
import { MCPServerStreamableHttp } from '@openai/agents'
import { bearer, runJob } from './session.ts'

await runJob(async (of) => {
  const server = new MCPServerStreamableHttp({
    url: of.url,
    name: 'sallyport',
    requestInit: { headers: bearer(of) },
  })
  await server.connect()
  const tools = await server.listTools()
  return {
    tools: tools.map((tool) => tool.name),
    call: (name, args) => server.callToolResult(name, args),
    close: () => server.close(),
  }
})
