import { appendFile, cp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Journal } from './journal.ts'
import { crashCopy, newFolder, open, pairs, summaryOf } from './journal-fixture.ts'
import { readManifest } from './manifest.ts'
import { segmentName, segmentNumbers } from './segment.ts'
import { verifyJournal } from './verify.ts'
import { readHeader } from './walk.ts'

/** A closed journal of one writer with several segments. */
async function closedJournal(
  now?: () => number,
): Promise<{ dir: string; folder: string; last: number; journal: Journal }> {
  const dir = await newFolder()
  const journal = await open(dir, { segmentBytesMax: 2_000, ...(now === undefined ? {} : { now }) })
  await pairs(journal, 0, 12)
  await journal.close()
  const folder = join(dir, journal.writer)
  return { dir, folder, journal, last: (await segmentNumbers(folder)).at(-1) ?? 0 }
}

test('any flipped byte is found', async () => {
  const { dir, folder, last, journal } = await closedJournal()
  const paths = Array.from({ length: last }, (_, i) => join(folder, segmentName(i + 1)))
  paths.push(join(dir, 'manifest.json'))
  const contents = await Promise.all(paths.map((path) => readFile(path)))
  const place = fc.nat({ max: paths.length - 1 }).chain((file) =>
    fc.record({
      file: fc.constant(file),
      at: fc.nat({ max: (contents[file]?.length ?? 1) - 1 }),
      flip: fc.integer({ min: 1, max: 255 }),
    }),
  )
  await fc.assert(
    fc.asyncProperty(place, async ({ file, at, flip }) => {
      const path = paths[file] ?? ''
      const bytes = Buffer.from(contents[file] ?? '')
      bytes[at] = (bytes[at] ?? 0) ^ flip
      // Zeros at the end of a segment are space kept ready and say nothing.
      fc.pre(!(at === bytes.length - 1 && bytes[at] === 0 && path.endsWith('.journal')))
      await writeFile(path, bytes)
      const { ok } = await journal.verify()
      await writeFile(path, contents[file] ?? '')
      expect(ok).toBe(false)
    }),
    { numRuns: 300 },
  )
  expect((await journal.verify()).faults).toEqual([])
})

test('any missing line is found', async () => {
  const { dir, folder } = await closedJournal()
  const path = join(folder, segmentName(2))
  const text = await readFile(path, 'utf8')
  const lines = text.trimEnd().split('\n')
  for (let i = 0; i < lines.length; i++) {
    await writeFile(path, `${lines.toSpliced(i, 1).join('\n')}\n`)
    expect((await verifyJournal(dir)).ok).toBe(false)
  }
})

test('any missing segment is found, and a missing writer', async () => {
  const { dir, folder, last } = await closedJournal()
  for (let segment = 1; segment <= last; segment++) {
    const path = join(folder, segmentName(segment))
    const bytes = await readFile(path)
    await rm(path)
    const { faults } = await verifyJournal(dir)
    expect(faults.length).toBeGreaterThan(0)
    await writeFile(path, bytes)
  }
  expect((await verifyJournal(dir)).ok).toBe(true)
  await rm(folder, { recursive: true })
  expect((await verifyJournal(dir)).ok).toBe(false)
})

test('a writer that the manifest does not know, and bytes behind the end, are found', async () => {
  const { dir, folder, last } = await closedJournal()
  await cp(folder, join(dir, 'stranger_1'), { recursive: true })
  expect((await verifyJournal(dir)).faults).toMatchObject([{ writer: 'stranger_1' }])
  await rm(join(dir, 'stranger_1'), { recursive: true })
  await appendFile(join(folder, segmentName(last)), '{"kind":"system"}\n')
  expect((await verifyJournal(dir)).faults).toMatchObject([{ segment: last }])
})

test('of a dead writer, a missing segment is found before the repair', async () => {
  const dir = await newFolder()
  const journal = await open(dir, { segmentBytesMax: 2_000 })
  await pairs(journal, 0, 12)
  const last = (await segmentNumbers(join(dir, journal.writer))).at(-1) ?? 0
  await expect
    .poll(async () => (await readManifest(dir)).writers[journal.writer]?.head.segment)
    .toBe(last)
  for (let segment = 1; segment <= last; segment++) {
    const crashed = await crashCopy(dir)
    expect((await verifyJournal(crashed)).ok).toBe(true)
    await rm(join(crashed, journal.writer, segmentName(segment)))
    expect((await verifyJournal(crashed)).ok).toBe(false)
  }
  await journal.close()
})

test('pruned segments and writers are no fault; what is left still counts', async () => {
  let at = 1_000
  const { dir, folder, last } = await closedJournal(() => at++)
  const journal = await open(dir, { now: () => 1_000_000 })
  await pairs(journal, 0, 2)
  expect(await journal.prune(1)).toMatchObject({ removed: 0 })
  const third = await readHeader(folder, 4)
  const { removed } = await journal.prune(third?.at ?? 0)
  expect(removed).toBeGreaterThan(0)
  expect(removed).toBeLessThan(last)
  expect((await verifyJournal(dir)).faults).toEqual([])
  const left = (await segmentNumbers(folder))[0] ?? 0
  await rm(join(folder, segmentName(left)))
  expect((await verifyJournal(dir)).ok).toBe(false)
  expect(await journal.prune(2_000_000)).toMatchObject({ removed: last - removed - 1 })
  expect(await verifyJournal(dir)).toMatchObject({
    ok: true,
    writers: [{ writer: journal.writer }],
  })
  expect(await summaryOf(dir)).toHaveLength(4)
  await journal.close()
  expect((await verifyJournal(dir)).faults).toEqual([])
})

test('a journal under load verifies at any moment', async () => {
  const dir = await newFolder()
  const journal = await open(dir, { segmentBytesMax: 100_000 })
  let isDone = false
  const load = Array.from({ length: 8 }, async (_, i) => {
    for (let next = i * 1e6; !isDone; next += 5) await pairs(journal, next, next + 5)
  })
  for (let check = 0; check < 20; check++) expect((await verifyJournal(dir)).faults).toEqual([])
  isDone = true
  await Promise.all(load)
  await journal.close()
  expect((await verifyJournal(dir)).faults).toEqual([])
})

test('a folder without a journal verifies as empty', async () => {
  expect(await verifyJournal(await newFolder())).toEqual({ ok: true, writers: [], faults: [] })
})
