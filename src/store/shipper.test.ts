import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { GatewayError } from '../model/refusal.ts'
import { type JournalSource, startShipper } from './shipper.ts'
import type { Indexed } from './store.ts'

const entry = {
  kind: 'system',
  at: 1,
  principal: '',
  principalId: '',
  environment: '',
  endpoint: '',
  method: 'start',
  detail: '',
} as const

/** A journal of one writer and an index, in memory; the index is away while `away` is set. */
function world(length: number, follows: boolean) {
  const batches: number[] = []
  const state = { length, away: false, indexed: 0, batches, opened: 0 }
  const source: JournalSource = async function* (from, signal) {
    state.opened++
    let sequence = await from('one')
    do {
      while (sequence < state.length) yield { writer: 'one', sequence: sequence++, entry }
      if (follows) await sleep(5, undefined, { signal }).catch(() => undefined)
    } while (follows && !signal.aborted)
  }
  const refuse = () => {
    if (state.away) throw new GatewayError('database_unavailable')
  }
  const store = {
    indexedUpTo: async () => {
      refuse()
      return state.indexed
    },
    index: async (entries: readonly Indexed[]) => {
      refuse()
      expect(entries[0]?.sequence).toBe(state.indexed)
      state.indexed += entries.length
      state.batches.push(entries.length)
    },
  }
  return { state, source, store }
}

test.each([true, false])(
  'copies in batches and keeps up; the source follows: %s',
  async (follows) => {
    const { state, source, store } = world(7, follows)
    const shipper = startShipper({ source, store, batchMax: 3, gatherMs: 10 })
    await expect.poll(() => state.batches).toEqual([3, 3, 1])
    state.length = 9
    await expect.poll(() => state.indexed).toBe(9)
    expect(state.opened === 1).toBe(follows)
    await shipper.close()
  },
)

test('holds a part of a batch no longer than told, and indexes it when it is closed', async () => {
  const { state, source, store } = world(2, true)
  const shipper = startShipper({ source, store, gatherMs: 60_000 })
  await sleep(20)
  expect(state.batches).toEqual([])
  await shipper.close()
  expect(state.batches).toEqual([2])
})

test('backs off while the index is away, says so once, and goes on by itself', async () => {
  const { state, source, store } = world(2, true)
  const events: string[] = []
  state.away = true
  const shipper = startShipper({
    source,
    store,
    gatherMs: 5,
    backOffMaxMs: 20,
    report: ({ kind }) => events.push(kind),
  })
  await expect.poll(() => state.opened).toBeGreaterThan(3)
  state.away = false
  await expect.poll(() => state.indexed).toBe(2)
  expect(events).toEqual(['failing', 'recovered'])
  state.away = true
  state.length = 5
  await expect.poll(() => events).toEqual(['failing', 'recovered', 'failing'])
  state.away = false
  await expect.poll(() => state.indexed).toBe(5)
  await shipper.close()
})
