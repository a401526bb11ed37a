import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { patienceMs } from '../../test/patience.ts'
import { GatewayError } from '../model/refusal.ts'
import type { Channel } from './channel.ts'
import {
  createProcessManager,
  type ProcessEvent,
  type ProcessManager,
  type ProcessManagerOptions,
  type ProcessSpec,
} from './manager.ts'

const everything = join(
  import.meta.dirname,
  '../../node_modules/@modelcontextprotocol/server-everything/dist/index.js',
)
const path = '/usr/local/bin:/usr/bin:/bin'
let dataDir = ''
let events: ProcessEvent[] = []
const managers: ProcessManager[] = []

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'process-'))
  events = []
})

afterEach(async () => {
  await Promise.all(managers.splice(0).map((manager) => manager.close()))
  rmSync(dataDir, { recursive: true })
})

async function manage(options: Partial<ProcessManagerOptions> = {}): Promise<ProcessManager> {
  const log = (event: ProcessEvent) => events.push(event)
  const manager = await createProcessManager({ dataDir, processesMax: 10, log, ...options })
  managers.push(manager)
  return manager
}

function spec(command: string, args: string[], more: Partial<ProcessSpec> = {}): ProcessSpec {
  return { name: 'peer', command, args, env: { PATH: path }, cwd: undefined, ...more }
}

const shell = (script: string, more: Partial<ProcessSpec> = {}) => spec('sh', ['-c', script], more)
const node = (script: string) => spec(process.execPath, ['-e', script])

/** Collects what a channel hands out. */
function listen(channel: Channel) {
  const messages: string[] = []
  const reasons: string[] = []
  channel.onMessage = (message) => messages.push(message.toString())
  channel.onClose = (reason) => reasons.push(reason)
  return { messages, reasons }
}

/** The refusal that starting ends in. */
async function refusal(starting: Promise<Channel>): Promise<GatewayError> {
  const thrown: unknown = await starting.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!(thrown instanceof GatewayError)) throw new Error('not refused', { cause: thrown })
  return thrown
}

