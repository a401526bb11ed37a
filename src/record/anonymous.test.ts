import { expect, test } from 'vitest'
import { anonymousRefusals } from './anonymous.ts'

function counting(perSecondSourcesMax: number, bytesPerMinuteMax: number) {
  const lines: string[] = []
  let at = 0
  const refusals = anonymousRefusals({
    append: (line) => void lines.push(line),
    perSecondSourcesMax,
    bytesPerMinuteMax,
    now: () => at,
  })
  const total = (): number =>
    lines.reduce((sum, line) => {
      const entry: { count: number } = JSON.parse(line)
      return sum + entry.count
    }, 0)
  const goTo = (ms: number): void => {
    at = ms
  }
  return { refusals, lines, total, goTo }
}

test('counts by source and code', () => {
  const { refusals, lines } = counting(10, 10_000)
  for (let i = 0; i < 3; i++) refusals.count('10.0.0.1', 'key_missing')
  refusals.count('10.0.0.1', 'key_invalid')
  refusals.flush()
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { kind: 'anonymous', at: 0, source: '10.0.0.1', code: 'key_missing', count: 3 },
    { kind: 'anonymous', at: 0, source: '10.0.0.1', code: 'key_invalid', count: 1 },
  ])
})

test('further sources are counted together', () => {
  const { refusals, lines, total } = counting(2, 10_000)
  for (let i = 0; i < 50; i++) refusals.count(`10.0.0.${i}`, 'key_missing')
  refusals.close()
  expect(lines).toHaveLength(3)
  expect(lines[2]).toContain('"source":"*"')
  expect(total()).toBe(50)
})

test('a flood stays within the bytes of a minute and is counted in the next', () => {
  const { refusals, lines, total, goTo } = counting(1_000, 2_000)
  for (let second = 0; second < 50; second++) {
    goTo(second * 1_000)
    for (let i = 0; i < 200; i++) refusals.count(`source-${i}-${'x'.repeat(100)}`, 'key_missing')
    refusals.flush()
  }
  expect(Buffer.byteLength(lines.join('\n')) + 1).toBeLessThanOrEqual(2_000)
  goTo(61_000)
  refusals.flush()
  expect(total()).toBe(10_000)
})
