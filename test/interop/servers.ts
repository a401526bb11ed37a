// The servers that nobody here wrote, how each is started, and what is asked of it.
import { join } from 'node:path'
import type { ServerSpecInput } from '../../src/model/desired-state.ts'
import { helloText, type Place, program, quietEnvironment } from './places.ts'

/** One harmless call with a result that can be checked. */
export interface Probe {
  readonly tool: string
  args(client: string, place: Place): Record<string, unknown>
  /** Must match the result as the client hands it out, as JSON text. */
  expect(client: string): RegExp
  /** Asks on the server's own endpoint for the page that the tool names (MCP Apps), instead of calling it. */
  readonly page?: true
}

export interface Server {
  /** Its name in the gateway. */
  readonly name: string
  readonly package: string
  readonly over: 'stdio' | 'Streamable HTTP' | 'HTTP+SSE'
  /** How many tools it lists to a client that declares no capability. */
  readonly tools: number
  /** The process to run beside the gateway; for servers that are not children of it. */
  readonly beside?: (port: number) => { args: readonly string[]; env: Record<string, string> }
  spec(place: Place, port: number): ServerSpecInput
  readonly probes: readonly Probe[]
  /** Why none of its tools is called. */
  readonly listOnly?: string
  readonly quick?: true
}

const probe = (
  tool: string,
  args: Record<string, unknown> | Probe['args'],
  expect: RegExp | Probe['expect'],
): Probe => ({
  tool,
  args: typeof args === 'function' ? args : () => args,
  expect: typeof expect === 'function' ? expect : () => expect,
})

function child(
  place: Place,
  script: string,
  args: readonly string[] = [],
  env: Record<string, string> = {},
): ServerSpecInput {
  return {
    stdio: {
      command: process.execPath,
      args: [script, ...args],
      env: { ...quietEnvironment(place), ...env },
      cwd: place.base,
      start: 'eager',
    },
  }
}

const everything = '@modelcontextprotocol/server-everything'
const everythingProgram = () => program(everything, 'mcp-server-everything')
const everythingProbes = [
  probe('echo', { message: 'héllo wörld' }, /Echo: héllo wörld/),
  probe('get-sum', { a: 2, b: 40 }, /sum of 2 and 40 is 42/),
  probe('get-structured-content', { location: 'New York' }, /temperature/),
]
const needsInternet = 'its calls need the internet'

