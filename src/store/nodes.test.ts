import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Embedded, startEmbedded } from './embedded.ts'
import { openStore } from './postgres.ts'
import type { NodeBeat, Store } from './store.ts'

const migrations = fileURLToPath(new URL('migrations', import.meta.url))
const deadAfterMs = 60_000
let folder: string
let server: Embedded
let store: Store
let second: Store

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-nodes-'))
  await chmod(folder, 0o755)
  server = await startEmbedded({ dataFolder: folder, resolveFrom: import.meta.url })
  store = await openStore({ address: server.address, migrations })
  second = await openStore({ address: server.address, migrations })
})
afterAll(async () => {
  await second?.close()
  await store?.close()
  await server?.close()
  await rm(folder, { recursive: true, force: true })
})

const beat = (node: string, more: Partial<NodeBeat> = {}): NodeBeat => ({
  node,
  boot: `${node} 1`,
  address: `http://${node}:1`,
  seal: 's',
  leaving: false,
  first: false,
  deadAfterMs,
  ...more,
})
const names = (seen: Awaited<ReturnType<Store['beat']>>): readonly string[] =>
  seen.nodes.map(({ node, address }) => `${node} ${address}`)

async function heard(work: () => Promise<unknown>): Promise<number> {
  let count = 0
  const stop = second.watchNodes(() => count++)
  await work()
  // A notification of a later write comes after all of earlier ones.
  let marked = false
  const stopMark = second.watch(() => {
    marked = true
  })
  while (!marked) {
    await store.put('role', 'mark', { allow: ['crm/*'] })
    await delay(20)
  }
  stop()
  stopMark()
  return count
}

test('who beats is seen, and who comes, moves or goes is told to the others; a beat is not', async () => {
  await heard(async () => undefined)
  expect(await heard(() => store.beat(beat('a', { first: true })))).toBe(1)
  expect(await heard(() => store.beat(beat('a')))).toBe(0)
  expect(await heard(() => second.beat(beat('b', { first: true })))).toBe(1)
  expect(names(await second.beat(beat('b')))).toEqual(['a http://a:1', 'b http://b:1'])
  expect(await heard(() => store.beat(beat('a', { address: 'http://a:2' })))).toBe(1)
  const leaving = { address: 'http://a:2', leaving: true }
  expect(await heard(() => store.beat(beat('a', leaving)))).toBe(1)
  expect(await heard(() => store.leave('a', 'a 1'))).toBe(1)
  expect(names(await second.beat(beat('b')))).toEqual(['b http://b:1'])
  await store.leave('b', 'b 1')
})

test('the newest start has the name, and an older one only once that is silent', async () => {
  const first = true
  expect((await store.beat(beat('a', { first }))).accepted).toBe(true)
  const newer = { boot: 'a 2', address: 'http://a:9' }
  expect((await second.beat(beat('a', { ...newer, first }))).accepted).toBe(true)
  const late = await store.beat(beat('a'))
  expect([late.accepted, ...names(late)]).toEqual([false, 'a http://a:9'])
  await store.leave('a', 'a 1')
  expect(names(await second.beat(beat('a', newer)))).toEqual(['a http://a:9'])
  await delay(5)
  expect((await store.beat(beat('a', { deadAfterMs: 1 }))).accepted).toBe(true)
  await store.leave('a', 'a 1')
})

test('who is silent for too long is dead', async () => {
  await store.beat(beat('a', { first: true }))
  const seen = async (): Promise<readonly string[]> =>
    names(await store.beat(beat('b', { first: true, deadAfterMs: 500 })))
  while ((await seen()).length > 1) await delay(20)
  expect(await seen()).toEqual(['b http://b:1'])
})
