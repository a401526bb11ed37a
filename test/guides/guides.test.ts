/**
 * Every command that README and guides print is run as it is printed, guide by guide, each with a gateway of its own. The
 * two tables below are all that stands between the print and the run.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startCommand } from '../cli/built-commands.ts'
import { shopSql } from '../fixtures/databases/shop.ts'
import { guides, printedIn } from './commands.ts'
import { type Services, startServices } from './services.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** Names that are examples, and what stands in their place. */
const places = (services: Services, gateway: { origin: string; key: string }) =>
  [
    ['https://api.example.com', services.origin],
    ['https://pets.example.com', services.origin],
    ['https://shop.example.com', services.origin],
    ['https://soap.example.com', services.origin],
    ['http://127.0.0.1:4010', services.origin],
    ['grpcs://lab.example.com:443', `grpc://${services.lab}`],
    ['grpcs://lab.internal:443', `grpc://${services.lab}`],
    ['grpc://127.0.0.1:50051', `grpc://${services.lab}`],
    ['http://127.0.0.1:8470', gateway.origin],
    ['sp_...', gateway.key],
  ] as const

/** What is not run, and why. */
const unrun: readonly (readonly [RegExp, string])[] = [
  [/^npm (start|test|run interop)\b/, 'installs and builds; the suite itself begins with it'],
  [
    /^npx (@modelcontextprotocol\/inspector|mcporter|mcp-remote)\b/,
    'a client from the registry; test/interop runs it',
  ],
  [/^sallyport up\b/, 'runs already: it is how each guide gets its gateway'],
  [
    /^sallyport (add|call|stdio|connect|schema|convert|explain)$/,
    'the name of a command in a sentence',
  ],
  [/^sallyport keys create$/, 'the name of a command in a sentence'],
  [
    /^(npx|npm install --global) \.\/sallyport-/,
    'test/long/package.test.ts packs and runs the package',
  ],
  [/^npm (pack|run build)$/, 'test/long/package.test.ts packs and runs the package'],
  [/^(useradd|install|systemctl|journalctl|sudo) /, 'changes the machine, as root'],
  [/^(cp dist\/.* && )?docker /, 'needs a container engine'],
  [
    /\bsallyport-backup\b|^mkdir -m 700 \.sallyport$/,
    'test/guides/backup.test.ts backs up, destroys and restores',
  ],
  [/^npx \.\.\.$/, 'how some commands begin, in a sentence'],
  [/ (SOURCE|ADDRESS|FILE|DIR|SERVER|FOLDER)\b/, 'a form with a word in capitals to be replaced'],
]

/** Commands that are printed because they are refused. */
const refused: readonly string[] = [
  `sallyport call orders.get_order '{"id":8}'`,
  `sallyport call orders.get_order '{"id":"x"}'`,
]

/** Guides that begin with `npm start`, which runs the quickstart. */
const onQuickstart = ['README.md', 'docs/guides/first-call.md', 'docs/guides/clients.md']

let services: Services
beforeAll(async () => {
  services = await startServices()
})
afterAll(() => services.stop())

interface World {
  readonly folder: string
  readonly origin: string
  readonly key: string
  stop(): Promise<void>
}

