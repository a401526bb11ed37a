import { describe, expect, test } from 'vitest'
import { ConversionFault, type Document } from '../../../model/conversion.ts'
import { type OpenApiSpec, openapiSpec } from '../../../model/kinds/openapi.ts'
import { convertOpenapi } from './convert.ts'

type Files = Readonly<Record<string, string>>

/** Converts `/specs/api.yaml` of these files, or the one at a URL. */
function convert(files: Files, more: Partial<OpenApiSpec> = {}, location = '/specs/api.yaml') {
  const read = async (reference: string, from: string): Promise<Document> => {
    const base = from.startsWith('/') ? `file://${from}` : from
    const url = new URL(reference, base)
    const at = url.protocol === 'file:' ? url.pathname : url.href
    const text = files[at]
    if (text === undefined) throw new ConversionFault('document_unreadable', `${at} is not there.`)
    return { location: at, text, mediaType: undefined }
  }
  return convertOpenapi(
    { ...openapiSpec.parse({ spec: location }), ...more },
    { location, text: files[location] ?? '', mediaType: undefined },
    read,
  )
}

const one = (paths: unknown, more: object = {}): Files => ({
  '/specs/api.yaml': JSON.stringify({
    openapi: '3.1.0',
    info: { title: 'A', version: '1' },
    servers: [{ url: 'https://a.example/v1' }],
    paths,
    ...more,
  }),
})
const ok = { 200: { description: 'ok' } }

describe('descriptions in several files', () => {
  const files: Files = {
    '/specs/api.yaml': `
openapi: 3.0.3
info: { title: A, version: '1' }
servers: [{ url: https://a.example }]
paths:
  /pets: { $ref: 'paths/pets.yaml#/all' }
  /pets/{id}: { $ref: './paths/pets.yaml#/one' }
components:
  schemas:
    Owner: { type: object, properties: { pets: { type: array, items: { $ref: 'schemas/pet.json' } } } }
`,
    '/specs/paths/pets.yaml': `
all:
  post:
    operationId: addPet
    requestBody: { required: true, content: { application/json: { schema: { $ref: '../schemas/pet.json' } } } }
    responses: { '200': { $ref: '../schemas/answers.yaml#/one' } }
one:
  parameters: [{ $ref: '../api-parts.yaml#/id' }]
  get: { operationId: getPet, responses: { '200': { $ref: '../schemas/answers.yaml#/one' } } }
`,
    '/specs/api-parts.yaml': `id: { name: id, in: path, required: true, schema: { type: string } }`,
    '/specs/schemas/answers.yaml': `one: { description: ok, content: { application/json: { schema: { $ref: pet.json } } } }`,
    '/specs/schemas/pet.json': JSON.stringify({
      type: 'object',
      properties: {
        name: { type: 'string' },
        owner: { $ref: '../api.yaml#/components/schemas/Owner' },
        friend: { $ref: '#' },
      },
    }),
  }

  test('references lead from file to file and back, in circles too', async () => {
    const { tools, skipped, notes } = await convert(files)
    expect([skipped, notes]).toEqual([[], []])
    const [add, get] = tools.map(({ definition }) => definition)
    expect(add?.name).toBe('add_pet')
    expect(Object.keys(Object(add?.inputSchema['properties']))).toEqual(['name', 'owner', 'friend'])
    const defs = Object(add?.inputSchema['$defs'])
    expect(Object.keys(defs)).toEqual(['Owner', expect.stringMatching(/^schema_[0-9a-f]{8}$/)])
    expect(get?.inputSchema['required']).toEqual(['id'])
    expect(get?.outputSchema?.['anyOf']).toHaveLength(2)
  })

  test('a file that is missing costs what needs it, and is said with its place', async () => {
    const { '/specs/schemas/answers.yaml': _, '/specs/api-parts.yaml': __, ...fewer } = files
    const { tools, notes } = await convert(fewer)
    expect(tools.map(({ definition }) => definition.name)).toEqual(['add_pet', 'get_pet'])
    expect(notes.map(({ code, place }) => [code, place])).toContainEqual([
      'document_unreadable',
      '/specs/paths/pets.yaml#/one/parameters/0',
    ])
  })

  test('behind a URL, relative references and servers start there', async () => {
    const moved = Object.fromEntries(
      Object.entries(files).map(([path, text]) => [
        `https://specs.example${path}`,
        text.replace('https://a.example', '/base'),
      ]),
    )
    const { tools } = await convert(moved, {}, 'https://specs.example/specs/api.yaml')
    expect(tools.map(({ plan }) => plan.baseUrl)).toEqual([
      'https://specs.example/base',
      'https://specs.example/base',
    ])
  })
})

