import { describe, expect, test } from 'vitest'
import { costOf } from '../../../../test/cost.ts'
import {
  type Conversion,
  ConversionFault,
  conversionCodes,
  type Document,
} from '../../../model/conversion.ts'
import { openapiSpec, type RestCommon, type RestPlan } from '../../../model/kinds/openapi.ts'
import { convertOpenapi } from './convert.ts'

type Read = (reference: string, from: string) => Promise<Document>
const refuse: Read = (reference) =>
  Promise.reject(new ConversionFault('document_refused', `${reference} may not be read.`))

function convert(text: string, read: Read = refuse): Promise<Conversion<RestPlan, RestCommon>> {
  const location = '/specs/api.yaml'
  return convertOpenapi(
    openapiSpec.parse({ spec: location }),
    { location, text, mediaType: undefined },
    read,
  )
}

async function faultOf(text: string): Promise<ConversionFault> {
  try {
    await convert(text)
  } catch (thrown) {
    if (thrown instanceof ConversionFault) return thrown
    throw thrown
  }
  throw new Error('it was converted')
}

const head = {
  openapi: '3.0.3',
  info: { title: 'A', version: '1' },
  servers: [{ url: 'https://a.example' }],
}
const ok = { get: { responses: { 200: { description: 'ok' } } } }
const posting = (schema: unknown) => ({
  post: { requestBody: { content: { 'application/json': { schema } } }, responses: {} },
})
const withPaths = (paths: unknown, more: object = {}): string =>
  JSON.stringify({ ...head, paths, ...more })