/** Alive and not a zombie that waits for init to take it away. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return !readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z ')
  } catch (error) {
    return error instanceof Error && 'path' in error && process.platform !== 'linux'
  }
}

test('messages go to the process and back, also those of many bytes and with line breaks', async () => {
  const channel = await (await manage()).start(spec('cat', []))
  const { messages, reasons } = listen(channel)
  const long = JSON.stringify('ä'.repeat(3_000_000))
  channel.send('{"a":1}')
  channel.send('{\r\n  "b": "é"\n}')
  channel.send(long)
  await vi.waitFor(() => expect(messages.length).toBe(3), patienceMs)
  expect(messages[0]).toBe('{"a":1}')
  expect(JSON.parse(messages[1] ?? '')).toEqual({ b: 'é' })
  expect(messages[2] === long).toBe(true)
  await channel.close()
  expect(reasons).toEqual(['closed by the gateway; exited with code 0'])
})

test('what arrives before the handlers are set waits for them', async () => {
  const manager = await manage()
  const channel = await manager.start(shell('echo one; echo; echo two; read -r end; exit 3'))
  await delay(100)
  const { messages, reasons } = listen(channel)
  await vi.waitFor(() => expect(messages).toEqual(['one', 'two']), patienceMs)
  channel.send('end')
  await vi.waitFor(() => expect(manager.count).toBe(0), patienceMs)
  expect(reasons).toEqual(['exited with code 3'])
  const late = listen(channel)
  expect(() => channel.send('{}')).toThrow(GatewayError)
  await delay(10)
  expect(late.reasons).toEqual([])
})

test('the handler of the end may come late', async () => {
  const channel = await (await manage()).start(shell('sleep 0.1; exit 4'))
  await delay(300)
  const { reasons } = listen(channel)
  await vi.waitFor(() => expect(reasons).toEqual(['exited with code 4']), patienceMs)
})

test('a line that is too long ends the process', async () => {
  const channel = await (await manage({ messageBytesMax: 1000 })).start(
    shell('echo fine; head -c 2000 /dev/zero; sleep 60'),
  )
  const { messages, reasons } = listen(channel)
  await vi.waitFor(() => expect(reasons.length).toBe(1), patienceMs)
  expect(messages).toEqual(['fine'])
  expect(reasons[0]).toContain('more than 1000 bytes in a line')
  await vi.waitFor(() => expect(isAlive(channel.pid)).toBe(false), patienceMs)
})

test('a process that does not read refuses more when enough is waiting', async () => {
  const channel = await (await manage({ pendingBytesMax: 1_000_000, graceMs: 50 })).start(
    shell('exec sleep 60'),
  )
  const message = 'x'.repeat(300_000)
  const sendMany = () => {
    for (let i = 0; i < 10; i++) channel.send(message)
  }
  expect(sendMany).toThrow(expect.objectContaining({ code: 'server_busy' }))
  await channel.close()
  expect(sendMany).toThrow(expect.objectContaining({ code: 'server_unavailable' }))
})

test.each([
  ['input', 'exec 0<&-; exec sleep 60'],
  ['output', 'exec 1>&-; exec sleep 60'],
])('a process that closes its %s is ended', async (stream, script) => {
  const channel = await (await manage()).start(shell(script))
  const { reasons } = listen(channel)
  channel.send('{}')
  await vi.waitFor(() => expect(reasons[0]).toContain(`it closed its ${stream}`), patienceMs)
})

test('a flood on stderr is dropped and counted, and long lines are cut', async () => {
  const manager = await manage({ stderrLinesPerSecondMax: 50 })
  const script = 'head -c 9000 /dev/zero | tr "\\0" x >&2; echo >&2; yes flood | head -5000 >&2'
  const channel = await manager.start(shell(`${script}; sleep 0.2; exit 1`))
  listen(channel)
  await vi.waitFor(() => expect(manager.count).toBe(0), patienceMs)
  const lines = events.flatMap((event) => (event.kind === 'stderr' ? [event.line] : []))
  const dropped = events.flatMap((event) => (event.kind === 'stderr_dropped' ? [event.lines] : []))
  expect(lines.length).toBe(50)
  expect(lines[0]).toHaveLength(4096 + 3)
  expect(dropped.reduce((sum, count) => sum + count, 0)).toBe(5001 - 50)
})

test('no secret of the environment or the arguments shows in events, reasons and refusals', async () => {
  const env = { PATH: path, TOKEN: 'hunter2-hunter2', KEY: 'first line\nsecond line' }
  const secrets = ['argument-secret']
  const script = `printf '%4090s' '' >&2; echo "$TOKEN" >&2; echo "$KEY" $0 >&2
    printf 'in \\033[31mhunter\\033[0m2-hunter2 %s $PATH' "$PATH" >&2; read -r x; exit 1`
  const started = await (await manage()).start(
    spec('sh', ['-c', script, 'argument-secret'], { env, secrets }),
  )
  const { reasons } = listen(started)
  started.send('go')
  await vi.waitFor(() => expect(reasons.length).toBe(1), patienceMs)
  const refused = await refusal(
    (await manage()).start(spec('/nowhere/absent', ['argument-secret'], { env })),
  )
  const shown = [JSON.stringify(events), reasons, JSON.stringify(refused), refused.message].join()
  expect(shown).not.toMatch(/hunter2|first line|second line|argument-secret|hunte\b/)
  expect(reasons[0]).toBe(`exited with code 1; last line of stderr: in [redacted] ${path} $PATH`)
  expect(refused.cause).toBeUndefined()
})

test('the child sees its own environment and nothing of ours', async () => {
  const channel = await (await manage()).start(
    shell('env; read -r x', { env: { PATH: path, A: 'b' } }),
  )
  const { messages } = listen(channel)
  await vi.waitFor(() => expect(messages.length).toBeGreaterThanOrEqual(3), patienceMs)
  await delay(50)
  const names = messages.map((line) => line.split('=')[0]).sort()
  expect(names.filter((name) => name !== '_')).toEqual(['A', 'PATH', 'PWD', 'SALLYPORT_CHILD'])
})

test.each<[string, ProcessSpec, RegExp]>([
  ['is absent', spec('/nowhere/absent', ['x']), /absent did not start: ENOENT$/],
  ['may not be run', spec('/etc/passwd', []), /passwd did not start: EACCES$/],
  ['has no folder', spec('cat', [], { cwd: '/nowhere' }), /ENOENT, its working directory/],
  ['has a NUL in an argument', spec('cat', ['secret\0']), /cat did not start: ERR_INVALID_ARG/],
  ['ends at once', shell('echo oh no >&2; exit 7'), /sh did not start: .*code 7.*oh no$/],
])('a command that %s is refused', async (_case, wrong, message) => {
  const manager = await manage()
  const refused = await refusal(manager.start(wrong))
  expect(refused.code).toBe('server_unavailable')
  expect(refused.message).toMatch(message)
  expect(refused.message).not.toContain('secret')
  await vi.waitFor(() => expect(manager.count).toBe(0), patienceMs)
})

test('the cap counts every process that is not yet gone', async () => {
  const manager = await manage({ processesMax: 2 })
  const [first] = await Promise.all([
    manager.start(spec('cat', [])),
    manager.start(spec('cat', [])),
  ])
  expect((await refusal(manager.start(spec('cat', [])))).code).toBe('server_busy')
  expect(manager.count).toBe(2)
  await first?.close()
  expect(manager.count).toBe(1)
  await manager.start(spec('cat', []))
})

test('a stubborn process and all its descendants are killed', async () => {
  const manager = await manage({ graceMs: 200 })
  const channel = await manager.start(
    shell(`trap '' TERM; sleep 61 & echo $!; setsid sh -c 'trap "" TERM; echo $$; sleep 62' &
      while :; do sleep 0.1; done`),
  )
  const { messages, reasons } = listen(channel)
  await vi.waitFor(() => expect(messages.length).toBe(2), patienceMs)
  const descendants = messages.map(Number)
  expect(descendants.every(isAlive)).toBe(true)
  await channel.close()
  await vi.waitFor(
    () => expect([channel.pid, ...descendants].some(isAlive)).toBe(false),
    patienceMs,
  )
  expect(reasons).toEqual(['closed by the gateway; was ended by SIGKILL'])
  expect(manager.count).toBe(0)
})

test('descendants do not outlive a process that ends by itself', async () => {
  const manager = await manage({ graceMs: 200 })
  const channel = await manager.start(
    shell('sleep 63 & echo $!; setsid sleep 64 & echo $!; sleep 0.1; kill -9 $$'),
  )
  const { messages, reasons } = listen(channel)
  await vi.waitFor(() => expect(manager.count).toBe(0), patienceMs)
  expect(reasons).toEqual(['was ended by SIGKILL'])
  await vi.waitFor(() => expect(messages.map(Number).some(isAlive)).toBe(false), patienceMs)
})

test('after close nothing starts, and a start under way is ended', async () => {
  const manager = await manage()
  const starting = refusal(manager.start(spec('cat', [])))
  const closing = manager.close()
  expect((await starting).code).toBe('shutting_down')
  await closing
  expect(manager.count).toBe(0)
  expect((await refusal(manager.start(spec('cat', [])))).code).toBe('shutting_down')
})

test('events name the command and count its arguments', async () => {
  const channel = await (await manage({ graceMs: 50 })).start(spec('/bin/sleep', ['60']))
  const { pid } = channel
  expect(events).toEqual([
    { kind: 'started', server: 'peer', pid, command: 'sleep', argumentCount: 1 },
  ])
})

test('100 MB of small messages pass in order', async () => {
  const channel = await (await manage()).start(
    node(`const line = Buffer.from('x'.repeat(999) + '\\n'); const block = Buffer.alloc(1e6, line)
      const write = (left) => left > 0 && process.stdout.write(block, () => write(left - 1))
      write(100); process.stdin.resume()`),
  )
  let count = 0
  channel.onMessage = (message) => {
    if (message.length === 999) count++
  }
  await vi.waitFor(() => expect(count).toBe(100_000), patienceMs)
})

test('a real MCP server answers initialize', async () => {
  const channel = await (await manage()).start(spec(process.execPath, [everything, 'stdio']))
  const { messages } = listen(channel)
  const params = {
    protocolVersion: '2025-06-18',
    capabilities: {},
    clientInfo: { name: 'test', version: '1' },
  }
  channel.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params }))
  await vi.waitFor(() => expect(messages.length).toBeGreaterThan(0), patienceMs)
  expect(JSON.parse(messages[0] ?? '')).toMatchObject({
    id: 1,
    result: { protocolVersion: '2025-06-18' },
  })
})
