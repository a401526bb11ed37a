import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BudgetSpent } from './budget.ts'
import { compileSchema } from './compile.ts'
import { describeProblems } from './problems.ts'
import { makeValidator, type Validator } from './validator.ts'

function validatorOf(schema: unknown): Validator {
  const verdict = compileSchema(JSON.stringify(schema))
  if (verdict.kind === 'fault') throw new Error(verdict.fault)
  return makeValidator(verdict)
}

function check(schema: unknown, json: string): boolean {
  return validatorOf(schema).check(JSON.parse(json), json.length)
}

function faultOf(text: string): string | undefined {
  const verdict = compileSchema(text)
  return verdict.kind === 'fault' ? verdict.fault : undefined
}

function nested(levels: number): string {
  return `${'{"not":'.repeat(levels)}{}${'}'.repeat(levels)}`
}

const draft07 = 'http://json-schema.org/draft-07/schema#'

describe('values that fit and that do not', () => {
  test.each<[name: string, schema: unknown, fits: string[], not: string[]]>([
    ['a plain object', { type: 'object', required: ['a'] }, ['{"a":1}'], ['{}', '[]']],
    ['members that Object has', { required: ['toString'] }, ['{"toString":1}'], ['{}']],
    [
      'members that Object has, typed',
      { properties: { constructor: { type: 'string' } } },
      ['{}', '{"constructor":"x"}'],
      ['{"constructor":1}'],
    ],
    ['a member __proto__', { additionalProperties: false }, ['{}'], ['{"__proto__":1}']],
    ['prefixItems of 2020-12', { prefixItems: [{ type: 'number' }] }, ['[1]'], ['["a"]']],
    [
      'item lists of draft-07',
      { $schema: draft07, items: [{ type: 'number' }] },
      ['[1]'],
      ['[""]'],
    ],
    ['item lists without a dialect', { items: [{ type: 'number' }] }, ['[1]'], ['[""]']],
    [
      'references into $defs, unknown keywords and anchors',
      {
        properties: { a: { $ref: '#/$defs/n' }, b: { $ref: '#/x-y/n' }, c: { $ref: '#here' } },
        $defs: { n: { type: 'number' }, h: { $anchor: 'here', type: 'null' } },
        'x-y': { n: { type: 'string' } },
      },
      ['{"a":1,"b":"","c":null}'],
      ['{"a":""}', '{"b":1}', '{"c":1}'],
    ],
    [
      'a tree through $dynamicRef',
      {
        $dynamicAnchor: 'node',
        type: 'object',
        properties: { children: { type: 'array', items: { $dynamicRef: '#node' } } },
      },
      ['{"children":[{"children":[]}]}'],
      ['{"children":[{"children":[1]}]}'],
    ],
    [
      'huge integers',
      { type: 'integer', multipleOf: 1 },
      ['12345678901234567890', '1e21'],
      ['1.5'],
    ],
    ['a number beyond doubles', { type: 'number' }, ['1e400'], ['"1"']],
    ['decimal multiples', { multipleOf: 0.01 }, ['0.07', '1.13'], ['0.075']],
    [
      'unique items',
      { uniqueItems: true },
      ['[1,"1",[1],["1"]]'],
      ['[{"a":1,"b":2},{"b":2,"a":1}]'],
    ],
    ['patterns', { pattern: '^\\s*[a-z]+$' }, ['"\\u00a0abc"'], ['"Abc"']],
    ['formats', { format: 'date' }, ['"2024-02-29"', '1'], ['"2023-02-29"']],
    ['formats that only annotate', { format: 'no-such' }, ['"x"'], []],
    ['vendor keywords and annotations', { 'x-a': { b: 1 }, example: 1, examples: 2 }, ['1'], []],
    ['nullable of OpenAPI', { type: 'string', nullable: true }, ['null'], ['1']],
    ['nullable without a type', { nullable: true, enum: ['a'] }, ['"a"'], ['null']],
    ['ajv extensions have no effect', { $async: true, type: 'string' }, ['"a"'], ['1']],
    ['false', false, [], ['{}']],
    [
      'defaults are not applied',
      { properties: { a: { default: 1 } }, required: ['a'] },
      [],
      ['{}'],
    ],
  ])('%s', (_name, schema, fits, not) => {
    for (const json of fits) expect(check(schema, json), json).toBe(true)
    for (const json of not) expect(check(schema, json), json).toBe(false)
  })
})

describe('schemas that cannot be used', () => {
  test.each<[string, string, RegExp]>([
    ['broken JSON', '{', /JSON/],
    ['no object', '5', /not an object/],
    ['an unknown dialect', '{"$schema":"https://example.com/mine"}', /dialect/],
    ['draft-04', '{"$schema":"http://json-schema.org/draft-04/schema#"}', /dialect/],
    ['a remote reference', '{"$ref":"https://example.com/a.json"}', /never fetched/],
    ['a reference to a meta-schema', `{"$ref":"${draft07}"}`, /never fetched/],
    ['look-ahead', '{"pattern":"a(?=b)"}', /pattern/],
    ['a back-reference', '{"patternProperties":{"(a)\\\\1":false}}', /pattern/],
    ['a pattern that explodes', '{"pattern":"((a{1,99}){1,99}){1,99}"}', /pattern/],
    ['an invalid keyword', '{"type":"text"}', /valid/],
    ['too deep', nested(70), /deep/],
    ['too deep by far', nested(20_000), /deep/],
    ['too large', JSON.stringify({ description: 'x'.repeat(256_001) }), /larger/],
    ['too many parts', JSON.stringify({ allOf: Array(4_001).fill({ type: 'string' }) }), /parts/],
  ])('%s', (_name, text, sentence) => expect(faultOf(text)).toMatch(sentence))
})

