/** A sample of the corpus against its committed figures; `npm run corpus` and `test:long` measure all of it. */
import { describe, expect, it } from 'vitest'
import {
  detailsOf,
  documentedFigures,
  type Figures,
  worse,
  worseThanBaseline,
} from './corpus/figures.ts'
import { descriptionsBelow, fixtureFolder, measure } from './corpus/measure.ts'
import { unknowable } from './corpus/stranger.ts'
import { strictOpenapi } from './corpus/strict-openapi.ts'

/** Small ones of every set, of other authors each. */
const chosen =
  /\/(svix|openai|notion|spotify|interzoid|azure\.com__keyvault|googleapis|listennotes|npr|petstore|egnyte|okta\.com\.json|stockquote|registration-common|recursive2|rpcexample|pubsub|schema|gitter|kraken|github\.graphql)/

it('no figure of the sample is worse than it was', async () => {
  const report = await measure({
    descriptions: descriptionsBelow(fixtureFolder).filter(({ path }) => chosen.test(path)),
    folder: fixtureFolder,
    callsEach: 15,
    progress: () => undefined,
  })
  expect(worseThanBaseline('sample', report), detailsOf(report)).toEqual([])
})

it('docs/corpus.md shows the committed figures', () => {
  const { stands, wanted } = documentedFigures()
  expect(stands).toBe(wanted)
})

const figures: Figures = {
  descriptions: 1,
  operations: 10,
  tools: 9,
  judged: 9,
  callable: 8,
  bare: 1,
  tokens: { median: 100, p99: 200, max: 300 },
  refused: {},
  skipped: { duplicate: 1 },
  reasons: { 'unknown header': 1 },
  examples: {},
}

it('a figure that is worse is named, and one that is better is not', () => {
  const worst = {
    ...figures,
    tools: 8,
    callable: 7,
    bare: 2,
    tokens: { median: 100, p99: 201, max: 300 },
    skipped: { duplicate: 1, excluded: 1 },
  }
  expect(worse({ a: figures }, { a: figures })).toEqual([])
  expect(worse({ a: figures }, { a: { ...figures, callable: 9, bare: 0 } })).toEqual([])
  expect(worse({ a: figures }, { a: worst })).toEqual([
    'a: tools fell from 9 to 8',
    'a: callable fell from 8 to 7',
    'a: tokens (p99) rose from 200 to 201',
    'a: bare descriptions rose from 1 to 2',
    'a: skipped operations rose from 1 to 2',
  ])
  expect(worse({ a: figures }, {})).toEqual(['a was not measured'])
})

describe('the strict server of a description', () => {
  const judge = strictOpenapi(
    JSON.stringify({
      openapi: '3.0.0',
      paths: {
        '/pets/{id}': {
          get: {
            parameters: [
              { name: 'id', in: 'path', required: true, schema: { type: 'string' } },
              { name: 'limit', in: 'query', required: true, schema: { type: 'integer' } },
              { name: 'X-Shop', in: 'header', required: true, schema: { type: 'string' } },
            ],
          },
          put: {
            requestBody: {
              required: true,
              content: { 'application/json': { schema: { $ref: '#/components/schemas/Pet' } } },
            },
          },
        },
        '/pets/all': { get: {} },
      },
      components: {
        schemas: {
          Pet: { type: 'object', required: ['name'], properties: { name: { type: 'string' } } },
        },
      },
    }),
  )
  const get = (url: string, headers = { 'x-shop': 'a' }, method = 'GET', body = '') =>
    judge?.judge({ method, url, headers, body: Buffer.from(body) }, `${method} /pets/{id}`)
  const put = (body: string, type = 'application/json') => {
    const headers: Record<string, string> = body === '' ? {} : { 'content-type': type }
    const received = { method: 'PUT', url: '/pets/7', headers, body: Buffer.from(body) }
    return judge?.judge(received, 'PUT /pets/{id}')
  }

  it.each([
    ['/pets/7?limit=3', 'ok'],
    ['/pets/7', 'without required query parameter: limit'],
    ['/pets/7?limit=many', 'query parameter does not fit: limit: type integer'],
    ['/pets/7?limit=3&more=1', 'unknown query parameter: more'],
    ['/pets/all?limit=3', 'meets another operation: GET /pets/all'],
    ['/cats/7?limit=3', 'meets no operation: GET /cats/7'],
  ])('says of %s: %s', (url, said) => {
    expect(get(url)).toBe(said)
  })

  it('looks at headers and bodies', () => {
    const none: { 'x-shop': string } = JSON.parse('{}')
    expect(get('/pets/7?limit=3', none)).toBe('without required header: X-Shop')
    expect(get('/pets/7?limit=3', { 'x-shop': 'a', ...{ 'x-other': 'b' } })).toBe(
      'unknown header: x-other',
    )
    expect(put('{"name":"Rex"}')).toBe('ok')
    expect(put('')).toBe('without required body')
    expect(put('{}')).toBe('body does not fit: without name')
    expect(put('{"name":7}')).toBe('body does not fit: name: type string')
    expect(put('{"name":"Rex","body_name":"Rex"}')).toBe('body does not fit: unknown body_name')
    expect(put('<Pet/>', 'application/xml')).toBe('unknown media type of the body: application/xml')
  })
})

it('what a stranger cannot know is found by name, place and value', () => {
  const asks = (name: string, place: string | undefined, schema: object = { type: 'string' }) =>
    unknowable({
      inputSchema: { type: 'object', properties: { [name]: schema }, required: [name] },
      depth: 1,
      placeOf: () => place,
    })
  expect(asks('X-Api-Key', 'header')).toBe('asks for a credential: X-Api-Key')
  expect(asks('X-Amz-Date', 'header')).toBe('asks for a credential: X-Amz-Date')
  expect(asks('token', 'query')).toBe('asks for a credential: token')
  expect(asks('api-version', 'query')).toBe('asks for a constant of the transport: api-version')
  expect(asks('kind', 'query', { enum: ['a'] })).toBe('asks for the only legal value: kind')
  // Somebody's own: a new password, the token in a link, a page.
  expect(asks('password', undefined)).toBeUndefined()
  expect(asks('token', 'path')).toBeUndefined()
  expect(asks('page_token', 'query')).toBeUndefined()
})
