import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { patienceMs } from '../../test/patience.ts'
import {
  failingFiles,
  intent,
  newFolder,
  open,
  outcome,
  pairs,
  summaryOf,
} from './journal-fixture.ts'
import { segmentNumbers } from './segment.ts'
import { verifyJournal } from './verify.ts'

const unavailable = { code: 'journal_unavailable' }

test('what was acknowledged can be read and verified, live and closed', async () => {
  const dir = await newFolder()
  const journal = await open(dir)
  await pairs(journal, 0, 20)
  expect(await verifyJournal(dir)).toMatchObject({
    ok: true,
    writers: [{ state: 'open', entries: 40 }],
  })
  expect((await summaryOf(dir)).slice(-2)).toEqual(['intent c19', 'outcome c19 ok'])
  await journal.close()
  await journal.close()
  expect(journal.durable).toBe(40)
  expect(await verifyJournal(dir)).toMatchObject({
    ok: true,
    writers: [{ state: 'closed', repaired: false, entries: 40, segments: 1 }],
  })
  await expect(journal.intent(intent('late'))).rejects.toMatchObject(unavailable)
})

test('lines of one turn are one group', async () => {
  const dir = await newFolder()
  const journal = await open(dir)
  await Promise.all([
    journal.intent(intent('a')),
    journal.intent(intent('b')),
    journal.append(outcome('a')),
  ])
  expect((await verifyJournal(dir)).writers).toMatchObject([{ entries: 3, groups: 2 }])
  await journal.close()
  expect(await summaryOf(dir)).toEqual([
    'intent a',
    'intent b',
    'outcome a ok',
    'outcome b unknown',
  ])
})

test('an outcome is visible when append resolves and durable soon after', async () => {
  const dir = await newFolder()
  const journal = await open(dir)
  await journal.append(outcome('x'))
  const bytes = await readFile(join(dir, journal.writer, '000001.journal'), 'utf8')
  expect(bytes).toContain('"call":"x"')
  await expect.poll(() => journal.durable).toBe(1)
  await journal.close()
})

test('segments rotate, also when one group is larger than a segment', async () => {
  const dir = await newFolder()
  const journal = await open(dir, { segmentBytesMax: 2_000 })
  await pairs(journal, 0, 20)
  await Promise.all(Array.from({ length: 20 }, (_, i) => journal.intent(intent(`wide${i}`))))
  const segments = await segmentNumbers(join(dir, journal.writer))
  expect(segments.length).toBeGreaterThan(5)
  expect((await verifyJournal(dir)).faults).toEqual([])
  await journal.close()
  expect((await verifyJournal(dir)).faults).toEqual([])
  expect(await summaryOf(dir)).toHaveLength(40 + 40)
})

test('several writers share a folder', async () => {
  const dir = await newFolder()
  const journals = await Promise.all([open(dir), open(dir, { node: 'n2' }), open(dir)])
  await Promise.all(journals.map((journal, i) => pairs(journal, i * 10, i * 10 + 10)))
  await Promise.all(journals.map((journal) => journal.close()))
  const { ok, writers } = await verifyJournal(dir)
  expect(ok).toBe(true)
  expect(writers.map(({ entries }) => entries)).toEqual([20, 20, 20])
})

test.each(['write', 'sync'] as const)(
  'required: a failing %s refuses, then recovers',
  async (what) => {
    const dir = await newFolder()
    const fails = { write: false, sync: false, truncate: false }
    const faults: Error[] = []
    const onFault = (error: Error): void => void faults.push(error)
    const journal = await open(dir, { files: failingFiles(fails), onFault })
    await pairs(journal, 0, 3)
    await journal.intent(intent('running'))
    fails[what] = true
    fails.truncate = what === 'write'
    const refused = journal.intent(intent('refused'))
    const beside = journal.append(outcome('running'))
    await expect(refused).rejects.toMatchObject(unavailable)
    await beside
    expect(journal.state().kind).toBe('failing')
    await expect(journal.intent(intent('also refused'))).rejects.toMatchObject(unavailable)
    await journal.append(outcome('kept'))
    await journal.append('{"kind":"change","call":"told"}')
    await journal.append(outcome('told'))
    await sleep(120)
    expect(journal.state().kind).toBe('failing')
    fails[what] = false
    fails.truncate = false
    await expect.poll(() => journal.state().kind, { timeout: patienceMs }).toBe('ok')
    await pairs(journal, 3, 6)
    await journal.close()
    expect(faults.length).toBeGreaterThan(1)
    expect((await verifyJournal(dir)).faults).toEqual([])
    const summary = await summaryOf(dir)
    expect(summary).not.toContain('intent refused')
    expect(summary).toContain('change told')
    expect(summary.filter((line) => line.startsWith('outcome'))).toEqual(
      ['c0', 'c1', 'c2', 'running', 'kept', 'told', 'c3', 'c4', 'c5'].map(
        (call) => `outcome ${call} ok`,
      ),
    )
    expect(journal.dropped).toBe(0)
  },
)

test('a failing sync takes back segments that began since the last good one', async () => {
  const dir = await newFolder()
  const fails = { write: false, sync: false, truncate: false }
  const journal = await open(dir, { files: failingFiles(fails), segmentBytesMax: 2_000 })
  await pairs(journal, 0, 2)
  fails.sync = true
  const many = Array.from({ length: 6 }, (_, i) => journal.intent(intent(`lost${i}`)))
  await Promise.allSettled(many)
  fails.sync = false
  await expect.poll(() => journal.state().kind, { timeout: patienceMs }).toBe('ok')
  await pairs(journal, 2, 12)
  await journal.close()
  expect((await verifyJournal(dir)).faults).toEqual([])
  expect((await summaryOf(dir)).filter((line) => line.includes('lost'))).toEqual([])
})

test('best-effort: a failing disk drops and counts', async () => {
  const dir = await newFolder()
  const fails = { write: false, sync: false, truncate: false }
  const journal = await open(dir, { files: failingFiles(fails), mode: 'best-effort' })
  fails.write = true
  await journal.intent(intent('a'))
  await journal.intent(intent('b'))
  expect(journal.dropped).toBe(2)
  fails.write = false
  await expect.poll(() => journal.state().kind, { timeout: patienceMs }).toBe('ok')
  await pairs(journal, 0, 1)
  await journal.close()
  expect((await verifyJournal(dir)).ok).toBe(true)
})

test('too little free space counts as full', async () => {
  const dir = await newFolder()
  const journal = await open(dir, { bytesFreeMin: Number.MAX_SAFE_INTEGER })
  await expect.poll(() => journal.state().kind, { timeout: patienceMs }).toBe('failing')
  await expect(journal.intent(intent('a'))).rejects.toMatchObject(unavailable)
  await journal.close()
})

test('a folder that cannot be written is refused', async () => {
  const file = join(await newFolder(), 'file')
  await writeFile(file, '')
  await expect(open(join(file, 'journal'))).rejects.toMatchObject(unavailable)
})
