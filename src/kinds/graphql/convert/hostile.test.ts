/** Schemas that are broken, or meant to break: a report with a place, in bounded time, and never a crash. */

import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { costOf } from '../../../../test/cost.ts'
import { type ConversionCode, ConversionFault } from '../../../model/conversion.ts'
import { graphqlSpec } from '../../../model/kinds/graphql.ts'
import { convertGraphql } from './convert.ts'

const convert = (text: string, spec: object = {}) =>
  convertGraphql(graphqlSpec.parse({ url: 'https://x.example/graphql', ...spec }), {
    location: 'x.graphql',
    text,
    mediaType: undefined,
  })

async function fault(text: string): Promise<ConversionFault> {
  const outcome: unknown = await convert(text).catch((thrown: unknown) => thrown)
  if (outcome instanceof ConversionFault) return outcome
  throw new Error('it converted', { cause: outcome })
}

describe('what is no schema', () => {
  const broken: [string, string, ConversionCode, RegExp][] = [
    ['nothing', '', 'description_invalid', /Unexpected <EOF>/],
    ['HTML', '<html></html>', 'description_invalid', /Unexpected/],
    ['YAML', 'openapi: 3.0.0', 'description_invalid', /Unexpected/],
    ['half of a schema', 'type Query { a: ', 'description_invalid', /Expected/],
    ['types without operations', 'type A { a: Int }', 'description_invalid', /neither queries/],
    ['a type twice', 'type Query { a: Int } type Query { b: Int }', 'description_invalid', /twice/],
    ['JSON of something else', '{"swagger":"2.0"}', 'description_invalid', /__schema/],
    ['broken JSON', '{"data":', 'description_invalid', /JSON/],
    ['types that are none', '{"__schema":{"types":[1,null]}}', 'description_invalid', /./],
    [
      'a query type that is not there',
      '{"__schema":{"queryType":{"name":"Q"},"types":[],"directives":[]}}',
      'description_invalid',
      /Q/,
    ],
    ['lists in lists', `type Query { a: ${'['.repeat(200_000)}Int`, 'description_invalid', /deep/],
    ['braces in braces', '{'.repeat(500_000), 'description_invalid', /./],
    [
      'an introspection of lists in lists',
      `{"__schema":{"queryType":{"name":"Q"},"directives":[],"types":[{"kind":"OBJECT","name":"Q","interfaces":[],"fields":[{"name":"a","args":[],"isDeprecated":false,"type":${'{"kind":"LIST","ofType":'.repeat(5_000)}null${'}'.repeat(5_000)}}]}]}}`,
      'description_invalid',
      /./,
    ],
    ['more than is read', `#${' '.repeat(40_000_001)}`, 'description_too_large', /characters/],
    [
      'more types than are read',
      Array.from({ length: 100_001 }, (_, at) => `scalar S${at}`).join('\n'),
      'description_too_large',
      /definitions/,
    ],
  ]
  it.each(broken)('is refused: %s', async (_what, text, code, words) => {
    let said = { code: '', message: '', place: '' }
    const cost = await costOf(async () => {
      said = await fault(text)
    })
    const { code: found, message, place } = said
    expect(found).toBe(code)
    expect(message).toMatch(words)
    expect(message.length).toBeLessThan(600)
    expect(place).toMatch(/^x\.graphql/)
    expect(cost).toBeLessThan(2_400)
  })

  it('says the line', async () => {
    expect((await fault('type Query {\n  a: Int\n  b; Int\n}')).place).toBe('x.graphql:3:4')
  })
})