export const servers: readonly Server[] = [
  {
    name: 'everything',
    package: everything,
    over: 'stdio',
    tools: 13,
    quick: true,
    spec: (place) => child(place, everythingProgram(), ['stdio']),
    probes: everythingProbes,
  },
  {
    name: 'everything-http',
    package: everything,
    over: 'Streamable HTTP',
    tools: 13,
    beside: (port) => ({
      args: [everythingProgram(), 'streamableHttp'],
      env: { PORT: String(port) },
    }),
    spec: (_place, port) => ({
      http: { url: `http://localhost:${port}/mcp`, transport: 'streamable' },
    }),
    probes: everythingProbes,
  },
  {
    name: 'everything-sse',
    package: everything,
    over: 'HTTP+SSE',
    tools: 13,
    beside: (port) => ({ args: [everythingProgram(), 'sse'], env: { PORT: String(port) } }),
    spec: (_place, port) => ({ http: { url: `http://localhost:${port}/sse`, transport: 'sse' } }),
    probes: everythingProbes,
  },
  {
    name: 'filesystem',
    package: '@modelcontextprotocol/server-filesystem',
    over: 'stdio',
    tools: 14,
    quick: true,
    spec: (place) =>
      child(place, program('@modelcontextprotocol/server-filesystem', 'mcp-server-filesystem'), [
        place.files,
      ]),
    probes: [
      probe('list_allowed_directories', {}, /Allowed directories/),
      probe(
        'read_text_file',
        (_client, place) => ({ path: join(place.files, 'hello.txt') }),
        new RegExp(helloText),
      ),
    ],
  },
  {
    name: 'memory',
    package: '@modelcontextprotocol/server-memory',
    over: 'stdio',
    tools: 9,
    quick: true,
    spec: (place) =>
      child(place, program('@modelcontextprotocol/server-memory', 'mcp-server-memory'), [], {
        MEMORY_FILE_PATH: join(place.base, 'memory.jsonl'),
      }),
    probes: [
      probe(
        'create_entities',
        (client) => ({
          entities: [{ name: client, entityType: 'client', observations: ['was here'] }],
        }),
        /was here/,
      ),
      probe(
        'open_nodes',
        (client) => ({ names: [client] }),
        (client) => new RegExp(`${client}.+was here`),
      ),
      probe('read_graph', {}, (client) => new RegExp(client)),
    ],
  },
  {
    name: 'thinking',
    package: '@modelcontextprotocol/server-sequential-thinking',
    over: 'stdio',
    tools: 1,
    spec: (place) =>
      child(
        place,
        program(
          '@modelcontextprotocol/server-sequential-thinking',
          'mcp-server-sequential-thinking',
        ),
      ),
    probes: [
      probe(
        'sequentialthinking',
        {
          thought: 'A door that opens.',
          nextThoughtNeeded: false,
          thoughtNumber: 1,
          totalThoughts: 1,
        },
        /thoughtHistoryLength/,
      ),
    ],
  },
  {
    name: 'commander',
    package: '@wonderwhy-er/desktop-commander',
    over: 'stdio',
    tools: 26,
    spec: (place) =>
      child(place, program('@wonderwhy-er/desktop-commander', 'desktop-commander'), [
        '--no-onboarding',
      ]),
    probes: [probe('get_config', {}, /telemetryEnabled/)],
  },
  {
    name: 'app',
    package: '@modelcontextprotocol/server-basic-react',
    over: 'stdio',
    tools: 1,
    spec: (place) =>
      child(place, program('@modelcontextprotocol/server-basic-react', 'mcp-server-basic-react'), [
        '--stdio',
      ]),
    probes: [
      probe('get-time', {}, /\d{4}-\d\d-\d\dT/),
      { ...probe('get-time', {}, /text\/html;profile=mcp-app/), page: true },
    ],
  },
  {
    name: 'azure',
    package: '@azure/mcp',
    over: 'stdio',
    tools: 61,
    spec: (place) => child(place, program('@azure/mcp', 'azmcp'), ['server', 'start']),
    probes: [
      probe('get_azure_bestpractices', { intent: 'look around', learn: true }, /bestpractices/),
    ],
  },
  {
    name: 'commands',
    package: 'mcp-server-commands',
    over: 'stdio',
    tools: 1,
    spec: (place) => child(place, program('mcp-server-commands')),
    probes: [probe('run_command', { command: 'echo through the door' }, /through the door/)],
  },
  {
    name: 'context7',
    package: '@upstash/context7-mcp',
    over: 'stdio',
    tools: 2,
    spec: (place) => child(place, program('@upstash/context7-mcp', 'context7-mcp')),
    probes: [],
    listOnly: needsInternet,
  },
  {
    name: 'context7-http',
    package: '@upstash/context7-mcp',
    over: 'Streamable HTTP',
    tools: 2,
    beside: (port) => ({
      args: [
        program('@upstash/context7-mcp', 'context7-mcp'),
        ...['--transport', 'http', '--port', String(port)],
      ],
      env: {},
    }),
    spec: (_place, port) => ({ http: { url: `http://localhost:${port}/mcp` }, era: 'modern' }),
    probes: [],
    listOnly: needsInternet,
  },
  {
    name: 'github',
    package: '@modelcontextprotocol/server-github',
    over: 'stdio',
    tools: 26,
    spec: (place) =>
      child(place, program('@modelcontextprotocol/server-github', 'mcp-server-github'), [], {
        GITHUB_PERSONAL_ACCESS_TOKEN: 'none',
      }),
    probes: [],
    listOnly: needsInternet,
  },
  {
    name: 'notion',
    package: '@notionhq/notion-mcp-server',
    over: 'stdio',
    tools: 24,
    spec: (place) =>
      child(place, program('@notionhq/notion-mcp-server', 'notion-mcp-server'), [], {
        NOTION_TOKEN: 'none',
      }),
    probes: [],
    listOnly: needsInternet,
  },
  {
    name: 'playwright',
    package: '@playwright/mcp',
    over: 'stdio',
    tools: 25,
    spec: (place) => child(place, program('@playwright/mcp', 'playwright-mcp'), ['--headless']),
    probes: [],
    listOnly: 'its calls need a browser',
  },
]
