import { expect, it } from 'vitest'
import { mayName } from './may-name.ts'

it.each([
  ['{"uri":1}', true],
  ['{"\\u0075ri":1}', true],
  ['{"\\u0055x":1}', true],
  ['{"a":"caf\\u00e9 \\n \\"uri of"}', false],
  ['{"a":"uri of it"}', false],
])('%s: %s', (json, may) => {
  expect(mayName(json, 'uri')).toBe(may)
  expect(mayName(Buffer.from(json), 'uri')).toBe(may)
})

it('sees a slash that is escaped', () => {
  expect(mayName('{"ui\\/resourceUri":1}', 'ui/resourceUri')).toBe(true)
})
