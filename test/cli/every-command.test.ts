/** Every command of the built product against a gateway that runs, against one that does not, and where there is none. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startGateway, type TestGateway } from '../e2e/gateway.ts'
import { commandNames, type Ran, runCommand, startCommand } from './built-commands.ts'

const memory = fileURLToPath(
  new URL('../../node_modules/@modelcontextprotocol/server-memory/dist/index.js', import.meta.url),
)

interface Row {
  /** Words behind the command, in the order in which they are run. */
  readonly args?: string
  /** What must be printed. */
  readonly says: string
  /** Whether it works where there is no gateway. */
  readonly alone?: true
  readonly input?: string
}

/** In the order in which they are run, on one gateway. `KEY` is its first key. */
const rows: Readonly<Record<string, Row>> = {
  version: { says: '0.', alone: true },
  schema: { says: '"title": "sallyport.yaml"', alone: true },
  check: { says: 'sallyport.yaml is good', alone: true },
  convert: { args: 'pets.json', says: 'list_pets', alone: true },
  connect: { args: 'claude', says: 'claude mcp add', alone: true },
  import: { args: 'clients.json --dry-run', says: 'servers:', alone: true },
  add: { args: `notes -- ${process.execPath} ${memory}`, says: 'Registered notes.' },
  ls: { says: 'notes' },
  tools: { args: 'notes', says: 'notes.read_graph' },
  call: { args: 'notes.read_graph', says: 'entities' },
  doctor: { args: 'notes', says: 'ok    notes' },
  stdio: {
    args: '--server notes --key KEY',
    input: `${JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: {
        protocolVersion: '2025-11-25',
        capabilities: {},
        clientInfo: { name: 'a', version: '1' },
      },
    })}\n`,
    says: '"id":1',
  },
  'keys create': { args: 'ann', says: 'sp_' },
  'keys ls': { says: 'ann' },
  'roles set': { args: 'clerk --allow notes/*', says: 'Wrote the role clerk.' },
  'roles ls': { says: 'clerk' },
  'rules grant': { args: '--key ann --role clerk', says: 'Granted clerk to key ann' },
  'rules ls': { says: 'clerk' },
  explain: { args: 'ann notes.read_graph', says: 'allowed' },
  'rules remove': { args: 'ID', says: 'Removed' },
  'roles remove': { args: 'clerk', says: 'Removed the role clerk.' },
  'keys revoke': { args: 'ann', says: 'Revoked ann.' },
  'toolsets set': { args: 'reading --include notes/read_*', says: '/mcp/t/reading' },
  'toolsets ls': { says: 'notes/read_*' },
  'toolsets remove': { args: 'reading', says: 'Removed the toolset reading.' },
  'limits set': { args: '--calls 60/minute', says: 'Added the limit.' },
  'limits ls': { says: '60/minute' },
  'limits remove': { args: 'ID', says: 'Removed' },
  'audit tail': {
    args: '--kind intent',
    says: 'principal=owner method=tools/call server=notes name=read_graph',
  },
  'audit verify': { says: 'The journal is whole' },
  'audit export': { args: '--since 1h', says: '"method":"tools/call"' },
  'secrets rotate': { says: 'The sealing key is now' },
  remove: { args: 'notes', says: 'Removed notes.' },
  up: { args: '--port 0', says: '/mcp', alone: true },
}

const pets = {
  openapi: '3.1.0',
  info: { title: 'Pets', version: '1' },
  servers: [{ url: 'http://127.0.0.1:9' }],
  paths: { '/pets': { get: { operationId: 'list_pets', responses: {} } } },
}

let folder = ''
let gateway: TestGateway

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-commands-'))
  await writeFile(join(folder, 'pets.json'), JSON.stringify(pets))
  const mcpServers = { files: { command: 'files' } }
  await writeFile(join(folder, 'clients.json'), JSON.stringify({ mcpServers }))
  gateway = await startGateway({ config: {} })
})