describe('hostile schemas end soon', () => {
  const doubling: Record<string, unknown> = { a40: { type: 'number' } }
  for (let i = 0; i < 40; i++) {
    const next = { $ref: `#/$defs/a${i + 1}` }
    doubling[`a${i}`] = { allOf: [next, next] }
  }
  const deep = `${'{"a":'.repeat(60)}1${'}'.repeat(60)}`
  const many = JSON.stringify(Array.from({ length: 50_000 }, (_, i) => ({ i })))
  test.each<[string, unknown, string]>([
    ['doubling references', { $ref: '#/$defs/a0', $defs: doubling }, '1'],
    [
      'doubling recursion',
      { allOf: [1, 2].map(() => ({ properties: { a: { $ref: '#' } } })) },
      deep,
    ],
    ['recursion without end', { allOf: [{ $ref: '#' }] }, '1'],
    ['nested quantifiers', { pattern: '^(a+)+$' }, JSON.stringify(`${'a'.repeat(50_000)}!`)],
    ['a wide automaton', { pattern: '[ab]*a[ab]{300}$' }, JSON.stringify('ab'.repeat(50_000))],
    ['unique items', { uniqueItems: true }, many],
    ['a huge enum', { items: { enum: Array.from({ length: 5_000 }, (_, i) => [i]) } }, many],
    ['deep allOf', { items: { allOf: Array(500).fill({ minProperties: 1 }) } }, many],
  ])('%s', (_name, schema, json) => {
    const validator = validatorOf(schema)
    const value: unknown = JSON.parse(json)
    try {
      validator.check(value, json.length)
    } catch (error) {
      expect(error instanceof BudgetSpent || error instanceof RangeError).toBe(true)
    }
  })
})

const scalar = fc.oneof(fc.constant(null), fc.boolean(), fc.integer(), fc.string({ maxLength: 4 }))
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: 'small' },
    scalar,
    fc.array(tie('any'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor'), tie('any')),
  ),
})).any
const type = fc.constantFrom('string', 'integer', 'number', 'boolean', 'null', 'array', 'object')
const schema = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: 'small' },
    fc.record({ type }),
    fc.record({ enum: fc.array(scalar, { minLength: 1, maxLength: 4 }) }),
    fc.record({ const: value }),
    fc.record({ type, minLength: fc.nat(3), minItems: fc.nat(2), maximum: fc.integer() }),
    fc.record(
      {
        properties: fc.dictionary(fc.constantFrom('a', 'b', 'constructor'), tie('any')),
        required: fc.uniqueArray(fc.constantFrom('a', 'b', 'c')),
        additionalProperties: fc.oneof(fc.boolean(), tie('any')),
        items: tie('any'),
        uniqueItems: fc.boolean(),
        not: tie('any'),
        unevaluatedProperties: fc.boolean(),
      },
      { requiredKeys: [] },
    ),
    fc.record({ anyOf: fc.array(tie('any'), { minLength: 1, maxLength: 3 }) }),
    fc.record({ oneOf: fc.array(tie('any'), { minLength: 1, maxLength: 3 }) }),
    fc.tuple(tie('any'), tie('any')).map(([when, not]) =>
      Object.fromEntries([
        ['if', when],
        ['then', not],
        ['else', when],
      ]),
    ),
  ),
})).any

test('agrees with plain ajv, and every refusal can be described', () => {
  const ajv = new Ajv2020({ strict: false, ownProperties: true })
  fc.assert(
    fc.property(schema, fc.array(value, { minLength: 1, maxLength: 5 }), (made, values) => {
      const text = JSON.stringify(made)
      const validator = validatorOf(made)
      const plain = ajv.compile(JSON.parse(text))
      for (const entry of values) {
        const json = JSON.stringify(entry)
        const parsed: unknown = JSON.parse(json)
        const fits = validator.check(parsed, json.length)
        expect(fits).toBe(plain(parsed))
        if (fits) continue
        const described = describeProblems(validator.problems(parsed), parsed)
        expect(described.split('\n').length).toBeGreaterThanOrEqual(3)
        expect(described.split('\n').length).toBeLessThanOrEqual(8)
      }
    }),
    { numRuns: 300 },
  )
})

test('whatever is given as a schema gets a verdict', () => {
  const keyword = fc.constantFrom(
    ...['type', 'properties', 'items', '$ref', '$id', 'pattern', 'enum', 'required', 'allOf'],
    ...['$schema', '$anchor', '__proto__', 'nullable', '$async', 'sallyport-cost', 'dependencies'],
  )
  const anything = fc.letrec((tie) => ({
    any: fc.oneof(
      { depthSize: 'small' },
      scalar,
      fc.constantFrom('#', '#/a', 'string', 'http://a/b', '(', '\\'),
      fc.array(tie('any'), { maxLength: 3 }),
      fc.dictionary(keyword, tie('any')),
    ),
  })).any
  fc.assert(
    fc.property(anything, value, (made, entry) => {
      const verdict = compileSchema(JSON.stringify(made))
      if (verdict.kind === 'fault') {
        expect(verdict.fault).not.toBe('')
        return
      }
      try {
        makeValidator(verdict).check(entry, 100)
      } catch (error) {
        expect(error instanceof BudgetSpent || error instanceof RangeError).toBe(true)
      }
    }),
    { numRuns: 1_000 },
  )
})
