import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeHeaderValue, encodeHeaderValue } from './header-value.ts'

test.each([
  ['echo', 'echo'],
  ['two words', 'two words'],
  ['file:///a?b=c#d', 'file:///a?b=c#d'],
  ['', '=?base64??='],
  [' padded ', '=?base64?IHBhZGRlZCA=?='],
  ['tab\there', '=?base64?dGFiCWhlcmU=?='],
  ['line\nbreak', '=?base64?bGluZQpicmVhaw==?='],
  ['Grüße', '=?base64?R3LDvMOfZQ==?='],
  ['日本', '=?base64?5pel5pys?='],
  ['😀', '=?base64?8J+YgA==?='],
  ['=?base64?eA==?=', '=?base64?PT9iYXNlNjQ/ZUE9PT89?='],
  ['=?base64?open', '=?base64?open'],
  ['close?=', 'close?='],
])('%j travels as %s', (text, header) => {
  expect(encodeHeaderValue(text)).toBe(header)
  expect(decodeHeaderValue(header)).toBe(text)
})

test.each([
  ['=?base64?SGVsbG8?=', 'padding is missing'],
  ['=?base64?SGVs!!!bG8=?=', 'no base64'],
  ['=?base64?SGVsbG8===?=', 'too much padding'],
  ['=?base64?SG Vs?=', 'a blank inside'],
  ['=?base64?/w==?=', 'not UTF-8'],
  ['=?base64?7aCA?=', 'a lone surrogate'],
])('%s is refused: %s', (header) => {
  expect(decodeHeaderValue(header)).toBeUndefined()
})

test.each([
  ['  echo\t', 'echo'],
  ['=?BASE64?eA==?=', '=?BASE64?eA==?='],
  ['eA==', 'eA=='],
])('%j is read as %j', (header, text) => {
  expect(decodeHeaderValue(header)).toBe(text)
})

test('every text comes back, in visible ASCII', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (raw) => {
      const text = raw.toWellFormed()
      const header = encodeHeaderValue(text)
      expect(header).toMatch(/^[\x20-\x7e]+$/)
      expect(header.trim()).toBe(header)
      expect(decodeHeaderValue(header)).toBe(text)
    }),
  )
})
