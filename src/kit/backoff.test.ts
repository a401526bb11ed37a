import { expect, test } from 'vitest'
import { createBackoff } from './backoff.ts'

const options = { firstMs: 100, maxMs: 1000, factor: 3, jitter: 0.5 }

test('grows by the factor up to the maximum, and starts again after a success', () => {
  const backoff = createBackoff({ ...options, random: () => 0 })
  expect([1, 2, 3, 4, 5].map(() => backoff.next())).toEqual([100, 300, 900, 1000, 1000])
  backoff.reset()
  expect(backoff.next()).toBe(100)
})

test('jitter takes away at most its share', () => {
  const backoff = createBackoff({ ...options, random: () => 1 })
  expect([1, 2, 3, 4].map(() => backoff.next())).toEqual([50, 150, 450, 500])
})
