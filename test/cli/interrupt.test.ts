/** Ctrl+C at a command that waits: it ends at once and in order, and a call of it is cancelled. */
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { eventually } from '../e2e/client.ts'
import { startGateway, type TestGateway } from '../e2e/gateway.ts'
import { echoTool, type Stub, startStub } from '../faults/stub-server.ts'
import { runCommand, startCommand } from './built-commands.ts'

let gateway: TestGateway
let stub: Stub
let running = 0
let held = 0
/** Asks of who it is are held as well. */
let holdsAll = false

beforeAll(async () => {
  stub = await startStub({
    era: 'modern',
    tools: [echoTool],
    handle: ({ method, response }) => {
      if (method !== 'tools/call' && !holdsAll) return false
      running++
      held++
      response.once('close', () => running--)
      return true
    },
  })
  gateway = await startGateway({ config: { servers: { held: { http: { url: stub.url } } } } })
})
afterAll(async () => {
  await gateway.stop()
  await stub.stop()
})

const env = () => ({ SALLYPORT_DATA: gateway.dataDir })

/** Starts a command, interrupts it once it waits for the server, and returns how it ended. */
async function interrupted(args: readonly string[]) {
  const before = held
  const child = startCommand(args, { cwd: gateway.dataDir, env: env() })
  const closed = once(child, 'close')
  const said = Promise.all([text(child.stdout), text(child.stderr)])
  await eventually(async () => held > before)
  child.kill('SIGINT')
  const [stdout, stderr] = await said
  await closed
  return { code: child.exitCode, stdout, stderr }
}

const sentence = 'error: Interrupted before there was an answer.\n  A call is cancelled.'

it('a call is cancelled at the server, and recorded so', async () => {
  const ran = await interrupted(['call', 'held.echo'])
  expect([ran.code, ran.stdout, ran.stderr]).toEqual([130, '', expect.stringContaining(sentence)])
  await eventually(async () => running === 0)
  const tail = () => runCommand(['audit', 'tail', '--server', 'held'], { cwd: '/', env: env() })
  await eventually(async () => (await tail()).stdout.includes('status=cancelled'))
})

it('--json has one document', async () => {
  const ran = await interrupted(['call', 'held.echo', '--json'])
  expect([ran.code, ran.stderr]).toEqual([130, ''])
  expect(JSON.parse(ran.stdout).error.code).toBe('interrupted')
  await eventually(async () => running === 0)
})

it('other commands that wait for a server end, too', async () => {
  holdsAll = true
  for (const args of [
    ['doctor', 'held'],
    ['add', 'late', `${stub.url}/late`, '--kind', 'http'],
  ]) {
    const { code, stderr } = await interrupted(args)
    expect([args, code, stderr]).toEqual([args, 130, expect.stringContaining(sentence)])
  }
  holdsAll = false
})

it('beside no gateway it ends in order, too', async () => {
  process.kill(gateway.pid, 'SIGTERM')
  await gateway.ended()
  const ran = await interrupted(['call', 'held.echo'])
  expect([ran.code, ran.stderr]).toEqual([130, expect.stringContaining(sentence)])
  expect(existsSync(join(gateway.dataDir, 'lock'))).toBe(false)
  expect(existsSync(join(gateway.dataDir, 'postgres/postmaster.pid'))).toBe(false)
  const tail = await runCommand(['audit', 'tail', '-n', '3'], { cwd: '/', env: env() })
  expect(tail.stdout).toContain('status=cancelled')
  const followed = startCommand(['audit', 'tail', '-f'], { cwd: '/', env: env() })
  const closed = once(followed, 'close')
  followed.stdout.once('data', () => followed.kill('SIGINT'))
  expect(await text(followed.stderr)).toBe('')
  await closed
  expect(followed.exitCode).toBe(0)
})
