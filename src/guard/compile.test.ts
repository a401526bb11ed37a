import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BudgetSpent, openBudget } from './budget.ts'
import { compileSchema } from './compile.ts'
import { describeProblems } from './problems.ts'
import { makeValidator, type Validator } from './validator.ts'

function validatorOf(schema: unknown): Validator {
  const verdict = compileSchema(JSON.stringify(schema))
  if (verdict.kind === 'fault') throw new Error(verdict.fault)
  return makeValidator(verdict)
}

function check(schema: unknown, json: string): boolean {
  openBudget(1_000_000)
  return validatorOf(schema).check(JSON.parse(json))
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
    ['formats, which annotate', { format: 'date' }, ['"2024-02-30"', '1', '"x"'], []],
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

describe('keywords that cannot be read are left to the server, the rest is judged', () => {
  const lookAhead = '^(?!\\s*$).+'
  test.each<[name: string, schema: unknown, places: string[], fits: string[], not: string[]]>([
    [
      'look-ahead',
      { required: ['a'], properties: { a: { type: 'string', pattern: lookAhead } } },
      ['/properties/a/pattern'],
      ['{"a":""}'],
      ['{}', '{"a":1}'],
    ],
    ['a back-reference', { pattern: '(a)\\1', minLength: 2 }, ['/pattern'], ['"bb"'], ['"b"']],
    ['a glob', { pattern: '*.txt', type: 'string' }, ['/pattern'], ['"a"'], ['1']],
    ['a pattern that explodes', { pattern: '((a{1,99}){1,99}){1,99}' }, ['/pattern'], ['""'], []],
    [
      'a pattern of names, and what would refuse the others',
      { patternProperties: { '(a)\\1': { type: 'null' } }, additionalProperties: false },
      ['/patternProperties/(a)\\1', '/additionalProperties'],
      ['{"aa":1}'],
      [],
    ],
    [
      'an unknown type',
      { properties: { a: { type: 'int' } } },
      ['/properties/a/type'],
      ['{"a":"x"}'],
      [],
    ],
    ['an unknown type among others', { type: ['string', 'text'] }, ['/type'], ['1'], []],
    ['type null', { type: null, minimum: 1 }, ['/type'], ['2'], ['0']],
    [
      'required true',
      { properties: { a: { required: true, type: 'string' } } },
      ['/properties/a/required'],
      ['{}'],
      ['{"a":1}'],
    ],
    [
      'required below properties',
      { properties: { a: { type: 'string' }, required: ['a'] } },
      ['/properties/required'],
      ['{}'],
      ['{"a":1}'],
    ],
    ['required null', { required: null, type: 'object' }, ['/required'], ['{}'], ['1']],
    ['required twice', { required: ['a', 'a'] }, [], ['{"a":1}'], ['{}']],
    [
      'an empty enum',
      { properties: { a: { enum: [], type: 'string' } } },
      ['/properties/a/enum'],
      ['{"a":"x"}'],
      ['{"a":1}'],
    ],
    [
      'a reference to nothing',
      { properties: { a: { $ref: '#/$defs/Gone' }, b: { type: 'null' } } },
      ['/properties/a/$ref'],
      ['{"a":1}'],
      ['{"b":1}'],
    ],
    [
      'a remote reference',
      { $ref: 'https://example.com/a.json', type: 'object' },
      ['/$ref'],
      ['{}'],
      ['1'],
    ],
    [
      'a reference to a meta-schema',
      { properties: { a: { $ref: draft07 } } },
      ['/properties/a/$ref'],
      ['{"a":1}'],
      [],
    ],
    ['numbers as text', { minLength: '3', maxLength: 4 }, ['/minLength'], ['"a"'], ['"abcde"']],
    [
      'a schema that is none',
      { properties: { a: 'string', b: { type: 'string' } }, additionalProperties: false },
      ['/properties/a'],
      ['{"a":1}'],
      ['{"b":1}', '{"c":1}'],
    ],
    [
      'properties that are none, and what would refuse all',
      { properties: 'a', additionalProperties: false },
      ['/properties', '/additionalProperties'],
      ['{"a":1}'],
      [],
    ],
    [
      'an alternative that is none',
      { anyOf: [{ type: 'string' }, 'number'] },
      ['/anyOf/1'],
      ['1'],
      [],
    ],
    ['no alternatives', { anyOf: [], type: 'string' }, ['/anyOf'], ['""'], ['1']],
    ['inside not', { not: { pattern: lookAhead } }, ['/not/pattern', '/not'], ['"a"'], []],
    [
      'inside not, behind a reference',
      { not: { $ref: '#/$defs/p' }, $defs: { p: { pattern: lookAhead } } },
      ['/not', '/$defs/p/pattern'],
      ['"a"'],
      [],
    ],
    [
      'inside oneOf',
      { oneOf: [{ pattern: lookAhead }, { type: 'string' }] },
      ['/oneOf/0/pattern', '/oneOf'],
      ['"a"'],
      [],
    ],
    [
      'inside if',
      JSON.parse(`{"if":{"pattern":${JSON.stringify(lookAhead)}},"then":false}`),
      ['/if/pattern', '/if', '/then'],
      ['"a"'],
      [],
    ],
    [
      'inside contains',
      { contains: { pattern: lookAhead }, maxContains: 1 },
      ['/contains/pattern', '/maxContains'],
      ['["a","b"]'],
      ['[]'],
    ],
    [
      'beside unevaluated members',
      { allOf: [{ properties: 'a' }], unevaluatedProperties: false },
      ['/allOf/0/properties', '/unevaluatedProperties'],
      ['{"a":1}'],
      [],
    ],
    [
      'an unknown dialect',
      { $schema: 'https://example.com/mine', type: 'string' },
      ['/$schema'],
      ['""'],
      ['1'],
    ],
    ['no object', 5, [''], ['1'], []],
    ['null', null, [''], ['1'], []],
    ['an identifier that is none', { $id: 5, type: 'string' }, ['/$id'], ['""'], ['1']],
  ])('%s', (_name, schema, places, fits, not) => {
    const verdict = compileSchema(JSON.stringify(schema))
    if (verdict.kind === 'fault') throw new Error(verdict.fault)
    expect(verdict.skipped.map(({ place }) => place).sort()).toEqual([...places].sort())
    for (const { reason } of verdict.skipped) expect(reason).not.toBe('')
    for (const json of fits) expect(check(schema, json), json).toBe(true)
    for (const json of not) expect(check(schema, json), json).toBe(false)
  })

  test.each<[string, unknown, string[], string[]]>([
    [
      'draft-07 by https',
      {
        $schema: 'https://json-schema.org/draft-07/schema#',
        properties: { n: { type: 'integer' } },
      },
      ['{"n":3}'],
      ['{"n":""}'],
    ],
    [
      '2020-12 by http',
      {
        $schema: 'http://json-schema.org/draft/2020-12/schema',
        properties: { n: { type: 'integer' } },
      },
      ['{"n":3}'],
      ['{"n":""}'],
    ],
    [
      'draft-04',
      { $schema: 'http://json-schema.org/draft-04/schema#', minimum: 0, exclusiveMinimum: true },
      ['1'],
      ['0'],
    ],
    [
      'draft-04 that does not say so',
      { maximum: 5, exclusiveMaximum: true, minimum: 0, exclusiveMinimum: false },
      ['0', '4'],
      ['5', '-1'],
    ],
    [
      'lists of items in 2020-12',
      {
        $schema: 'https://json-schema.org/draft/2020-12/schema',
        items: [{ type: 'string' }, { type: 'number' }],
        additionalItems: false,
      },
      ['["a",1]'],
      ['[1]', '["a",1,2]'],
    ],
  ])('%s is read', (_name, schema, fits, not) => {
    const verdict = compileSchema(JSON.stringify(schema))
    expect(verdict).toMatchObject({ kind: 'source', skipped: [] })
    for (const json of fits) expect(check(schema, json), json).toBe(true)
    for (const json of not) expect(check(schema, json), json).toBe(false)
  })
})

describe('as many parts as a schema may have are checked', () => {
  test.each<[string, number, object, unknown, unknown]>([
    ['types', 3_990, { type: 'integer' }, 1, 'x'],
    ['bounds', 3_990, { type: 'integer', minimum: 1, maximum: 9 }, 5, 10],
    ['lengths', 3_990, { type: 'string', minLength: 1, maxLength: 9 }, 'x', ''],
    ['references', 3_990, { $ref: '#/$defs/a' }, 'x', 1],
    ['alternatives', 1_300, { anyOf: [{ type: 'null' }, { const: 1 }] }, 1, 2],
    ['objects', 1_900, { type: 'object', required: ['a'], properties: { a: {} } }, { a: 1 }, {}],
    ['negations', 1_900, { not: { type: 'integer' } }, 'x', 1],
  ])('%s', (_name, count, part, fits, not) => {
    const properties = Object.fromEntries(Array.from({ length: count }, (_, i) => [`p${i}`, part]))
    const schema = { type: 'object', properties, $defs: { a: { type: 'string' } } }
    const validator = validatorOf(schema)
    const last = `p${count - 1}`
    openBudget(1_000_000)
    expect(validator.check({ p0: fits, [last]: fits })).toBe(true)
    expect(validator.check({ p0: fits, [last]: not })).toBe(false)
    expect(
      validator.problems({ p0: fits, [last]: not }).map(({ instancePath }) => instancePath),
    ).toContain(`/${last}`)
  })
})

describe('schemas that could take any time are refused', () => {
  test.each<[string, string, RegExp]>([
    ['broken JSON', '{', /JSON/],
    ['too deep', nested(70), /deep/],
    ['too deep by far', nested(20_000), /deep/],
    ['too large', JSON.stringify({ description: 'x'.repeat(256_001) }), /larger/],
    ['too many parts', JSON.stringify({ allOf: Array(4_001).fill({ type: 'string' }) }), /parts/],
    ['recursion without end', '{"allOf":[{"$ref":"#"}]}', /without end/],
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
    ['nested quantifiers', { pattern: '^(a+)+$' }, JSON.stringify(`${'a'.repeat(50_000)}!`)],
    ['a wide automaton', { pattern: '[ab]*a[ab]{300}$' }, JSON.stringify('ab'.repeat(50_000))],
    ['unique items', { uniqueItems: true }, many],
    ['a huge enum', { items: { enum: Array.from({ length: 5_000 }, (_, i) => [i]) } }, many],
    ['deep allOf', { items: { allOf: Array(500).fill({ minProperties: 1 }) } }, many],
  ])('%s', (_name, schema, json) => {
    const validator = validatorOf(schema)
    const value: unknown = JSON.parse(json)
    try {
      openBudget(1_000_000 + 8 * json.length)
      validator.check(value)
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
      const verdict = compileSchema(text)
      // A value with a member "__proto__" is left to the server.
      fc.pre(verdict.kind === 'source' && verdict.skipped.length === 0)
      const validator = validatorOf(made)
      const plain = ajv.compile(JSON.parse(text))
      for (const entry of values) {
        const json = JSON.stringify(entry)
        const parsed: unknown = JSON.parse(json)
        openBudget(1_000_000)
        const fits = validator.check(parsed)
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
        openBudget(1_000_000)
        makeValidator(verdict).check(entry)
      } catch (error) {
        expect(error instanceof BudgetSpent || error instanceof RangeError).toBe(true)
      }
    }),
    { numRuns: 1_000 },
  )
})
