import { expect, test } from 'vitest'
import { nearest } from './nearest.ts'

test.each([
  ['serverz', ['servers', 'roles'], 'servers'],
  ['HEADER', ['headers', 'url'], 'headers'],
  ['user_id', ['userId'], 'userId'],
  ['modrn', ['auto', 'legacy', 'modern'], 'modern'],
  ['colour', ['mode', 'retention'], undefined],
  ['xy', ['ab'], undefined],
  ['x', [], undefined],
])('%s of %j is %s', (word, candidates, expected) => {
  expect(nearest(word, candidates)).toBe(expected)
})
