// `sallyport stdio` as a client that only spawns sees it, beside a running gateway and alone.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { builtProgram } from '../built.ts'
import { eventually, modernMeta, modernTool } from './client.ts'
import { dig, digText, names } from './json.ts'
import { startWorld, type TestWorld } from './world.ts'

let world: TestWorld
beforeAll(async () => {
  world = await startWorld({
    config: { roles: { few: { allow: ['tool:modern/echo'] } } },
    keys: { few: { roles: ['few'] } },
  })
})
afterAll(() => world?.stop())

interface Spawned {
  say(message: object | string): void
  answer(id: string | number): Promise<unknown>
  readonly messages: unknown[]
  end(): Promise<number | null>
}

function open(key: string, args: readonly string[] = []): Spawned {
  const { dataDir } = world.gateway
  const config = join(dataDir, '..', 'sallyport.yaml')
  const child = spawn(
    process.execPath,
    [builtProgram, 'stdio', '--data', dataDir, '--config', config, ...args],
    {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: {
        PATH: '/usr/bin:/bin',
        SALLYPORT_KEY: key,
        DATABASE_URL: 'postgres://127.0.0.1:9/nobody',
      },
    },
  )
  const messages: unknown[] = []
  let rest = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    messages.push(...lines.map((line): unknown => JSON.parse(line)))
  })
  child.stdin.on('error', () => undefined)
  const closed = once(child, 'close')
  return {
    say: (message) =>
      child.stdin.write(
        `${typeof message === 'string' ? message : JSON.stringify({ jsonrpc: '2.0', ...message })}\n`,
      ),
    answer: (id) => eventually(async () => messages.find((message) => dig(message, 'id') === id)),
    messages,
    end: async () => {
      child.stdin.end()
      await closed
      return child.exitCode
    },
  }
}

const call = (id: string | number, name: string, args: object = {}) => ({
  id,
  method: 'tools/call',
  params: { name, arguments: args, _meta: modernMeta() },
})

async function stat(name: string): Promise<number> {
  const reply = await modernTool(world.at('modern'), world.key, 'stats')
  return Number(dig(reply.message, 'result', 'structuredContent', name))
}

test('speaks both eras to one client', async () => {
  const door = open(world.key)
  door.say(call('m', 'modern__echo', { a: 1 }))
  expect(dig(await door.answer('m'), 'result', 'structuredContent')).toEqual({ a: 1 })
  door.say({
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-06-18', capabilities: { elicitation: {} }, clientInfo: {} },
  })
  expect(dig(await door.answer(1), 'result', 'protocolVersion')).toBe('2025-06-18')
  door.say({ method: 'notifications/initialized' })
  door.say({ id: 2, method: 'tools/list' })
  expect(names(await door.answer(2), 'tools')).toContain('legacy__echo')
  door.say({
    id: 3,
    method: 'tools/call',
    params: { name: 'legacy__test_input_required_result_elicitation', arguments: {} },
  })
  const question = await eventually(async () =>
    door.messages.find((message) => dig(message, 'method') === 'elicitation/create'),
  )
  door.say({ id: dig(question, 'id'), result: { action: 'accept', content: { name: 'Ada' } } })
  expect(digText(await door.answer(3), 'result', 'content', 0, 'text')).toContain('Ada')
  door.say('not JSON')
  expect(
    dig(
      await eventually(async () =>
        door.messages.find((message) => dig(message, 'error') !== undefined),
      ),
      'error',
      'code',
    ),
  ).toBe(-32700)
  expect(await door.end()).toBe(0)
})

test('a cancellation ends the call that it names, wherever its id stands, and data that looks like one does not', async () => {
  const [started, cancelled] = [await stat('hangStarted'), await stat('hangCancelled')]
  const door = open(world.key)
  const meta = JSON.stringify(modernMeta())
  door.say(
    `{"jsonrpc":"2.0","method":"tools/call","params":{"vendor":{"id":5},"name":"modern__hang","_meta":${meta}},"id":7}`,
  )
  await eventually(async () => (await stat('hangStarted')) === started + 1)
  const fake = { method: 'notifications/cancelled', params: { requestId: 7 } }
  door.say(call('f', 'modern__echo', fake))
  expect(dig(await door.answer('f'), 'result', 'structuredContent')).toEqual(fake)
  expect(await stat('hangCancelled')).toBe(cancelled)
  door.say({ ...fake })
  await eventually(async () => (await stat('hangCancelled')) === cancelled + 1)
  await door.end()
})

test('shows what the key may use, at the chosen endpoint', async () => {
  const door = open(world.gateway.keyOf('few'), ['--server', 'modern'])
  door.say({ id: 1, method: 'tools/list', params: { _meta: modernMeta() } })
  expect(names(await door.answer(1), 'tools')).toEqual(['echo'])
  door.say(call(2, 'stats'))
  expect(dig(await door.answer(2), 'error', 'data', 'code')).toBe('tool_unknown')
  await door.end()
})

test('an unknown key opens nothing', async () => {
  const door = open('sp_unknown')
  door.say({ id: 1, method: 'tools/list', params: { _meta: modernMeta() } })
  expect(await door.end()).not.toBe(0)
  expect(door.messages.filter((message) => dig(message, 'result') !== undefined)).toEqual([])
})

test('all that was said before the end of the input is answered, also what takes long or asks', async () => {
  const door = open(world.key)
  const params = { protocolVersion: '2025-06-18', capabilities: { elicitation: {} } }
  door.say({ id: 1, method: 'initialize', params: { ...params, clientInfo: {} } })
  door.say({ method: 'notifications/initialized' })
  const tool = (name: string, args: object = {}) => ({
    method: 'tools/call',
    params: { name, arguments: args },
  })
  door.say({ id: 2, ...tool('legacy__slow', { ms: 2_000, steps: 2 }) })
  door.say({ id: 3, ...tool('legacy__test_input_required_result_elicitation') })
  door.say(call(4, 'modern__echo', { a: 1 }))
  const listen = { notifications: { toolsListChanged: true }, _meta: modernMeta() }
  door.say({ id: 5, method: 'subscriptions/listen', params: listen })
  expect(await door.end()).toBe(0)
  const answered = door.messages.flatMap((message) =>
    dig(message, 'method') === undefined ? [dig(message, 'id')] : [],
  )
  expect(answered.sort()).toEqual([1, 2, 3, 4, 5])
  const slept = door.messages.find((message) => dig(message, 'id') === 2)
  expect(digText(slept, 'result', 'content', 0, 'text')).toContain('2000')
})
