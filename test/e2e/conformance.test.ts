// The official suites through the gateway: same era on both sides, and the two mixed pairs.
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startHeaderProxy } from '../conformance/header-proxy.ts'
import { runSuite } from '../conformance/run-suite.ts'
import { type Fixture, startFixture } from '../conformance/start-fixture.ts'
import { startGateway, type TestGateway } from './gateway.ts'

const suiteMs = 600_000
const baseline = (name: string): string =>
  fileURLToPath(new URL(`./expected-failures-${name}.yml`, import.meta.url))

describe.each([
  ['2025-11-25', 'legacy', 30, 30],
  ['2026-07-28', 'modern', 37, 37],
  ['2025-11-25', 'modern', 30, 30],
  ['2026-07-28', 'legacy', 35, 37],
] as const)('suite %s over a %s server', (requirements, era, passed, total) => {
  let fixture: Fixture
  let gateway: TestGateway

  beforeAll(async () => {
    fixture = await startFixture({ era })
    gateway = await startGateway({
      config: { servers: { fixture: { http: { url: fixture.url } } } },
    })
  })
  afterAll(async () => {
    await gateway?.stop()
    await fixture?.stop()
  })

  test(
    `passes ${passed} of ${total}`,
    async () => {
      const proxy = await startHeaderProxy(gateway.server('fixture'), {
        Authorization: `Bearer ${gateway.key}`,
      })
      try {
        const summary = await runSuite({
          url: proxy.url,
          requirements,
          expectedFailures: baseline(`${requirements}-over-${era}`),
        })
        const failed = summary.failures.filter((failure) => failure.status === 'FAILURE')
        if (passed === total) expect(failed.filter((failure) => failure.scored)).toEqual([])
        expect(summary.baseline).toEqual({ stale: [], unexpected: [] })
        expect(summary.scenarios).toEqual({ passed, total })
        expect(summary.ok).toBe(true)
      } finally {
        await proxy.close()
      }
    },
    suiteMs,
  )
})
