/** Starts Sallyport with everything on. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, type Running, start } from './processes.ts'

export interface Gateway extends Running {
  readonly port: number
  readonly key: string
}

export interface GatewayOptions {
  /** Copy of the bundle that is measured. */
  readonly bundle: string
  /** Data folder, config file and profiles go here; an existing one is used again. */
  readonly folder: string
  /** Name to the URL of a server. */
  readonly servers: Readonly<Record<string, ServerOptions>>
  /** Of an earlier start on the same folder. */
  readonly key?: string
  readonly nodeArgs?: readonly string[]
  readonly connections?: number
}

export interface ServerOptions {
  readonly url: string
  /** A REST API at the URL, with this description; else an MCP server. */
  readonly description?: unknown
  readonly era?: 'legacy' | 'modern'
  readonly timeout?: string
}

/** The configuration of every row: a role with allow and deny, a rate limit, the journal in `required` mode. */
function configuration(options: GatewayOptions): string {
  const servers = Object.entries(options.servers).map(([name, server]) => [
    name,
    {
      ...(server.description === undefined
        ? { http: { url: server.url } }
        : { openapi: { spec: `${name}.json`, baseUrl: server.url } }),
      concurrency: 5_000,
      timeout: server.timeout ?? '60s',
      ...(server.era === undefined ? {} : { era: server.era }),
    },
  ])
  return JSON.stringify({
    environment: 'bench',
    servers: Object.fromEntries(servers),
    roles: { caller: { allow: ['*/*'], deny: ['*/secret_*'] } },
    access: [{ key: 'first', roles: ['caller'] }],
    limits: [{ per: 'key', calls: '900000000/minute' }],
    audit: { mode: 'required' },
  })
}

export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  mkdirSync(options.folder, { recursive: true })
  const config = join(options.folder, 'sallyport.yaml')
  writeFileSync(config, configuration(options))
  for (const [name, { description }] of Object.entries(options.servers))
    if (description !== undefined)
      writeFileSync(join(options.folder, `${name}.json`), JSON.stringify(description))
  const port = await freePort()
  const data = join(options.folder, 'data')
  const running = await start({
    args: [
      ...(options.nodeArgs ?? []),
      '--max-semi-space-size=8',
      join(options.bundle, 'bin.mjs'),
      'up',
      '--config',
      config,
      '--data',
      data,
      '--port',
      String(port),
    ],
    cwd: options.folder,
    port,
    ...(options.key === undefined ? { says: /sp_[A-Za-z0-9_-]{16,}/ } : {}),
    timeoutMs: 60_000,
  })
  const key = options.key ?? /sp_[A-Za-z0-9_-]{16,}/.exec(running.output())?.[0] ?? ''
  return { ...running, port, key }
}
