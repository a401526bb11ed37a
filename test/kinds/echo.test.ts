/**
 * What `docs/ARCHITECTURE.md` says of a new kind of API, proved: the folder `echo/` and a line in each list make a product
 * that recognises it, adds it, shows it, calls it and misses it, and neither the command line nor the administration knows of it.
 */
import { spawn, spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { builtProgram } from '../built.ts'
import { eventually } from '../e2e/client.ts'
import { startGateway, type TestGateway } from '../e2e/gateway.ts'
import { dig, digList } from '../e2e/json.ts'
import { type Running, serve } from './rest-server.ts'

const built = fileURLToPath(new URL('../.work/echo', import.meta.url))
const program = join(built, 'sallyport.mjs')
let folder: string
let source: string
let service: Running
let gateway: TestGateway

beforeAll(async () => {
  const build = fileURLToPath(new URL('echo/build.mjs', import.meta.url))
  const { status, stderr } = spawnSync(process.execPath, [build, built], { encoding: 'utf8' })
  expect(stderr).toBe('')
  expect(status).toBe(0)
  service = await serve((request, response, body) => {
    response.setHeader('content-type', 'application/json')
    response.end(`{"path":"${request.url}","body":${body.toString()}}`)
  })
  folder = await mkdtemp(join(tmpdir(), 'sallyport-echo-'))
  source = join(folder, 'words.json')
  const words = ['hello', 'farewell']
  await writeFile(source, JSON.stringify({ echo: '1', url: service.origin, words }))
  gateway = await startGateway({ config: {}, program })
})

afterAll(async () => {
  await gateway?.stop()
  await service?.stop()
  await rm(folder, { recursive: true, force: true })
  await rm(built, { recursive: true, force: true })
})

async function run(
  by: string,
  ...args: readonly string[]
): Promise<{ code: number | null; text: string; said: unknown }> {
  const child = spawn(process.execPath, [by, ...args, '--json', '--data', gateway.dataDir], {
    cwd: folder,
    env: { PATH: '/usr/bin:/bin', NODE_NO_WARNINGS: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk) => (stdout += String(chunk)))
  child.stderr.on('data', (chunk) => (stderr += String(chunk)))
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  const text = `${args.join(' ')}: ${code}\n${stdout}\n${stderr}`
  return { code, text, said: stdout.startsWith('{') ? JSON.parse(stdout) : undefined }
}

async function listed(): Promise<unknown> {
  const { said } = await run(program, 'ls')
  return digList(said, 'servers').find((server) => dig(server, 'name') === 'words')
}

test('a folder and a line in each list are a kind', async () => {
  const converted = await run(program, 'convert', source, '--exclude', 'farewell')
  expect(converted.code, converted.text).toBe(0)
  expect(converted.said).toMatchObject({
    kind: 'echo',
    converted: 1,
    skipped: [{ operation: 'farewell', code: 'excluded' }],
    targets: [{ url: service.origin }],
  })

  const added = await run(program, 'add', 'words', source)
  expect(added.code, added.text).toBe(0)
  expect(digList(added.said, 'tried', 'tools'), added.text).toEqual(['hello', 'farewell'])
  expect(await listed()).toMatchObject({ kind: 'echo', address: source, state: 'up', tools: 2 })

  const call = () => run(program, 'call', 'words.hello', '{"text":"you"}', '--key', gateway.key)
  const called = await call()
  expect(called.code, called.text).toBe(0)
  expect(dig(called.said, 'structuredContent')).toEqual({ path: '/hello', body: { text: 'you' } })

  const well = await run(program, 'doctor', 'words')
  expect(well.code, well.text).toBe(0)
  await service.stop()
  const ill = await run(program, 'doctor', 'words')
  expect(ill.code, ill.text).not.toBe(0)
  expect(ill.text).toContain('ECONNREFUSED')
  expect((await call()).code).not.toBe(0)
  await eventually(async () => dig(await listed(), 'state') === 'down')
})

test('its fields are fields of the configuration, and the product has none of it', async () => {
  const file = join(folder, 'wrong.yaml')
  await writeFile(file, 'servers:\n  words:\n    echo: { spec: words.json, url: "ftp://x" }\n')
  const wrong = await run(program, 'check', '--config', file)
  expect(wrong.text).toContain('must be a URL with http, https')
  const none = await run(builtProgram, 'check', '--config', file)
  expect(none.code).not.toBe(0)
  expect(none.text).not.toContain('must be a URL')
  expect(none.text).toContain('echo')
})
