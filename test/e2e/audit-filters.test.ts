/** `audit tail` and `audit export` show what is asked for, however far back it lies. */
import { once } from 'node:events'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { z } from 'zod'
import { type Ran, runCommand, startCommand } from '../cli/built-commands.ts'
import { eventually, legacySession, modernCall, modernTool } from './client.ts'
import { everything } from './gateway.ts'
import { startWorld, type TestWorld } from './world.ts'

const line = z.object({ entry: z.looseObject({ kind: z.string(), at: z.number() }) })

let world: TestWorld
let begun = ''

const run = (...words: string[]): Promise<Ran> =>
  runCommand([...words, '--data', world.gateway.dataDir], { cwd: world.gateway.dataDir })

/** What is shown: kind, method or status, server and name of each. */
async function shown(...words: string[]): Promise<string[]> {
  const { code, stdout, stderr } = await run('audit', ...words, '--json')
  expect([code, stderr]).toEqual([0, ''])
  return stdout
    .split('\n')
    .filter((row) => row !== '')
    .map((row) => {
      const { kind, ...rest } = line.parse(JSON.parse(row)).entry
      const { principal, method, status, server, name } = rest
      return [kind, principal, status ?? method, server, name].filter(Boolean).join(' ')
    })
}

beforeAll(async () => {
  world = await startWorld({ keys: { two: everything, nobody: { roles: [] } } })
  const [modern, legacy] = [world.at('modern'), world.at('legacy')]
  const two = world.gateway.keyOf('two')
  await modernTool(modern, two, 'test_error_handling', {})
  await modernTool(legacy, two, 'echo', { n: 0 })
  await modernTool(modern, two, 'no_such_tool', {})
  await modernTool(world.gateway.url, world.gateway.keyOf('nobody'), 'modern__echo', {})
  await modernCall(legacy, two, 'tools/list')
  begun = new Date().toISOString()
  for (let n = 0; n < 60; n++) await modernTool(modern, world.key, 'echo', { n })
})

afterAll(() => world.stop())

const error = ['intent key:two tools/call modern test_error_handling', 'outcome tool-error']
const echo = ['intent key:two tools/call legacy echo', 'outcome ok']
const declared = ['change file legacy', 'outcome ok']
const unknown = 'refusal key:two tools/call no_such_tool'

it('finds what lies before the newest entries', async () => {
  expect(await shown('tail', '--status', 'tool-error', '-n', '5')).toEqual(error)
  expect(await shown('tail', '--principal', 'key:two', '--status', 'ok')).toEqual(echo)
  expect(await shown('tail', '--server', 'legacy')).toEqual([
    ...declared,
    ...echo,
    'list key:two tools/list',
  ])
  expect(await shown('tail', '--server', 'legacy', '--kind', 'outcome')).toEqual([
    'outcome ok',
    'outcome ok',
  ])
  expect(await shown('tail', '--kind', 'refusal', '--principal', 'key:two')).toEqual([unknown])
  expect(await shown('tail', '--status', 'refused,tool-error', '--server', 'modern')).toEqual([
    ...error,
    unknown,
    'refusal key:nobody tools/call modern echo',
  ])
  expect(await shown('tail', '--tool', 'echo', '--principal', 'key:two')).toEqual(echo)
  expect(await shown('tail', '--tool', 'echo', '--kind', 'intent', '-n', '2')).toEqual([
    'intent key:first tools/call modern echo',
    'intent key:first tools/call modern echo',
  ])
})

it('keeps to a time', async () => {
  const late = await shown('tail', '--since', begun, '--kind', 'intent', '-n', '1000')
  expect([late.length, new Set(late)]).toEqual([
    60,
    new Set(['intent key:first tools/call modern echo']),
  ])
  expect(await shown('tail', '--until', begun, '--status', 'ok', '--principal', 'key:two')).toEqual(
    echo,
  )
  expect(await shown('tail', '--since', '2h', '--status', 'tool-error')).toEqual(error)
  expect(await shown('tail', '--until', '2h')).toEqual([])
  expect(await shown('export', '--since', '2h', '--status', 'tool-error')).toEqual(error)
  const csv = await run('audit', 'export', '--format', 'csv', '--server', 'legacy')
  expect(csv.stdout.trim().split('\n')).toHaveLength(6)
})

it('shows one line an entry, and no field but its own, whatever callers call', async () => {
  const forged =
    'x\n2026-12-01T04:00:00.000Z change    principal=owner action=created\t\u2028y code=ok'
  const session = await legacySession(world.gateway.url, world.gateway.keyOf('nobody'))
  await session.request('tools/call', { name: forged })
  const { stdout } = await run('audit', 'tail', '--kind', 'refusal', '-n', '1')
  expect(stdout.split('\n')).toEqual([expect.stringContaining(' refusal '), ''])
  // What is in quotes is one value.
  const bare = stdout.replace(/"(?:[^"\\]|\\.)*"/g, '""')
  expect(bare.match(/[a-z]+=/gi)).toEqual(
    expect.arrayContaining(['principal=', 'method=', 'name=', 'code=', 'detail=']),
  )
  expect(bare.match(/(?:principal|code)=\S*/g)).toEqual([
    'principal=key:nobody',
    'code=tool_unknown',
  ])
  expect(bare).not.toContain('action=')
  expect(stdout).toContain('name="x\\n2026-12-01T04:00:00.000Z change    principal=owner')
})

it('goes on with what is written later', async () => {
  const words = ['audit', 'tail', '-f', '-n', '0', '--status', 'tool-error', '--json']
  const { dataDir } = world.gateway
  const tail = startCommand([...words, '--data', dataDir], { cwd: dataDir })
  let told = ''
  tail.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    told += chunk
  })
  await eventually(async () => {
    await modernTool(world.at('modern'), world.key, 'echo', {})
    await modernTool(world.at('modern'), world.key, 'test_error_handling', {})
    return told.split('\n').length > 4
  })
  tail.kill('SIGINT')
  await once(tail, 'close')
  expect(told).toContain('test_error_handling')
  expect(told).not.toContain('"echo"')
})

it.each([
  [['--kind', 'call'], '--kind: "call" is none of intent, outcome, refusal, change,'],
  [['--kind', 'intent,'], '--kind: "" is none of intent'],
  [['--status', 'bad'], '--status: "bad" is none of ok, tool-error,'],
  [['--principal', 'ann'], '--principal: key:NAME, owner, local, file, or an id'],
  [['--server', 'No_One'], '--server: is no name of a server'],
  [['--since', '2026-02-31'], '--since: "2026-02-31" is no time.'],
  [['--since', '2026-11-23 (x)'], '--since: "2026-11-23 (x)" is no time.'],
  [['--since', 'yore'], '--since: "yore" is no time.'],
  [['--since', '1h', '--until', '2h'], '--until is not after --since.'],
  [['-n', 'many'], '--limit: must be a number'],
])('%j is no filter', async (words, says) => {
  const { code, stdout, stderr } = await run('audit', 'tail', ...words)
  expect([code, stdout, stderr.replaceAll('\n', ' ')]).toEqual([
    2,
    '',
    expect.stringContaining(says),
  ])
})

it('is described', async () => {
  for (const command of ['tail', 'export']) {
    const { stdout } = await run('audit', command, '--help')
    for (const option of ['principal', 'server', 'tool', 'kind', 'status', 'since', 'until'])
      expect(stdout).toContain(`--${option} <`)
  }
})
