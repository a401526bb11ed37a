import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type ConversionCode,
  ConversionFault,
  type ReadDocument,
} from '../../../model/conversion.ts'
import { asyncapiSpec } from '../../../model/kinds/asyncapi.ts'
import { convertAsyncapi } from './convert.ts'

const nothing: ReadDocument = (reference) =>
  Promise.reject(new ConversionFault('document_refused', `${reference} may not be read`))

const convert = (text: string, spec: object = {}, read = nothing) =>
  convertAsyncapi(
    asyncapiSpec.parse({ spec: 'a.yaml', ...spec }),
    { location: '/specs/a.yaml', text, mediaType: undefined },
    read,
  )

async function fault(text: string): Promise<ConversionFault> {
  const outcome: unknown = await convert(text).catch((thrown: unknown) => thrown)
  if (outcome instanceof ConversionFault) return outcome
  throw new Error('it converted', { cause: outcome })
}

const two = `
asyncapi: 2.6.0
info: { title: Chat, version: 1.0.0 }
servers:
  live: { url: 'chat.example/{base}', protocol: wss, variables: { base: { enum: [v1, v2] } }, security: [{ key: [] }] }
  other: { url: 'mqtt://broker.example', protocol: mqtt }
channels:
  /rooms/{room}:
    parameters: { room: { schema: { type: string, minLength: 2 } } }
    bindings: { ws: { query: { type: object, properties: { since: { type: integer } }, required: [since] } } }
    publish:
      operationId: sendMessage
      message:
        oneOf:
          - { name: say, correlationId: { location: '$message.payload#/meta/id' }, payload: { type: object, properties: { text: { type: string }, meta: { type: object, properties: { id: { type: string } } } } } }
          - { name: shout, payload: { type: object, required: [loud] } }
    subscribe:
      operationId: onMessage
      message: { correlationId: { location: '$message.payload#/meta/id' }, payload: { $ref: '#/components/schemas/Said' } }
  /queue:
    servers: [other]
    publish: { message: { payload: {} } }
components:
  schemas: { Said: { type: object, required: [said], properties: { said: { type: string }, inner: { $ref: '#/components/schemas/Said' } } } }
  securitySchemes: { key: { type: httpApiKey, in: query, name: api_key } }
`

describe('version 2', () => {
  it('publishes what its clients send, and subscribes them to what it sends', async () => {
    const { tools, skipped, operations, common } = await convert(two)
    expect(operations).toBe(3)
    expect(
      tools.map(({ operation, definition, plan }) => [operation, definition.name, plan.kind]),
    ).toEqual([
      ['publish /rooms/{room}', 'message', 'ask'],
      ['subscribe /rooms/{room}', 'take_message', 'take'],
    ])
    expect(skipped).toMatchObject([{ operation: 'publish /queue', code: 'transport_unsupported' }])
    expect(tools[0]?.plan).toMatchObject({
      url: 'wss://chat.example/v1',
      path: '/rooms/{room}',
      parameters: [
        { name: 'room', in: 'path' },
        { name: 'since', in: 'query' },
      ],
      correlation: { path: ['meta', 'id'], type: 'string' },
      messages: [{ fit: { required: ['said'] }, correlation: ['meta', 'id'] }],
      security: [['key']],
    })
    expect(tools[0]?.definition.inputSchema).toMatchObject({
      required: ['room', 'since', 'message'],
      properties: { room: { minLength: 2 }, message: { anyOf: [{}, {}] } },
    })
    expect(common.security).toEqual({ key: { kind: 'apiKey', in: 'query', name: 'api_key' } })
  })

  it.each([
    ['subscribe', 'client'],
    ['login_request', 'client'],
    ['subscribe_ack', 'server'],
    ['subscribed', 'server'],
    ['trade', 'server'],
  ])('a message %s that is sent makes it that of a %s', async (name, side) => {
    const text = `
asyncapi: 3.0.0
info: { title: A, version: '1' }
servers: { s: { host: a.example, protocol: ws } }
channels: { c: { address: /c, messages: { ${name}: { payload: { type: object } } } } }
operations: { one: { action: send, channel: { $ref: '#/channels/c' } } }`
    const { tools, notes } = await convert(text)
    expect(tools[0]?.plan.kind).toBe(side === 'client' ? 'send' : 'take')
    expect(notes.some(({ reason }) => reason.includes('describes: server'))).toBe(side === 'client')
    const told = await convert(text, { describes: 'server' })
    expect(told.tools[0]?.plan.kind).toBe('take')
    expect(told.notes.some(({ reason }) => reason.includes('describes'))).toBe(false)
  })

  it('of a client is read the other way', async () => {
    const { tools } = await convert(two, { describes: 'client' })
    expect(tools.map(({ plan }) => plan.kind)).toEqual(['take', 'ask'])
  })
})