describe('references within a description', () => {
  test('pointers with escapes, through other references, and by anchor', async () => {
    const { tools, notes } = await convert(
      one(
        {
          '/a/{x}': {
            get: {
              parameters: [{ name: 'x', in: 'path', required: true, schema: { type: 'string' } }],
              responses: ok,
            },
          },
          '/b': {
            post: {
              requestBody: {
                content: {
                  'application/json': {
                    schema: {
                      type: 'object',
                      properties: {
                        escaped: { $ref: '#/paths/~1a~1%7Bx%7D/get/parameters/0/schema' },
                        through: { $ref: '#/components/schemas/Alias/properties/deep' },
                        anchored: { $ref: '#thing' },
                      },
                    },
                  },
                },
              },
              responses: ok,
            },
          },
        },
        {
          components: {
            schemas: {
              Alias: { $ref: '#/components/schemas/Real' },
              Real: { $anchor: 'thing', type: 'object', properties: { deep: { type: 'integer' } } },
            },
          },
        },
      ),
    )
    expect(notes).toEqual([])
    expect(tools[1]?.definition.inputSchema['properties']).toEqual({
      escaped: { type: 'string' },
      through: { type: 'integer' },
      anchored: { $ref: '#/$defs/Real' },
    })
  })

  test('what stands beside a reference counts, in every version', async () => {
    for (const openapi of ['3.0.3', '3.1.0']) {
      const { tools } = await convert(
        one(
          {
            '/a': {
              post: {
                requestBody: {
                  content: {
                    'application/json': {
                      schema: { $ref: '#/components/schemas/A', required: ['b'] },
                    },
                  },
                },
                responses: ok,
              },
            },
          },
          {
            openapi,
            components: {
              schemas: {
                A: {
                  type: 'object',
                  properties: {
                    a: { $ref: '#/components/schemas/B', description: 'Words' },
                    b: { $ref: '#/components/schemas/C', default: 'x' },
                  },
                },
                B: { type: 'object', properties: { c: { type: 'string' } } },
                C: { type: 'string', description: 'Of C' },
              },
            },
          },
        ),
      )
      expect(tools[0]?.definition.inputSchema).toMatchObject({
        properties: {
          a: { $ref: '#/$defs/B', description: 'Words' },
          b: { type: 'string', default: 'x', description: 'Of C' },
        },
        required: ['b'],
      })
    }
  })
})

describe('the configuration', () => {
  const paths = {
    '/pets': { get: { operationId: 'listPets', responses: ok }, post: { responses: ok } },
    '/internal/x': { get: { responses: ok } },
  }

  test('chooses and renames operations; what is left out is counted', async () => {
    const { tools, skipped, operations } = await convert(one(paths), {
      operations: {
        include: ['GET *'],
        exclude: ['* /internal/*'],
        rename: { list_pets: 'pets', 'GET /nowhere': 'x' },
      },
    })
    expect(operations).toBe(3)
    expect(tools.map(({ definition }) => definition.name)).toEqual(['pets'])
    expect(skipped.map(({ operation, code }) => [operation, code])).toEqual([
      ['POST /pets', 'excluded'],
      ['GET /internal/x', 'excluded'],
    ])
  })

  test('baseUrl wins over every server', async () => {
    const { tools } = await convert(one(paths), { baseUrl: 'http://127.0.0.1:8080/api/' })
    expect(new Set(tools.map(({ plan }) => plan.baseUrl))).toEqual(
      new Set(['http://127.0.0.1:8080/api']),
    )
  })

  test('a header that the operator sends is no argument', async () => {
    const header = { name: 'X-Version', in: 'header', required: true, schema: { type: 'string' } }
    const files = one({ '/a': { get: { parameters: [header], responses: ok } } })
    const [open] = (await convert(files)).tools
    expect(open?.definition.inputSchema['required']).toEqual(['X-Version'])
    const [fixed] = (await convert(files, { headers: { 'x-version': '2' } })).tools
    expect(fixed?.definition.inputSchema['properties']).toEqual({})
    expect(fixed?.plan.parameters).toEqual([])
  })
})

