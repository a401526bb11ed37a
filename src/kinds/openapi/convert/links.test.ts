import { describe, expect, test } from 'vitest'
import type { ConversionReport } from '../../../model/conversion.ts'
import { openapiSpec, type RestLink } from '../../../model/kinds/openapi.ts'
import { convertOpenapi } from './convert.ts'
import { type Asked, parseLinkValue } from './expressions.ts'

const asked: Asked = {
  parameters: (['path', 'query', 'header', 'cookie'] as const).map((where) => ({
    argument: `id_${where}`,
    name: 'X-id',
    in: where,
    style: 'form',
    explode: true,
    allowReserved: false,
    mediaType: undefined,
  })),
  body: {
    from: { kind: 'argument', argument: 'body' },
    required: true,
    mediaType: 'application/json',
    form: 'json',
    parts: [],
    xml: undefined,
    xmlRoot: undefined,
  },
}
const body = (...pointer: string[]) => ({ kind: 'body', pointer })
const constant = (value: unknown) => ({ kind: 'constant', json: JSON.stringify(value) })

describe('values of links', () => {
  test.each<[raw: unknown, value: unknown]>([
    ['$url', { kind: 'url' }],
    ['$method', { kind: 'method' }],
    ['$statusCode', { kind: 'statusCode' }],
    ['$response.body', body()],
    ['$response.body#', body()],
    ['$response.body#/', body('')],
    ['$response.body#/a/0/b~1c~0d', body('a', '0', 'b/c~d')],
    ['$response.body#/__proto__/constructor', body('__proto__', 'constructor')],
    ['$response.header.X-Next', { kind: 'header', name: 'x-next' }],
    ['$request.body#/a', { kind: 'requestBody', pointer: ['a'] }],
    ['$request.path.X-id', { kind: 'argument', argument: 'id_path' }],
    ['$request.query.X-id', { kind: 'argument', argument: 'id_query' }],
    ['$request.header.x-ID', { kind: 'argument', argument: 'id_header' }],
    ['a {$method} b', { kind: 'text', parts: ['a ', { kind: 'method' }, ' b'] }],
    ['{$response.body#/a}{$url}', { kind: 'text', parts: [body('a'), { kind: 'url' }] }],
    ['plain', constant('plain')],
    ['{no} {expression}', constant('{no} {expression}')],
    ['', constant('')],
    [7, constant(7)],
    [false, constant(false)],
    [null, constant(null)],
    [['$url'], constant(['$url'])],
  ])('%j', (raw, value) => expect(parseLinkValue(raw, asked)).toEqual(value))

  test.each([
    '$',
    '$URL',
    '$url ',
    '$response',
    '$response.body.id',
    '$response.body#id',
    '$response.path.X-id',
    '$response.header.a b',
    '$response.header.',
    '$response.header.Set-Cookie',
    '$request.path.other',
    '$request.path.x-id',
    '$request.cookie.X-id',
    '$request.query.__proto__',
    'a {$nothing}',
    'a {$url',
    '{$url}'.repeat(50),
    `$response.body#/${'a'.repeat(2_000)}`,
    Array.from({ length: 1_000 }, () => 1),
  ])('%j is none', (raw) => expect(() => parseLinkValue(raw, asked)).toThrow())
})

const parameter = (name: string, where: string, type = 'string') => ({
  name,
  in: where,
  required: where === 'path',
  schema: { type },
})
const orders = (links: object): object => ({
  get: {
    operationId: 'listOrders',
    parameters: [parameter('page', 'query', 'integer'), parameter('status', 'query')],
    responses: { 200: { description: 'ok', links } },
  },
  post: {
    operationId: 'addOrder',
    requestBody: {
      content: {
        'application/json': {
          schema: { type: 'object', properties: { a: { type: 'string' }, b: { type: 'integer' } } },
        },
      },
    },
    responses: {},
  },
})
const order = {
  get: {
    operationId: 'getOrder',
    parameters: [parameter('id', 'path', 'integer'), parameter('id', 'query')],
    responses: {},
  },
  put: {
    operationId: 'putOrder',
    parameters: [parameter('id', 'path', 'integer')],
    requestBody: { content: { 'application/json': { schema: { type: 'array', items: {} } } } },
    responses: {},
  },
}

interface Linked {
  readonly links: readonly RestLink[]
  readonly notes: readonly ConversionReport[]
}

async function convert(links: object, operations: object = {}, more: object = {}): Promise<Linked> {
  const location = '/specs/api.json'
  const description = {
    openapi: '3.1.0',
    info: { title: 'A', version: '1' },
    servers: [{ url: 'https://a.example' }],
    paths: { '/orders': orders(links), '/orders/{id}': order },
    ...more,
  }
  const { tools, notes } = await convertOpenapi(
    openapiSpec.parse({ spec: location, operations }),
    { location, text: JSON.stringify(description), mediaType: undefined },
    () => Promise.reject(new Error('nothing to read')),
  )
  const tool = tools.find(({ operation }) => operation === 'GET /orders')
  return { links: tool?.plan.links ?? [], notes }
}

const told = (link: object, value: unknown): unknown => ({
  argument: 'page',
  value,
  types: ['integer'],
  required: false,
  ...link,
})

