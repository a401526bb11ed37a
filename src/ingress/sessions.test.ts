import { afterEach, expect, test } from 'vitest'
import { createKeyRing, newRingKey } from '../kit/key-ring.ts'
import { unlimitedAccount } from '../model/account.ts'
import type { Endpoint } from '../model/action.ts'
import type { Principal } from '../model/principal.ts'
import { GatewayError } from '../model/refusal.ts'
import { noFacts } from './implicit-session.ts'
import { SessionTable, type SessionTableOptions } from './sessions.ts'

const all: Endpoint = { kind: 'all' }
const one: Endpoint = { kind: 'server', server: 's' }
const principal = (name: string): Principal => ({
  id: `id of ${name}`,
  label: `key:${name}`,
  kind: 'agent',
  name,
  user: undefined,
  teams: [],
  environment: 'test',
  roles: [],
  expiresAt: undefined,
})
const [ada, bob] = [principal('ada'), principal('bob')]

const clock = { now: 1_000 }
const open: SessionTable[] = []
function table(more: Partial<SessionTableOptions> = {}): SessionTable {
  const ring = createKeyRing({ keys: [newRingKey(0)] })
  const made = new SessionTable({
    ring,
    node: 'n1',
    countMax: 100,
    perPrincipalMax: 10,
    idleMs: 60_000,
    lifeMs: 3_600_000,
    now: () => clock.now,
    ...more,
  })
  open.push(made)
  return made
}
afterEach(() => {
  for (const made of open.splice(0)) made.close()
  clock.now = 1_000
})

function refusal(run: () => unknown): string | undefined {
  try {
    run()
    return undefined
  } catch (fault) {
    if (fault instanceof GatewayError) return fault.code
    throw fault
  }
}

test('an id is short visible ASCII, and finds its session for its owner at its endpoint only', () => {
  const sessions = table()
  const session = sessions.begin(ada, all, unlimitedAccount, noFacts)
  expect(session.id).toMatch(/^[\x21-\x7e]{1,256}$/)
  expect(sessions.find(session.id, ada, all)).toBe(session)
  for (const [id, who, where] of [
    [session.id, bob, all],
    [session.id, ada, one],
    [`${session.id}x`, ada, all],
    ['forged', ada, all],
    ['', ada, all],
  ] as const)
    expect(refusal(() => sessions.find(id, who, where))).toBe('session_unknown')
})

test('an id longer than a header may be stays short, for any principal and endpoint', () => {
  const long = { ...principal('x'.repeat(64)), id: 'x'.repeat(64) }
  const session = table().begin(
    long,
    { kind: 'server', server: 'a'.repeat(24) },
    unlimitedAccount,
    noFacts,
  )
  expect(session.id.length).toBeLessThanOrEqual(256)
})

test('a session that ended is unknown, and all that it held is ended', () => {
  const sessions = table()
  const session = sessions.begin(ada, all, unlimitedAccount, noFacts)
  const ended: string[] = []
  session.running.set('1', { cancel: () => ended.push('call') })
  session.subscriptions.set('u', () => ended.push('subscription'))
  session.onEnd(() => ended.push('door'))
  session.channel = { attached: true, send: () => undefined, end: () => ended.push('stream') }
  sessions.end(session)
  sessions.end(session)
  expect(ended.sort()).toEqual(['call', 'door', 'stream', 'subscription'])
  expect(refusal(() => sessions.find(session.id, ada, all))).toBe('session_unknown')
  expect(sessions.size).toBe(0)
})

test('a principal that opens too many loses its oldest idle one, and nobody else’s', () => {
  const sessions = table({ perPrincipalMax: 3 })
  const others = sessions.begin(bob, all, unlimitedAccount, noFacts)
  const mine = [1, 2, 3].map((at) => {
    clock.now += at
    return sessions.begin(ada, all, unlimitedAccount, noFacts)
  })
  mine[0]?.running.set('1', { cancel: () => undefined })
  clock.now += 10
  sessions.begin(ada, all, unlimitedAccount, noFacts)
  expect(mine.map((session) => session.ended)).toEqual([false, true, false])
  expect(others.ended).toBe(false)
  expect(sessions.size).toBe(4)
})

test('with nothing idle there is no room', () => {
  const sessions = table({ perPrincipalMax: 1 })
  sessions.begin(ada, all, unlimitedAccount, noFacts).running.set('1', { cancel: () => undefined })
  expect(refusal(() => sessions.begin(ada, all, unlimitedAccount, noFacts))).toBe('busy')
  expect(refusal(() => sessions.begin(bob, all, unlimitedAccount, noFacts))).toBeUndefined()
})

test('all are bounded together', () => {
  const sessions = table({ countMax: 5 })
  for (let count = 0; count < 50; count++) {
    clock.now++
    sessions.begin(principal(`p${count}`), all, unlimitedAccount, noFacts)
  }
  expect(sessions.size).toBe(5)
})

test('sessions of revoked principals end', () => {
  const sessions = table()
  const [gone, kept] = [
    sessions.begin(ada, all, unlimitedAccount, noFacts),
    sessions.begin(bob, all, unlimitedAccount, noFacts),
  ]
  sessions.endWhere((id) => id === ada.id)
  expect([gone.ended, kept.ended]).toEqual([true, false])
})

test('a session ends with its life, even when it is used without pause', () => {
  const sessions = table({ lifeMs: 1_000 })
  const session = sessions.begin(ada, all, unlimitedAccount, noFacts)
  clock.now += 999
  expect(sessions.find(session.id, ada, all)).toBe(session)
  clock.now += 2
  expect(refusal(() => sessions.find(session.id, ada, all))).toBe('session_unknown')
})