/** A folder with the files that guides speak of, and a gateway in it. */
async function startWorld(guide: string): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-guide-'))
  await chmod(folder, 0o755)
  const mcpServers = { things: { command: 'mcp-server-memory' } }
  const server = {
    name: 'io.example/notes',
    version: '1.0.0',
    description: 'Notes',
    remotes: [{ type: 'streamable-http', url: `${services.origin}/mcp` }],
  }
  const database = new DatabaseSync(join(folder, 'shop.db'))
  for (const sql of shopSql.sqlite) database.exec(sql)
  database.close()
  await mkdir(join(folder, 'docs'))
  await mkdir(join(folder, '.cursor'))
  await mkdir(join(folder, '.vscode'))
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
  await writeFile(join(folder, 'docs/notes.txt'), 'a note')
  await writeFile(join(folder, 'exchange.yaml'), services.exchange)
  await writeFile(join(folder, 'orders.wsdl'), services.wsdl)
  await cp(join(root, 'test/fixtures/soap/orders.xsd'), join(folder, 'orders.xsd'))
  await cp(join(root, 'test/fixtures/grpc/lab.proto'), join(folder, 'lab.proto'))
  await writeFile(
    join(folder, 'one.curl'),
    `curl ${services.origin}/v2/orders/7 -H 'Authorization: Bearer eyJhbGci'`,
  )
  await writeFile(join(folder, '.cursor/mcp.json'), JSON.stringify({ mcpServers }))
  await writeFile(join(folder, '.vscode/mcp.json'), JSON.stringify({ servers: mcpServers }))
  await writeFile(join(folder, 'server.json'), JSON.stringify(server))
  if (onQuickstart.includes(guide))
    await cp(join(root, 'examples/quickstart'), folder, { recursive: true })
  const child = startCommand(['up', '--port', '0', '--json'], { cwd: folder, env: gatewayEnv() })
  child.stderr.resume()
  let said = ''
  for await (const chunk of child.stdout) {
    said += String(chunk)
    if (said.endsWith('\n')) break
  }
  const { endpoint, key }: { endpoint: string; key: string } = JSON.parse(said)
  return {
    folder,
    origin: new URL(endpoint).origin,
    key,
    async stop() {
      const closed = once(child, 'close')
      child.kill('SIGTERM')
      await closed
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const gatewayEnv = (): Record<string, string> => ({
  PATH: `${join(root, 'node_modules/.bin')}:/usr/local/bin:/usr/bin:/bin`,
  SALLYPORT_LOG: 'silent',
  GITHUB_TOKEN: 'token-of-an-example',
  PETS_TOKEN: 'token-of-an-example',
  SHOP_TOKEN: 'token-of-an-example',
  ORDERS_TOKEN: 'token-of-an-example',
  EXCHANGE_TOKEN: 'token-of-an-example',
  CRM_URL: services.database ?? '',
})

/** Runs a line as a shell does; what goes on for ever is interrupted once it has said something. */
async function shell(line: string, folder: string) {
  const child = spawn('bash', ['-c', line], {
    cwd: folder,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...gatewayEnv(), HOME: folder, NODE_NO_WARNINGS: '1' },
  })
  if (/ (-f|--follow)\b/.test(line))
    child.stdout.once('data', () => process.kill(-(child.pid ?? 0), 'SIGINT'))
  const closed = once(child, 'close')
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  await closed
  return { code: child.exitCode ?? 1, said: `${stdout}${stderr}` }
}

async function filled(line: string, world: World): Promise<string> {
  let command = line
  for (const [example, real] of places(services, world)) command = command.replaceAll(example, real)
  if (command.includes('3f2a1b0c9d8e')) {
    const { said } = await shell('sallyport rules ls --json', world.folder)
    command = command.replace('3f2a1b0c9d8e', /"id": "([^"]+)"/.exec(said)?.[1] ?? 'none')
  }
  return command
}

function whyNot(command: string): string | undefined {
  if (services.database === undefined && command.includes('crm'))
    return 'no PostgreSQL is installed here'
  return unrun.find(([form]) => form.test(command))?.[1]
}

describe.each(guides)('%s', (guide) => {
  const { commands, unknown } = printedIn(guide)

  it('says of every block what it is', () => {
    expect(unknown).toEqual([])
  })

  it.runIf(commands.length > 0)('prints commands that run as printed', async () => {
    const world = await startWorld(guide)
    const failed: string[] = []
    for (const command of commands) {
      const reason = whyNot(command)
      if (reason !== undefined) {
        process.stdout.write(`not run: ${guide}: ${command}\n  ${reason}\n`)
        continue
      }
      // The rows of a table are alternatives.
      const name = / add (\S+)/.exec(command)?.[1]
      if (name !== undefined) await shell(`sallyport remove ${name}`, world.folder)
      const { code, said } = await shell(await filled(command, world), world.folder)
      // What curl calls well may be a refusal.
      const isWell = code === 0 && !/^\{"jsonrpc":"2\.0","id":\d+,"error":/.test(said)
      if (isWell === refused.includes(command)) failed.push(`${command}\n${said}`)
    }
    await world.stop()
    expect(failed).toEqual([])
  })
})
