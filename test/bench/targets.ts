/** The gateways that are compared, and how each is started. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { RequestSpec } from './messages.ts'
import { freePort, type Running, start } from './processes.ts'
import { type Gateway, startGateway } from './sallyport.ts'
import { check, legacyCall, modernCall, type Place } from './session.ts'

export const here = dirname(fileURLToPath(import.meta.url))

export interface Context {
  readonly bundle: string
  /** Folder of this run, on the disk that is measured. */
  readonly work: string
  readonly upstreamPort: number
  readonly upstreamPid: number
  readonly shared: { gateway?: Promise<Gateway> }
}

export interface Live {
  readonly pid: number
  readonly request: RequestSpec
}

export interface Target {
  readonly name: string
  readonly label: string
  start(context: Context): Promise<Live>
}

/** A file of an installed package, looked up as Node does. */
function inPackage(name: string, file: string): string {
  const folders = [here, join(here, '..'), join(here, '../..')]
  const paths = folders.map((folder) => join(folder, 'node_modules', name, file))
  return paths.find(existsSync) ?? join(here, 'node_modules', name, file)
}

export function versionOf(name: string): string {
  const file = inPackage(name, 'package.json')
  if (!existsSync(file)) return 'not installed'
  const read: { version: string } = JSON.parse(readFileSync(file, 'utf8'))
  return read.version
}

/** The echo of the upstream as a plain API. */
const textSchema = { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] }
const textContent = { content: { 'application/json': { schema: textSchema } } }
const echoDescription = {
  openapi: '3.1.0',
  info: { title: 'Echo', version: '1.0.0' },
  paths: {
    '/echo': {
      post: {
        operationId: 'echo',
        summary: 'Gives the text back.',
        requestBody: { required: true, ...textContent },
        responses: { 200: { description: 'The text.', ...textContent } },
      },
    },
  },
}

/** One Sallyport for its rows: the rows differ by server and by the era of the client. */
function sharedGateway(context: Context): Promise<Gateway> {
  const upstream = `http://127.0.0.1:${context.upstreamPort}`
  context.shared.gateway ??= startGateway({
    bundle: context.bundle,
    folder: join(context.work, 'shared'),
    servers: {
      modern: { url: `${upstream}/mcp` },
      legacy: { url: `${upstream}/legacy`, era: 'legacy' },
      rest: { url: `${upstream}/rest`, description: echoDescription },
    },
  })
  return context.shared.gateway
}

/** A legacy client's session on a gateway that was just started. */
async function sessionOn(running: Running, place: Place, tool = 'echo'): Promise<Live> {
  const request = await legacyCall(place, tool)
  await check(request, 20)
  return { pid: running.pid, request }
}

const upstreamOf = (context: Context, path: string): string =>
  `http://127.0.0.1:${context.upstreamPort}${path}`

async function script(name: string, context: Context, path: string): Promise<[Running, number]> {
  const port = await freePort()
  const args = [join(here, name), String(port), upstreamOf(context, path)]
  return [await start({ args, port }), port]
}

/** The bare proxy gets a key too, so that the same bytes come in. */
export async function startBare(
  context: Context,
  nodeArgs: readonly string[] = [],
): Promise<Gateway> {
  const port = await freePort()
  const proxy = join(here, 'bare-proxy.mjs')
  const args = [...nodeArgs, proxy, String(port), upstreamOf(context, '')]
  return { ...(await start({ args, port })), port, key: `sp_${'x'.repeat(43)}` }
}

