// A server that hangs costs its own callers time and nobody else anything.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Fixture, startFixture } from '../conformance/start-fixture.ts'
import { eventually, legacySession, modernCall, modernTool, type Reply } from '../e2e/client.ts'
import { everything, startGateway, type TestGateway } from '../e2e/gateway.ts'
import { dig, names } from '../e2e/json.ts'

const clients = 200
let hanging: Fixture
let healthy: Fixture
let gateway: TestGateway

beforeAll(async () => {
  hanging = await startFixture()
  healthy = await startFixture()
  const { url } = hanging
  gateway = await startGateway({
    config: {
      servers: {
        wide: { http: { url }, concurrency: 1_000 },
        narrow: { http: { url }, concurrency: 4 },
        brief: { http: { url }, timeout: '250ms' },
        old: { http: { url }, era: 'legacy', concurrency: 1_000 },
        healthy: { http: { url: healthy.url }, concurrency: 1_000 },
      },
    },
    keys: { first: everything, other: everything },
  })
  await eventually(
    async () =>
      names((await modernCall(gateway.url, gateway.key, 'tools/list')).message, 'tools').length >
      150,
  )
})
afterAll(async () => {
  await gateway?.stop()
  await hanging?.stop()
  await healthy?.stop()
})

const code = (reply: Reply): unknown => dig(reply.message, 'error', 'data', 'code')

async function hangs(name: string): Promise<number> {
  const reply = await modernTool(gateway.server('wide'), gateway.key, 'stats')
  return Number(dig(reply.message, 'result', 'structuredContent', name))
}

async function othersAreServed(): Promise<void> {
  const session = await legacySession(gateway.server('healthy'), gateway.key)
  const replies = await Promise.all(
    Array.from({ length: 100 }, (_, n) =>
      n % 2 === 0
        ? modernTool(gateway.url, gateway.key, 'healthy__echo', { n })
        : session.tool('echo', { n }),
    ),
  )
  expect(replies.map((reply) => dig(reply.message, 'result', 'structuredContent', 'n'))).toEqual(
    replies.map((_, n) => n),
  )
  const list = await modernCall(gateway.url, gateway.key, 'tools/list')
  expect(names(list.message, 'tools')).toContain('wide__hang')
}

test.each([
  ['wide', 'modern'],
  ['old', 'legacy'],
])(`${clients} clients on a hanging call of server %s, spoken to as %s`, async (server) => {
  const [started, cancelled] = [await hangs('hangStarted'), await hangs('hangCancelled')]
  const stop = new AbortController()
  const calls = Array.from({ length: clients }, () =>
    modernTool(gateway.server(server), gateway.key, 'hang', {}, { signal: stop.signal }).catch(
      () => undefined,
    ),
  )
  await eventually(async () => (await hangs('hangStarted')) === started + clients)
  await othersAreServed()
  stop.abort()
  expect(await Promise.all(calls)).toEqual(Array(clients).fill(undefined))
  await eventually(async () => (await hangs('hangCancelled')) === cancelled + clients)
})

test('calls above the limit of a server are refused, not queued', async () => {
  const stop = new AbortController()
  const call = () =>
    modernTool(gateway.server('narrow'), gateway.key, 'hang', {}, { signal: stop.signal })
  const started = await hangs('hangStarted')
  const running = Array.from({ length: 4 }, () => call().catch(() => undefined))
  await eventually(async () => (await hangs('hangStarted')) === started + 4)
  const refused = await Promise.all(Array.from({ length: 20 }, call))
  expect(new Set(refused.map(code))).toEqual(new Set(['server_busy']))
  await othersAreServed()
  stop.abort()
  await Promise.all(running)
  await eventually(
    async () => code(await modernTool(gateway.server('narrow'), gateway.key, 'echo')) === undefined,
  )
})

test('a call that takes too long ends with its deadline, and failures in a row open the breaker of that server only', async () => {
  const cancelled = await hangs('hangCancelled')
  const call = async () => code(await modernTool(gateway.server('brief'), gateway.key, 'hang'))
  expect(await call()).toBe('server_timeout')
  await eventually(async () => (await hangs('hangCancelled')) === cancelled + 1)
  for (let count = 0; count < 7; count++) expect(await call()).toBe('server_timeout')
  const started = await hangs('hangStarted')
  expect(await call()).toBe('server_unavailable')
  expect(await hangs('hangStarted')).toBe(started)
  await othersAreServed()
  // After a while one call is let through again, and its success closes the breaker.
  await eventually(
    async () => code(await modernTool(gateway.server('brief'), gateway.key, 'echo')) === undefined,
  )
})
