import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { patienceMs } from '../../test/patience.ts'
import {
  crashCopy,
  intent,
  newFolder,
  open,
  outcome,
  pairs,
  seals,
  segmentData,
  summaryOf,
} from './journal-fixture.ts'
import { changeManifest } from './manifest.ts'
import { repairWriters } from './repair.ts'
import { segmentName } from './segment.ts'
import { verifyJournal } from './verify.ts'

async function repair(dir: string): Promise<void> {
  const options = { dir, nodes: ['n1'], onFault: () => undefined, now: () => 9 }
  await changeManifest({ ...options, seals }, (manifest) => repairWriters(options, manifest))
}

test(
  'a tail torn at any byte of the last group is repaired',
  async () => {
    const dir = await newFolder()
    const journal = await open(dir)
    await pairs(journal, 0, 2)
    const before = (await segmentData(dir, journal.writer)).length
    await Promise.all([journal.append(outcome('x')), journal.append(outcome('y'))])
    const crashed = await crashCopy(dir)
    const path = join(crashed, journal.writer, segmentName(1))
    const manifest = await readFile(join(crashed, 'manifest.json'))
    const data = await segmentData(crashed, journal.writer)
    const durable = ['intent c0', 'outcome c0 ok', 'intent c1', 'outcome c1 ok']
    for (let end = before; end <= data.length; end++) {
      const torn = Buffer.concat([data.subarray(0, end), Buffer.alloc(end % 3 === 0 ? 500 : 0)])
      await writeFile(path, torn)
      await writeFile(join(crashed, 'manifest.json'), manifest)
      expect((await verifyJournal(crashed)).faults).toEqual([])
      await repair(crashed)
      expect((await verifyJournal(crashed)).faults).toEqual([])
      const summary = await summaryOf(crashed)
      expect(summary.slice(0, 4)).toEqual(durable)
      expect(['outcome x ok', 'outcome y ok'].slice(0, summary.length - 4)).toEqual(
        summary.slice(4),
      )
    }
    await journal.close()
  },
  patienceMs,
)

test('a segment torn at any byte behind its header gives every intent one outcome', async () => {
  const dir = await newFolder()
  const journal = await open(dir)
  await Promise.all(['a', 'b', 'c'].map((call) => journal.intent(intent(call))))
  await pairs(journal, 0, 4)
  const crashed = await crashCopy(dir)
  await journal.close()
  const manifest = await readFile(join(crashed, 'manifest.json'))
  const path = join(crashed, journal.writer, segmentName(1))
  const data = await segmentData(crashed, journal.writer)
  const behindHeader = data.indexOf('\n', data.indexOf('{"seal"')) + 1
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: behindHeader, max: data.length }), async (end) => {
      await writeFile(path, data.subarray(0, end))
      await writeFile(join(crashed, 'manifest.json'), manifest)
      await repair(crashed)
      expect((await verifyJournal(crashed)).faults).toEqual([])
      const summary = await summaryOf(crashed)
      const calls = (kind: string): (string | undefined)[] =>
        summary.filter((line) => line.startsWith(kind)).map((line) => line.split(' ')[1])
      expect(calls('outcome').sort()).toEqual(calls('intent').sort())
    }),
    { numRuns: 60 },
  )
})

test('calls that were running get an unknown outcome, once, also over a rotation', async () => {
  const dir = await newFolder()
  const journal = await open(dir, { segmentBytesMax: 3_000 })
  await journal.intent(intent('lost'))
  await pairs(journal, 0, 20)
  const crashed = await crashCopy(dir)
  await journal.close()
  for (let start = 0; start < 3; start++) await (await open(crashed)).close()
  const { ok, writers } = await verifyJournal(crashed)
  expect(ok).toBe(true)
  expect(writers.map(({ repaired }) => repaired)).toEqual([true, false, false, false])
  const summary = await summaryOf(crashed)
  expect(summary.filter((line) => line.includes('lost'))).toEqual([
    'intent lost',
    'outcome lost unknown',
  ])
})

test('a repair that dies at any byte is finished by the next', async () => {
  const dir = await newFolder()
  const journal = await open(dir)
  await pairs(journal, 0, 1)
  await journal.intent(intent('lost'))
  const crashed = await crashCopy(dir)
  await journal.close()
  const manifest = await readFile(join(crashed, 'manifest.json'))
  const before = (await segmentData(crashed, journal.writer)).length
  await repair(crashed)
  const repaired = await segmentData(crashed, journal.writer)
  const path = join(crashed, journal.writer, segmentName(1))
  for (let end = before; end < repaired.length; end += 7) {
    await writeFile(path, repaired)
    await truncate(path, end)
    await writeFile(join(crashed, 'manifest.json'), manifest)
    await repair(crashed)
    expect((await verifyJournal(crashed)).faults).toEqual([])
    expect((await summaryOf(crashed)).slice(-2)).toEqual(['intent lost', 'outcome lost unknown'])
  }
})

test('a live writer is left alone', async () => {
  const dir = await newFolder()
  const journal = await open(dir)
  await journal.intent(intent('a'))
  await (await open(dir)).close()
  await journal.append(outcome('a'))
  await journal.close()
  expect((await verifyJournal(dir)).faults).toEqual([])
  expect(await summaryOf(dir)).toEqual(['intent a', 'outcome a ok'])
})

test('kill -9 loses no acknowledged call', async () => {
  const dir = await newFolder()
  const acknowledged = join(dir, 'acknowledged')
  const script = `
    import { appendFileSync } from 'node:fs'
    import { open, intent, outcome } from ${JSON.stringify(new URL('./journal-fixture.ts', import.meta.url).href)}
    const journal = await open(process.argv[1], { segmentBytesMax: 100_000 })
    let next = 0
    const loop = async () => {
      for (;;) {
        const call = process.argv[3] + '-' + next++
        await journal.intent(intent(call))
        appendFileSync(process.argv[2], 'intent ' + call + '\\n')
        await journal.append(outcome(call))
        appendFileSync(process.argv[2], 'outcome ' + call + ' ok\\n')
      }
    }
    for (let i = 0; i < 8; i++) loop()`
  for (let round = 0; round < 4; round++) {
    const argv = ['--input-type=module', '-e', script, dir, acknowledged, String(round)]
    const child = spawn(process.execPath, argv, { stdio: ['ignore', 'ignore', 'inherit'] })
    const size = async (): Promise<number> => (await readFile(acknowledged).catch(() => '')).length
    const start = await size()
    while ((await size()) < start + 20_000) await sleep(5)
    await sleep(round * 13)
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect((await verifyJournal(dir)).faults).toEqual([])
  }
  await (await open(dir)).close()
  expect((await verifyJournal(dir)).faults).toEqual([])
  const summary = new Set(await summaryOf(dir))
  const lines = (await readFile(acknowledged, 'utf8')).trimEnd().split('\n')
  expect(lines.filter((line) => !summary.has(line))).toEqual([])
})

test('a node that has another name now repairs what it left under the former one, and nothing of others', async () => {
  for (const formerNodes of [['n1'], []]) {
    const dir = await newFolder()
    const journal = await open(dir)
    await journal.intent(intent('a'))
    const crashed = await crashCopy(dir)
    await journal.close()
    const next = await open(crashed, { node: 'n2', formerNodes })
    await next.close()
    expect((await verifyJournal(crashed)).faults).toEqual([])
    const ended = formerNodes.length > 0 ? ['outcome a unknown'] : []
    expect(await summaryOf(crashed)).toEqual(['intent a', ...ended])
  }
})
