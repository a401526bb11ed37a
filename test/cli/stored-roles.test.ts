/** Declared and stored rules that name each other's roles, and stored rules whose role is gone. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from '../e2e/client.ts'
import { runCommand, startCommand } from './built-commands.ts'

let folder = ''
let file = ''
let dataDir = ''
let started: ReturnType<typeof startCommand> | undefined
let said = ''
let log = ''

const reader = { reader: { allow: ['hall/*'] } }
const config = { roles: reader, listen: { port: 0 } }

const write = (value: unknown) => writeFile(file, JSON.stringify(value))

async function sallyport(...args: readonly string[]) {
  const ran = await runCommand([...args, '--data', dataDir], { cwd: folder })
  return { ...ran, text: ran.stdout + ran.stderr }
}

async function up(): Promise<void> {
  const child = startCommand(['up', '--data', dataDir, '--config', file], { cwd: folder })
  started = child
  said = ''
  log = ''
  child.stdout.on('data', (chunk) => (said += String(chunk)))
  child.stderr.on('data', (chunk) => (log += String(chunk)))
  await eventually(async () => {
    if (child.exitCode !== null) throw new Error(`it ended: ${log}`)
    return said.includes('audit verify')
  })
}

async function down(): Promise<void> {
  started?.kill('SIGTERM')
  await eventually(async () => started?.exitCode !== null)
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-roles-'))
  file = join(folder, 'sallyport.yaml')
  dataDir = join(folder, 'data')
  await write(config)
  await up()
})
afterAll(async () => {
  started?.kill('SIGKILL')
  await rm(folder, { recursive: true, force: true })
})

test('a declared rule may name a stored role, and the file is good and starts', async () => {
  expect((await sallyport('roles', 'set', 'keeper', '--allow', 'hall/*')).code).toBe(0)
  await write({ ...config, access: [{ team: 'ops', roles: ['keeper'] }] })
  await eventually(async () => (await sallyport('rules', 'ls')).text.includes('team ops'))
  const checked = await sallyport('check')
  expect([checked.code, checked.text]).toEqual([0, `${file} is good.\n`])
  await down()
  const offline = await sallyport('rules', 'ls')
  expect([offline.code, offline.text]).toEqual([0, expect.stringContaining('team ops')])
  await up()
})

test('a file that takes the role of a running stored rule away is not used', async () => {
  // The doors open before the database.
  await eventually(
    async () =>
      (await sallyport('rules', 'grant', '--team', 'support', '--role', 'reader')).code === 0,
  )
  await write({ listen: { port: 0 } })
  const sentence = /there is no role "reader" \(a stored rule names it: "sallyport rules ls"/
  await eventually(async () => sentence.test((await sallyport('doctor')).text))
  expect((await sallyport('roles', 'ls')).text).toContain('reader')
  await down()
})

test('a stored rule whose role is gone grants nothing, stops nothing, is told, and can be removed', async () => {
  const sentence =
    'the stored rule for team support names "reader", which is no role any more, so it grants nothing'
  const checked = await sallyport('check')
  expect([checked.code, checked.text]).toEqual([
    0,
    expect.stringContaining(`warning: access: ${sentence}`),
  ])
  for (const command of [['ls'], ['audit', 'verify'], ['rules', 'ls']])
    expect([command, (await sallyport(...command)).code]).toEqual([command, 0])
  expect((await sallyport('doctor')).text).toContain(sentence)
  await up()
  await eventually(async () => log.includes('names \\"reader\\"'))
  expect((await sallyport('doctor')).text).toContain(sentence)
  const created = await sallyport('keys', 'create', 'sup', '--team', 'support')
  expect(created.code).toBe(0)
  expect((await sallyport('explain', 'sup', 'hall.x')).text).toContain('holds no role')
  const id = /^([0-9a-f]{12}) +team support/m.exec((await sallyport('rules', 'ls')).text)?.[1] ?? ''
  await down()
  expect((await sallyport('rules', 'remove', id)).code).toBe(0)
  expect((await sallyport('check')).text).toBe(`${file} is good.\n`)
  expect((await sallyport('doctor')).text).not.toContain('stored rule')
})

test('what else a rule denies is denied still', async () => {
  const careful = { deny: ['hall/delete_*'] }
  const mixed = { allow: ['hall/*'], deny: ['hall/drop_*'] }
  await write({ ...config, roles: { ...reader, careful, mixed } })
  const roles = ['reader', 'careful', 'mixed'].flatMap((role) => ['--role', role])
  expect((await sallyport('rules', 'grant', '--user', 'ann', ...roles)).code).toBe(0)
  expect(
    (await sallyport('keys', 'create', 'ann', '--user', 'ann', '--role', 'all-tools')).code,
  ).toBe(0)
  await write({ ...config, roles: { careful, mixed } })
  const allowed = async (tool: string) =>
    JSON.parse((await sallyport('explain', 'ann', `hall.${tool}`, '--json')).stdout).allowed
  expect(await allowed('read_one')).toBe(true)
  expect([await allowed('delete_all'), await allowed('drop_all')]).toEqual([false, false])
  expect((await sallyport('roles', 'ls')).text).not.toContain('denials')
})
