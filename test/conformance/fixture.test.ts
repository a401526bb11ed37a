import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startHeaderProxy } from './header-proxy.ts'
import { runSuite } from './run-suite.ts'
import { type Fixture, startFixture } from './start-fixture.ts'

const SUITE_MS = 120_000
const baseline = (name: string) =>
  fileURLToPath(new URL(`./expected-failures-${name}.yml`, import.meta.url))

describe('the fixture server, spoken to directly', () => {
  let fixture: Fixture
  beforeAll(async () => {
    fixture = await startFixture({ era: 'dual' })
  })
  afterAll(() => fixture.stop())

  test.each([
    ['2025-11-25', 30],
    ['2026-07-28', 37],
  ] as const)(
    'passes every scored scenario of %s',
    async (requirements, total) => {
      const summary = await runSuite({
        url: fixture.url,
        requirements,
        expectedFailures: baseline(`fixture-${requirements}`),
      })
      expect(summary.failures.filter((failure) => failure.scored)).toEqual([])
      expect(summary.scenarios).toEqual({ passed: total, total })
      expect(summary.baseline).toEqual({ stale: [], unexpected: [] })
      expect(summary.ok).toBe(true)
    },
    SUITE_MS,
  )
})

test(
  'a protected server passes when the suite is given a header',
  async () => {
    const fixture = await startFixture({ args: ['--token', 'secret'] })
    try {
      const summary = await runSuite({
        url: fixture.url,
        requirements: '2025-11-25',
        headers: { Authorization: 'Bearer secret' },
      })
      expect(summary.scenarios).toEqual({ passed: 30, total: 30 })
    } finally {
      await fixture.stop()
    }
  },
  SUITE_MS,
)

test(
  'a baseline with an entry that passes fails the run',
  async () => {
    const fixture = await startFixture()
    try {
      const summary = await runSuite({
        url: fixture.url,
        requirements: '2025-11-25',
        expectedFailures: baseline('stale-example'),
      })
      expect(summary.ok).toBe(false)
      expect(summary.baseline.stale).toEqual(['ping'])
    } finally {
      await fixture.stop()
    }
  },
  SUITE_MS,
)

test('the header proxy rewrites only a Host and Origin that name itself', async () => {
  const seen: (string | undefined)[] = []
  const server = createServer((req, res) => {
    seen.push(req.headers.host, req.headers.origin, req.headers.authorization)
    res.end('ok')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const target = `http://127.0.0.1:${port}`
  const proxy = await startHeaderProxy(`${target}/mcp`, { Authorization: 'Bearer x' })
  try {
    const own = new URL(proxy.url).origin
    await fetch(proxy.url, { headers: { Origin: own } })
    await fetch(proxy.url, { headers: { Origin: 'http://evil.example.com' } })
    expect(seen).toEqual([
      new URL(target).host,
      target,
      'Bearer x',
      new URL(target).host,
      'http://evil.example.com',
      'Bearer x',
    ])
  } finally {
    await proxy.close()
    server.close()
  }
})
