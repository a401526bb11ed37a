import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { unlimitedAccount } from '../model/account.ts'
import { type Call, noCapabilities } from '../model/call.ts'
import type { Principal } from '../model/principal.ts'
import type { Attached } from '../model/proofs.ts'
import { GatewayError } from '../model/refusal.ts'
import { createRecorder, type Recorder } from './record.ts'

const principal: Principal = {
  id: '7f',
  label: 'key:ci',
  kind: 'agent',
  name: 'ci',
  user: undefined,
  teams: [],
  environment: 'prod',
  roles: [],
  expiresAt: undefined,
}

const call: Call = {
  id: 'c1',
  principal,
  kind: 'tool',
  method: 'tools/call',
  endpoint: { kind: 'server', server: 'crm' },
  era: 'modern',
  revision: '2026-07-28',
  rpcId: '1',
  subject: 'find',
  args: '{"a":1}',
  params: [],
  meta: [],
  progressToken: undefined,
  capabilities: noCapabilities,
  logLevel: undefined,
  reference: undefined,
  inputResponses: undefined,
  declined: undefined,
  requestState: undefined,
  paramHeaders: undefined,
  streams: false,
  bytes: 10,
  account: unlimitedAccount,
  cancel: { cancelled: false, onCancel: () => () => undefined },
}

const judged = {
  action: call,
  target: { kind: 'tool', server: 'crm', name: 'find', item: undefined },
  rule: 'support: allow crm/*',
  headers: {},
} as const

// biome-ignore lint/nursery/noUnsafeTypeAssertion: the rooms before this one make the proof
const attached = judged as unknown as Attached

function recording(refuses = false): { recorder: Recorder; entries: unknown[] } {
  const entries: unknown[] = []
  const journal = {
    async intent(line: string) {
      if (refuses) throw new GatewayError('journal_unavailable')
      entries.push(JSON.parse(line))
    },
    async append(line: string) {
      entries.push(JSON.parse(line))
    },
  }
  return { recorder: createRecorder({ journal, now: () => 5, clock: () => 12.5 }), entries }
}

test('a call leaves an intent and an outcome under one id', async () => {
  const { recorder, entries } = recording()
  const recorded = await recorder.intent(attached, 10, 7)
  await recorder.outcome(recorded, { status: 'ok', bytes: 3, code: '' })
  const argsDigest = createHash('sha256').update('{"a":1}').digest('hex')
  expect(entries).toEqual([
    {
      kind: 'intent',
      call: 'c1',
      at: 5,
      principal: 'key:ci',
      principalId: '7f',
      environment: 'prod',
      endpoint: '/mcp/s/crm',
      method: 'tools/call',
      server: 'crm',
      name: 'find',
      revision: '2026-07-28',
      argsDigest,
      itemDigest: '',
      rule: 'support: allow crm/*',
      snapshot: 7,
    },
    { kind: 'outcome', call: 'c1', at: 5, status: 'ok', ms: 2.5, bytes: 3, code: '' },
  ])
})

test('without a durable intent nothing is Recorded', async () => {
  const { recorder } = recording(true)
  await expect(recorder.intent(attached, 10, 7)).rejects.toMatchObject({
    code: 'journal_unavailable',
  })
})

test('a refusal is one entry, and long texts are cut', async () => {
  const { recorder, entries } = recording()
  const name = 'n'.repeat(100_000)
  await recorder.refusal({ action: call, server: '', name, code: 'tool_unknown', detail: 'd' })
  await recorder.note({
    kind: 'system',
    principal: '',
    principalId: '',
    environment: 'prod',
    endpoint: '',
    method: 'start',
    detail: 'up',
  })
  expect(entries).toMatchObject([
    { kind: 'refusal', code: 'tool_unknown', name: `${'n'.repeat(4_096)}…` },
    { kind: 'system', at: 5, method: 'start', detail: 'up' },
  ])
})

test('texts are cut by what they take in the journal, and never inside a character', async () => {
  const { recorder, entries } = recording()
  const names = [
    '\u0001'.repeat(4_096),
    '\u{1f600}'.repeat(4_096),
    '"'.repeat(5_000),
    '\ud800'.repeat(700),
  ]
  for (const name of names)
    await recorder.refusal({ action: call, server: '', name, code: 'tool_unknown', detail: '' })
  for (const [index, entry] of entries.entries()) {
    const { name } = Object(entry)
    expect(Buffer.byteLength(JSON.stringify(name))).toBeLessThanOrEqual(4_096 + 5)
    expect(names[index]?.startsWith(String(name).slice(0, -1))).toBe(true)
    expect(String(name).isWellFormed()).toBe(index !== 3)
  }
})

test('beyond the budget of a minute refusals are counted, of each principal for itself, and told of', async () => {
  const { recorder, entries } = recording()
  const refuse = (id: string, code: 'tool_unknown' | 'json_invalid') =>
    recorder.refusal({
      action: { ...call, principal: { ...principal, id, label: `key:${id}` } },
      server: '',
      name: 'x'.repeat(2_000),
      code,
      detail: '',
    })
  for (let count = 0; count < 300; count++)
    await refuse('a', count % 2 === 0 ? 'tool_unknown' : 'json_invalid')
  await refuse('b', 'tool_unknown')
  const written = entries.length
  expect(JSON.stringify(entries.slice(0, -1)).length).toBeLessThan(130_000)
  expect(entries.at(-1)).toMatchObject({ kind: 'refusal', principalId: 'b' })
  recorder.flush()
  recorder.flush()
  expect(entries.length).toBe(written + 1)
  const sum = entries.at(-1)
  expect(sum).toMatchObject({ kind: 'suppressed', principal: 'key:a', principalId: 'a' })
  expect(Object(sum).count).toBe(300 - (written - 1))
  expect(Object(sum).detail).toMatch(/^refusal (tool_unknown|json_invalid) \d+, refusal \w+ \d+$/)
})
