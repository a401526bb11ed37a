import { expect, test } from 'vitest'
import { smugglesText, withoutHidden } from './hidden-text.ts'

test.each([
  ['plain \t\n\r text', 'plain \t\n\r text'],
  ['a\u202eb\u2066c\u2069', 'abc'],
  ['see\u{e0041}\u{e0042}', 'see'],
  ['s\u200be\u2060e\ufeff', 'see'],
  ['\u001b[31mred\u0007\u009b', '[31mred'],
  ['x\u{e0100}\u{e01ef}', 'x'],
  ['d\u00ade\u034fl\u115fe\u3164t\uffa0e\u180e \u206aa\ufe00l\ufff9l\u{1d173}', 'delete all'],
  ['\u2764\ufe0f \u061c\u0627', '\u2764\ufe0f \u061c\u0627'],
  [
    '\u05d0\u200f \u0646\u200c\u0645 \ud83d\udc68\u200d\ud83d\udc69',
    '\u05d0\u200f \u0646\u200c\u0645 \ud83d\udc68\u200d\ud83d\udc69',
  ],
])('%j is seen as %j', (text, seen) => {
  expect(withoutHidden(text)).toBe(seen)
})

test.each([
  ['{"a":"\u202e"}', true],
  ['{"a":"\\u202E"}', true],
  ['{"a":"\\udb40\\udc41"}', true],
  ['{"\u{e0041}":1}', true],
  ['{"a":"\\\\u202e"}', false],
  ['{"a":"\\n\\u00e9\u200b"}', false],
])('%s smuggles: %s', (raw, smuggles) => {
  expect(smugglesText(raw)).toBe(smuggles)
})
