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
  callId: 'c1',
  method: 'tools/call',
  endpoint: { kind: 'server', server: 'crm' },
  era: 'modern',
  revision: '2026-07-28',
  rpcId: '1',
  name: 'find',
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
  call,
  principal,
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
  await recorder.refusal({ call, principal, server: '', name, code: 'tool_unknown', detail: 'd' })
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
