// Clients that are asked and never heard of again, in both eras: their calls end by themselves after five minutes.
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { inspectable, inspectProcess, settled } from '../e2e/inspect-process.ts'
import { dig } from '../e2e/json.ts'
import { type AskingWorld, answers, code, eras, startAskingWorld } from '../faults/asking-world.ts'

/** Below what one principal may have parked; two more are of legacy clients. */
const calls = 60
/** How long people may take (300 s), and some. */
const endMs = 330_000

let world: AskingWorld
beforeAll(async () => {
  world = await startAskingWorld(inspectable)
})
afterAll(() => world?.stop())

test('parked calls that nobody answers end, their servers are told, and nothing stays', async () => {
  const inspector = await inspectProcess(() => world.gateway.log)
  const { legacy } = world.servers
  const askAll = () =>
    Promise.all(
      Array.from({ length: calls }, (_, n) => world.tool('legacy', 'ask', { by: `n${n}` })),
    )
  // The same with answers, so that all is warm.
  for (const [n, reply] of (await askAll()).entries())
    await world.tool('legacy', 'ask', { by: `n${n}` }, answers(reply))
  legacy.answered.length = 0
  const before = await settled(inspector)
  const since = Date.now()
  const asked = await askAll()
  for (const era of eras) {
    const call = await world.legacyCall(era, 'ask', { by: 'closed' })
    await call.question()
    call.feed.close()
  }
  expect(legacy.open()).toBe(calls + 1)
  const deadline = Date.now() + endMs
  const over = async (): Promise<boolean> =>
    legacy.open() === 0 &&
    (await world.outcomes(since)).filter((end) => end === 'refused question_refused').length === 2
  while (!(await over()) && Date.now() < deadline) await delay(1_000)
  expect(legacy.open()).toBe(0)
  expect(legacy.answered.map(({ answer }) => dig(answer, 'error', 'code'))).toEqual(
    Array(calls + 1).fill(-32_603),
  )
  const ends = await world.outcomes(since)
  expect(ends.filter((end) => end === 'refused question_refused').length).toBe(2)
  const after = await settled(inspector)
  process.stdout.write(`heap before ${before.heapBytes}, after ${after.heapBytes} bytes\n`)
  // Connections of this test that idled before are closed by now, so there may be fewer.
  for (const [kind, count] of Object.entries(after.handles))
    expect(count, kind).toBeLessThanOrEqual(before.handles[kind] ?? 0)
  expect(after.heapBytes / before.heapBytes).toBeLessThan(1.05)
  const first = asked[0]
  if (first === undefined) throw new Error('nothing was asked')
  const late = await world.tool('legacy', 'ask', { by: 'n0' }, answers(first))
  expect(code(late)).toBe('state_invalid')
  inspector.close()
})
