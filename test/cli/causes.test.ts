/** What `add` says about causes as people meet them: the reason, and a way out that leads out. */
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startGateway, type TestGateway } from '../e2e/gateway.ts'
import { type DatabaseServer, isInstalled, startPostgres } from '../fixtures/databases/server.ts'
import { runCommand } from './built-commands.ts'

const fixture = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url))
const memory = fileURLToPath(
  new URL('../../node_modules/@modelcontextprotocol/server-memory/dist/index.js', import.meta.url),
)

let gateway: TestGateway
let folder = ''
let database: DatabaseServer | undefined
const servers: Server[] = []
const ports = { api: 0, tls: 0 }

const description = {
  openapi: '3.1.0',
  info: { title: 'Things', version: '1' },
  paths: { '/things': { get: { operationId: 'things', responses: {} } } },
}

const api: RequestListener = (request, response) => {
  if (request.url === '/openapi.json') response.end(JSON.stringify(description))
  else if (request.url === '/docs') response.end('<html><title>Swagger UI</title></html>')
  else if (request.url === '/closed') response.writeHead(401).end()
  else response.writeHead(404).end('{"detail":"Not Found"}')
}

async function listen(server: Server): Promise<number> {
  servers.push(server)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-causes-'))
  await writeFile(join(folder, 'text.db'), 'no database')
  ports.api = await listen(createServer(api))
  const key = await readFile(fixture('grpc/tls/key.pem'), 'utf8')
  const cert = await readFile(fixture('grpc/tls/cert.pem'), 'utf8')
  ports.tls = await listen(createTlsServer({ key, cert }, api))
  database = isInstalled('PostgreSQL') ? await startPostgres() : undefined
  gateway = await startGateway({ config: {} })
})

afterAll(async () => {
  await gateway.stop()
  await database?.close()
  for (const server of servers) server.close()
  await rm(folder, { recursive: true, force: true })
})

const add = (name: string, words: readonly string[]) =>
  runCommand(['add', name, ...words], { cwd: folder, env: { SALLYPORT_DATA: gateway.dataDir } })

const postgres = (user: string, password: string): string =>
  `postgres://${user}:${password}@127.0.0.1:${database?.port}/postgres`

/** Words of a shell for `add NAME`, and what must be said. */
const causes: Readonly<Record<string, { args(): readonly string[]; says: RegExp }>> = {
  'the start page of an API': {
    args: () => [`http://127.0.0.1:${ports.api}/`],
    says: /the description of its API is at http:\/\/127\.0\.0\.1:\d+\/openapi\.json/,
  },
  'the documentation of an API': {
    args: () => [`http://127.0.0.1:${ports.api}/docs`],
    says: /the description of its API is at .*\/openapi\.json/,
  },
  'a path that is not there': {
    args: () => [`http://127.0.0.1:${ports.api}/api/v1`],
    says: /often ends in \/mcp/,
  },
  'an MCP server that wants a key': {
    args: () => [`http://127.0.0.1:${ports.api}/closed`],
    says: /Set a valid credential/,
  },
  'a certificate of a private authority': {
    args: () => [`https://127.0.0.1:${ports.tls}/mcp`, '--kind', 'http'],
    says: /certificate is not trusted here.*credential\.tls\.ca/,
  },
  'nobody at the port': {
    args: () => ['http://127.0.0.1:9/mcp'],
    says: /Nothing listens there/,
  },
  'a name that is not known': {
    args: () => ['https://nosuch.invalid/mcp'],
    says: /name is not known here/,
  },
  'a description that is not there': {
    args: () => ['./nofile.yaml'],
    says: /Check the path/,
  },
  'a database file that is not there': {
    args: () => ['sqlite:nofile.db'],
    says: /error: there is no file .*Check the path/,
  },
  'a database file in a folder that is not there': {
    args: () => ['nofolder/nofile.db', '--kind', 'sql'],
    says: /error: there is no file .*Check the path/,
  },
  'a file that is no database': {
    args: () => ['sqlite:text.db'],
    says: /error: file is not a database.*Check the path/,
  },
  'a database that is down': {
    args: () => ['postgres://u:password-of-a-cause@127.0.0.1:9/x', '--kind', 'sql'],
    says: /Nothing listens there/,
  },
  'a program that is not there': {
    args: () => ['--', 'nosuchprogram'],
    says: /Install the program/,
  },
  'a program that ends at once': {
    args: () => ['--', process.execPath, '-e', 'console.error("no TOKEN"); process.exit(1)'],
    says: /no TOKEN.*Run the command by hand/,
  },
  'options of processes for a URL': {
    args: () => ['http://127.0.0.1:9/mcp', '--inherit', 'HTTPS_PROXY'],
    says: /takes no variables/,
  },
  'a duration that is none': {
    args: () => ['http://127.0.0.1:9/mcp', '--timeout', 'long'],
    says: /--timeout: must be a duration/,
  },
}

it.each(Object.entries(causes))('%s', async (_, { args, says }) => {
  const { stderr } = await add('cause', [
    ...args(),
    ...(args().includes('--') ? [] : ['--replace']),
  ])
  expect(stderr.replaceAll('\n', ' ')).toMatch(says)
  expect(stderr).not.toContain('Check host, port and network')
  await runCommand(['remove', 'cause'], { cwd: folder, env: { SALLYPORT_DATA: gateway.dataDir } })
})

it('a wrong password, and an account that may do everything', async (context) => {
  if (database === undefined) return context.skip('no PostgreSQL is installed here')
  const wrong = await add('wrong', [postgres('postgres', 'wrong-password'), '--kind', 'sql'])
  expect(wrong.stderr).toMatch(/Check user, password and database/)
  const wide = await add('wide', [postgres('postgres', database.password), '--kind', 'sql'])
  expect(wide.stderr + wide.stdout).toMatch(/superuser/)
  expect(wide.stderr).not.toContain('Check host')
})

it('tools are there right after add, which takes what a process inherits and how long its calls may take', async () => {
  const more = ['--inherit', 'HTTPS_PROXY', '--timeout', '90s']
  const added = await add('notes', [...more, '--', process.execPath, memory])
  expect(added.stdout).toContain('Registered notes.')
  const env = { SALLYPORT_DATA: gateway.dataDir }
  const listed = await runCommand(['tools', 'notes'], { cwd: folder, env })
  expect(listed.stdout).toContain('notes.read_graph')
})

it('a program starts where its relative paths were typed', async () => {
  const env = { SALLYPORT_DATA: gateway.dataDir }
  await mkdir(join(folder, 'docs'))
  await writeFile(join(folder, 'memory.mjs'), `import ${JSON.stringify(memory)}`)
  const rows: readonly (readonly [readonly string[], string | undefined])[] = [
    [['--', process.execPath, './memory.mjs'], './memory.mjs'],
    [['--', process.execPath, 'memory.mjs', '-y'], 'memory.mjs'],
    [['--', process.execPath, memory, 'docs'], 'docs'],
    [['--', process.execPath, memory, '--folder=../there'], '../there'],
    [['--env', 'MEMORY_FILE_PATH=./graph.json', '--', process.execPath, memory], './graph.json'],
    [['--', process.execPath, memory, 'run', ''], undefined],
  ]
  for (const [words, path] of rows) {
    const { code, stdout } = await add('there', words)
    const sentence = `The program starts in ${await realpath(folder)}, since ${path} is a path there.`
    expect([words, code, stdout.includes(sentence)]).toEqual([words, 0, path !== undefined])
    expect(stdout).toContain('9 tools')
    await runCommand(['remove', 'there'], { cwd: folder, env })
  }
})
