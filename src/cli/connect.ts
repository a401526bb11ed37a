import { type Command, Option } from 'commander'
import { z } from 'zod'
import type { AdminClient } from '../admin/contract/client.ts'
import { ask } from '../admin/contract/client.ts'
import { AdminError } from '../admin/contract/errors.ts'
import { listServers } from '../admin/contract/servers.ts'
import { getStatus } from '../admin/contract/status.ts'
import { listToolsets } from '../admin/contract/toolsets.ts'
import { nearest } from '../kit/nearest.ts'
import { define, type Run, type Session, UsageError } from './command.ts'
import { endpointPath, keyOf, keyOption } from './stdio.ts'

const clients = ['claude', 'cursor', 'vscode', 'inspector'] as const
type Client = (typeof clients)[number]

// VS Code asks for it and keeps it in its own store.
const keyInput = ['$', '{input:sallyport-key}'].join('')
const usualEndpoint = 'http://127.0.0.1:8470/mcp'

/** One thing to paste or to run. */
interface Snippet {
  readonly where: string
  readonly text: string
}

export function connectCommand(program: Command, run: Run): void {
  define(program, run, {
    name: 'connect <client>',
    summary: `Print what points a client here: ${clients.join(', ')}`,
    examples: ['sallyport connect claude', 'sallyport connect vscode --toolset support'],
    options: [
      keyOption(),
      new Option('--server <name>', 'only this server'),
      new Option('--toolset <name>', 'only this toolset'),
    ],
    values: z.object({
      key: z.string().optional(),
      server: z.string().optional(),
      toolset: z.string().optional(),
    }),
    run: async (session, [name = ''], { key: givenKey, server, toolset }) => {
      const { ports, out } = session
      const client = clients.find((one) => one === name)
      if (client === undefined)
        throw new UsageError(`"${name}" is not known.`, `The clients are ${clients.join(', ')}.`)
      const path = endpointPath(server, toolset)
      const base = await endpointOf(session, { server, toolset })
      const url = new URL(path, base).href
      const key = keyOf(ports, givenKey)
      const only = [
        ...(server ? ['--server', server] : []),
        ...(toolset ? ['--toolset', toolset] : []),
      ]
      const { command, args: script } = ports.program
      const args = [...script, 'stdio', '--data', session.place.dataDir, ...only]
      const snippets = makers[client]({ url, key, command, args })
      out.result({ client, url, snippets }, () => {
        for (const { where, text } of snippets) {
          out.line(`${where}:`)
          out.raw(`${text}\n`)
          out.line()
        }
        if (key === undefined && client !== 'vscode')
          out.line(
            'Put a key in place of sp_...: "sallyport keys create NAME --role ROLE" makes one.',
          )
      })
      return undefined
    },
  })
}

interface Only {
  readonly server: string | undefined
  readonly toolset: string | undefined
}

async function endpointOf({ running, out }: Session, only: Only): Promise<string> {
  const client = await running()
  if (client !== undefined) await assertThere(client, only)
  const status = client === undefined ? undefined : await ask(client, getStatus, {})
  if (status?.endpoint !== undefined) return status.endpoint
  const name = only.server ?? only.toolset
  const unseen = name === undefined ? '' : ` Nobody looked whether there is a "${name}".`
  out.warn(`No gateway runs on this data folder; ${usualEndpoint} is its usual address.${unseen}`)
  return usualEndpoint
}

/** A client would only be told that there is nothing at its path. */
async function assertThere(client: AdminClient, { server, toolset }: Only): Promise<void> {
  const wanted = server ?? toolset
  if (wanted === undefined) return
  const { servers } = server === undefined ? { servers: [] } : await ask(client, listServers, {})
  const { toolsets } =
    toolset === undefined ? { toolsets: [] } : await ask(client, listToolsets, {})
  const names = [...servers, ...toolsets].map(({ name }) => name)
  if (names.includes(wanted)) return
  const what = server === undefined ? 'toolset' : 'server'
  const make =
    server === undefined
      ? `sallyport toolsets set ${wanted} --include 'SERVER/*'`
      : `sallyport add ${wanted} SOURCE`
  const meant = nearest(wanted, names)
  throw new AdminError(
    'not_found',
    `There is no ${what} "${wanted}".`,
    names.length === 0
      ? `There is none yet; "${make}" makes it.`
      : `${meant === undefined ? '' : `Did you mean ${meant}? `}There are: ${names.join(', ')}.`,
  )
}

interface Facts {
  readonly url: string
  readonly key: string | undefined
  /** `sallyport stdio`, for clients that spawn; with whole paths, since they have a PATH of their own. */
  readonly command: string
  readonly args: readonly string[]
}

const json = (value: unknown): string => JSON.stringify(value, undefined, 2)
const bearer = ({ key }: Facts): string => `Bearer ${key ?? 'sp_...'}`

const makers: Readonly<Record<Client, (facts: Facts) => Snippet[]>> = {
  claude: (facts) => [
    {
      where: 'Claude Code, in a shell',
      text: `claude mcp add --transport http sallyport ${facts.url} --header "Authorization: ${bearer(facts)}"`,
    },
    {
      where: 'Claude Desktop, in claude_desktop_config.json',
      text: json({
        mcpServers: {
          sallyport: {
            command: facts.command,
            args: facts.args,
            env: { SALLYPORT_KEY: facts.key ?? 'sp_...' },
          },
        },
      }),
    },
  ],
  cursor: (facts) => [
    {
      where: 'Cursor, in .cursor/mcp.json or ~/.cursor/mcp.json',
      text: json({
        mcpServers: { sallyport: { url: facts.url, headers: { Authorization: bearer(facts) } } },
      }),
    },
  ],
  vscode: ({ url }) => [
    {
      where: 'VS Code, in .vscode/mcp.json (it asks for the key once)',
      text: json({
        inputs: [
          {
            type: 'promptString',
            id: 'sallyport-key',
            description: 'Sallyport key',
            password: true,
          },
        ],
        servers: {
          sallyport: {
            type: 'http',
            url,
            headers: { Authorization: `Bearer ${keyInput}` },
          },
        },
      }),
    },
  ],
  inspector: (facts) => [
    {
      where: 'MCP Inspector, in a shell',
      text: `npx @modelcontextprotocol/inspector --cli ${facts.url} --transport http --header "Authorization: ${bearer(facts)}" --method tools/list`,
    },
  ],
}
