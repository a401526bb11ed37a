import fc from 'fast-check'
import { expect, test } from 'vitest'
import { templateMatches } from './uri-template.ts'

test.each([
  ['test://template/{id}/data', 'test://template/42/data', true],
  ['test://template/{id}/data', 'test://template//data', true],
  ['test://template/{id}/data', 'test://template/42/date', false],
  ['test://template/{id}/data', 'test://template/data', false],
  ['file:///{+path}', 'file:///a/b/c', true],
  ['file:///{+path}', 'http:///a', false],
  ['a{x}b{y}c', 'a1b2c', true],
  ['a{x}b{y}c', 'a1c2b', false],
  ['a{x}bc{y}c', 'abc', false],
  ['plain://x', 'plain://x', true],
  ['plain://x', 'plain://xy', false],
  ['{all}', '', true],
])('%s and %s: %s', (template, uri, matches) => {
  expect(templateMatches(template, uri)).toBe(matches)
})

test('every expansion of a template matches it', () => {
  const part = fc.string().map((text) => text.replace(/[{}]/g, ''))
  fc.assert(
    fc.property(
      fc.array(fc.tuple(part, part), { minLength: 1, maxLength: 6 }),
      part,
      (pairs, tail) => {
        const template = `${pairs.map(([literal], index) => `${literal}{v${index}}`).join('')}${tail}`
        const uri = `${pairs.map(([literal, value]) => literal + value).join('')}${tail}`
        expect(templateMatches(template, uri)).toBe(true)
      },
    ),
  )
})

test('takes linear time where a pattern engine would not', () => {
  const template = `${'a{x}'.repeat(200)}b`
  expect(templateMatches(template, 'a'.repeat(200_000))).toBe(false)
})
