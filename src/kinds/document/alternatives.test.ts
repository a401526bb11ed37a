import { describe, expect, test } from 'vitest'
import { openapiSpec } from '../../model/kinds/openapi.ts'
import { convertOpenapi } from '../openapi/convert/convert.ts'
import { memberOf } from './json.ts'

const kind = (...values: unknown[]) => ({
  type: 'object',
  required: ['kind'],
  properties: { kind: { enum: values } },
})
const fixed = (value: unknown) => ({
  type: 'object',
  required: ['kind'],
  properties: { kind: { const: value } },
})
const named = (...required: string[]) => ({ type: 'object', required })
const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` })
const schemas = {
  Cat: { type: 'object', properties: { kind: { type: 'string' } } },
  Dog: { type: 'object', properties: { kind: { type: 'string' } } },
  One: fixed('one'),
  Two: { allOf: [ref('Named'), fixed('two')] },
  Named: named('name'),
  Deep: { allOf: [...Array.from({ length: 19 }, () => ref('Deep')), fixed(2)] },
  Self: { oneOf: [ref('Self'), ref('Self')] },
}
const mapping = { cat: '#/components/schemas/Cat', dog: '#/components/schemas/Dog' }

/** Keywords of the schema that a member of the body, or of the answer, becomes. */
async function keywordsOf(
  schema: object,
  openapi: string,
  direction: 'input' | 'output' = 'input',
): Promise<readonly string[]> {
  const location = '/specs/api.json'
  const content = {
    'application/json': { schema: { type: 'object', properties: { a: schema } } },
  }
  const text = JSON.stringify({
    openapi,
    info: { title: 'A', version: '1' },
    servers: [{ url: 'https://a.example' }],
    components: { schemas },
    paths: {
      '/a': {
        post: { requestBody: { content }, responses: { 200: { description: 'ok', content } } },
      },
    },
  })
  const { tools } = await convertOpenapi(
    openapiSpec.parse({ spec: location }),
    { location, text, mediaType: undefined },
    () => Promise.reject(new Error('nothing to read')),
  )
  const definition = tools[0]?.definition
  const [described]: readonly unknown[] = Object(definition?.outputSchema)['anyOf'] ?? []
  const root = direction === 'input' ? definition?.inputSchema : described
  return Object.keys(Object(memberOf(memberOf(root, 'properties'), 'a'))).filter((key) =>
    /Of$/.test(key),
  )
}

describe('oneOf of arguments', () => {
  test.each<[name: string, schema: object]>([
    ['types', { oneOf: [{ type: 'string' }, { type: 'integer' }, { type: 'object' }] }],
    [
      'types of versions',
      { oneOf: [{ type: ['string', 'null'] }, { type: ['array', 'boolean'] }] },
    ],
    ['values', { oneOf: [{ enum: ['a', 'b'] }, { enum: ['c'] }] }],
    ['fixed members', { oneOf: [fixed('a'), fixed('b'), fixed(1)] }],
    ['members of one of several values', { oneOf: [kind('a', 'b'), kind('c')] }],
    ['what they refer to', { oneOf: [ref('One'), ref('Two')] }],
    [
      'a mapping',
      { oneOf: [ref('Cat'), ref('Dog')], discriminator: { propertyName: 'kind', mapping } },
    ],
    ['names', { oneOf: [ref('Cat'), ref('Dog')], discriminator: { propertyName: 'kind' } }],
    ['type or member', { oneOf: [fixed('a'), fixed('b'), { type: 'array', items: {} }] }],
  ])('stays where alternatives differ by %s', async (_, schema) => {
    expect(await keywordsOf(schema, '3.1.0')).toEqual(['oneOf'])
  })

  test.each<[name: string, schema: object, openapi?: string]>([
    ['say nothing', { oneOf: [{}, { type: 'string' }] }],
    ['only require', { oneOf: [named('a'), named('b')] }],
    ['are a number and an integer', { oneOf: [{ type: 'number' }, { type: 'integer' }] }],
    ['share a value', { oneOf: [kind('a', 'b'), kind('b', 'c')] }],
    [
      'are told by a member that need not be there',
      { oneOf: [{ properties: { kind: { const: 1 } } }, fixed(2)] },
    ],
    [
      'both take null',
      {
        oneOf: [
          { ...fixed(1), nullable: true },
          { ...fixed(2), nullable: true },
        ],
      },
    ],
    ['are told by a const that is none yet', { oneOf: [fixed(1), fixed(2)] }, '3.0.3'],
    ['are twice the same', { oneOf: [ref('One'), ref('One')] }],
    ['are themselves', { oneOf: [ref('Self'), ref('Cat')] }],
    ['cannot all be looked at', { oneOf: [ref('Deep'), fixed(1)] }],
    ['are many', { oneOf: Array.from({ length: 100 }, (_, n) => fixed(n)) }],
  ])('becomes anyOf where they %s', async (_, schema, openapi = '3.1.0') => {
    expect(await keywordsOf(schema, openapi)).toEqual(['anyOf'])
  })

  test('stands beside an anyOf', async () => {
    const schema = { anyOf: [named('a'), named('b')], oneOf: [named('c'), named('d')] }
    expect(await keywordsOf(schema, '3.1.0')).toEqual(['anyOf', 'allOf'])
  })

  test('stays in answers', async () => {
    const schema = { oneOf: [named('a'), named('b')] }
    expect(await keywordsOf(schema, '3.1.0', 'output')).toEqual(['oneOf'])
  })
})
