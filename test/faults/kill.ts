// Kills a gateway under load, again and again, and holds its journal against what its clients were answered.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, watch } from 'node:fs'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { readJournal } from '../../src/record/read.ts'
import { verifyJournal } from '../../src/record/verify.ts'
import { FIXTURE_SERVER, startFixture } from '../conformance/start-fixture.ts'
import { eventually, modernTool } from '../e2e/client.ts'
import { everything, startGateway, type TestGateway } from '../e2e/gateway.ts'
import { dig } from '../e2e/json.ts'

const clientFile = fileURLToPath(new URL('./kill-client.ts', import.meta.url))
const lineBytes = 'whole '.length + 65

/** What the journal of a killed gateway says. */
interface Evidence {
  /** Call ids by the digest of their arguments. */
  readonly intents: ReadonlyMap<string, string>
  /** Status by call id. */
  readonly outcomes: ReadonlyMap<string, string>
}

async function readEvidence(gateway: TestGateway): Promise<Evidence> {
  const intents = new Map<string, string>()
  const outcomes = new Map<string, string>()
  const faults: Error[] = []
  const folder = join(gateway.dataDir, 'journal')
  for await (const { entry } of readJournal(folder, { onFault: (error) => faults.push(error) })) {
    if (entry.kind === 'intent') {
      expect(intents.has(entry.argsDigest) && entry.argsDigest !== '').toBe(false)
      intents.set(entry.argsDigest, entry.call)
    } else if (entry.kind === 'outcome') {
      expect(outcomes.has(entry.call)).toBe(false)
      outcomes.set(entry.call, entry.status)
    }
  }
  expect(faults).toEqual([])
  return { intents, outcomes }
}

async function answered(file: string): Promise<{ heads: Set<string>; wholes: Set<string> }> {
  const heads = new Set<string>()
  const wholes = new Set<string>()
  for (const line of (await readFile(file, 'utf8')).split('\n').slice(0, -1)) {
    const [word, digest = ''] = line.split(' ')
    if (word === 'head') heads.add(digest)
    else wholes.add(digest)
  }
  return { heads, wholes }
}

/** Every process below `root`, by /proc. */
function descendants(root: number): readonly number[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const text = readFileSync(`/proc/${name}/stat`, 'latin1')
      parents.set(Number(name), Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1]))
    } catch {
      // Gone meanwhile.
    }
  }
  const found: number[] = []
  const visit = (pid: number): void => {
    for (const [child, parent] of parents) {
      if (parent !== pid) continue
      found.push(child)
      visit(child)
    }
  }
  visit(root)
  return found
}

function lives(pid: number): boolean {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return !['Z', 'X'].includes(text.slice(text.lastIndexOf(')') + 2, text.lastIndexOf(')') + 3))
  } catch {
    return false
  }
}

/** Kills at once when the gateway begins its next segment. */
async function killAtSegmentChange(gateway: TestGateway): Promise<void> {
  const folder = join(gateway.dataDir, 'journal')
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no segment changed in time')), 120_000)
    const watcher = watch(folder, { recursive: true }, (_event, name) => {
      if (name?.endsWith('.journal') !== true) return
      const writer = name.split('/')[0] ?? ''
      const segments = readdirSync(join(folder, writer)).length
      if (segments < 2 || segments === seen.get(writer)) return
      process.kill(gateway.pid, 'SIGKILL')
      clearTimeout(timer)
      watcher.close()
      resolve()
    })
    const seen = new Map<string, number>()
    for (const writer of readdirSync(folder, { withFileTypes: true }))
      if (writer.isDirectory()) seen.set(writer.name, readdirSync(join(folder, writer.name)).length)
  })
  await gateway.kill9()
}

async function untilAnswers(file: string, count: number, client: ChildProcess): Promise<void> {
  await eventually(async () => {
    if (client.exitCode !== null) throw new Error(`the client ended with ${client.exitCode}`)
    return (await stat(file).catch(() => ({ size: 0 }))).size > count * 2 * lineBytes
  })
}

async function round(
  gateway: TestGateway,
  folder: string,
  number: number,
  atChange: boolean,
): Promise<number> {
  const file = join(folder, `answers-${number}`)
  const urls = [gateway.server('http'), gateway.server('stdio')]
  const client = spawn(process.execPath, [clientFile, file, gateway.key, ...urls], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const ended = once(client, 'close')
  try {
    await untilAnswers(file, 100, client)
    const children = descendants(gateway.pid)
    expect(children.length).toBeGreaterThan(0)
    if (atChange) await killAtSegmentChange(gateway)
    else {
      await delay(Math.random() * 300)
      await gateway.kill9()
    }
    await ended
    await eventually(async () => !children.some(lives))
  } finally {
    client.kill('SIGKILL')
  }
  await holds(gateway, file)
  await gateway.restart()
  await holds(gateway, file)
  const evidence = await readEvidence(gateway)
  // After the restart no call is left open: one whose end nobody saw has the outcome unknown.
  for (const call of evidence.intents.values()) expect(evidence.outcomes.has(call)).toBe(true)
  for (const server of ['http', 'stdio']) {
    const reply = await modernTool(gateway.server(server), gateway.key, 'echo', {
      check: `${server} ${number}`,
    })
    expect(dig(reply.message, 'error')).toBeUndefined()
  }
  return (await answered(file)).wholes.size
}

async function holds(gateway: TestGateway, file: string): Promise<void> {
  const verified = await verifyJournal(join(gateway.dataDir, 'journal'))
  expect(verified.faults).toEqual([])
  const { heads, wholes } = await answered(file)
  const { intents, outcomes } = await readEvidence(gateway)
  expect([...heads].filter((digest) => !intents.has(digest))).toEqual([])
  const lost = [...wholes].filter((digest) => outcomes.get(intents.get(digest) ?? '') !== 'ok')
  expect(lost).toEqual([])
}

export interface KillOptions {
  readonly rounds: number
  /** Rounds in which the kill comes right when a segment changes. */
  readonly atSegmentChange: (round: number) => boolean
}

/** Resolves with how many answers were held against the journal. */
export async function killAgainAndAgain(options: KillOptions): Promise<number> {
  const fixture = await startFixture()
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-kill-'))
  const gateway = await startGateway({
    config: {
      servers: {
        http: { http: { url: fixture.url } },
        stdio: { stdio: { command: process.execPath, args: [FIXTURE_SERVER, '--stdio'] } },
      },
      audit: { segmentMax: '100KB' },
    },
    keys: { first: everything },
  })
  let answers = 0
  try {
    for (let number = 1; number <= options.rounds; number++)
      answers += await round(gateway, folder, number, options.atSegmentChange(number))
  } finally {
    await gateway.stop()
    await fixture.stop()
    await rm(folder, { recursive: true, force: true })
  }
  return answers
}
