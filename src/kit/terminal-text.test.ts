import { expect, it } from 'vitest'
import { terminalText } from './terminal-text.ts'

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
