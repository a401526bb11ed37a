// What fails between questions and answers leaves nothing behind: three cycles of every fault, looked at from inside.
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually, legacySession, modernCall } from '../e2e/client.ts'
import {
  type Inside,
  type Inspector,
  inspectable,
  inspectProcess,
  settled,
} from '../e2e/inspect-process.ts'
import { dig } from '../e2e/json.ts'
import {
  type AskingWorld,
  answers,
  code,
  eras,
  startAskingWorld,
  textOf,
  yes,
} from '../faults/asking-world.ts'

/** Calls of each kind in a cycle; below what one principal may have parked. */
const calls = 40
const cycles = 3
const stormMs = 2_000
/** The connections of this test idle as long as the gateway lets them, which is 75 s. */
const idleMs = 80_000

let world: AskingWorld
let inspector: Inspector

beforeAll(async () => {
  world = await startAskingWorld(inspectable)
  inspector = await inspectProcess(() => world.gateway.log)
})
afterAll(async () => {
  inspector?.close()
  await world?.stop()
})

const many = <T>(make: (n: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: calls }, (_, n) => make(n)))

/** Parked calls whose server dies, and whose clients come back. */
async function dies(): Promise<void> {
  const asked = await many((n) => world.tool('legacy', 'ask', { by: `d${n}` }))
  await world.restart('legacy')
  const back = await Promise.all(
    asked.map((reply, n) => world.tool('legacy', 'ask', { by: `d${n}` }, answers(reply))),
  )
  expect(new Set(back.map(code))).toEqual(new Set(['state_invalid']))
}

/** Parked calls whose server forgets their session. */
async function forgets(): Promise<void> {
  const asked = await many((n) => world.tool('legacy', 'ask', { by: `f${n}` }))
  world.servers.legacy.sessions.clear()
  const back = await Promise.all(
    asked.map((reply, n) => world.tool('legacy', 'ask', { by: `f${n}` }, answers(reply))),
  )
  expect(new Set(back.map(code))).toEqual(new Set(['state_invalid']))
}

/** Every one of many at once gets the answer to its own question. */
async function answered(): Promise<void> {
  for (const era of eras) {
    const asked = await many((n) => world.tool(era, 'ask', { by: `${era}${n}` }))
    const back = await Promise.all(
      asked.map((reply, n) => world.tool(era, 'ask', { by: `${era}${n}` }, answers(reply))),
    )
    expect(back.map(textOf)).toEqual(back.map((_, n) => `${era}${n}`))
  }
}

/** Legacy clients that end their session while they are asked, and some that answer nonsense. */
async function leaves(): Promise<void> {
  for (const era of eras)
    await many(async (n) => {
      const call = await world.legacyCall(era, 'ask', { by: `l${n}` })
      const question = await call.question()
      if (n % 2 === 0) {
        await call.reply(question, 'nonsense')
        expect(code(await call.end())).toBe('question_refused')
      }
      call.feed.close()
      await call.client.end()
    })
  await eventually(async () => world.servers.legacy.open() === 0)
}

async function endless(): Promise<void> {
  for (const era of eras) {
    const call = await world.legacyCall(era, 'forever', { by: 'e' })
    for (let round = 0; round < 16; round++) await call.reply(await call.question(round), yes)
    expect(code(await call.end())).toBe('question_refused')
    await call.client.end()
  }
}

/** Callers that nobody can ask, floods, calls that are left, and a storm of changes. */
async function floods(): Promise<void> {
  for (const era of eras) {
    const url = world.gateway.server(era)
    const params = { name: 'everything', arguments: { by: 'n' } }
    await many(() => modernCall(url, world.gateway.key, 'tools/call', params))
    await world.tool(era, 'flood', { count: 5_000 })
    const stop = new AbortController()
    const stalled = { name: 'stall', arguments: {} }
    const left = world.servers[era].left()
    const stalls = world.servers[era].stalled()
    const signal = stop.signal
    const leaving = many(() =>
      modernCall(url, world.gateway.key, 'tools/call', stalled, { signal }).catch(() => undefined),
    )
    await eventually(async () => world.servers[era].stalled() >= stalls + calls)
    stop.abort()
    await leaving
    await eventually(async () => world.servers[era].left() >= left + calls)
    const began = performance.now()
    let sent = 0
    while (performance.now() - began < stormMs) {
      while (sent++ < performance.now() - began)
        world.servers[era].tell('notifications/tools/list_changed')
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    const session = await legacySession(url, world.gateway.key)
    expect(dig((await session.request('tools/list')).message, 'result')).toBeDefined()
    await session.end()
  }
}

async function cycle(): Promise<void> {
  for (const fault of [dies, forgets, answered, leaves, endless, floods]) await fault()
  for (const era of eras) {
    await eventually(async () => world.servers[era].streams() > 0)
    world.servers[era].answered.length = 0
    world.servers[era].seen.length = 0
  }
}

test(`${cycles} cycles of faults leave the handles and the heap as they were`, async () => {
  await cycle()
  await cycle()
  await delay(idleMs)
  const before = await settled(inspector)
  const after: Inside[] = []
  for (let time = 0; time < cycles; time++) {
    await cycle()
    await delay(idleMs)
    after.push(await settled(inspector))
  }
  const line = (inside: Inside): string =>
    `heap ${(inside.heapBytes / 1e6).toFixed(2)} MB, ${JSON.stringify(inside.handles)}`
  process.stdout.write(`${[before, ...after].map(line).join('\n')}\n`)
  for (const inside of after) {
    expect(inside.handles).toEqual(before.handles)
    expect(inside.heapBytes / before.heapBytes).toBeLessThan(1.05)
  }
  // Not growing: what one cycle adds is not added by the next again.
  const growth = after.map(
    (inside, index) => inside.heapBytes - (after[index - 1] ?? before).heapBytes,
  )
  expect(growth.every((bytes) => bytes > before.heapBytes * 0.01)).toBe(false)
})