describe('hints of MCP', () => {
  test.each<[operation: string, id: string, summary: string, hints: object]>([
    ['GET /pets', 'listPets', '', { readOnlyHint: true }],
    ['HEAD /pets', '', '', { readOnlyHint: true }],
    ['GET /pets/delete', '', '', { readOnlyHint: false, destructiveHint: true }],
    ['GET /updateUser', '', '', { readOnlyHint: false }],
    ['GET /updates', '', '', { readOnlyHint: true }],
    ['GET /x', 'getDeletedPets', 'Lists what was deleted', { readOnlyHint: true }],
    ['POST /pets', 'createPet', '', { readOnlyHint: false, destructiveHint: false }],
    ['POST /pets/remove', '', '', { readOnlyHint: false, destructiveHint: true }],
    ['POST /chat.deleteMessage', '', '', { readOnlyHint: false, destructiveHint: true }],
    ['POST /tokens', 'create-remove-token', '', { readOnlyHint: false, destructiveHint: false }],
    ['POST /subscriptions/{id}', '', 'Cancels it', { readOnlyHint: false, destructiveHint: true }],
    ['PATCH /pets', '', '', { readOnlyHint: false, destructiveHint: false }],
    ['PUT /pets', '', '', { readOnlyHint: false, destructiveHint: true, idempotentHint: true }],
    ['DELETE /pets', '', '', { readOnlyHint: false, destructiveHint: true, idempotentHint: true }],
  ])('%s %s %s', async (operation, id, summary, hints) => {
    const [method = '', path = ''] = operation.split(' ')
    const { tools } = await convert(
      one({
        [path]: {
          [method.toLowerCase()]: {
            ...(id === '' ? {} : { operationId: id }),
            ...(summary === '' ? {} : { summary }),
            responses: ok,
          },
        },
      }),
    )
    const { title: _, ...found } = { ...tools[0]?.definition.annotations }
    expect(found).toEqual(hints)
  })
})

describe('names', () => {
  test.each<[operation: string, id: string | undefined, name: string]>([
    ['GET /pets', 'listPets', 'list_pets'],
    ['GET /repos', 'repos/list-for-org', 'repos_list_for_org'],
    ['GET /api/v1/app/{app_id}/x/', 'list_x_api_v1_app__app_id__x__get', 'list_x'],
    ['GET /oauth/{token}', 'get-/oauth/{token}_get', 'get_oauth_by_token'],
    ['GET /', undefined, 'get_root'],
    ['GET /api/v1/users/{id}/posts', undefined, 'get_users_id_posts'],
    ['POST /users/{id}', undefined, 'post_users_by_id'],
    ['GET /a', 'operation1', 'get_a'],
    ['GET /a', '5f3a9b2c7d1e4f60', 'get_a'],
  ])('%s %s is %s', async (operation, operationId, name) => {
    const [method = '', path = ''] = operation.split(' ')
    const { tools } = await convert(
      one({ [path]: { [method.toLowerCase()]: { operationId, responses: ok } } }),
    )
    expect(tools[0]?.definition.name).toBe(name)
  })
})

test.each([
  [
    'JSON',
    '{"/a":{"get":{"summary":"1"},"get":{"summary":"2"}},"/b":{"put":{},"post":{}},"/b":{"put":{}}}',
  ],
  [
    'YAML',
    '\n  /a:\n    get: { summary: 1 }\n    get: { summary: 2 }\n  /b: { put: {}, post: {} }\n  /b: { put: {} }',
  ],
])('operations that equal keys hide in %s are counted and said', async (format, paths) => {
  const text =
    format === 'JSON'
      ? `{"openapi":"3.0.0","servers":[{"url":"https://a.example"}],"paths":${paths}}`
      : `openapi: 3.0.0\nservers: [{ url: https://a.example }]\npaths: ${paths}\n`
  const { tools, skipped, operations } = await convert({ '/specs/api.yaml': text })
  expect(operations).toBe(5)
  expect(
    tools.map(({ operation, definition }) => `${operation}: ${definition.description}`),
  ).toEqual(['GET /a: 2.', 'PUT /b: PUT /b'])
  expect(skipped.map(({ operation, code }) => `${operation}: ${code}`).sort()).toEqual([
    'GET /a: duplicate',
    'POST /b: duplicate',
    'PUT /b: duplicate',
  ])
})

