/** Arguments that nobody needs to ask for: credentials, what frames a request, one legal value, what is configured. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { convertBuilt } from '../apis/built-convert.ts'
import { dig } from './json.ts'
import { type Described, type RestRecorder, startRestRecorder } from './rest-recorder.ts'

const text = '{type: string}'
const parameter = (name: string, where: string, more = ''): string =>
  `{name: ${JSON.stringify(name)}, in: ${where}, ${more} schema: ${text}}`
const required = 'required: true,'

/** One operation with these parameters, in flow style. */
const asking = (parameters: readonly string[], more = '', version = '1'): string =>
  `openapi: 3.0.3
info: {title: T, version: '${version}'}
servers: [{url: 'ORIGIN'}]
paths:
  /things: {get: {operationId: things, parameters: [${parameters.join(', ')}], responses: {'200': {description: ok}}}}
${more}`

const key = parameter('api_key', 'query', required)
const azure = asking([parameter('api-version', 'query', required)], '', '2021-11-01')
const google = [
  ...['$.xgafv', 'access_token', 'alt', 'callback', 'key', 'oauth_token', 'prettyPrint'],
  ...['quotaUser', 'uploadType', 'upload_protocol'],
]
const workspaces = asking([
  parameter('workspace', 'query', required),
  parameter('tenant', 'header', required),
  parameter('q', 'query'),
])

const described: Readonly<Record<string, Described>> = {
  query: {
    spec: asking([key, parameter('q', 'query')]),
    entry: { credential: { query: { name: 'api_key', value: 'abc' } } },
  },
  header: {
    spec: asking([parameter('ApiKey', 'header', required)]),
    entry: { credential: { header: 'apikey', value: 'abc' } },
  },
  cookie: {
    spec: asking([parameter('sid', 'cookie', required), parameter('sid', 'query')]),
    entry: { credential: { cookie: { name: 'sid', value: 'abc' } } },
  },
  schemes: {
    spec: asking(
      [key, parameter('X-Secret', 'header', required)],
      `security: [{a: [], b: []}]
components: {securitySchemes: {a: {type: apiKey, in: query, name: api_key}, b: {type: apiKey, in: header, name: X-Secret}}}
`,
    ),
    entry: {
      credential: {
        schemes: {
          a: { query: { name: 'api_key', value: 'abc' } },
          b: { header: 'X-Secret', value: 'def' },
        },
      },
    },
  },
  declared: {
    spec: asking(
      [key],
      'components: {securitySchemes: {a: {type: apiKey, in: query, name: api_key}}}\n',
    ),
  },
  google: {
    spec: asking([...google, 'fields', 'pageToken'].map((name) => parameter(name, 'query'))),
  },
  jsonp: {
    spec: asking([
      '{name: callback, in: query, description: Name of the JSONP function, schema: {type: string}}',
      '{name: jsonp, in: query, required: true, description: JSONP, schema: {type: string}}',
    ]),
  },
  constants: {
    spec: `openapi: 3.1.0
info: {title: T, version: '1'}
servers: [{url: 'ORIGIN'}]
paths:
  /only:
    post:
      operationId: only
      parameters:
        - {name: Action, in: query, required: true, schema: {type: string, enum: [Do]}}
        - {name: X-Version, in: header, required: true, schema: {$ref: '#/components/schemas/Version'}}
        - {name: force, in: query, schema: {type: boolean, enum: [true]}}
      requestBody: {required: true, content: {application/json: {schema: {type: object, required: [type, name], properties: {type: {const: card}, name: {type: string}}}}}}
      responses: {'200': {description: ok}}
components: {schemas: {Version: {type: integer, enum: [3]}}}
`,
  },
  azure: { spec: azure },
  fixed: { spec: azure, entry: { fixed: { 'api-version': '2022-02-02' } } },
  preset: { spec: azure, entry: { defaults: { 'api-version': '2022-02-02' } } },
  workspaces: {
    spec: workspaces,
    entry: { defaults: { workspace: 42, nobody: 1 }, fixed: { tenant: 't-1' } },
  },
}

let rest: RestRecorder

beforeAll(async () => {
  rest = await startRestRecorder(described, {
    others: (origin, folder) => {
      const schema = join(folder, 'shop.graphql')
      writeFileSync(
        schema,
        'type Query { user(id: ID!, tenant: String!): User }\ntype User { id: ID! }\n',
      )
      const stream = join(folder, 'stream.json')
      const query = {
        ...{ type: 'object', required: ['token', 'room'] },
        properties: { token: { type: 'string' }, room: { type: 'string' } },
      }
      writeFileSync(
        stream,
        JSON.stringify({
          ...{ asyncapi: '2.6.0', info: { title: 'S', version: '1' } },
          servers: { main: { url: 'ws://127.0.0.1:9', protocol: 'ws' } },
          channels: {
            '/events': {
              bindings: { ws: { query } },
              subscribe: { operationId: 'takeEvents', message: { payload: { type: 'object' } } },
            },
          },
        }),
      )
      return {
        stream: {
          asyncapi: { spec: stream },
          credential: { query: { name: 'token', value: 'abc' } },
        },
        graph: { graphql: { url: `${origin}/graphql`, schema }, fixed: { tenant: 'a"b' } },
      }
    },
  })
})
afterAll(() => rest?.stop())