afterAll(async () => {
  await gateway.stop()
  await rm(folder, { recursive: true, force: true })
})

async function run(name: string, ...more: string[]): Promise<Ran> {
  const { args = '', input } = rows[name] ?? {}
  const words = [...name.split(' '), ...args.split(' ').filter((word) => word !== '')]
  const options = words.includes('--') ? words.indexOf('--') : words.length
  words.splice(options, 0, ...more)
  return runCommand(await filled(words), { cwd: folder, ...(input === undefined ? {} : { input }) })
}

/** Ids are made by the gateway. */
async function filled(words: readonly string[]): Promise<string[]> {
  if (!words.includes('ID')) return words.map((word) => (word === 'KEY' ? gateway.key : word))
  const [group = ''] = words
  const list = await runCommand([group, 'ls', '--json', '--data', gateway.dataDir], { cwd: folder })
  const id = /"id": "([^"]+)"/.exec(list.stdout)?.[1] ?? 'none'
  return words.map((word) => (word === 'ID' ? id : word))
}

it('has a row for every command of --help', () => {
  expect(Object.keys(rows).sort()).toEqual(commandNames().sort())
})

it.each(Object.keys(rows).filter((name) => name !== 'up'))('%s', async (name) => {
  const ran = await run(name, '--data', gateway.dataDir)
  expect(ran.stdout + ran.stderr).toContain(rows[name]?.says)
  expect(ran.code).toBe(0)
})

it('prints a stdio server that runs as printed, without a PATH', async () => {
  const connect = ['connect', 'claude', '--key', gateway.key, '--json', '--data', gateway.dataDir]
  const printed = JSON.parse((await runCommand(connect, { cwd: folder })).stdout)
  const text = printed.snippets.find(({ where }: { where: string }) => /Desktop/.test(where)).text
  const { command, args, env } = JSON.parse(text).mcpServers.sallyport
  const client = spawn(command, args, { cwd: '/', env, stdio: ['pipe', 'pipe', 'inherit'] })
  client.stdin.write(rows['stdio']?.input)
  const [answer] = await once(client.stdout, 'data')
  expect(JSON.parse(String(answer)).result.serverInfo).toBeDefined()
  client.kill()
})

it('makes no gateway where there is none, and says how to name one', async () => {
  const empty = await mkdtemp(join(tmpdir(), 'sallyport-empty-'))
  for (const [name, { alone }] of Object.entries(rows)) {
    if (name === 'up') continue
    const ran = await run(name, '--data', join(empty, 'data'))
    if (alone === true) expect([name, ran.code]).toEqual([name, 0])
    else {
      expect([name, ran.code]).toEqual([name, 1])
      expect(ran.stderr).toContain(`There is no gateway in ${join(empty, 'data')}.`)
      expect(ran.stderr).toMatch(/--data DIR or SALLYPORT_DATA/)
    }
    expect([name, await readdir(empty)]).toEqual([name, []])
  }
  await rm(empty, { recursive: true, force: true })
})

it('reads the data folder from SALLYPORT_DATA, and --data before it', async () => {
  const env = { SALLYPORT_DATA: gateway.dataDir }
  expect((await runCommand(['keys', 'ls'], { cwd: folder, env })).stdout).toContain('first')
  const other = ['keys', 'ls', '--data', join(folder, 'other')]
  expect((await runCommand(other, { cwd: folder, env })).stderr).toContain('no gateway in')
})

/** Starts a gateway and stops it once it has said that it is ready, or has ended. */
async function upOnce(dataDir: string, ...more: string[]): Promise<string> {
  const args = ['up', '--data', dataDir, '--json', '--port', '0', ...more]
  const child = startCommand(args, { cwd: folder, env: { SALLYPORT_LOG: 'silent' } })
  let said = ''
  for await (const chunk of child.stdout) {
    said += String(chunk)
    child.kill('SIGTERM')
  }
  return said
}

