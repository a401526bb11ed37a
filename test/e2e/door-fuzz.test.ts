// A part of what `test/long/door-fuzz.test.ts` throws at the door; `SEED` repeats a run.
import { expect, test } from 'vitest'
import { fuzzTheDoor, newSeed } from './door-fuzz.ts'

const seed = newSeed()

test(`3,000 mutated messages, seed ${seed}`, async () => {
  const report = await fuzzTheDoor({ messages: 3_000, seed, heapMb: 128 })
  expect(report.faults).toEqual([])
  expect(report.sent).toBe(3_000)
  expect(report.servesAtTheEnd).toBe(true)
  expect(Object.keys(report.refusals).length).toBeGreaterThan(8)
})
