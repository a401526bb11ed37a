import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { patienceMs } from '../../test/patience.ts'
import { createProcessManager, type ProcessEvent } from './manager.ts'

/** Whatever happens to a gateway, nothing that it started stays. */
const stubborn = `trap '' TERM HUP INT; sleep 71 & setsid sh -c 'trap "" TERM; sleep 72; sleep 73' &
  while :; do sleep 0.1; done`
const scripts = [stubborn, 'cat', 'sleep 74 & cat', 'setsid -f sleep 75; cat']

/** A host like the gateway: starts children without end, then reports and stays. */
const host = `
import { readdirSync } from 'node:fs'
import { createProcessManager } from ${JSON.stringify(join(import.meta.dirname, 'manager.ts'))}
const [dataDir, ending] = process.argv.slice(1)
const scripts = ${JSON.stringify(scripts)}
const manager = await createProcessManager({ dataDir, processesMax: 24, log: () => {}, graceMs: 300 })
const start = (i) => manager.start({
  name: 's' + i, command: 'sh', args: ['-c', scripts[i % scripts.length]],
  env: { PATH: '/usr/local/bin:/usr/bin:/bin' }, cwd: undefined,
}).catch(() => undefined)
console.log('starting ' + readdirSync(dataDir + '/children')[0])
for (let i = 0; i < 12; i += 2) await Promise.all([start(i), start(i + 1)])
console.log('started')
if (ending === 'close') await manager.close()
if (ending === 'exit') process.exit(0)
`

const folders: string[] = []
const hosts: ChildProcess[] = []

afterAll(() => {
  for (const child of hosts) child.kill('SIGKILL')
  for (const folder of folders) rmSync(folder, { recursive: true })
})

interface Host {
  readonly child: ChildProcess
  readonly dataDir: string
  /** The run's id, as the children's marker and the file in the data folder carry it. */
  readonly boot: string
}

async function startHost(until: 'starting' | 'started', ending = ''): Promise<Host> {
  const dataDir = mkdtempSync(join(tmpdir(), 'orphans-'))
  folders.push(dataDir)
  const args = ['--input-type=module', '-e', host, dataDir, ending]
  // The fourth descriptor stands for one that the gateway itself has inherited.
  const stdio = ['ignore', 'pipe', 'inherit', 'pipe'] as const
  const child = spawn(process.execPath, args, { detached: true, stdio: [...stdio] })
  hosts.push(child)
  let said = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  const options = { timeout: patienceMs, interval: 5 }
  await vi.waitFor(() => expect(said).toContain('starting '), options)
  await vi.waitFor(() => expect(said).toContain(until), options)
  return { child, dataDir, boot: /starting (\w+)/.exec(said)?.[1] ?? '' }
}

function boots(dataDir: string): string[] {
  return readdirSync(join(dataDir, 'children')).filter((name) => name.length === 32)
}

/** The processes in whose environment (the children) or command line (the guardian) the text stands. */
function processesWith(file: 'environ' | 'cmdline', text: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/${file}`, 'latin1').includes(text)
      } catch {
        return false
      }
    })
}

const children = (boot: string) => processesWith('environ', `SALLYPORT_CHILD=${boot}.`)
const guardian = (boot: string) =>
  processesWith('cmdline', `sallyport-guardian\0SALLYPORT_CHILD=${boot}\0`)

async function expectNothingLeft(boot: string): Promise<void> {
  await vi.waitFor(() => expect([children(boot), guardian(boot)]).toEqual([[], []]), {
    timeout: patienceMs,
    interval: 50,
  })
}

function kill(child: ChildProcess, group = false): void {
  if (child.pid !== undefined) process.kill(group ? -child.pid : child.pid, 'SIGKILL')
}

describe.runIf(process.platform === 'linux').concurrent('no orphan', () => {
  test.each([1, 2, 3, 4, 5])('after kill -9 during starts, round %i', async (round) => {
    const { child, boot } = await startHost('starting')
    const waitMs = Math.random() * 250
    await delay(waitMs)
    kill(child, round % 2 === 0)
    await expectNothingLeft(boot).catch((cause: unknown) => {
      throw new Error(`killed after ${waitMs} ms`, { cause })
    })
  })

  test('after kill -9 with everything running; the guardian holds nothing of the gateway', async () => {
    const { child, boot } = await startHost('started')
    const [pid = 0] = guardian(boot)
    expect(children(boot).length).toBeGreaterThan(20)
    expect(readdirSync(`/proc/${pid}/fd`).filter((fd) => Number(fd) < 10)).toEqual(['0', '1', '2'])
    expect(readlinkSync(`/proc/${pid}/fd/1`)).toBe('/dev/null')
    kill(child)
    await expectNothingLeft(boot)
  })

  test.each(['close', 'exit'])('after an end by %s, nor a guardian', async (ending) => {
    const { child, boot, dataDir } = await startHost('started', ending)
    if (child.exitCode === null) await once(child, 'exit')
    expect(child.exitCode).toBe(0)
    if (ending === 'close') expect(boots(dataDir)).toEqual([])
    await expectNothingLeft(boot)
  })

  test('after guardian and gateway are both killed, at the next start', async () => {
    const { child, boot, dataDir } = await startHost('started')
    for (const pid of guardian(boot)) process.kill(pid, 'SIGKILL')
    kill(child)
    await once(child, 'exit')
    await delay(300)
    expect(children(boot).length).toBeGreaterThan(10)
    const events: ProcessEvent[] = []
    const log = (event: ProcessEvent) => events.push(event)
    const manager = await createProcessManager({ dataDir, processesMax: 1, log })
    expect(events).toContainEqual({ kind: 'leftovers_ended', runs: 1 })
    expect(children(boot)).toEqual([])
    await manager.close()
    expect(boots(dataDir)).toEqual([])
  })

  test('a guardian that is killed is replaced and knows the children', async () => {
    const { child, boot } = await startHost('started')
    const [first = 0] = guardian(boot)
    process.kill(first, 'SIGKILL')
    await vi.waitFor(
      () => expect(guardian(boot).filter((pid) => pid !== first)).toHaveLength(1),
      patienceMs,
    )
    kill(child)
    await expectNothingLeft(boot)
  })

  test('but a stranger with a recorded id, and the children of a living gateway, are left alone', async () => {
    const { child, boot, dataDir } = await startHost('started')
    const before = children(boot).length
    const stranger = spawn('sleep', ['76'], { detached: true, stdio: 'ignore' })
    const entry: unknown = JSON.parse(readFileSync(join(dataDir, 'children', boot), 'utf8'))
    const gateway = { pid: stranger.pid, startTime: '1' }
    const forged = { ...Object(entry), gateway, children: [gateway] }
    writeFileSync(join(dataDir, 'children', 'f'.repeat(32)), JSON.stringify(forged))
    const manager = await createProcessManager({ dataDir, processesMax: 1, log: () => undefined })
    await manager.close()
    expect(stranger.exitCode ?? stranger.signalCode).toBeNull()
    expect(children(boot).length).toBeGreaterThanOrEqual(before - 4)
    expect(boots(dataDir)).toEqual([boot])
    stranger.kill('SIGKILL')
    kill(child)
    await expectNothingLeft(boot)
  })
})