const three = (more: string): string => `
asyncapi: 3.0.0
info: { title: A, version: '1' }
servers: { s: { host: a.example, protocol: ws } }
channels: { c: { address: /c, messages: { m: { payload: { type: object } } } } }
${more}`

describe('references', () => {
  it('to other documents are read through the port alone', async () => {
    const text = three(`operations:
  sendA: { action: send, channel: { $ref: '#/channels/c' }, messages: [{ $ref: './messages.yaml#/told' }] }
  sendB: { action: send, channel: { $ref: 'file:///etc/passwd' } }
  sendC: { action: send, channel: { $ref: 'http://169.254.169.254/latest#/x' } }`)
    const asked: string[] = []
    const { tools, skipped } = await convert(text, {}, async (reference, from) => {
      asked.push(reference)
      if (reference !== './messages.yaml') return nothing(reference, from)
      const message = 'told: { payload: { type: object, required: [here] } }'
      return { location: '/specs/messages.yaml', text: message, mediaType: undefined }
    })
    expect(asked.sort()).toEqual([
      './messages.yaml',
      'file:///etc/passwd',
      'http://169.254.169.254/latest',
    ])
    expect(tools[0]?.plan.messages).toMatchObject([{ fit: { required: ['here'] } }])
    expect(skipped.map(({ code }) => code)).toEqual(['document_refused', 'document_refused'])
  })
})