export const targets: readonly Target[] = [
  {
    name: 'direct',
    label: 'upstream, direct',
    async start(context) {
      const request = modernCall({ port: context.upstreamPort, path: '/mcp' }, 'echo')
      return { pid: context.upstreamPid, request }
    },
  },
  {
    name: 'bare',
    label: 'bare Node proxy',
    async start(context) {
      const { pid, port, key } = await startBare(context)
      return { pid, request: modernCall({ port, path: '/mcp', key }, 'echo') }
    },
  },
  {
    name: 'sallyport-modern',
    label: 'Sallyport, modern client and upstream',
    async start(context) {
      const { pid, port, key } = await sharedGateway(context)
      const request = modernCall({ port, key, path: '/mcp' }, 'modern__echo')
      await check(request, 20)
      return { pid, request }
    },
  },
  {
    name: 'sallyport-legacy',
    label: 'Sallyport, legacy client and upstream',
    async start(context) {
      const gateway = await sharedGateway(context)
      return sessionOn(
        gateway,
        { port: gateway.port, key: gateway.key, path: '/mcp' },
        'legacy__echo',
      )
    },
  },
  {
    name: 'sallyport-bridged',
    label: 'Sallyport, modern client, legacy upstream',
    async start(context) {
      const { pid, port, key } = await sharedGateway(context)
      const request = modernCall({ port, key, path: '/mcp' }, 'legacy__echo')
      await check(request, 20)
      return { pid, request }
    },
  },
  {
    name: 'sallyport-rest',
    label: 'Sallyport, modern client, REST upstream',
    async start(context) {
      const { pid, port, key } = await sharedGateway(context)
      const request = modernCall({ port, key, path: '/mcp' }, 'rest__echo', 'hello there')
      await check(request, 20)
      return { pid, request }
    },
  },
  {
    name: 'sdk-v2',
    label: 'SDK v2 Server + Client',
    async start(context) {
      const [running, port] = await script('gateway-sdk-v2.mjs', context, '/mcp')
      const request = modernCall({ port, path: '/mcp' }, 'echo')
      await check(request, 20)
      return { pid: running.pid, request }
    },
  },
  {
    name: 'sdk-v1',
    label: 'SDK v1 Server + Client',
    async start(context) {
      const [running, port] = await script('gateway-sdk-v1.mjs', context, '/legacy')
      return sessionOn(running, { port, path: '/mcp' })
    },
  },
  {
    name: 'mcp-proxy',
    label: 'mcp-proxy (stdio upstream)',
    async start() {
      const port = await freePort()
      const bin = inPackage('mcp-proxy', 'dist/bin/mcp-proxy.mjs')
      const child = [process.execPath, join(here, 'upstream-stdio.mjs')]
      const args = [
        bin,
        '--port',
        String(port),
        '--host',
        '127.0.0.1',
        '--server',
        'stream',
        '--',
        ...child,
      ]
      return sessionOn(await start({ args, port }), { port, path: '/mcp' })
    },
  },
  {
    name: 'supergateway',
    label: 'supergateway --stateful (stdio upstream)',
    async start() {
      const port = await freePort()
      const bin = inPackage('supergateway', 'dist/index.js')
      const child = `${process.execPath} ${join(here, 'upstream-stdio.mjs')}`
      const options = ['--outputTransport', 'streamableHttp', '--stateful', '--logLevel', 'none']
      const args = [bin, '--stdio', child, ...options, '--port', String(port)]
      return sessionOn(await start({ args, port }), { port, path: '/mcp' })
    },
  },
  {
    name: 'mcp-hub',
    label: 'mcp-hub (its REST call)',
    async start(context) {
      const port = await freePort()
      const config = join(context.work, 'mcp-hub.json')
      const url = upstreamOf(context, '/legacy')
      writeFileSync(config, JSON.stringify({ mcpServers: { echo: { url } } }))
      const args = [inPackage('mcp-hub', 'dist/cli.js'), '--port', String(port), '--config', config]
      const { pid } = await start({ args, port })
      const request = {
        port,
        path: '/api/servers/tools',
        headers: {},
        body: JSON.stringify({
          server_name: 'echo',
          tool: 'echo',
          arguments: { text: 'hello there, echo'.padEnd(96, '.') },
          request_options: {},
        }),
        expect: '"text":"hello',
      }
      await check(request, 50)
      return { pid, request }
    },
  },
  {
    name: 'civic',
    label: '@civic/passthrough-mcp-server',
    async start(context) {
      const port = await freePort()
      const env = {
        PORT: String(port),
        TARGET_SERVER_URL: upstreamOf(context, '/legacy'),
        TARGET_SERVER_TRANSPORT: 'httpStream',
      }
      const args = [inPackage('@civic/passthrough-mcp-server', 'dist/cli.js')]
      return sessionOn(await start({ args, env, port }), { port, path: '/mcp' })
    },
  },
]
