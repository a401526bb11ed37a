import { expect, it } from 'vitest'
import { isOf, ownerOf, ownKey, sessionKey } from './session-keys.ts'

it('names the principal, where there is one', () => {
  expect(ownerOf(sessionKey('ann', 'credential', '{}'))).toBe('ann')
  expect(isOf(sessionKey('ann', 'credential', '{}'), (id) => id === 'ann')).toBe(true)
})

it.each([sessionKey(undefined, 'credential', '{}'), ownKey])('%j is of nobody', (key) => {
  // Else the bounds of one principal would count for all who share, and end what others use.
  expect(ownerOf(key)).toBeUndefined()
  expect(isOf(key, () => true)).toBe(false)
})
