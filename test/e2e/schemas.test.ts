/** What servers write into `inputSchema`, by the public door: what cannot be read is left to the server. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { builtProgram } from '../built.ts'
import { type Stub, sendJson, startStub } from '../faults/stub-server.ts'
import { modernCall, modernTool } from './client.ts'
import { everything, startGateway, type TestGateway } from './gateway.ts'
import { dig, digList, digText } from './json.ts'

/** Schemas of real servers by the name of a tool, each with arguments that its server takes. */
const odd: Readonly<Record<string, [schema: object, args: Readonly<Record<string, unknown>>]>> =
  JSON.parse(readFileSync(new URL('../fixtures/odd-schemas.json', import.meta.url), 'utf8'))
const formats: readonly [format: string, value: string][] = [
  ['date-time', '2024-05-01T10:00:00'],
  ['date-time', '2024-05-01'],
  ['time', '10:00:00'],
  ['duration', '00:05:00'],
  ['uri', 'https://ru.wikipedia.org/wiki/Москва'],
  ['uri', '/relative'],
  ['hostname', 'my_host.local'],
  ['uuid', 'URN:UUID:1'],
]
const endless = { type: 'object', allOf: [{ $ref: '#' }] }
const huge = { type: 'object', allOf: Array(4_001).fill({ minProperties: 0 }) }
const formatSchema = (format: string): object => ({
  type: 'object',
  properties: { v: { type: 'string', format } },
})

describe('a server whose schemas are odd', () => {
  let stub: Stub
  let gateway: TestGateway
  beforeAll(async () => {
    const tools = [
      ...Object.entries(odd).map(([name, [inputSchema]]) => ({ name, inputSchema })),
      ...formats.map(([format], index) => ({
        name: `format_${index}`,
        inputSchema: formatSchema(format),
      })),
      { name: 'endless', inputSchema: endless },
      { name: 'huge', description: 'Does it.', inputSchema: huge },
    ]
    stub = await startStub({
      era: 'modern',
      tools,
      handle: ({ method, message, response }) => {
        if (method !== 'tools/call') return false
        const content = [{ type: 'text', text: 'ran' }]
        sendJson(response, {
          jsonrpc: '2.0',
          id: dig(message, 'id'),
          result: { resultType: 'complete', content },
        })
        return true
      },
    })
    gateway = await startGateway({
      config: { servers: { s: { http: { url: stub.url } } } },
      keys: { first: everything },
    })
  })
  afterAll(async () => {
    await gateway?.stop()
    await stub?.stop()
  })
  const ran = async (name: string, args: Readonly<Record<string, unknown>>): Promise<unknown> => {
    const { message } = await modernTool(gateway.server('s'), gateway.key, name, args)
    return dig(message, 'result', 'content', 0, 'text') ?? dig(message, 'error', 'data', 'code')
  }

  test.each(Object.entries(odd))('%s can be called', async (name, [, args]) => {
    expect(await ran(name, args)).toBe('ran')
  })

  test.each(formats.map(([format, value], index) => ({ format, value, index })))(
    'a value that is no strict $format leaves for the server: $value',
    async ({ value, index }) => {
      expect(await ran(`format_${index}`, { v: value })).toBe('ran')
    },
  )

  test('what can be read of a schema is judged all the same', async () => {
    expect(await ran('draft04', { n: 0 })).toContain('/n: expected a number > 0')
    expect(await ran('type_int', { q: 1 })).toContain('/q: expected string')
    expect(await ran('zod_email_lookahead', { to: 1 })).toContain('/to: expected string')
  })

  test('a schema without an end stays refused', async () => {
    expect(await ran('endless', {})).toBe('schema_unusable')
  })

  test('a schema that is too large stays refused, and the tool says so where it is listed', async () => {
    expect(await ran('huge', {})).toBe('schema_unusable')
    const { message } = await modernCall(gateway.server('s'), gateway.key, 'tools/list')
    const tools = digList(message, 'result', 'tools')
    expect(tools.find((tool) => dig(tool, 'name') === 'huge')).toMatchObject({
      description:
        'Cannot be called through this gateway: its input schema cannot be checked, since it has more than 4000 parts. Does it.',
    })
  })

  test('doctor names tool, keyword and reason', async () => {
    const child = spawn(
      process.execPath,
      [builtProgram, 'doctor', '--json', '--data', gateway.dataDir],
      { env: { PATH: '/usr/bin:/bin', NODE_NO_WARNINGS: '1' } },
    )
    const answer: unknown = JSON.parse(await text(child.stdout))
    const schemas = digList(answer, 'servers', 0, 'tried', 'schemas')
    const places = Object.fromEntries(
      schemas.map((schema) => [
        digText(schema, 'tool'),
        digList(schema, 'skipped').map((skipped) => digText(skipped, 'place')),
      ]),
    )
    expect(places).toEqual({
      zod_duration_lookahead: ['/properties/d/pattern'],
      zod_email_lookahead: ['/properties/to/pattern'],
      lookahead_in_unused_optional: ['/properties/o/pattern'],
      type_int: ['/properties/n/type'],
      required_true: ['/properties/q/required'],
      enum_empty: ['/properties/e/enum'],
      dangling_ref_unused: ['/properties/p/$ref'],
      glob_pattern: ['/properties/q/pattern'],
      endless: [],
      huge: [],
    })
    const messages = digList(answer, 'findings').map((finding) => digText(finding, 'message'))
    expect(messages).toContainEqual(
      expect.stringContaining('s: the tool "type_int" is checked in part; left to the server'),
    )
  })
})

describe('an API that refuses the form of an argument', () => {
  let server: Server
  let gateway: TestGateway
  beforeAll(async () => {
    server = createServer((request, response) => {
      const isNaive = request.url === '/at?at=2024-01-01T10%3A00%3A00'
      response.writeHead(isNaive ? 200 : 422, { 'content-type': 'application/json' })
      response.end(isNaive ? '{"ok":true}' : '{"detail":"Input should not have timezone info"}')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
    gateway = await startGateway({
      config: { servers: { api: { openapi: { spec: './api.json', baseUrl: url } } } },
      keys: { first: everything },
    })
    const at = { name: 'at', in: 'query', schema: { type: 'string', format: 'date-time' } }
    const get = { operationId: 'at', parameters: [at], responses: { 200: { description: 'ok' } } }
    const spec = { openapi: '3.1.0', info: { title: 'T', version: '1' }, paths: { '/at': { get } } }
    await writeFile(join(dirname(gateway.dataDir), 'api.json'), JSON.stringify(spec))
    await gateway.restart()
  })
  afterAll(async () => {
    await gateway?.stop()
    server?.close()
  })

  test('gets what it takes, and when it refuses, the model is told which form the description names', async () => {
    const call = (at: string) => modernTool(gateway.server('api'), gateway.key, 'at', { at })
    expect((await call('2024-01-01T10:00:00')).text).toContain('\\"ok\\":true')
    const refused = (await call('yesterday')).text
    expect(refused).toContain('should not have timezone info')
    expect(refused).toContain('/at is not of the format \\"date-time\\"')
    const full = (await call('2024-01-01T10:00:00Z')).text
    expect(full).toContain('should not have timezone info')
    expect(full).not.toContain('not of the format')
  })
})
