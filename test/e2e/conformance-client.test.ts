// The protocol scenarios of the official client suite, with the gateway as what the suite's server sees of a client.
// One at a time: some judge the time that passes. Own era: what the issue of a revision asks. Other era: the bridge.
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { runClientScenario } from '../conformance/run-client.ts'
import type { Revision } from '../conformance/run-suite.ts'

const legacy = '2025-11-25'
const modern = '2026-07-28'

/** Scenario, revision, and how many checks pass with a client of the revision's own era, and of the other one. */
const scenarios: readonly (readonly [string, Revision, number, number])[] = [
  ['initialize', legacy, 1, 1],
  ['tools_call', legacy, 2, 2],
  ['elicitation-sep1034-client-defaults', legacy, 5, 5],
  ['sse-retry', legacy, 3, 3],
  ['json-schema-2020-12-preservation', legacy, 9, 9],
  ['tools_call', modern, 2, 2],
  ['request-metadata', modern, 5, 5],
  ['sep-2322-client-request-state', modern, 6, 6],
  // A legacy client that can be asked gets a legacy session, whose `initialize` is a check more.
  ['http-standard-headers', modern, 11, 12],
  ['http-custom-headers', modern, 18, 18],
  ['http-invalid-tool-headers', modern, 12, 12],
  ['json-schema-ref-no-deref', modern, 1, 1],
  ['json-schema-2020-12-preservation', modern, 9, 9],
]

/** Checks that fail, by scenario, revision and era of the client; one that passes again fails its test. */
const accepted: Readonly<Record<string, readonly string[]>> = {}

const suiteRoot = dirname(
  createRequire(import.meta.url).resolve('@modelcontextprotocol/conformance/package.json'),
)
const requirements = z.object({
  client: z.array(z.string()),
  not_scored: z.array(z.object({ scenario: z.string(), leg: z.string(), reason: z.string() })),
})

test.each([legacy, modern] as const)('every protocol scenario of %s is run', async (revision) => {
  const source = await readFile(join(suiteRoot, 'requirements', `${revision}.yaml`), 'utf8')
  const { client, not_scored } = requirements.parse(parse(source))
  const unscored = not_scored.filter(({ leg }) => leg === 'client').map(({ scenario }) => scenario)
  const wanted = [...client, ...unscored].filter((name) => !name.startsWith('auth/'))
  const run = scenarios.filter(([, of]) => of === revision).map(([name]) => name)
  expect([...run].sort()).toEqual(wanted.sort())
})

const cases = scenarios.flatMap(([scenario, revision, own, other]) => {
  const eras =
    revision === legacy ? (['legacy', 'modern'] as const) : (['modern', 'legacy'] as const)
  return [
    { scenario, revision, client: eras[0], checks: own },
    { scenario, revision, client: eras[1], checks: other },
  ]
})

test.each(cases)(
  '$scenario of $revision, a $client client: $checks checks',
  async ({ scenario, revision, client, checks }) => {
    const may = accepted[`${scenario} ${revision} ${client}`] ?? []
    const outcome = await runClientScenario({ scenario, revision, client, accepted: may })
    expect(outcome.failed, outcome.output).toEqual(may)
    expect(outcome.passed).toBe(checks)
    expect(outcome.ok, outcome.output).toBe(true)
  },
)
