// What commands say beside no gateway, in another folder, and of calls that are refused.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FIXTURE_SERVER } from '../conformance/start-fixture.ts'
import { eventually } from '../e2e/client.ts'
import { runCommand, startCommand } from './built-commands.ts'

let folder = ''
let elsewhere = ''
let dataDir = ''
let started: ReturnType<typeof startCommand> | undefined
let said = ''

const config = {
  servers: { hall: { stdio: { command: process.execPath, args: [FIXTURE_SERVER, '--stdio'] } } },
  roles: { reader: { allow: ['hall/*'] } },
  limits: [{ per: 'key', calls: '2/hour', tool: 'hall/*' }],
  listen: { port: 0 },
}

async function sallyport(...args: readonly string[]) {
  const ran = await runCommand([...args, '--data', dataDir], { cwd: elsewhere })
  return { ...ran, text: ran.stdout + ran.stderr }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-elsewhere-'))
  elsewhere = join(folder, 'other')
  dataDir = join(folder, 'data')
  await mkdir(elsewhere)
  await writeFile(join(folder, 'here.yaml'), JSON.stringify(config))
  // Another gateway's file, which commands for this one must not read.
  await writeFile(join(elsewhere, 'sallyport.yaml'), 'roles: { other: { allow: ["x/*"] } }\n')
  const child = startCommand(['up', '--config', '../here.yaml', '--data', dataDir], {
    cwd: elsewhere,
  })
  started = child
  child.stdout.on('data', (chunk) => (said += String(chunk)))
  child.stderr.resume()
  await eventually(async () => said.includes('audit verify'))
  await eventually(async () => (await sallyport('tools', 'hall')).text.includes('test_simple_text'))
})
afterAll(async () => {
  started?.kill('SIGKILL')
  await rm(folder, { recursive: true, force: true })
})

test('what a start prints names the data folder where it is another one', () => {
  expect(said).toContain(`sallyport audit tail --data ${dataDir}`)
  expect(said).toContain(`sallyport audit verify --data ${dataDir}`)
})

test('a call at a server that is not there says so', async () => {
  const { code, text } = await sallyport('call', 'hal.test_simple_text')
  expect(code).toBe(1)
  expect(text).toContain('There is no server "hal"')
})

test('a refused call has the code of its refusal, and when to try again', async () => {
  const key = /first key: (sp_\S+)/.exec(said)?.[1] ?? ''
  const call = () => sallyport('call', 'hall.test_simple_text', '--key', key, '--json')
  for (const _ of [1, 2]) expect((await call()).code).toBe(0)
  const { error } = JSON.parse((await call()).stdout)
  expect(error).toMatchObject({
    code: 'rate_limited',
    wayOut: expect.stringMatching(/after \d+ ms/),
  })
  const unknown = JSON.parse((await sallyport('call', 'hall.nothing', '--json')).stdout)
  expect(unknown.error).toMatchObject({
    code: 'tool_unknown',
    wayOut: expect.stringContaining('sallyport tools'),
  })
})

test('explain names the limits that a call is counted against', async () => {
  const explained = (tool: string, ...more: string[]) =>
    sallyport('explain', 'first', `hall.${tool}`, ...more)
  await sallyport('limits', 'set', '--tool', 'hall/other', '--concurrent', '3', '--per', 'user')
  expect((await explained('test_simple_text')).text).toContain(
    '\nlimit 2/hour for each key, for hall/*\n',
  )
  expect((await explained('test_simple_text')).text).not.toContain('at the same time')
  expect((await explained('other')).text).toContain(
    '\nlimit 3 at the same time for each user, for hall/other\n',
  )
  expect(JSON.parse((await explained('other', '--json')).stdout).limits).toEqual([
    { per: 'key', calls: '2/hour', tool: 'hall/*' },
    { per: 'user', concurrent: 3, tool: 'hall/other' },
  ])
})

test('explain says that a key has expired', async () => {
  await sallyport('keys', 'create', 'brief', '--role', 'all-tools', '--expires', '1s')
  const explained = () => sallyport('explain', 'brief', 'hall.test_simple_text')
  await eventually(async () => (await explained()).text.includes('has expired'))
  expect((await explained()).text).toContain('denied')
})

test('beside no gateway, commands read the file with which it ran', async () => {
  expect((await sallyport('rules', 'grant', '--key', 'first', '--role', 'reader')).code).toBe(0)
  started?.kill('SIGTERM')
  await eventually(async () => started?.exitCode !== null)
  expect((await readFile(join(dataDir, 'config'), 'utf8')).trim()).toBe(join(folder, 'here.yaml'))
  const servers = await sallyport('ls')
  expect(servers.text).toContain('hall')
  const roles = await sallyport('roles', 'ls')
  expect(roles.text).toContain('reader')
  expect(roles.text).not.toContain('other')
  expect((await sallyport('audit', 'verify')).code).toBe(0)
  // Its own file is what a folder's check is about.
  expect((await sallyport('check')).text).toContain(join(elsewhere, 'sallyport.yaml'))
  await rm(join(elsewhere, 'sallyport.yaml'))
  expect((await sallyport('check')).text).toContain(join(folder, 'here.yaml'))
})
