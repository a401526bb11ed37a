/** Secrets that are given in the open to `add` and `import` move to files of the owner, wherever they stood. */
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { runCommand } from '../cli/built-commands.ts'
import { eventually } from './client.ts'
import { startGateway, type TestGateway } from './gateway.ts'
import { leaksBelow, leaksIn, secret } from './secret-scan.ts'

let gateway: TestGateway
let folder = ''
let origin = ''
const asked: string[] = []
const upstream = createServer((request, response) => {
  asked.push(`${request.url} ${JSON.stringify(request.headers)}`)
  response.writeHead(404).end()
})

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-secrets-'))
  await once(upstream.listen(0, '127.0.0.1'), 'listening')
  const address = upstream.address()
  origin = `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
  gateway = await startGateway({ config: {}, env: { SALLYPORT_LOG: 'debug' } })
})

afterAll(async () => {
  upstream.close()
  await gateway.stop()
  await rm(folder, { recursive: true, force: true })
})

const sallyport = (...words: string[]) =>
  runCommand([words[0] ?? '', ...words.slice(1)], {
    cwd: folder,
    env: { SALLYPORT_DATA: gateway.dataDir },
  })

let made = 0
const fresh = (): string => secret(`pa55word-of-test-${++made}`)

/** Writes its arguments and one variable to a file and ends. */
const teller = (file: string): string =>
  `require('fs').writeFileSync(${JSON.stringify(file)}, JSON.stringify([process.argv.slice(1), process.env.DB_URL]))`

it.each([
  ['a-user', () => [`http://ann:${fresh()}@${origin}/mcp`]],
  ['a-token-user', () => [`http://${fresh()}@${origin}/mcp`]],
  ['a-query', () => [`http://${origin}/mcp?api_key=${fresh()}&limit=3&sig=${fresh()}`]],
  ['a-path', () => [`http://${origin}/s/${secret('9f8e7d6c5b4a39281706f5e4d3c2b1a0')}/mcp`]],
  ['a-header', () => [`http://${origin}/mcp`, '--header', `X-Api-Key: ${fresh()}`]],
  ['a-bearer', () => [`http://${origin}/mcp`, '--bearer', fresh()]],
  ['a-basic', () => [`http://${origin}/mcp`, '--basic', `ann:${fresh()}`]],
  ['a-database', () => [`postgres://ann:${fresh()}@127.0.0.1:9/x`, '--kind', 'sql']],
  ['an-api', () => [`http://${origin}/api.json?token=${fresh()}`, '--kind', 'openapi']],
  ['an-argument', () => ['--', 'node', 'x.js', '--token', fresh(), `--api-key=${fresh()}`]],
  ['an-address', () => ['--', 'node', 'x.js', `postgres://u:${fresh()}@h/db`]],
  ['a-text', () => ['--', 'node', 'x.js', '-H', `Authorization: Bearer ${fresh()}`]],
  ['a-token', () => ['--', 'node', 'x.js', secret('ghp_0123456789abcdefghij')]],
  ['a-variable', () => ['--env', `API_TOKEN=${fresh()}`, '--', 'node', 'x.js']],
  ['a-variable-2', () => ['--env', `DB=mysql://u:${fresh()}@h/db`, '--', 'node', 'x.js']],
])('add %s', async (name, words) => {
  const { code, stdout, stderr } = await sallyport('add', name, '--no-probe', ...words())
  expect([code, stderr]).toEqual([0, expect.stringMatching(/it was moved to .*secrets/)])
  expect(leaksIn(stdout + stderr, 'command')).toEqual([])
  const listed = await sallyport('ls')
  expect(listed.stdout).toContain(name)
  expect(leaksIn(listed.stdout, 'ls')).toEqual([])
  expect(listed.stdout).not.toContain('secrets/')
})

it('gives what was moved to the server as it was', async () => {
  const query = fresh()
  await sallyport('add', 'asked', '--no-probe', `http://${origin}/mcp?key=${query}&limit=3`)
  await eventually(async () => asked.some((line) => line.startsWith(`/mcp?key=${query}&limit=3 `)))
  const told = join(folder, 'told.json')
  const [token, password] = [fresh(), fresh()]
  const env = ['--env', `DB_URL=postgres://u:${password}@h/db`]
  const command = [process.execPath, '-e', teller(told), '--', '--token', token]
  await sallyport('add', 'told', '--no-probe', ...env, '--', ...command)
  await eventually(async () => readFile(told, 'utf8').catch(() => undefined))
  const [args, url] = JSON.parse(await readFile(told, 'utf8'))
  expect([args, url]).toEqual([['--token', token], `postgres://u:${password}@h/db`])
})

it('import moves them, too, and its YAML has variables in their place', async () => {
  const mcpServers = {
    imported: { command: 'node', args: ['x.js', '--token', fresh(), `--key=${fresh()}`] },
    remote: { url: `http://u:${fresh()}@${origin}/mcp?token=${fresh()}` },
  }
  await writeFile(join(folder, 'mcp.json'), JSON.stringify({ mcpServers }))
  const yaml = await sallyport('import', 'mcp.json', '--dry-run')
  expect(leaksIn(yaml.stdout + yaml.stderr, 'yaml')).toEqual([])
  expect(yaml.stdout).toMatch(/url: http:\/\/u:\$\{\w+\}@[\d.:]+\/mcp\?token=\$\{\w+\}/)
  const done = await sallyport('import', 'mcp.json')
  expect(done.stdout).toContain('moved to')
  expect(leaksIn(done.stdout + done.stderr, 'import')).toEqual([])
})

it('keeps them in files of the owner alone, and removes them with the server', async () => {
  const place = join(gateway.dataDir, 'secrets')
  const files = await readdir(place)
  expect(files.length).toBeGreaterThan(15)
  for (const file of files) expect((await stat(join(place, file))).mode & 0o777).toBe(0o600)
  await sallyport('remove', 'a-query')
  expect((await readdir(place)).filter((file) => file.startsWith('a-query.'))).toEqual([])
  await gateway.restart()
  expect((await sallyport('ls')).stdout).toContain('a-database')
})

it('finds what would be a leak', async () => {
  const leak = secret('pa55word-that-leaks')
  const place = join(gateway.dataDir, 'leak.txt')
  await writeFile(place, `x ${leak}`)
  expect(leaksBelow(gateway.dataDir)).toEqual([`${place} holds pa55...`])
  await rm(place)
})
