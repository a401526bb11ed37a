import { expect, it } from 'vitest'
import { methods } from '../model/methods.ts'
import type { RefusalCode } from '../model/refusal.ts'
import { type Attempt, mayRepeat, type Reached, reachedBy } from './retry.ts'

const rows: readonly [Reached, boolean, boolean][] = [
  // how far it got, whether twice is once, whether it may be sent again
  ['unsent', false, true],
  ['unsent', true, true],
  ['refused', false, true],
  ['refused', true, true],
  ['sent', false, false],
  ['sent', true, true],
  ['begun', false, false],
  ['begun', true, false],
]

it.each(rows)('what is %s (repeatable: %s): %s', (reached, repeatable, may) => {
  const attempt: Attempt = { reached, repeatable, attempts: 1 }
  expect(mayRepeat(attempt)).toBe(may)
  expect(mayRepeat({ ...attempt, code: 'server_unavailable' })).toBe(may)
  expect(mayRepeat({ ...attempt, attempts: 2 })).toBe(false)
  expect(mayRepeat({ ...attempt, attempts: 2 }, 3)).toBe(may)
  expect(mayRepeat({ ...attempt, givenUp: true })).toBe(false)
})

const lasting: readonly RefusalCode[] = [
  'server_timeout',
  'server_broken',
  'server_busy',
  'egress_refused',
  'answer_too_large',
  'cancelled',
]

it.each(lasting)('%s does not pass by itself', (code) => {
  expect(mayRepeat({ reached: 'unsent', repeatable: true, attempts: 1, code })).toBe(false)
})

it.each([
  ['ECONNREFUSED', 'unsent'],
  ['UND_ERR_CONNECT_TIMEOUT', 'unsent'],
  ['ECONNRESET', 'sent'],
  ['UND_ERR_SOCKET', 'sent'],
])('%s is %s', (code, reached) => expect(reachedBy(code)).toBe(reached))

it('may be repeated, of what servers are sent, what only reads or ends', () => {
  const once = [...methods.values()]
    .filter(({ answeredBy, isRepeatable }) => answeredBy === 'server' && !isRepeatable)
    .map(({ name }) => name)
  expect(once).toEqual(['tools/call'])
})
