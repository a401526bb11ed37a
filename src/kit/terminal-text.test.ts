import { expect, it } from 'vitest'
import { terminalLine, terminalText, terminalValue } from './terminal-text.ts'

it.each([
  ['a\tb\nc', 'a\tb\nc'],
  ['\u001b[31mred\u0007\r', '[31mred'],
  ['invoice\u202egpj.exe', 'invoicegpj.exe'],
  ['a\u2066b\u2069\u200f', 'ab'],
  ['tag\u{e0041}\u{e007f}', 'tag'],
  ['äöü 漢字 🎉', 'äöü 漢字 🎉'],
])('%j', (text, shown) => {
  expect(terminalText(text)).toBe(shown)
})

it.each([
  ['a\n2026-01-01 b\r\n\tc', 'a 2026-01-01 b c'],
  ['a\u2028b\u0085c\u000bd', 'a b c d'],
  ['  a  b', '  a  b'],
])('%j on one line', (text, shown) => {
  expect(terminalLine(text)).toBe(shown)
})

it.each([
  ['files.read_file', 'files.read_file'],
  ['key:ci', 'key:ci'],
  ['*/*', '*/*'],
  ['', '""'],
  ['x code=ok', '"x code=ok"'],
  ['x=y', '"x=y"'],
  ['"quoted"', '"\\"quoted\\""'],
  ['a\nb\tc', '"a\\nb\\tc"'],
  ['\u001b[31m\u009b\u202e\u2028', '"\\u001b[31m\\u009b\\u202e\\u2028"'],
  ['tag\u{e0041}', '"tag\\udb40\\udc41"'],
  ['漢字', '"漢字"'],
  [12.5, '12.5'],
  [{ a: 'x\u202e' }, '{"a":"x\\u202e"}'],
])('%j as a value', (value, shown) => {
  expect(terminalValue(value)).toBe(shown)
})