describe('what is a schema all the same', () => {
  it('with cycles everywhere', async () => {
    const { tools } = await convert(`
      type Query { a(x: X): A }
      type A { b: B a: A list: [A!]! name: String }
      type B { a: A b: B other: U }
      union U = A | B
      input X { y: Y x: X list: [[X!]] }
      input Y { x: X }
    `)
    const [tool] = tools
    expect(typeof new Ajv2020({ strict: false }).compile({ ...tool?.definition.inputSchema })).toBe(
      'function',
    )
    expect(tool?.plan).toMatchObject({ document: expect.stringContaining('name') })
  })

  it('with 30,000 types that all know each other', async () => {
    const count = 30_000
    const types = Array.from(
      { length: count },
      (_, at) =>
        `type T${at} { id: ID! next: T${(at * 7 + 1) % count} far: [T${(at * 13 + 5) % count}] }`,
    )
    let tools = 0
    const cost = await costOf(async () => {
      tools = (await convert(`type Query { t: T0 }\n${types.join('\n')}`)).tools.length
    })
    expect(tools).toBe(1)
    expect(cost).toBeLessThan(3_600)
  })

  it('with a filter that reaches hundreds of types', async () => {
    const inputs = Array.from(
      { length: 400 },
      (_, at) => `input I${at} { a: I${(at + 1) % 400} b: I${(at * 3) % 400} c: String }`,
    )
    const { tools, notes } = await convert(`type Query { t(where: I0): Int }\n${inputs.join('\n')}`)
    const { inputSchema } = tools[0]?.definition ?? { inputSchema: {} }
    expect(typeof new Ajv2020({ strict: false }).compile({ ...inputSchema })).toBe('function')
    expect(JSON.stringify(inputSchema).length).toBeLessThan(100_000)
    expect(notes).toMatchObject([{ operation: 'query t', code: 'schema_unusable' }])
  })

  it('with names that JavaScript has a meaning for', async () => {
    const names = ['constructor', 'toString', 'hasOwnProperty', 'valueOf', '__proto__']
    const fields = names.map((name) => `${name}(${name}: E, then: I): T`).join(' ')
    const { tools, skipped } = await convert(`
      type Query { ${fields} }
      type T { ${names.map((name) => `${name}: Int`).join(' ')} }
      input I { ${names.map((name) => `${name}: Int`).join(' ')} }
      enum E { ${names.join(' ')} }
    `)
    expect(tools.length + skipped.length).toBe(names.length)
    for (const { definition, plan } of tools) {
      const { properties } = Object(definition.inputSchema)
      expect(Object.keys(properties)).toHaveLength(2)
      expect('document' in plan && plan.document).toContain('hasOwnProperty')
    }
  })

  it('with a union of fields that do not fit together', async () => {
    const { tools, skipped } = await convert(`
      type Query { u: [U] deep: D }
      union U = A | B | C
      type A { x: Int y: A2 } type B { x: String y: B2 } type C { x: Int! y: A2 }
      type A2 { z: Int } type B2 { z: String }
      type D { u: U v: U }
    `)
    expect(skipped).toEqual([])
    expect(tools.length).toBe(2)
  })

  it('with words without end', async () => {
    const { tools } = await convert(
      `"""${'word '.repeat(200_000)}""" type Query { "${'x'.repeat(100_000)}" a("${'y '.repeat(50_000)}" b: Int): Int }`,
    )
    expect(JSON.stringify(tools[0]?.definition).length).toBeLessThan(3_000)
  })

  it('whatever somebody writes, it ends with a conversion or a fault', async () => {
    const word = fc.constantFrom(
      ...['type', 'input', 'enum', 'union', 'scalar', 'extend', 'Query', 'A', 'B', '{', '}'],
      ...['a', 'b', ':', '!', '[', ']', '(', ')', '=', '1', '"x"', '|', '@deprecated', 'interface'],
    )
    await fc.assert(
      fc.asyncProperty(fc.array(word, { maxLength: 40 }), async (words) => {
        const text = `type Query { a: A } ${words.join(' ')}`
        const outcome: unknown = await convert(text).catch((thrown: unknown) => thrown)
        if (outcome instanceof ConversionFault) return
        expect(outcome).toHaveProperty('tools')
      }),
      { numRuns: 300 },
    )
  })
})
