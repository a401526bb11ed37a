import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { JsonSchema } from '../model/conversion.ts'
import { Compactor } from './compact.ts'

const many = (count: number, make: (index: number) => JsonSchema): JsonSchema =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`member_${index}`, make(index)]))
const long = 'Words that say a lot of what this is, and then some more. '.repeat(6)
const object = (properties: JsonSchema, more: JsonSchema = {}): JsonSchema => ({
  type: 'object',
  properties,
  ...more,
})

function compact(inputSchema: JsonSchema, outputSchema: JsonSchema = { type: 'object' }) {
  const { definition, judged } = new Compactor(1).compact({ name: 'x', inputSchema, outputSchema })
  return { input: definition.inputSchema, output: definition.outputSchema ?? {}, judged }
}
const takes = (schema: JsonSchema, value: unknown): boolean =>
  new Ajv2020({ strict: false }).compile(schema)(value)

describe('a schema', () => {
  it('within its bound is the same', () => {
    const schema = object({ a: { type: 'string', description: long.slice(0, 500) } })
    const { input, output, judged } = compact(schema, schema)
    expect([input, output, judged]).toEqual([schema, schema, undefined])
  })

  it('of an answer loses words before it loses anything else', () => {
    const schema = object(
      many(20, () => ({ type: 'string', description: long, enum: ['a', 'b'] })),
      { required: ['member_0'] },
    )
    const { output } = compact({ type: 'object' }, schema)
    expect(output['required']).toEqual(['member_0'])
    expect(JSON.stringify(output)).not.toContain('Words')
    expect(takes(output, { member_0: 'c' })).toBe(false)
  })

  it('of arguments is shorter in words, or shows fewer levels and keeps the whole to judge by', () => {
    const wordy = object(
      many(30, () => object({ a: { type: 'string', description: long.repeat(3) } })),
    )
    expect(compact(wordy).judged).toBeUndefined()
    expect(JSON.stringify(compact(wordy).input).length).toBeLessThan(16_384)
    const deep = object(
      many(12, () => object(many(10, () => object(many(10, () => ({ type: 'integer' })))))),
      { additionalProperties: false },
    )
    const { input, judged } = compact(deep)
    expect(judged).toBe(deep)
    expect(JSON.stringify(input).length).toBeLessThan(16_384)
    expect(input['description']).toContain('judged by the whole schema')
    expect(Object.keys(Object(input['properties']))).toHaveLength(12)
  })

  it.each<[string, JsonSchema, unknown]>([
    [
      'an exclusive choice',
      {
        oneOf: [
          object({ a: { const: 1 } }, { required: ['a'] }),
          object({ b: { const: 2 } }, { required: ['b'] }),
        ],
      },
      { a: 1, b: 3 },
    ],
    [
      'what must not be',
      { not: object({ deep: object({ x: { const: 1 } }) }, { required: ['deep'] }) },
      { other: 1 },
    ],
    [
      'a condition',
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema.
      { if: object({ deep: object({ x: { const: 1 } }) }), then: { required: ['y'] } },
      { deep: { x: 2 } },
    ],
    [
      'a bound on what is contained',
      object({
        list: {
          type: 'array',
          contains: object({ d: object({ e: { const: 1 } }) }, { required: ['d'] }),
          maxContains: 1,
        },
      }),
      { list: [{ d: { e: 1 } }, { d: { e: 2 } }] },
    ],
    [
      'what is not evaluated',
      {
        ...object({ a: {} }),
        anyOf: [object({ b: object({ c: {} }) })],
        unevaluatedProperties: false,
      },
      { a: 1, b: { c: 1 } },
    ],
    [
      'names of members',
      object({}, { propertyNames: { anyOf: [{ pattern: '^a' }, object({ x: {} })] } }),
      { ab: 1 },
    ],
    [
      'tuples',
      object({
        t: {
          type: 'array',
          prefixItems: [object({ a: object({ b: {} }) }), { type: 'integer' }],
          items: { type: 'boolean' },
        },
      }),
      { t: [{ a: { b: 1 } }, 1, true] },
    ],
  ])('never refuses what it took: %s', (_, part, value) => {
    const filler = object(
      many(60, () => object(many(5, () => object(many(3, () => ({ type: 'integer' })))))),
    )
    const schema: JsonSchema = {
      type: 'object',
      ...part,
      properties: { ...Object(part['properties']), ...Object(filler['properties']) },
    }
    expect(takes(schema, value)).toBe(true)
    const { output, input } = compact(schema, schema)
    expect(JSON.stringify(output).length).toBeLessThanOrEqual(2_048)
    expect(takes(output, value)).toBe(true)
    expect(takes(input, value)).toBe(true)
  })

  it('that holds itself, or points at what is not there, ends', () => {
    const node = object({
      next: { $ref: '#/$defs/Node' },
      ...many(40, () => ({ $ref: '#/$defs/Other' })),
    })
    const other = object(
      many(60, () =>
        object({ far: { $ref: '#/$defs/Node' }, note: { type: 'string', description: long } }),
      ),
    )
    const schema = { ...node, $defs: { Node: node, Other: other } }
    for (const shown of Object.values(compact(schema, schema)).slice(0, 2))
      expect(
        takes(Object(shown), { next: { next: { member_0: { member_3: { far: {} } } } } }),
      ).toBe(true)
  })

  it('with more members than there is room for shows the required ones first, and still takes the others', () => {
    const schema = object(
      many(900, () => ({ type: 'string', description: long })),
      { required: ['member_7', 'member_899'], additionalProperties: false },
    )
    const { input, output } = compact(schema, schema)
    for (const shown of [input, output]) {
      expect(shown['required']).toEqual(['member_7', 'member_899'])
      const names = Object.keys(Object(shown['properties']))
      expect(names).toContain('member_899')
      expect(names.length).toBeGreaterThan(20)
      expect(takes(shown, { member_7: 'a', member_899: 'b', member_850: 'c' })).toBe(true)
      expect(takes(shown, { member_7: 'a' })).toBe(false)
      expect(takes(shown, { member_7: 1, member_899: 'b' })).toBe(false)
    }
  })

  it('whose answer is no object, or of several kinds, stays so', () => {
    const list = { type: 'array', items: object(many(300, () => object({ [long]: {} }))) }
    const either = { anyOf: [list, { type: 'string' }, object(many(300, () => list))] }
    for (const [schema, value] of [
      [list, [{}]],
      [either, 'a'],
      [{ $ref: '#/$defs/L', $defs: { L: either } }, [{}]],
    ] as const) {
      const { output } = compact({ type: 'object' }, schema)
      expect(JSON.stringify(output).length).toBeLessThanOrEqual(2_048)
      expect(takes(output, value)).toBe(true)
      expect(output['type']).toBe(Object(schema)['type'])
    }
  })

  it('is measured in bytes as they are sent', () => {
    for (const text of ['"\\"\n', 'ä€😀', '\u0001\u001f', '\ud800']) {
      const wordy = object(many(12, () => object({ [text]: { description: text.repeat(400) } })))
      const { input, output } = compact(wordy, wordy)
      expect(bytesOf(output)).toBeLessThanOrEqual(2_048)
      expect(bytesOf(input)).toBeLessThanOrEqual(16_384 - bytesOf(output))
    }
  })

  it('of a long enumeration shows some values', () => {
    const values = Array.from({ length: 300 }, (_, at) => `value ${at}`)
    const schema = object({ ...many(20, () => ({ type: 'string', enum: values })) })
    const { input } = compact(schema)
    expect(JSON.stringify(input)).toContain('"examples":["value 0",')
    expect(takes(input, { member_0: 'value 299' })).toBe(true)
  })

  it('never refuses what it took, whatever it is made of', () => {
    let cut = 0
    let taken = 0
    fc.assert(
      fc.property(
        anySchema,
        fc.array(anyValue, { minLength: 20, maxLength: 20 }),
        (root, values) => {
          // Of so many tools each has little room.
          const make = () =>
            new Compactor(1_000_000).compact({ name: 'x', inputSchema: root, outputSchema: root })
          const { definition, judged } = make()
          expect(make()).toEqual({ definition, judged })
          const whole = compile(root)
          for (const [shown, bytesMax] of [
            [definition.outputSchema ?? {}, 833],
            [definition.inputSchema, 2_500],
          ] as const) {
            if (JSON.stringify(shown) === JSON.stringify(root)) continue
            cut++
            expect(bytesOf(shown)).toBeLessThanOrEqual(bytesMax)
            const summary = compile(shown)
            for (const value of values) {
              if (!whole(value)) continue
              taken++
              if (!summary(value)) throw new Error(JSON.stringify({ root, shown, value }))
            }
          }
        },
      ),
      { numRuns: 100, seed: 44 },
    )
    expect(cut).toBeGreaterThan(100)
    expect(taken).toBeGreaterThan(500)
  })
})

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value))
const compile = (schema: JsonSchema) => new Ajv2020({ strict: false }).compile(schema)

