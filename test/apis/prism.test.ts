/**
 * A sample of ten large descriptions against Stoplight Prism, the same at every run; `test/long/prism.test.ts` takes all
 * operations. A miss must stand in the baseline with its reason, and an entry that is accepted must go from there.
 */
import { describe, expect, it } from 'vitest'
import { largeDescriptions, readBaseline, tryAnswers, tryDescription } from './round-trip.ts'

const sampleCount = 60

describe('round trips with Prism', () => {
  it.each(Object.keys(largeDescriptions))('%s', async (name) => {
    const { operations, accepted, unexplained, stale } = await tryDescription(name, sampleCount)
    expect(unexplained).toEqual({})
    expect(stale).toEqual([])
    expect(operations).toBe(sampleCount)
    expect(accepted / operations).toBeGreaterThanOrEqual(0.9)
  })

  it.each(Object.keys(largeDescriptions))('%s: answers fit the output schemas', async (name) => {
    const { checked, broken } = await tryAnswers(name, 30)
    expect(broken).toEqual({})
    expect(checked).toBeGreaterThan(10)
  })

  it('the baseline explains every miss, and misses are few', () => {
    const { reasons, missed } = readBaseline()
    const used = Object.values(missed).flatMap((operations) => Object.values(operations))
    expect(new Set(used)).toEqual(new Set(Object.keys(reasons)))
    expect(Object.keys(largeDescriptions)).toEqual(expect.arrayContaining(Object.keys(missed)))
    const all = Object.values(largeDescriptions).reduce((sum, count) => sum + count, 0)
    expect(1 - used.length / all).toBeGreaterThanOrEqual(0.95)
  })
})
