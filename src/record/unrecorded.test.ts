import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { failingFiles, newFolder, open, summaryOf } from './journal-fixture.ts'
import { changeLine, outcomeLine } from './lines.ts'
import { Unrecorded } from './unrecorded.ts'

const change = (call: string): string =>
  changeLine({
    kind: 'change',
    call,
    at: 1,
    principal: 'owner',
    principalId: 'owner',
    via: 'socket',
    uid: 7,
    action: 'revoked',
    object: 'key',
    name: 'ann',
    before: {},
    after: {},
  })
const outcome = (call: string): string =>
  outcomeLine({ kind: 'outcome', call, at: 2, status: 'ok', ms: 1, bytes: 0, code: '' })

/** A journal that takes nothing, with a revocation kept beside it, as a kill leaves the two. */
async function killed() {
  const dir = await newFolder()
  const path = `${dir}.unrecorded`
  const fails = { write: false, sync: false, truncate: false }
  const journal = await open(dir, { files: failingFiles(fails) })
  const unrecorded = await Unrecorded.load(path, dir, journal)
  fails.sync = true
  await expect(journal.intent(change('c1'))).rejects.toMatchObject({ code: 'journal_unavailable' })
  await unrecorded.hold('c1', change('c1'))
  await unrecorded.hold('c1', outcome('c1'))
  expect(unrecorded.holds('c1')).toBe(true)
  return { dir, path, fails, journal, unrecorded }
}

const recorded = ['change c1', 'outcome c1 ok']
const nothing = '"entries":[]'

test('what the journal did not take is written by the next start, once', async () => {
  const { dir, path, fails, journal } = await killed()
  const kept = JSON.parse(await readFile(path, 'utf8'))
  fails.sync = false
  await expect.poll(() => journal.state().kind, { timeout: 60_000 }).toBe('ok')
  await journal.close()
  expect(await summaryOf(dir)).toEqual([])

  const next = await open(dir)
  const unrecorded = await Unrecorded.load(path, dir, next)
  expect(unrecorded.holds('c1')).toBe(false)
  await next.close()
  expect(await summaryOf(dir)).toEqual(recorded)
  expect(await readFile(path, 'utf8')).toContain(nothing)

  // As if a kill had come between the two: the journal has it, and the file too.
  const entries = [{ ...kept.entries[0], writer: next.writer, from: 0 }]
  await writeFile(path, JSON.stringify({ format: 1, entries }))
  const third = await open(dir)
  await Unrecorded.load(path, dir, third)
  await third.close()
  expect(await summaryOf(dir)).toEqual(recorded)
  expect(await readFile(path, 'utf8')).toContain(nothing)
})

test('the same process writes it as soon as the disk works again', async () => {
  const { dir, path, fails, journal, unrecorded } = await killed()
  fails.sync = false
  await expect.poll(() => unrecorded.holds('c1'), { timeout: 60_000 }).toBe(false)
  await unrecorded.close()
  await journal.close()
  expect(await summaryOf(dir)).toEqual(recorded)
  expect(await readFile(path, 'utf8')).toContain(nothing)
})

test('a start whose disk takes nothing either keeps it for the next one', async () => {
  const { dir, path, fails, journal, unrecorded } = await killed()
  await unrecorded.close()
  await journal.close().catch(() => undefined)
  fails.sync = false
  const failing = await open(dir, { files: failingFiles(fails) })
  fails.sync = true
  const second = await Unrecorded.load(path, dir, failing)
  expect(second.holds('c1')).toBe(true)
  await second.close()
  await failing.close().catch(() => undefined)
  const last = await open(dir)
  await Unrecorded.load(path, dir, last)
  await last.close()
  expect(await summaryOf(dir)).toEqual(recorded)
})

test('a folder that takes no file says why', async () => {
  const { dir, journal } = await killed()
  const path = `${dir}.folder`
  const unrecorded = await Unrecorded.load(path, dir, journal)
  await mkdir(path)
  await unrecorded.hold('c2', change('c2'))
  expect(unrecorded.fault?.message).toContain(path)
})

test('a damaged file is evidence: the start says so', async () => {
  const { dir, path, journal } = await killed()
  await writeFile(path, '{')
  await expect(Unrecorded.load(path, dir, journal)).rejects.toThrow('is damaged')
})

test('two that write at once write each entry once', async () => {
  const { dir, fails, journal, unrecorded } = await killed()
  fails.sync = false
  await expect.poll(() => journal.state().kind, { timeout: 60_000 }).toBe('ok')
  await Promise.all([unrecorded.flush(), unrecorded.flush(), unrecorded.close()])
  await journal.close()
  expect(await summaryOf(dir)).toEqual(recorded)
})

test('a best-effort journal that drops it does not make it forgotten', async () => {
  const { dir, path, journal, unrecorded } = await killed()
  await unrecorded.close()
  await journal.close().catch(() => undefined)
  const fails = { write: false, sync: false, truncate: false }
  const lax = await open(dir, { mode: 'best-effort', files: failingFiles(fails) })
  fails.sync = true
  await lax.intent(change('c9'))
  const second = await Unrecorded.load(path, dir, lax)
  expect(second.holds('c1')).toBe(true)
  await second.close()
  await lax.close().catch(() => undefined)
})