describe('what is broken', () => {
  const broken: [string, string, ConversionCode][] = [
    ['nothing', '', 'description_invalid'],
    ['no description', 'hello: world', 'description_invalid'],
    ['an OpenAPI description', 'openapi: 3.0.0', 'description_invalid'],
    ['version 1', 'asyncapi: 1.2.0', 'version_unknown'],
    ['a version of the future', 'asyncapi: 4.0.0', 'version_unknown'],
    ['broken YAML', 'asyncapi: [', 'description_invalid'],
    [
      'a bomb of aliases',
      `asyncapi: 3.0.0\na: &a [${'x,'.repeat(9)}x]\n${Array.from({ length: 12 }, (_, at) => `b${at}: &b${at} [${`*${at === 0 ? 'a' : `b${at - 1}`},`.repeat(9)}x]`).join('\n')}`,
      'description_too_large',
    ],
    ['nesting without end', `asyncapi: 3.0.0\nx: ${'['.repeat(100_000)}`, 'description_too_large'],
  ]
  it.each(broken)('is told: %s', async (_what, text, code) => {
    expect((await fault(text)).code).toBe(code)
  })

  it('loses none of very many operations', async () => {
    const channels = Array.from(
      { length: 6_000 },
      (_, at) => `"/c${at}":{"publish":{},"subscribe":{}}`,
    )
    const text = `{"asyncapi":"2.6.0","info":{"title":"A","version":"1"},"channels":{${channels.join(',')}}}`
    const { operations, tools, skipped } = await convert(text, { url: 'wss://a.example/' })
    expect([operations, tools.length, skipped.length]).toEqual([12_000, 12_000, 0])
  })

  it('costs only the operation that it is in', async () => {
    const { tools, skipped, notes } = await convert(
      three(`operations:
  good: { action: send, channel: { $ref: '#/channels/c' } }
  sned: { action: sned, channel: { $ref: '#/channels/c' } }
  none: { action: send }
  lost: { action: send, channel: { $ref: '#/channels/x' } }
  circle: { $ref: '#/operations/circle' }
  avro: { action: send, channel: { $ref: '#/channels/c' }, messages: [{ payload: { schemaFormat: 'application/vnd.apache.avro;version=1.9.0', schema: {} } }] }
  binary: { action: send, channel: { $ref: '#/channels/c' }, messages: [{ contentType: application/octet-stream }] }
  text: just text`),
    )
    expect(tools.map(({ operation }) => operation)).toEqual(['send good'])
    expect(skipped.map(({ operation, code }) => [operation, code])).toEqual([
      ['sned sned', 'description_invalid'],
      ['send none', 'description_invalid'],
      ['send lost', 'reference_unresolved'],
      ['operation circle', 'reference_unresolved'],
      ['send avro', 'schema_unusable'],
      ['send binary', 'feature_unsupported'],
      ['operation text', 'description_invalid'],
    ])
    // What the official schema says is told with its place.
    expect(notes).toMatchObject([
      { code: 'description_invalid', place: expect.stringMatching(/^#\/operations\//) },
    ])
  })

  it.each(['send', 'receive', 'both'])(
    '10,000 operations over channels of 300 messages: %s',
    async (kind) => {
      const count = 10_000
      const messages = Object.fromEntries(
        Array.from({ length: 300 }, (_, n) => [
          `m${n}`,
          {
            payload: {
              type: 'object',
              properties: { kind: { const: n }, text: { type: 'string' } },
            },
          },
        ]),
      )
      const channels = { a: { address: '/a', messages }, b: { address: '/b', messages } }
      const operations = Object.fromEntries(
        Array.from({ length: count }, (_, n) => [
          `o${n}`,
          {
            action: kind === 'both' ? (n % 4 < 2 ? 'send' : 'receive') : kind,
            channel: { $ref: n % 2 === 0 ? '#/channels/a' : '#/channels/b' },
          },
        ]),
      )
      const servers = { s: { host: 'a.example', protocol: 'wss' } }
      const info = { title: 'A', version: '1' }
      const { tools } = await convert(
        JSON.stringify({ asyncapi: '3.0.0', info, servers, channels, operations }),
      )
      expect(tools).toHaveLength(count)
      // What they share stands there once, or it could not be handed on.
      const parts = tools.flatMap(({ plan }) => plan.messages)
      expect(new Set(parts).size).toBeLessThanOrEqual(100)
    },
  )

  it('whatever stands in its place, ends with a conversion or a fault', async () => {
    const any = fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom(null, true, 0, '', 'x', '$message.payload#/a', 'ws', '__proto__'),
      fc.array(fc.constantFrom('x', 1, null), { maxLength: 3 }),
      fc.dictionary(
        fc.constantFrom(
          '$ref',
          'payload',
          'messages',
          'address',
          'action',
          'channel',
          'reply',
          'type',
          'oneOf',
          'properties',
          'bindings',
          'ws',
          'query',
          'traits',
          'correlationId',
          'location',
          'schemaFormat',
          'schema',
          'host',
          'protocol',
          'variables',
          '__proto__',
          'constructor',
        ),
        fc.constantFrom('#/channels/c', '#', 'send', 'receive', '#/x', 1, null, {}),
        { maxKeys: 4 },
      ),
    )
    const description = fc.record({
      asyncapi: fc.constantFrom('2.6.0', '3.0.0'),
      info: any,
      servers: fc.oneof(
        any,
        fc.constant({ s: { host: 'a.example', url: 'ws://a.example', protocol: 'ws' } }),
      ),
      channels: fc.oneof(any, fc.dictionary(fc.constantFrom('c', 'd'), any)),
      operations: fc.oneof(any, fc.dictionary(fc.constantFrom('c', 'd'), any)),
      components: any,
    })
    await fc.assert(
      fc.asyncProperty(description, async (value) => {
        const outcome: unknown = await convert(JSON.stringify(value)).catch(
          (thrown: unknown) => thrown,
        )
        if (outcome instanceof ConversionFault) return
        expect(outcome).toHaveProperty('tools')
      }),
      { numRuns: 150 },
    )
  })
})
