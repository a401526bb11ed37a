/** A command beside a gateway of another version: the two say so, whatever it is that they do not understand. */
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { socketPlace } from '../../src/admin/contract/socket.ts'
import { commandNames, runCommand } from './built-commands.ts'

let folder = ''
let server: Server
/** What the gateway of another version answers, by the path. */
let answer: { readonly status: number; readonly body: string }
let version: string | undefined

const unknownKind = {
  servers: [
    {
      name: 'new',
      kind: 'of-tomorrow',
      origin: 'stored',
      address: 'x',
      state: 'up',
      tools: 1,
      stale: false,
      leftOut: [],
    },
  ],
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-versions-'))
  await chmod(folder, 0o700)
  const { path } = await socketPlace(folder)
  server = createServer((request, response) => {
    request.resume()
    if (request.url === '/api/status' && version !== undefined)
      return response.end(JSON.stringify({ version, more: 'of tomorrow' }))
    return response.writeHead(answer.status).end(answer.body)
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
})
afterAll(async () => {
  server.close()
  await rm(folder, { recursive: true, force: true })
})

const answers = {
  'a kind that this version does not have': { status: 200, body: JSON.stringify(unknownKind) },
  'no JSON': { status: 200, body: '<html>' },
  'an error of another form': { status: 500, body: '{"error":"no"}' },
  'nothing at the path': {
    status: 404,
    body: '{"error":{"code":"not_found","message":"There is nothing at GET /api/servers.","wayOut":"x"}}',
  },
}

it.each(Object.entries(answers))('%s', async (_, given) => {
  answer = given
  version = '9.8.7'
  const { code, stderr } = await runCommand(['ls', '--data', folder], { cwd: folder })
  expect(code).toBe(1)
  expect(stderr).toMatch(
    /^error: The gateway \(version 9\.8\.7\) and this command \(version \d\S+\) do not understand each other\.\n {2}Run the command of the version/,
  )
  expect(stderr.split('\n')).toHaveLength(3)
})

it('an answer that says no version, and --json', async () => {
  answer = answers['no JSON']
  version = undefined
  const { stdout } = await runCommand(['keys', 'ls', '--json', '--data', folder], { cwd: folder })
  expect(JSON.parse(stdout).error).toMatchObject({
    code: 'versions_differ',
    message: expect.stringContaining('of an unknown version'),
  })
})

/** What each command needs to come as far as asking. */
const words: Readonly<Record<string, string>> = {
  add: 'x http://127.0.0.1:9/mcp',
  convert: 'openapi x.json',
  call: 'a.b',
  remove: 'x',
  'keys create': 'x',
  'keys revoke': 'x',
  'roles set': 'x --allow a/*',
  'roles remove': 'x',
  'rules grant': '--key x --role y',
  'rules remove': 'x',
  'toolsets set': 'x --include a/*',
  'toolsets remove': 'x',
  'limits set': '--calls 1/minute',
  'limits remove': 'x',
  explain: 'x a.b',
  connect: 'claude',
}
/** These ask nothing of a gateway that runs, or not by the contract. */
const silent = new Set(['up', 'check', 'stdio', 'schema', 'version', 'import'])

it.each(commandNames().filter((name) => !silent.has(name)))('%s', async (name) => {
  answer = { status: 200, body: '{"of":"tomorrow"}' }
  version = '9.8.7'
  const args = [...name.split(' '), ...(words[name] ?? '').split(' ').filter(Boolean)]
  const { code, stderr } = await runCommand([...args, '--data', folder], { cwd: folder })
  expect([code, stderr.split('\n')[0]]).toEqual([
    1,
    expect.stringContaining('do not understand each other'),
  ])
})
