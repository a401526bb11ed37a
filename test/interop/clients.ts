// The clients that nobody here wrote: which package, and which script drives it.
export interface Client {
  readonly name: string
  readonly package: string
  /** What it speaks to the gateway. */
  readonly era: 'legacy' | 'modern' | 'either'
  readonly over: 'Streamable HTTP' | 'HTTP+SSE' | 'stdio to Streamable HTTP'
  /** File in `clients/`, and its arguments. */
  readonly script: readonly [string, ...string[]]
  readonly quick?: true
  /** Can read the pages of MCP Apps. */
  readonly pages?: true
}

const inspector = (era: 'legacy' | 'modern' | 'auto'): Client => ({
  name: `inspector-${era}`,
  package: '@modelcontextprotocol/inspector',
  era: era === 'auto' ? 'either' : era,
  over: 'Streamable HTTP',
  script: ['inspector.ts', era],
  quick: true,
})

const sdkV2 = (era: 'legacy' | 'modern' | 'auto'): Client => ({
  name: `sdk-v2-${era}`,
  package: '@modelcontextprotocol/client',
  era: era === 'auto' ? 'either' : era,
  over: 'Streamable HTTP',
  script: ['sdk-v2.ts', era],
  quick: true,
  pages: true,
})

export const clients: readonly Client[] = [
  {
    name: 'sdk-v1',
    package: '@modelcontextprotocol/sdk',
    era: 'legacy',
    over: 'Streamable HTTP',
    script: ['sdk-v1.ts', 'http'],
    quick: true,
    pages: true,
  },
  {
    name: 'sdk-v1-sse',
    package: '@modelcontextprotocol/sdk',
    era: 'legacy',
    over: 'HTTP+SSE',
    script: ['sdk-v1.ts', 'sse'],
    quick: true,
  },
  sdkV2('legacy'),
  sdkV2('modern'),
  sdkV2('auto'),
  {
    name: 'openai-agents',
    package: '@openai/agents',
    era: 'modern',
    over: 'Streamable HTTP',
    script: ['openai-agents.ts'],
  },
  {
    name: 'ai-sdk-2',
    package: '@ai-sdk/mcp',
    era: 'modern',
    over: 'Streamable HTTP',
    script: ['ai-sdk.ts', 'v2'],
  },
  {
    name: 'ai-sdk-1',
    package: 'ai-sdk-mcp-v1',
    era: 'legacy',
    over: 'Streamable HTTP',
    script: ['ai-sdk.ts', 'v1'],
  },
  {
    name: 'mcp-remote',
    package: 'mcp-remote',
    era: 'legacy',
    over: 'stdio to Streamable HTTP',
    script: ['sdk-v1.ts', 'mcp-remote'],
    pages: true,
  },
  {
    name: 'langchain',
    package: '@langchain/mcp-adapters',
    era: 'legacy',
    over: 'Streamable HTTP',
    script: ['langchain.ts'],
  },
  {
    name: 'mcporter',
    package: 'mcporter',
    era: 'legacy',
    over: 'Streamable HTTP',
    script: ['mcporter.ts'],
  },
  inspector('legacy'),
  inspector('modern'),
  inspector('auto'),
]