const memberName = fc.constantFrom('a', 'b', 'c', 'd')
const anyValue = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom<unknown>(0, 1, 2, 'a', 'ab', true, null),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(memberName, tie('value'), { maxKeys: 4 }),
  ),
})).value

/** Schemas of all keywords, with definitions that do not lead in circles; made large by names and words. */
const anySchema: fc.Arbitrary<JsonSchema> = fc
  .tuple(schemaWith([0, 1, 2]), schemaWith([1, 2]), schemaWith([2]), schemaWith([]))
  .map(([root, d0, d1, d2]) => ({
    ...root,
    description: long,
    $defs: { D0: d0, D1: d1, D2: { ...d2, title: long.repeat(3) } },
  }))

function schemaWith(definitions: readonly number[]): fc.Arbitrary<JsonSchema> {
  const constant = fc.constantFrom<unknown>(0, 1, 'a', 'ab', true, null, {}, [])
  return fc.letrec<{ schema: JsonSchema }>((tie) => {
    const schema = tie('schema')
    const map = fc.dictionary(memberName, schema, { maxKeys: 3, noNullPrototype: true })
    const list = fc.array(schema, { minLength: 1, maxLength: 3 })
    const count = fc.nat(3)
    const keywords = {
      properties: map,
      patternProperties: fc.dictionary(fc.constantFrom('^a', 'b$'), schema, {
        noNullPrototype: true,
      }),
      additionalProperties: fc.oneof(fc.boolean(), schema),
      unevaluatedProperties: fc.oneof(fc.boolean(), schema),
      propertyNames: schema,
      dependentSchemas: map,
      required: fc.uniqueArray(memberName, { maxLength: 2 }),
      maxProperties: count,
      items: fc.oneof(fc.boolean(), schema),
      prefixItems: list,
      contains: schema,
      minContains: count,
      maxContains: count,
      uniqueItems: fc.boolean(),
      unevaluatedItems: fc.oneof(fc.boolean(), schema),
      ...{ anyOf: list, oneOf: list, allOf: list, not: schema },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema.
      ...{ if: schema, then: schema, else: schema },
    }
    const some = fc
      .uniqueArray(fc.constantFrom(...Object.keys(keywords)), { minLength: 1, maxLength: 3 })
      .chain((names) =>
        fc.record<JsonSchema>(
          Object.fromEntries(Object.entries(keywords).filter(([name]) => names.includes(name))),
        ),
      )
    const leaves = [
      fc.constantFrom<JsonSchema>({}, { type: 'object' }, { type: ['string', 'integer'] }),
      fc.record({ enum: fc.uniqueArray(constant, { minLength: 1, maxLength: 4 }) }),
      ...definitions.map((at) => fc.constant<JsonSchema>({ $ref: `#/$defs/D${at}` })),
    ]
    return { schema: fc.oneof({ maxDepth: 3, withCrossShrink: true }, ...leaves, some) }
  }).schema
}
