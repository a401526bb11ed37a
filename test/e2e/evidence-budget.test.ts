// What a key without any right can bring about fills no disk, is summed up, and leaves the evidence of others alone.
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Entry } from '../../src/model/record.ts'
import { readJournal } from '../../src/record/read.ts'
import {
  legacySession,
  modernCall,
  modernRequest,
  modernTool,
  openListen,
  postText,
} from './client.ts'
import { startWorld, type TestWorld } from './world.ts'

let world: TestWorld
beforeAll(async () => {
  world = await startWorld({ keys: { idle: { roles: [] }, loud: { roles: [] } } })
})
afterAll(() => world?.stop())

const journal = (): string => join(world.gateway.dataDir, 'journal')

async function journalBytes(): Promise<number> {
  const names = await readdir(journal(), { recursive: true })
  const sizes = await Promise.all(names.map((name) => stat(join(journal(), name))))
  return sizes.reduce((sum, each) => sum + (each.isFile() ? each.size : 0), 0)
}

async function entries(): Promise<readonly Entry[]> {
  const found: Entry[] = []
  for await (const { entry } of readJournal(journal(), { onFault: () => undefined }))
    found.push(entry)
  return found
}

/** Of one key in a minute; the test may see the turn of two minutes. */
const budgetBytes = 3 * 130_000
const times = 300

test('refusals, lists, listens and sign-ins of a key without a role stay within a budget', async () => {
  const before = await journalBytes()
  const key = world.gateway.keyOf('idle')
  const name = '\u0001'.repeat(4_096)
  const ways: readonly (() => Promise<unknown>)[] = [
    async () => {
      const { body, headers } = modernRequest('tools/call', { name: 'x', arguments: {} })
      const long = body.replace('"name":"x"', `"name":${JSON.stringify(name)}`)
      const shown = `=?base64?${Buffer.from(name).toString('base64')}?=`
      return (
        await postText(world.gateway.url, key, long, { headers: { ...headers, 'mcp-name': shown } })
      ).text()
    },
    async () => {
      const session = await legacySession(world.gateway.url, key)
      for (let count = 0; count < 10; count++) await session.tool(name)
    },
    async () => (await postText(world.gateway.url, key, '{"jsonrpc":"2.0","id":1,"x')).text(),
    async () => (await postText(world.gateway.url, key, `[${'1,'.repeat(2_000)}1]`)).text(),
    async () =>
      (
        await postText(
          world.gateway.url,
          key,
          `{"jsonrpc":"2.0","id":1,"method":${JSON.stringify('\u0001'.repeat(250))}}`,
        )
      ).text(),
    () => modernCall(world.gateway.url, key, 'tools/list'),
    async () => {
      const uris = Array.from({ length: 20 }, (_, at) => `test://${'\u0001'.repeat(900)}${at}`)
      const feed = await openListen(world.gateway.url, key, { resourceSubscriptions: uris })
      feed.close()
    },
  ]
  for (let count = 0; count < times; count++)
    await Promise.all(ways.filter((_, at) => at !== 1 || count % 20 === 0).map((way) => way()))
  expect((await journalBytes()) - before).toBeLessThan(budgetBytes)

  // Others are recorded as ever: a refusal of another key, and every call.
  await modernTool(world.gateway.url, world.gateway.keyOf('loud'), 'nothing')
  await modernTool(world.at('modern'), world.key, 'echo')
  const present = await entries()
  const refusedTo = (principal: string): number =>
    present.filter((entry) => entry.kind === 'refusal' && entry.principal === principal).length
  expect(refusedTo('key:loud')).toBe(1)
  expect(present.filter((entry) => entry.kind === 'intent').length).toBeGreaterThan(0)

  // What was not written is told of, all of it.
  await world.gateway.restart()
  const all = await entries()
  const own = all.filter((entry) => 'principal' in entry && entry.principal === 'key:idle')
  const sums = own.flatMap((entry) => (entry.kind === 'suppressed' ? [entry] : []))
  const summed = sums.reduce((sum, { count }) => sum + count, 0)
  expect(own.length - sums.length + summed).toBe(times * 6 + (times / 20) * 11)
  const told = sums.map(({ detail }) => detail).join()
  for (const kind of ['refusal tool_unknown', 'refusal json_invalid', 'refusal json_too_deep'])
    expect(told).toContain(kind)
  expect(Math.max(...own.map((entry) => JSON.stringify(entry).length))).toBeLessThan(14_000)
})
