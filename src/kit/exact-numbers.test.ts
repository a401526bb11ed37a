import { expect, it } from 'vitest'
import { exactNumbers } from './exact-numbers.ts'

it('keeps numbers digit by digit, and everything else as it is', () => {
  const text = '{"a":[12345678901234567890,1.10,1e400,-0,7],"b":"12","c":null,"d":{"e":true}}'
  expect(JSON.stringify(JSON.parse(text, exactNumbers))).toBe(text)
  expect(JSON.parse('[7,1.5]', exactNumbers)).toEqual([7, 1.5])
})
