// The few shapes that the interop clients use of packages which only this workspace installs.
// Declared here so that types are checked without the workspace, too.

declare module '@openai/agents' {
  export class MCPServerStreamableHttp {
    constructor(options: { url: string; name: string; requestInit: RequestInit })
    connect(): Promise<void>
    listTools(): Promise<readonly { name: string }[]>
    callToolResult(name: string, args: Record<string, unknown>): Promise<unknown>
    close(): Promise<void>
  }
}

declare module '@ai-sdk/mcp' {
  export interface McpTool {
    execute(
      args: Record<string, unknown>,
      options: { toolCallId: string; messages: readonly [] },
    ): unknown
  }
  export function createMCPClient(config: {
    transport: { type: 'http'; url: string; headers: Record<string, string> }
  }): Promise<{ tools(): Promise<Record<string, McpTool>>; close(): Promise<void> }>
}

declare module 'ai-sdk-mcp-v1' {
  export { createMCPClient } from '@ai-sdk/mcp'
}

declare module '@langchain/mcp-adapters' {
  export class MultiServerMCPClient {
    constructor(config: {
      mcpServers: Record<
        string,
        { transport: 'http'; url: string; headers: Record<string, string> }
      >
      prefixToolNameWithServerName: boolean
    })
    getTools(): Promise<
      readonly { name: string; invoke(args: Record<string, unknown>): Promise<unknown> }[]
    >
    getClient(server: string): Promise<
      | {
          callTool(of: { name: string; arguments: Record<string, unknown> }): Promise<unknown>
        }
      | undefined
    >
    close(): Promise<void>
  }
}
