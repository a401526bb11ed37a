/** Every operation of ten large descriptions against Stoplight Prism. */
import { describe, expect, it } from 'vitest'
import { largeDescriptions, tryDescription } from '../apis/round-trip.ts'

describe('round trips with Prism, whole', () => {
  it.each(Object.keys(largeDescriptions))('%s', { timeout: 900_000 }, async (name) => {
    const { operations, accepted, unexplained, stale } = await tryDescription(name)
    process.stdout.write(`  ${name}: ${accepted} of ${operations} accepted\n`)
    expect(unexplained).toEqual({})
    expect(stale).toEqual([])
    expect(accepted / operations).toBeGreaterThanOrEqual(0.95)
  })
})
