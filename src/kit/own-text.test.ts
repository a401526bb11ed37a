import { expect, test } from 'vitest'
import { ownText } from './own-text.ts'

test('a copy is the same text, lone surrogates included', () => {
  for (const text of ['', 'a', 'ü€😀', '\ud800', 'x\udc00y']) expect(ownText(text)).toBe(text)
})