const asked = async (server: string, tool = 'things'): Promise<object> =>
  Object(dig((await rest.tool(server, tool)).inputSchema, 'properties'))

describe('credentials', () => {
  test.each([
    ['query', ['q'], 'GET /things?api_key=abc', {}],
    ['header', [], 'GET /things', { apikey: 'abc' }],
    ['cookie', ['sid'], 'GET /things', { cookie: 'sid=abc' }],
    ['schemes', [], 'GET /things?api_key=abc', { 'x-secret': 'def' }],
    ['declared', [], 'GET /things', {}],
  ])('%s is no argument', async (server, left, line, headers) => {
    expect(Object.keys(await asked(server))).toEqual(left)
    expect((await rest.tool(server, 'things')).inputSchema['required']).toBeUndefined()
    const { seen } = await rest.call(server, 'things', {})
    expect(seen?.line).toBe(line)
    expect(seen?.headers).toMatchObject(headers)
  })

  test('are no argument of streams, too', async () => {
    const [tool] = await rest.tools('stream')
    expect(tool?.inputSchema['required']).toEqual(['room'])
    expect(dig(tool?.inputSchema, 'properties', 'token')).toBeUndefined()
  })

  test('what is transport is no argument', async () => {
    expect(Object.keys(await asked('google'))).toEqual(['fields', 'pageToken'])
    expect(Object.keys(await asked('jsonp'))).toEqual(['jsonp'])
  })

  test.each([
    ['api_key', 'query', required, '', 'credential: { query: { name: "api_key", value: ... } }'],
    ['X-Auth-Token', 'header', required, '', 'credential: { header: "X-Auth-Token", value: ... }'],
    ['token', 'header', required, '', 'credential: { header: "token", value: ... }'],
    [
      'X-AcmeAPI-Key',
      'header',
      required,
      '',
      'credential: { header: "X-AcmeAPI-Key", value: ... }',
    ],
    [
      'license',
      'query',
      `${required} description: Your license API key,`,
      '',
      'credential: { query:',
    ],
    ['Idempotency-Key', 'header', required, '', undefined],
    ['token', 'query', `${required} description: Your API token,`, '', 'credential: { query:'],
    ['page_token', 'query', required, '', undefined],
    ['token', 'query', required, '', undefined],
    ['api_key', 'query', '', '', undefined],
  ])('%s in %s is told where it is undeclared', async (name, where, more, rest, advice) => {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-filled-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    writeFileSync(join(folder, 'api.yaml'), asking([parameter(name, where, more)], rest))
    const { notes } = await convertBuilt(['api.yaml'], folder)
    const found = notes.filter(({ code }) => code === 'credential_undeclared')
    expect(found).toHaveLength(advice === undefined ? 0 : 1)
    if (advice !== undefined) expect(found[0]?.reason).toContain(advice)
  })
})

describe('one value', () => {
  test('is filled where it is required', async () => {
    const { inputSchema } = await rest.tool('constants', 'only')
    expect(inputSchema).toMatchObject({ required: ['name'] })
    expect(Object.keys(await asked('constants', 'only'))).toEqual(['force', 'name'])
    const { seen } = await rest.call('constants', 'only', { name: 'x' })
    expect(seen?.line).toBe('POST /only?Action=Do')
    expect(seen?.headers['x-version']).toBe('3')
    expect(seen?.body).toBe('{"type":"card","name":"x"}')
    // Nobody can say it otherwise.
    expect((await rest.call('constants', 'only', { name: 'x', type: 'cash' })).seen).toBeUndefined()
  })

  test.each([
    ['azure', {}, {}, '2021-11-01'],
    ['fixed', {}, {}, '2022-02-02'],
    ['preset', { 'api-version': { type: 'string', default: '2022-02-02' } }, {}, '2022-02-02'],
    ['preset', undefined, { 'api-version': '1' }, '1'],
  ])(
    '%s: the version of the API is that of the description, or as configured',
    async (server, shown, args, version) => {
      if (shown !== undefined) expect(await asked(server)).toEqual(shown)
      const { seen } = await rest.call(server, 'things', args)
      expect(seen?.line).toBe(`GET /things?api-version=${version}`)
    },
  )
})

describe('what the configuration gives', () => {
  test('a default is shown and used, what is fixed is neither shown nor the callers', async () => {
    const { inputSchema } = await rest.tool('workspaces', 'things')
    expect(inputSchema['properties']).toEqual({
      workspace: { type: 'string', default: '42' },
      q: { type: 'string' },
    })
    expect(inputSchema['required']).toBeUndefined()
    const used = await rest.call('workspaces', 'things', { q: 'a' })
    expect(used.seen?.line).toBe('GET /things?workspace=42&q=a')
    expect(used.seen?.headers['tenant']).toBe('t-1')
    const other = await rest.call('workspaces', 'things', { workspace: '7' })
    expect(other.seen?.line).toBe('GET /things?workspace=7')
    expect((await rest.call('workspaces', 'things', { tenant: 'x' })).seen).toBeUndefined()
  })

  test('of any kind of API', async () => {
    expect(Object.keys(await asked('graph', 'user'))).toEqual(['id'])
    const { seen } = await rest.call('graph', 'user', { id: '1' })
    expect(dig(JSON.parse(seen?.body ?? '{}'), 'variables')).toEqual({ id: '1', tenant: 'a"b' })
  })
})