test('members that are almost spelled right are named, since they would be ignored', async () => {
  const { notes } = await convert(
    one({
      '/a': {
        paramters: [],
        'x-anything': 1,
        get: {
          operationID: 'getA',
          parameters: [{ name: 'a', in: 'query', requried: true, schema: {} }],
          responses: ok,
          unheardOf: 1,
        },
      },
    }),
  )
  expect(notes.map(({ code, place }) => [code, place])).toEqual([
    ['description_invalid', '#/paths/~1a/paramters'],
    ['description_invalid', '#/paths/~1a/get/operationID'],
    ['description_invalid', '#/paths/~1a/get/parameters/0/requried'],
  ])
})

describe('arguments that nobody could give', () => {
  const argumentsOf = async (schema: object, type = 'application/json') => {
    const content = { [type]: { schema } }
    const { tools, notes } = await convert(
      one({ '/a': { post: { requestBody: { required: true, content }, responses: ok } } }),
    )
    return { schema: tools[0]?.definition.inputSchema ?? {}, notes }
  }
  const text = { type: 'string' }

  test('a member that a closed object asks for and does not have is not asked for', async () => {
    const closed = {
      ...{ type: 'object', properties: { one: text }, required: ['one', 'two'] },
      additionalProperties: false,
    }
    const { schema, notes } = await argumentsOf({ type: 'object', properties: { closed } })
    expect(schema['properties']).toMatchObject({ closed: { required: ['one'] } })
    expect(notes.map(({ code, reason }) => [code, reason.includes('"two"')])).toEqual([
      ['schema_unusable', true],
    ])
    // An open one may have it, and so may what stands beside it.
    const { additionalProperties: _, ...open } = closed
    const others = {
      ...{ open, dots: { ...closed, patternProperties: { '^t': text } } },
      both: { allOf: [closed, { type: 'object', properties: { two: text } }] },
    }
    const { schema: kept } = await argumentsOf({ type: 'object', properties: others })
    expect(JSON.stringify(kept).match(/"required":\["one","two"\]/g)).toHaveLength(3)
  })

  test('a required list of a form has an item, and a required object a member', async () => {
    const list = { type: 'array', items: text }
    const object = { type: 'object', properties: { a: text } }
    const properties = { list, object, free: list, two: { ...list, minItems: 2 } }
    const form = { type: 'object', properties, required: ['list', 'object', 'two'] }
    const type = 'application/x-www-form-urlencoded'
    const { schema } = await argumentsOf(form, type)
    // Without a style an object travels as JSON, also an empty one (OpenAPI 3.1 section 4.8.15.1.2).
    expect(schema['properties']).toEqual({
      ...{ list: { ...list, minItems: 1 }, object, free: list, two: { ...list, minItems: 2 } },
    })
    const { schema: asJson } = await argumentsOf(form)
    expect(asJson['properties']).toMatchObject({ list, object })
    expect(JSON.stringify(asJson)).not.toContain('"minItems":1')
  })
})

describe('words for models', () => {
  test('the summary first, without markup, in whole sentences, deprecated said', async () => {
    const long = 'This sentence is here to fill the room. '.repeat(60)
    const { tools } = await convert(
      one({
        '/a': {
          get: {
            summary: 'Find *pets*',
            description: `<p>See <b>the</b> [guide](https://x.example).</p>\n\n## More\n\n| a | b |\n|---|---|\n\n${long}`,
            deprecated: true,
            responses: ok,
          },
        },
      }),
    )
    const text = tools[0]?.definition.description ?? ''
    expect(text).toMatch(/^Find \*pets\*\.\n\nSee the guide\.\n\nMore\n/)
    expect(text).toMatch(/fill the room\.\nDeprecated: [^\n]+$/)
    expect(text.length).toBeLessThanOrEqual(1_000)
    expect(text).not.toMatch(/[<>]|https/)
  })
})
