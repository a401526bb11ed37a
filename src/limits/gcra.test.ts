import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Gcra } from './gcra.ts'

test('a whole window may come at once, then one call each interval', () => {
  const rate = new Gcra(60, 60_000, 10)
  for (let call = 0; call < 60; call++) expect(rate.take('a', 5_000)).toBe(0)
  expect(rate.take('a', 5_000)).toBeCloseTo(1_000, 3)
  expect(rate.take('a', 5_999)).toBeCloseTo(1, 3)
  expect(rate.take('a', 6_000)).toBe(0)
  expect(rate.take('a', 6_000)).toBeGreaterThan(0)
  expect(rate.take('b', 6_000)).toBe(0)
})

test('never lets more through than a burst and the rate since, and a refused call uses nothing', () => {
  const calls = fc.integer({ min: 1, max: 50 })
  const windows = fc.constantFrom(1_000, 60_000, 3_600_000)
  const steps = fc.array(fc.nat({ max: 5_000 }), { minLength: 1, maxLength: 300 })
  fc.assert(
    fc.property(calls, windows, steps, (limit, windowMs, waits) => {
      const rate = new Gcra(limit, windowMs, 10)
      const start = 1_000_000
      let now = start
      let taken = 0
      for (const wait of waits) {
        now += wait
        const left = rate.take('a', now)
        expect(rate.take('a', now) > 0 || left === 0).toBe(true)
        if (left === 0) taken++
        else expect(left).toBeLessThanOrEqual(windowMs)
      }
      // Each round asked twice when it was allowed once.
      expect(taken).toBeLessThanOrEqual(limit + ((now - start) * limit) / windowMs + 1)
    }),
  )
})

test('what is told to wait may go after the wait', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100 }), fc.nat({ max: 10_000 }), (limit, from) => {
      const rate = new Gcra(limit, 60_000, 10)
      while (rate.take('a', from) === 0);
      const wait = rate.take('a', from)
      expect(rate.take('a', from + Math.ceil(wait))).toBe(0)
    }),
  )
})

test('remembers no more subjects than it may', () => {
  const rate = new Gcra(1, 60_000, 100)
  for (let subject = 0; subject < 1_000; subject++) expect(rate.take(`s${subject}`, 0)).toBe(0)
  // The newest are still known, the oldest were forgotten.
  expect(rate.take('s999', 0)).toBeGreaterThan(0)
  expect(rate.take('s0', 0)).toBe(0)
})