describe('descriptions that cannot be read at all', () => {
  const laughs = [
    'a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]',
    ...Array.from(
      { length: 9 },
      (_, n) => `a${n + 1}: &a${n + 1} [${Array.from({ length: 10 }, () => `*a${n}`).join(', ')}]`,
    ),
    'openapi: 3.0.0',
    'paths: *a9',
  ].join('\n')

  test.each<[name: string, text: string, code: string, place: RegExp]>([
    ['no JSON', '{"openapi": "3.0.0", ', 'description_invalid', /line 1 column 22|^$/],
    ['no YAML', 'openapi: 3.0.0\npaths: {a', 'description_invalid', /line 2 column/],
    ['a text', 'just words', 'description_invalid', /api\.yaml/],
    ['a list', '[]', 'description_invalid', /api\.yaml/],
    ['nothing', '', 'description_invalid', /api\.yaml/],
    ['no version', '{"info": {}}', 'description_invalid', /^#/],
    ['an unknown version', '{"openapi": "4.0.0", "paths": {}}', 'version_unknown', /^#\/openapi$/],
    ['Swagger 1.2', '{"swaggerVersion": "1.2"}', 'version_unknown', /^#\/swaggerVersion$/],
    ['another kind', '{"asyncapi": "3.0.0"}', 'description_invalid', /^#\/asyncapi$/],
    ['no paths', '{"openapi": "3.0.0"}', 'description_invalid', /^#\/paths$/],
    [
      'paths of a wrong type',
      '{"openapi": "3.0.0", "paths": []}',
      'description_invalid',
      /^#\/paths$/,
    ],
    ['a billion laughs', laughs, 'description_too_large', /api\.yaml/],
    ['an alias in itself', 'paths: &a\n  /x: *a', 'description_too_large', /api\.yaml/],
    [
      'a large value many times',
      `a: &a [${'1,'.repeat(10_000)}]\npaths: [${'*a,'.repeat(1_000)}]`,
      'description_too_large',
      /api\.yaml/,
    ],
    [
      'merges without end',
      `a: &a {${Array.from({ length: 2_000 }, (_, n) => `k${n}: 1`).join(', ')}}\npaths:\n${'- {<<: *a}\n'.repeat(100)}`,
      'description_too_large',
      /line \d+ column/,
    ],
    [
      'YAML 20,000 deep',
      `paths: ${'['.repeat(20_000)}${']'.repeat(20_000)}`,
      'description_too_large',
      /line 1 column/,
    ],
  ])('%s', async (_, text, code, place) => {
    let fault = { code: '', place: '', message: '' }
    const cost = await costOf(async () => {
      fault = await faultOf(text)
    })
    expect(fault.code).toBe(code)
    expect(fault.place).toMatch(place)
    expect(fault.message.length).toBeLessThan(1_000)
    expect(cost).toBeLessThan(2_400)
  })

  test('100 MB', async () => {
    const fault = await faultOf(`{"openapi":"3.0.0","x":"${'x'.repeat(100_000_000)}"}`)
    expect(fault.code).toBe('description_too_large')
  })
})

describe('descriptions with something bad in them', () => {
  test('a schema 10,000 deep is open from where it is too deep, and said', async () => {
    let schema = '{}'
    for (let level = 0; level < 10_000; level++)
      schema = `{"type":"object","properties":{"a":${schema}}}`
    const text = `{"openapi":"3.0.3","servers":[{"url":"https://a.example"}],"paths":{"/deep":${JSON.stringify(posting(0)).replace('0', schema)},"/ok":${JSON.stringify(ok)}}}`
    const { tools, notes } = await convert(text)
    expect(tools.map(({ operation }) => operation)).toEqual(['POST /deep', 'GET /ok'])
    expect(notes).toEqual([expect.objectContaining({ code: 'schema_unusable' })])
    expect(notes[0]?.place).toMatch(/^#\/paths\/~1deep\/post\/requestBody\/.*\/properties\/a$/)
  })

  test('values 10,000 deep in examples, defaults and enums', async () => {
    const nested = `${'['.repeat(10_000)}${']'.repeat(10_000)}`
    const schema = `{"type":"object","properties":{"a":{"example":${nested},"default":${nested},"enum":[${nested}],"const":${nested}}}}`
    const body = JSON.stringify(posting(0)).replace('0', schema)
    const text = `{"openapi":"3.1.0","servers":[{"url":"https://a.example"}],"paths":{"/deep":${body}}}`
    const { tools } = await convert(text)
    expect(tools[0]?.definition.inputSchema['properties']).toEqual({ a: {} })
  })

  test('references in a circle, in every place that takes one', async () => {
    const components = {
      schemas: {
        A: { $ref: '#/components/schemas/B' },
        B: { $ref: '#/components/schemas/A' },
        C: { allOf: [{ $ref: '#/components/schemas/C' }] },
        D: { anyOf: [{ $ref: '#/components/schemas/E' }, { type: 'string' }] },
        E: { oneOf: [{ $ref: '#/components/schemas/D' }] },
        F: { not: { $ref: '#/components/schemas/F' } },
      },
      parameters: { P: { $ref: '#/components/parameters/P' } },
      requestBodies: { R: { $ref: '#/components/requestBodies/R' } },
      responses: { S: { $ref: '#/components/responses/S' } },
    }
    const reference = (name: string) => ({ $ref: `#/components/${name}` })
    const { tools, skipped, operations } = await convert(
      withPaths(
        {
          '/schemas': posting({
            type: 'object',
            properties: Object.fromEntries(
              ['A', 'C', 'D', 'F'].map((name) => [name, reference(`schemas/${name}`)]),
            ),
          }),
          '/parameters': { get: { parameters: [reference('parameters/P')], responses: {} } },
          '/body': { post: { requestBody: reference('requestBodies/R'), responses: {} } },
          '/answer': { get: { responses: { 200: reference('responses/S') } } },
          '/item': { $ref: '#/paths/~1item' },
        },
        { components },
      ),
    )
    expect(operations).toBe(5)
    expect(tools).toHaveLength(3)
    expect(skipped.map(({ operation, code }) => [operation, code])).toEqual([
      ['* /item', 'reference_unresolved'],
      ['POST /body', 'reference_unresolved'],
    ])
    const { Ajv2020 } = await import('ajv/dist/2020.js')
    for (const { definition } of tools) {
      const validate = new Ajv2020({ strict: false, logger: false }).compile(definition.inputSchema)
      // A circle that was left in would never end here.
      expect(typeof validate({ A: 1, C: 1, D: 1, F: 1 })).toBe('boolean')
    }
  })

  test('a chain of 5,000 schemas, each made of the next', async () => {
    const schemas = Object.fromEntries(
      Array.from({ length: 5_000 }, (_, n) => [
        `S${n}`,
        { allOf: [{ $ref: `#/components/schemas/S${n + 1}` }, { type: 'object' }] },
      ]),
    )
    const { tools } = await convert(
      withPaths(
        { '/chain': posting({ type: 'array', items: { $ref: '#/components/schemas/S0' } }) },
        { components: { schemas } },
      ),
    )
    const [tool] = tools
    const { Ajv2020 } = await import('ajv/dist/2020.js')
    new Ajv2020({ strict: false, logger: false, inlineRefs: false }).compile(
      tool?.definition.inputSchema ?? {},
    )
    expect(JSON.stringify(tool).length).toBeLessThan(150_000)
  })

  test.each([
    'file:///etc/passwd',
    '/etc/passwd',
    '../../etc/passwd#/a',
    'http://169.254.169.254/latest/meta-data',
    'http://[fd00:ec2::254]/latest',
    'gopher://x/',
  ])('a reference to %s is asked for once, by the one way that there is', async (reference) => {
    const asked: [string, string][] = []
    const { tools, notes } = await convert(
      withPaths({
        '/a': posting({
          type: 'object',
          properties: { a: { $ref: reference }, b: { $ref: reference } },
        }),
        '/ok': ok,
      }),
      (wanted, from) => {
        asked.push([wanted, from])
        return refuse(wanted, from)
      },
    )
    expect(asked).toEqual([[reference.split('#')[0], '/specs/api.yaml']])
    expect(tools).toHaveLength(2)
    expect(notes.map(({ code }) => code)).toEqual(['document_refused', 'document_refused'])
    expect(JSON.stringify(tools)).not.toContain('root:')
  })

  test('what looks like a reference in data is none', async () => {
    const asked: string[] = []
    await convert(
      withPaths({
        '/a': posting({
          type: 'object',
          example: { $ref: 'http://a.example/1' },
          properties: {
            a: { default: { $ref: 'http://a.example/2' }, enum: [{ $ref: 'http://a.example/3' }] },
          },
          'x-more': { $ref: 'http://a.example/4' },
        }),
      }),
      (wanted) => {
        asked.push(wanted)
        return refuse(wanted, '')
      },
    )
    expect(asked).toEqual([])
  })

  test('documents that point at ever more documents', async () => {
    let count = 0
    const { tools, notes } = await convert(
      withPaths({ '/a': posting({ type: 'object', properties: { a: { $ref: '0.json' } } }) }),
      async () => {
        count++
        return {
          location: `/specs/${count}.json`,
          text: JSON.stringify({ type: 'object', properties: { next: { $ref: `${count}.json` } } }),
          mediaType: undefined,
        }
      },
    )
    expect(count).toBeLessThan(400)
    expect(tools).toHaveLength(1)
    expect(JSON.stringify(tools).length).toBeLessThan(200_000)
    expect(notes.every(({ code }) => code in conversionCodes)).toBe(true)
  })

  test('names that objects have by themselves', async () => {
    const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf']
    const schemas = `{${names.map((name) => `"${name}":{"type":"object","properties":{"${name}":{"$ref":"#/components/schemas/${name}"}}}`).join(',')}}`
    const properties = `{${names.map((name) => `"${name}":{"$ref":"#/components/schemas/${name}"}`).join(',')}}`
    const parameters = names.map((name) => ({ name, in: 'query', schema: { type: 'string' } }))
    const body = JSON.stringify(
      posting({ type: 'array', items: { type: 'object', properties: 0 } }),
    ).replace('0', properties)
    const text = `{"openapi":"3.0.3","paths":{"/a":${body},"/b":${JSON.stringify({ get: { parameters, responses: {} } })},"/__proto__":{"__proto__":{"get":{}}, "get":{"responses":{}}}},"components":{"schemas":${schemas}}}`
    const { tools } = await convert(text)
    expect(tools).toHaveLength(3)
    expect(Object.getPrototypeOf({})).toBe(Object.prototype)
    expect(Object.keys(Object.prototype)).toEqual([])
    const { Ajv2020 } = await import('ajv/dist/2020.js')
    for (const { definition } of tools)
      new Ajv2020({ strict: false, logger: false }).compile(definition.inputSchema)
    expect(tools[1]?.plan.parameters.map(({ name }) => name)).toEqual(names)
  })

  test('alternatives that lead back and multiply', async () => {
    let tools: readonly unknown[] = []
    const self = { $ref: '#/components/schemas/A' }
    const many = Array.from({ length: 50 }, () => self)
    const schemas = {
      A: { oneOf: many, anyOf: many, allOf: many },
      L: { type: 'array', items: { $ref: '#/components/schemas/L' } },
    }
    const content = (schema: unknown) => ({
      'application/json': { schema },
      'multipart/form-data': { schema },
    })
    const operation = (schema: unknown) => ({
      post: {
        requestBody: { content: content(schema) },
        responses: { 200: { description: 'ok', content: content(schema) } },
      },
    })
    const list = { $ref: '#/components/schemas/L' }
    const cost = await costOf(async () => {
      tools = (
        await convert(
          withPaths(
            {
              '/a': operation(self),
              '/l': operation(list),
              '/f': {
                post: { requestBody: { content: { 'multipart/form-data': { schema: list } } } },
              },
              '/g': {
                post: { requestBody: { content: { 'multipart/form-data': { schema: self } } } },
              },
            },
            { components: { schemas } },
          ),
        )
      ).tools
    })
    expect(tools).toHaveLength(4)
    expect(cost).toBeLessThan(2_400)
  })

  test('a pattern that takes exponential time', async () => {
    const { tools } = await convert(
      withPaths({
        '/a': posting({
          type: 'object',
          properties: {
            a: { type: 'string', pattern: '^(a+)+$' },
            b: { type: 'string', pattern: '(' },
            c: { type: 'string', pattern: `a{1,1000}`.repeat(50) },
          },
        }),
      }),
    )
    expect(tools[0]?.definition.inputSchema['properties']).toEqual({
      a: { type: 'string', pattern: '^(a+)+$' },
      b: { type: 'string', description: 'Pattern: (' },
      c: { type: 'string', description: expect.stringMatching(/^Pattern: /) },
    })
  })

  test('texts that would take long to clean', async () => {
    const bad = [
      '<'.repeat(50_000),
      '['.repeat(50_000),
      '&'.repeat(50_000),
      '*_'.repeat(50_000),
      '<a '.repeat(20_000),
      '](('.repeat(20_000),
      ' \n'.repeat(50_000),
      '`'.repeat(50_000),
    ]
    const paths = Object.fromEntries(
      bad.map((description, n) => [
        `/${n}`,
        { get: { description, summary: description, responses: {} } },
      ]),
    )
    let tools: Awaited<ReturnType<typeof convert>>['tools'] = []
    const cost = await costOf(async () => {
      tools = (await convert(withPaths(paths))).tools
    })
    for (const { definition } of tools) expect(definition.description?.length).toBeLessThan(1_300)
    expect(cost).toBeLessThan(2_400)
  })

  test('secrets in the URL of a server are left out', async () => {
    const { tools } = await convert(
      JSON.stringify({
        ...head,
        servers: [{ url: 'https://user:pass@a.example/x?key=1#y' }],
        paths: { '/ok': ok },
      }),
    )
    expect(tools[0]?.plan.baseUrl).toBe('https://a.example/x')
  })

  test('links without end: many of them, shared by many, in circles, long, and called like members of objects', async () => {
    const parameters = JSON.parse(
      `{"__proto__":"$request.path.__proto__","constructor":"$response.body#${'/a'.repeat(50_000)}"}`,
    )
    const bad = [
      { operationId: 'a0', parameters },
      { operationId: 'a0', parameters: { q: `{$url}`.repeat(10_000) } },
      { operationId: '__proto__' },
      { operationRef: `#${'/paths'.repeat(10_000)}` },
      { $ref: '#/components/links/circle' },
      { operationRef: '#/components/links/circle' },
    ]
    const links: Record<string, unknown> = {}
    for (let n = 0; n < 20_000; n++)
      links[`l${n}`] = { $ref: `#/components/links/b${n % bad.length}` }
    const response = { $ref: '#/components/responses/all' }
    const get = (n: number) => ({ get: { operationId: `a${n}`, responses: { 200: response } } })
    const { tools, notes } = await convert(
      withPaths(Object.fromEntries(Array.from({ length: 3_000 }, (_, n) => [`/${n}`, get(n)])), {
        components: {
          responses: { all: { description: 'ok', links } },
          links: {
            ...Object.fromEntries(bad.map((link, n) => [`b${n}`, link])),
            circle: { $ref: '#/components/links/circle' },
          },
        },
      }),
    )
    expect(tools).toHaveLength(3_000)
    expect(tools.every(({ plan }) => plan.links === undefined)).toBe(true)
    expect(notes.length).toBeLessThan(100)
    for (const { reason } of notes) expect(reason.length).toBeLessThanOrEqual(500)
  })
})