const servers = { notes: { stdio: { command: process.execPath, args: [memory] } } }

it.each([
  [{}, /^\{.*"msg":"process ended"/m, /^[\d:]{8} /m],
  [{ SALLYPORT_LOG_FORMAT: 'pretty' }, /^[\d:]{8} info {2}process ended {2}server=notes/m, /^\{/m],
])(
  'writes its log in the form that is asked for, and none before it is ready: %j',
  async (env, wanted, not) => {
    const place = await mkdtemp(join(tmpdir(), 'sallyport-log-'))
    await writeFile(join(place, 'sallyport.yaml'), JSON.stringify({ servers }))
    const child = startCommand(['up', '--port', '0'], { cwd: place, env })
    let before = ''
    let log = ''
    child.stderr.on('data', (chunk) => {
      log += String(chunk)
    })
    for await (const chunk of child.stdout) {
      if (!String(chunk).includes('Sallyport is ready')) continue
      before = log
      child.kill('SIGTERM')
    }
    expect(before).toBe('')
    expect(log).toMatch(wanted)
    expect(log).not.toMatch(not)
    await rm(place, { recursive: true, force: true })
  },
)

it.each([
  ['SALLYPORT_LOG', 'loud', 'It is one of trace, debug, info'],
  ['SALLYPORT_LOG_FORMAT', 'xml', 'It is one of pretty, json'],
])('says what %s may be', async (name, word, sentence) => {
  for (const args of [['up', '--port', '0'], ['ls'], ['version']]) {
    const ran = await runCommand(args, { cwd: folder, env: { [name]: word } })
    expect([ran.code, ran.stdout]).toEqual([2, ''])
    expect(ran.stderr).toBe(`error: ${name} is "${word}".\n  ${ran.stderr.split('\n  ')[1]}`)
    expect(ran.stderr).toContain(sentence)
  }
})

it.each([
  [
    '192.0.2.1',
    /^error: 192\.0\.2\.1 is no address of this machine\. Choose one with --host .*127\.0\.0\.1/,
  ],
  ['nosuch.invalid', /^error: "nosuch\.invalid" is neither an address nor a name .*127\.0\.0\.1/],
  ['127.0.0.1:9', /^error: "127\.0\.0\.1:9" is neither an address .* without a port/],
  ['', /^error: --host is empty\.\n/],
])('says why it cannot listen at %j', async (host, sentence) => {
  const args = ['up', '--data', join(folder, 'nowhere'), '--port', '0', '--host', host]
  const ran = await runCommand(args, { cwd: folder, env: { SALLYPORT_LOG: 'silent' } })
  expect([ran.code, ran.stdout]).toEqual([host === '' ? 2 : 1, ''])
  expect(ran.stderr).toMatch(sentence)
  expect(ran.stderr).not.toMatch(/getaddrinfo|E[A-Z]{5,}/)
})

it('makes the first key in the start that shows it', async () => {
  const place = await mkdtemp(join(tmpdir(), 'sallyport-first-'))
  const data = join(place, 'data')
  await writeFile(join(place, 'bad.yaml'), 'servers: { x: { http: { url: "http://a", no: 1 } } }\n')
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  const address = taken.address()
  const port = typeof address === 'object' && address !== null ? String(address.port) : ''
  expect(await upOnce(data, '--config', join(place, 'bad.yaml'))).toContain('"error"')
  expect(await upOnce(data, '--port', port)).toContain('"error"')
  taken.close()
  const offline = await runCommand(['keys', 'ls', '--data', data], { cwd: folder })
  expect([offline.code, offline.stdout]).toEqual([0, expect.stringContaining('No key yet')])
  expect(await upOnce(data)).toMatch(/"key":"sp_/)
  expect(await upOnce(data)).not.toContain('"key"')
  expect(await readFile(join(data, 'last-good.json'), 'utf8')).toContain('first')
  await rm(place, { recursive: true, force: true })
})
