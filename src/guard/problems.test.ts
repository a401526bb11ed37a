import { expect, test } from 'vitest'
import { openBudget } from './budget.ts'
import { compileSchema } from './compile.ts'
import { describeProblems } from './problems.ts'
import { makeValidator } from './validator.ts'

function problems(schema: unknown, args: unknown): string {
  const verdict = compileSchema(JSON.stringify(schema))
  if (verdict.kind === 'fault') throw new Error(verdict.fault)
  const validator = makeValidator(verdict)
  openBudget(1_000_000)
  expect(validator.check(args)).toBe(false)
  return describeProblems(validator.problems(args), args)
}

const shape = (kind: string, member: string) => ({
  type: 'object',
  properties: { kind: { const: kind }, [member]: { type: 'number' } },
  required: ['kind', member],
})
const twoShapes = {
  properties: { shape: { oneOf: [{ $ref: '#/$defs/A' }, { $ref: '#/$defs/B' }] } },
  $defs: { A: shape('a', 'x'), B: shape('b', 'y') },
}

test.each<[name: string, schema: unknown, args: unknown, lines: string[]]>([
  [
    'a misspelt member',
    { properties: { path: { type: 'string' } }, required: ['path'], additionalProperties: false },
    { pth: 'x' },
    [
      '- /path: expected a required member of type string, got nothing. Did you mean this by "pth"?',
      '- /pth: expected no such member, got string "x". Did you mean "path"?',
    ],
  ],
  [
    'an unknown member',
    { properties: { from: {}, to: {} }, additionalProperties: false },
    { colour: 1 },
    ['- /colour: expected no such member, got number 1. Known members: from, to.'],
  ],
  [
    'a number in a string',
    { properties: { n: { type: 'integer' } } },
    { n: '5' },
    ['- /n: expected integer, got string "5". Send the JSON value itself, not a string of it.'],
  ],
  [
    'a list that is none',
    { properties: { 'a/b': { type: 'array' } } },
    { 'a/b': 'x' },
    ['- /a~1b: expected array, got string "x". Put it into a list: [ ... ].'],
  ],
  [
    'an enum',
    { properties: { m: { enum: ['read', 'write'] } } },
    { m: 'raed' },
    ['- /m: expected one of "read", "write", got string "raed". Did you mean "read"?'],
  ],
  [
    'alternatives by type',
    { properties: { a: { anyOf: [{ type: 'string' }, { type: 'null' }] } } },
    { a: 5 },
    ['- /a: expected string or null, got number 5.'],
  ],
  [
    'alternatives by tag, behind references',
    twoShapes,
    { shape: { kind: 'b', y: true } },
    ['- /shape/y: expected number, got boolean true.'],
  ],
  [
    'bounds',
    { properties: { a: { minItems: 2 } } },
    { a: [1] },
    ['- /a: expected at least 2 items, got array of 1 items.'],
  ],
  [
    'the whole',
    { type: 'object', minProperties: 1 },
    {},
    ['- arguments: expected at least 1 members, got object without members.'],
  ],
])('%s', (_name, schema, args, lines) => {
  expect(problems(schema, args)).toBe(`Problems:\n${lines.join('\n')}\n`)
})

test('at most five problems, each of a bounded length', () => {
  const args = Object.fromEntries(
    Array.from({ length: 40 }, (_, i) => [`m${i}`.repeat(500), 'v'.repeat(9_999)]),
  )
  const text = problems({ additionalProperties: { enum: Array(500).fill('w'.repeat(500)) } }, args)
  expect(text.split('\n').slice(-2)[0]).toBe('- and 35 more')
  expect(text.length).toBeLessThan(8_000)
})