describe('links', () => {
  test.each<[name: string, link: unknown, wanted: unknown]>([
    [
      'to the same operation with another query: a page',
      { operationId: 'listOrders', parameters: { page: '$response.body#/next' } },
      { tool: 'list_orders', leads: 'page', arguments: [told({}, body('next'))] },
    ],
    [
      'by a reference',
      { operationRef: '#/paths/~1orders~1{id}/get', parameters: { 'path.id': 7 } },
      {
        tool: 'get_order',
        leads: 'other',
        arguments: [told({ argument: 'id', required: true }, constant(7))],
      },
    ],
    [
      'to a parameter of the same name elsewhere',
      { operationId: 'getOrder', parameters: { 'query.id': '$url' } },
      {
        tool: 'get_order',
        leads: 'other',
        arguments: [told({ argument: 'id_query', types: ['string'] }, { kind: 'url' })],
      },
    ],
    [
      'with a body that is one argument',
      { operationId: 'putOrder', requestBody: '$response.body#/all' },
      {
        tool: 'put_order',
        leads: 'other',
        arguments: [told({ argument: 'body', types: ['array'] }, body('all'))],
      },
    ],
    [
      'with a body that is several',
      { operationId: 'addOrder', requestBody: '$response.body#/first' },
      {
        tool: 'add_order',
        leads: 'other',
        arguments: [
          told({ argument: 'a', types: ['string'] }, body('first', 'a')),
          told({ argument: 'b' }, body('first', 'b')),
        ],
      },
    ],
    [
      'with a constant body',
      { operationId: 'addOrder', requestBody: { b: 1, other: 2 } },
      { tool: 'add_order', leads: 'other', arguments: [told({ argument: 'b' }, constant(1))] },
    ],
    [
      'without arguments',
      { operationId: 'addOrder' },
      { tool: 'add_order', leads: 'other', arguments: [] },
    ],
    [
      'of the components',
      { $ref: '#/components/links/Shared' },
      { tool: 'add_order', leads: 'other', arguments: [] },
    ],
  ])('%s', async (_, link, wanted) => {
    const components = { links: { Shared: { operationId: 'addOrder' } } }
    const { links, notes } = await convert({ next: link }, {}, { components })
    expect(links).toEqual([{ status: '200', ...Object(wanted) }])
    expect(notes).toEqual([])
  })

  test('name a tool as the configuration does', async () => {
    const { links } = await convert(
      { add: { operationId: 'addOrder' } },
      { rename: { addOrder: 'x', 'POST /orders': 'new_order' } },
    )
    expect(links.map(({ tool }) => tool)).toEqual(['new_order'])
  })

  test.each<[name: string, link: unknown, code: string, reason: RegExp]>([
    ['no object', 7, 'description_invalid', /no object/],
    ['no operation', {}, 'description_invalid', /names no operation/],
    ['an unknown operation', { operationId: 'x' }, 'reference_unresolved', /no operation "x"/],
    ['no operation behind it', { operationRef: '#/info' }, 'reference_unresolved', /#\/info/],
    [
      'another document',
      { operationRef: 'https://b.example/#/a' },
      'reference_unresolved',
      /b\.ex/,
    ],
    ['left out', { operationId: 'getOrder' }, 'excluded', /GET \/orders\/\{id\}, which is no tool/],
    ['no tool', { operationId: 'trace' }, 'reference_unresolved', /no operation "trace"/],
    [
      'no parameter',
      { operationId: 'addOrder', parameters: { z: 1 } },
      'reference_unresolved',
      /"z"/,
    ],
    [
      '__proto__',
      { operationId: 'addOrder', parameters: JSON.parse('{"__proto__":1}') },
      'reference_unresolved',
      /__proto__/,
    ],
    ['no body', { operationId: 'listOrders', requestBody: 1 }, 'reference_unresolved', /no body/],
    [
      'no expression',
      { operationId: 'listOrders', parameters: { page: '$x' } },
      'description_invalid',
      /"\$x" is no runtime/,
    ],
    [
      'its own server',
      { operationId: 'addOrder', server: { url: '/x' } },
      'feature_unsupported',
      /server of its own/,
    ],
    ['a circle', { $ref: '#/components/links/A' }, 'reference_unresolved', /circle/],
    ['nothing', { $ref: '#/components/links/B' }, 'reference_unresolved', /points at nothing/],
  ])('%s is a note', async (_, link, code, reason) => {
    const components = { links: { A: { $ref: '#/components/links/A' } } }
    const { links, notes } = await convert(
      { bad: link, good: { operationId: 'addOrder' } },
      { exclude: ['GET /orders/{id}'] },
      { components },
    )
    expect(links.map(({ tool }) => tool)).toEqual(['add_order'])
    expect(notes).toEqual([
      {
        operation: 'GET /orders',
        code,
        reason: expect.stringMatching(reason),
        place: '#/paths/~1orders/get/responses/200/links/bad',
      },
    ])
  })

  test('thousands of them are bounded', async () => {
    const many = Object.fromEntries(
      Array.from({ length: 5_000 }, (_, n) => [`l${n}`, { operationId: 'addOrder' }]),
    )
    const { links, notes } = await convert(many)
    expect(links).toHaveLength(20)
    expect(notes.map(({ code }) => code)).toEqual(['description_too_large'])
  })
})
