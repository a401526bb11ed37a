// A hundred thousand mutated messages at the door; `SEED` repeats a run.
import { expect, test } from 'vitest'
import { fuzzTheDoor, newSeed } from '../e2e/door-fuzz.ts'

const seed = newSeed()
const messages = 110_000
/** What V8 lets grow before it collects, with its 128 MB of heap. A leak ends the process sooner. */
const growthKbMax = 400_000

test(`${messages} mutated messages, seed ${seed}`, async () => {
  const report = await fuzzTheDoor({ messages, seed, heapMb: 128 })
  expect(report.faults).toEqual([])
  expect(report.sent).toBe(messages)
  expect(report.servesAtTheEnd).toBe(true)
  expect(report.rssAfterKb - report.rssBeforeKb).toBeLessThan(growthKbMax)
}, 1_800_000)
