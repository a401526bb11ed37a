// What somebody who may write the data folder does to the journal of a gateway, and what the gateway then says.
import { execFile } from 'node:child_process'
import { hash } from 'node:crypto'
import { cp, readdir, readFile, rename, rm, truncate, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { createKeyRing, parseRing } from '../../src/kit/key-ring.ts'
import { openAnchor, readAnchor } from '../../src/record/anchor.ts'
import { readManifest } from '../../src/record/manifest.ts'
import { builtProgram } from '../built.ts'
import { type Fixture, startFixture } from '../conformance/start-fixture.ts'
import { eventually, modernTool } from '../e2e/client.ts'
import { everything, type GatewayOptions, startGateway, type TestGateway } from '../e2e/gateway.ts'
import { dig } from '../e2e/json.ts'
import { patienceMs } from '../patience.ts'

const clockAhead = fileURLToPath(new URL('../fixtures/clock-ahead.mjs', import.meta.url))

let fixture: Fixture
beforeAll(async () => {
  fixture = await startFixture()
})
afterAll(() => fixture?.stop())

async function begin(
  options: Omit<GatewayOptions, 'config'> = { keys: { first: everything } },
  audit: object = {},
): Promise<TestGateway> {
  const config = { servers: { one: { http: { url: fixture.url } } }, audit }
  const gateway = await startGateway({ config, ...options })
  onTestFinished(() => gateway.stop())
  return gateway
}

/** Undefined: the call was answered. Otherwise the code of its refusal. */
async function call(gateway: TestGateway): Promise<unknown> {
  const reply = await modernTool(gateway.server('one'), gateway.key, 'echo', { n: 1 })
  return dig(reply.message, 'error', 'data', 'code')
}

async function calls(gateway: TestGateway, count: number): Promise<void> {
  for (let n = 0; n < count; n++) expect(await call(gateway)).toBeUndefined()
}

interface Verdict {
  readonly whole: boolean
  readonly said: string
  /** Status and `journal` of /readyz. */
  readonly ready: string
}

async function verdict(gateway: TestGateway): Promise<Verdict> {
  const { whole, said } = await verify(gateway)
  const answer = await fetch(new URL('/readyz', gateway.url))
  return { whole, said, ready: `${answer.status} ${dig(await answer.json(), 'journal')}` }
}

function verify(gateway: TestGateway): Promise<{ whole: boolean; said: string }> {
  const args = [builtProgram, 'audit', 'verify', '--data', gateway.dataDir]
  const env = {
    PATH: '/usr/bin:/bin',
    NODE_NO_WARNINGS: '1',
    DATABASE_URL: 'postgres://127.0.0.1:9/nobody',
  }
  return new Promise((resolve) => {
    execFile(process.execPath, args, { env }, (error, stdout, stderr) =>
      resolve({ whole: error === null, said: stdout + stderr }),
    )
  })
}

const journalOf = (gateway: TestGateway): string => join(gateway.dataDir, 'journal')

/** The newest segment. */
async function segmentOf(gateway: TestGateway): Promise<string> {
  const { writers } = await readManifest(journalOf(gateway))
  const writer = Object.keys(writers).at(-1) ?? ''
  const folder = join(journalOf(gateway), writer)
  const names = (await readdir(folder)).filter((name) => name.endsWith('.journal')).sort()
  return join(folder, names.at(-1) ?? '')
}

/** Waits until the anchor beside the journal knows of everything that is on disk. */
async function anchored(gateway: TestGateway, entries: number): Promise<void> {
  const ring = parseRing(await readFile(join(gateway.dataDir, 'keys'), 'utf8'))
  const seals = createKeyRing(ring ?? { keys: [] })
  await eventually(async () => {
    const box = await readAnchor(join(gateway.dataDir, 'journal.anchor'))
    return (openAnchor(seals, box ?? '')?.head.sequence ?? 0) >= entries
  })
}

/** Start and `count` calls, with an intent and an outcome each. */
const entriesOf = (count: number): number => 1 + 2 * count

const live: readonly (readonly [string, (segment: string, journal: string) => Promise<void>])[] = [
  ['removed', (segment) => unlink(segment)],
  ['cut to nothing', (segment) => truncate(segment, 0)],
  ['cut behind a seal', async (segment) => truncate(segment, (await sealEnds(segment))[1])],
  [
    'taken away with all the others',
    async (_, journal) => {
      for (const name of await readdir(journal)) await rm(join(journal, name), { recursive: true })
    },
  ],
]

/** Where the groups of a segment end. */
async function sealEnds(segment: string): Promise<number[]> {
  const text = await readFile(segment, 'latin1')
  return [...text.matchAll(/^\{"seal":.*\n/gm)].map((match) => match.index + match[0].length)
}

test.each(live)(
  'a segment that is %s while it is written: calls are refused, and what is gone is told for good',
  async (_, tamper) => {
    const gateway = await begin()
    await calls(gateway, 2)
    await tamper(await segmentOf(gateway), journalOf(gateway))
    expect(await call(gateway)).toBe('journal_unavailable')
    expect(await verdict(gateway)).toMatchObject({ whole: false, ready: '503 lost' })
    await gateway.logged(/was (removed|cut) by somebody else/)
    await gateway.restart()
    await calls(gateway, 2)
    const after = await verdict(gateway)
    expect(after).toMatchObject({ whole: false, ready: '200 incomplete' })
    await gateway.restart()
    expect((await verdict(gateway)).whole).toBe(false)
  },
  patienceMs,
)

test(
  'a segment that is replaced by a copy while it is written: calls are refused until the next start, and nothing is gone',
  async () => {
    const gateway = await begin()
    await calls(gateway, 2)
    await anchored(gateway, entriesOf(2))
    const segment = await segmentOf(gateway)
    await cp(segment, `${segment}.x`)
    await rename(`${segment}.x`, segment)
    const ready = await fetch(new URL('/readyz', gateway.url))
    expect(ready.status).toBe(503)
    for (let n = 0; n < 2; n++) expect(await call(gateway)).toBe('journal_unavailable')
    expect(await verdict(gateway)).toMatchObject({ whole: false, ready: '503 lost' })
    await gateway.restart()
    await calls(gateway, 1)
    expect(await verdict(gateway)).toMatchObject({ whole: true, ready: '200 ok' })
  },
  patienceMs,
)

test(
  'best-effort: calls go on, and it is told all the same',
  async () => {
    const gateway = await begin(undefined, { mode: 'best-effort' })
    await calls(gateway, 1)
    await unlink(await segmentOf(gateway))
    await calls(gateway, 1)
    expect(await verdict(gateway)).toMatchObject({ whole: false, ready: '503 lost' })
  },
  patienceMs,
)

test(
  'one byte changed in place is found while the gateway runs',
  async () => {
    const gateway = await begin()
    await calls(gateway, 2)
    const segment = await segmentOf(gateway)
    const bytes = await readFile(segment)
    const at = bytes.indexOf('"status":"ok"') + 11
    bytes[at] = 0x78
    await writeFile(segment, bytes)
    expect((await verdict(gateway)).whole).toBe(false)
  },
  patienceMs,
)

test(
  'a writer that is deleted, with the digest of the manifest computed anew, is found before and after a start',
  async () => {
    const gateway = await begin()
    await calls(gateway, 1)
    await gateway.restart()
    const path = join(journalOf(gateway), 'manifest.json')
    const { digest: _, seal, ...content } = JSON.parse(await readFile(path, 'utf8'))
    const [writer = ''] = Object.keys(content.writers)
    delete content.writers[writer]
    const digest = hash('sha256', JSON.stringify(content))
    await rm(join(journalOf(gateway), writer), { recursive: true })
    await writeFile(path, `${JSON.stringify({ ...content, digest, seal }, undefined, 2)}\n`)
    expect((await verdict(gateway)).whole).toBe(false)
    await gateway.restart()
    expect(await verdict(gateway)).toMatchObject({ whole: false, ready: '200 incomplete' })
  },
  patienceMs,
)

const dead: readonly (readonly [string, (gateway: TestGateway, copy: string) => Promise<void>])[] =
  [
    [
      'the newest segment cut behind a seal',
      async (gateway) => {
        const segment = await segmentOf(gateway)
        await truncate(segment, (await sealEnds(segment)).at(-3))
      },
    ],
    ['the newest segment removed', async (gateway) => unlink(await segmentOf(gateway))],
    [
      'a folder rolled back to a copy',
      async (gateway, copy) => {
        await rm(journalOf(gateway), { recursive: true })
        await cp(copy, journalOf(gateway), { recursive: true })
      },
    ],
    [
      'an emptied folder',
      async (gateway) => {
        await rm(journalOf(gateway), { recursive: true })
      },
    ],
    [
      'the anchor removed with the end',
      async (gateway) => {
        const segment = await segmentOf(gateway)
        await truncate(segment, (await sealEnds(segment)).at(-3))
        await unlink(join(gateway.dataDir, 'journal.anchor'))
      },
    ],
  ]

test.each(dead)(
  'after a kill, %s is told apart from a crash',
  async (_, tamper) => {
    const gateway = await begin()
    await calls(gateway, 2)
    await gateway.restart()
    const copy = join(gateway.dataDir, 'journal.copy')
    await cp(journalOf(gateway), copy, { recursive: true })
    await calls(gateway, 3)
    await anchored(gateway, entriesOf(3))
    await gateway.kill9()
    await tamper(gateway, copy)
    await gateway.restart()
    await calls(gateway, 1)
    expect(await verdict(gateway)).toMatchObject({ whole: false, ready: '200 incomplete' })
    await gateway.logged('journal')
  },
  patienceMs,
)

test(
  'a command that runs beside no gateway finds it, too',
  async () => {
    const gateway = await begin()
    await calls(gateway, 2)
    await anchored(gateway, entriesOf(2))
    await gateway.kill9()
    await rm(journalOf(gateway), { recursive: true })
    const { whole, said } = await verify(gateway)
    expect(whole).toBe(false)
    expect(said).toContain('entries')
  },
  patienceMs,
)

test(
  'whole stays whole: stops, kills, torn ends, rotation',
  async () => {
    const gateway = await begin(undefined, { segmentMax: '4KB' })
    await calls(gateway, 20)
    expect(await verdict(gateway)).toMatchObject({ whole: true, ready: '200 ok' })
    await gateway.kill9()
    await gateway.restart()
    expect(await verdict(gateway)).toMatchObject({ whole: true, ready: '200 ok' })
    await calls(gateway, 5)
    await anchored(gateway, entriesOf(5))
    const known = (await sealEnds(await segmentOf(gateway))).at(-1) ?? 0
    await gateway.kill9()
    // What was being written when the machine stopped: half a line behind the last seal.
    const segment = await segmentOf(gateway)
    await truncate(segment, known)
    await writeFile(segment, '{"kind":"intent","call":"x', { flag: 'a' })
    await gateway.restart()
    await gateway.restart()
    expect(await verdict(gateway)).toMatchObject({ whole: true, ready: '200 ok' })
  },
  patienceMs,
)

test(
  'the database tells a journal that was rolled back together with its anchor',
  async () => {
    const gateway = await begin({})
    await calls(gateway, 2)
    await gateway.restart()
    const paths = ['journal', 'journal.anchor'].map((name) => join(gateway.dataDir, name))
    for (const path of paths) await cp(path, `${path}.copy`, { recursive: true })
    await calls(gateway, 2)
    await gateway.restart()
    expect(await verdict(gateway)).toMatchObject({ whole: true, ready: '200 ok' })
    await gateway.kill9()
    for (const path of paths) {
      await rm(path, { recursive: true })
      await cp(`${path}.copy`, path, { recursive: true })
    }
    await gateway.restart()
    await eventually(async () => (await verdict(gateway)).ready === '200 incomplete')
    expect((await verdict(gateway)).said).toContain('the anchor in the database')
  },
  patienceMs,
)

test(
  'a clock that goes 100 days ahead removes nothing, and that is said',
  async () => {
    const env: Record<string, string> = {}
    const gateway = await begin({ env })
    await calls(gateway, 2)
    for (const start of ['first', 'second']) {
      env['NODE_OPTIONS'] = `--import ${pathToFileURL(clockAhead)}`
      await gateway.restart()
      await eventually(async () => gateway.log.includes('Retention was asked to remove'))
      const { writers } = await readManifest(journalOf(gateway))
      expect([start, Object.keys(writers).length]).toEqual([start, start === 'first' ? 2 : 3])
    }
    expect(await verdict(gateway)).toMatchObject({ whole: true, ready: '200 ok' })
    const ready = await fetch(new URL('/readyz', gateway.url))
    expect(await ready.text()).toContain('The clock went forward by 100 days')
    delete env['NODE_OPTIONS']
    await gateway.restart()
    await calls(gateway, 1)
    expect(await verdict(gateway)).toMatchObject({ whole: true, ready: '200 ok' })
  },
  patienceMs,
)
