import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createGuard } from '../guard/inspect.ts'
import { unlimitedAccount } from '../model/account.ts'
import type { Endpoint } from '../model/action.ts'
import { type Call, type Era, noCapabilities } from '../model/call.ts'
import type { Members } from '../model/members.ts'
import { methodOf } from '../model/methods.ts'
import type { Released } from '../model/proofs.ts'
import { GatewayError, type RefusalCode, refusals } from '../model/refusal.ts'
import type { Reply } from '../model/reply.ts'
import { principal } from './call-fixture.ts'
import type { ResultPlace } from './edit-result.ts'
import {
  encodeNotification,
  encodeQuestion,
  encodeRefusal,
  encodeReply,
  type OutMessage,
} from './encode.ts'

const callOf = (era: Era, method = 'tools/call', more: Partial<Call> = {}): Call => ({
  id: 'c',
  principal,
  kind: methodOf(method).action,
  method,
  endpoint: { kind: 'all' } satisfies Endpoint,
  era,
  revision: era === 'modern' ? '2026-07-28' : '2025-11-25',
  rpcId: '7',
  subject: 'x',
  args: undefined,
  params: [],
  meta: [],
  progressToken: undefined,
  capabilities: noCapabilities,
  logLevel: undefined,
  inputResponses: undefined,
  declined: undefined,
  reference: undefined,
  requestState: undefined,
  paramHeaders: undefined,
  streams: true,
  bytes: 0,
  account: unlimitedAccount,
  cancel: { cancelled: false, onCancel: () => () => undefined },
  ...more,
})

const guard = createGuard()
const released = (reply: Reply): Released => guard.inspectReply(reply)
const complete = (text: string, era: Era, extras: Members = []): Released =>
  released({
    kind: 'complete',
    body: { kind: 'whole', bytes: Buffer.from(text) },
    extras,
    era,
    isError: false,
  })
const textOf = (out: OutMessage): string =>
  Buffer.concat([...out.head.map((part) => Buffer.from(part)), Buffer.from(out.tail)]).toString(
    'utf8',
  )
const at = (uriPrefix: string): ResultPlace => ({
  uriPrefix,
  taskId: undefined,
  wrapsOutput: false,
})
const encoded = (call: Call, reply: Released, prefix = ''): string =>
  textOf(encodeReply(call, reply, at(prefix)))

/** Members with odd but valid JSON text as values. */
const rawValue = fc.oneof(
  fc.constantFrom(
    '12345678901234567890',
    '1.0',
    '-0',
    '1E+2',
    '{ "a" : [ 1 ,2 ] }',
    '"\\u00e9\\/"',
    '[ ]',
    'null',
    '"ä😀"',
    '{"uri":"not://touched"}',
  ),
  fc.json({ maxDepth: 2 }),
)
const known = new Set(['resultType', 'ttlMs', 'cacheScope', 'content', 'contents', 'messages'])
const members = fc.uniqueArray(
  fc.tuple(
    fc.string({ maxLength: 8 }).filter((key) => !known.has(key)),
    rawValue,
  ),
  { selector: ([key]) => key, maxLength: 8 },
)
const blank = fc.constantFrom('', ' ', '\n  ', '\t')
const joined = (entries: readonly (readonly [string, string])[]): string[] =>
  entries.map(([key, raw]) => `${JSON.stringify(key)}:${raw}`)

describe('the same era on both sides', () => {
  test('changes no byte, whatever the result holds', () => {
    fc.assert(
      fc.property(
        members,
        blank,
        fc.constantFrom<Era>('modern', 'legacy'),
        (entries, space, era) => {
          const text = `{${space}${joined(entries).join(`${space},${space}`)}${space}}`
          expect(encoded(callOf(era), complete(text, era))).toBe(
            `{"jsonrpc":"2.0","id":7,"result":${text}}`,
          )
        },
      ),
    )
  })
})

describe('across eras', () => {
  test('every unknown member keeps its bytes and its place', () => {
    fc.assert(
      fc.property(members, blank, fc.nat({ max: 8 }), (entries, space, at) => {
        const kept = joined(entries)
        const extra = ['"resultType":"complete"', '"ttlMs": 0', '"cacheScope":"private"']
        const modern = [...kept.slice(0, at), ...extra, ...kept.slice(at)].join(`${space},${space}`)
        expect(encoded(callOf('legacy'), complete(`{${space}${modern}${space}}`, 'modern'))).toBe(
          `{"jsonrpc":"2.0","id":7,"result":{${kept.join(',')}}}`,
        )
        const legacy = `{${space}${kept.join(`${space},${space}`)}${space}}`
        const added = ['"resultType":"complete"', ...kept].join(',')
        expect(encoded(callOf('modern'), complete(legacy, 'legacy'))).toBe(
          `{"jsonrpc":"2.0","id":7,"result":{${added}}}`,
        )
      }),
    )
  })

  test('a read of a legacy server gets the cache members that modern results must have', () => {
    const result: unknown = JSON.parse(
      encoded(callOf('modern', 'resources/read'), complete('{"contents":[]}', 'legacy')),
    )
    expect(result).toMatchObject({
      result: { resultType: 'complete', ttlMs: 0, cacheScope: 'private', contents: [] },
    })
  })

  test('an empty result', () => {
    expect(encoded(callOf('modern'), complete('{}', 'legacy'))).toContain(
      '"result":{"resultType":"complete"}',
    )
    expect(encoded(callOf('legacy'), complete('{"resultType":"complete"}', 'modern'))).toContain(
      '"result":{}',
    )
  })
})

test('unknown members of the envelope are kept', () => {
  const extras = [{ key: 'vendor', raw: '{ "n":1.0 }' }]
  expect(encoded(callOf('modern'), complete('{}', 'modern', extras))).toBe(
    '{"jsonrpc":"2.0","id":7,"result":{},"vendor":{ "n":1.0 }}',
  )
})

describe('URIs of a joined endpoint', () => {
  test.each([
    [
      'contents',
      '{"contents":[{"uri":"a://1","text":"uri"},{"uri":"a://2"}]}',
      '{"contents":[{"uri":"s+a://1","text":"uri"},{"uri":"s+a://2"}]}',
    ],
    [
      'embedded resources',
      '{"content":[{"type":"resource","resource":{"uri":"a://1"}}]}',
      '{"content":[{"type":"resource","resource":{"uri":"s+a://1"}}]}',
    ],
    [
      'messages of prompts',
      '{"messages":[{"content":{"type":"resource","resource":{"uri":"a://1"}}}]}',
      '{"messages":[{"content":{"type":"resource","resource":{"uri":"s+a://1"}}}]}',
    ],
    [
      'non-ASCII text before',
      '{"contents":[{"text":"äöü😀","uri":"a://1"}]}',
      '{"contents":[{"text":"äöü😀","uri":"s+a://1"}]}',
    ],
    ['no string', '{"contents":[{"uri":7}]}', '{"contents":[{"uri":7}]}'],
    [
      'data of the tool',
      '{"structuredContent":{"uri":"a://1"},"_meta":{"uri":"a://2"},"content":[{"type":"text","text":"{\\"uri\\":\\"x\\"}"}]}',
      '{"structuredContent":{"uri":"a://1"},"_meta":{"uri":"a://2"},"content":[{"type":"text","text":"{\\"uri\\":\\"x\\"}"}]}',
    ],
  ])('%s', (_name, text, expected) => {
    expect(encoded(callOf('modern'), complete(text, 'modern'), 's+')).toBe(
      `{"jsonrpc":"2.0","id":7,"result":${expected}}`,
    )
    const legacy: unknown = JSON.parse(encoded(callOf('legacy'), complete(text, 'modern'), 's+'))
    expect(legacy).toEqual({ jsonrpc: '2.0', id: 7, result: JSON.parse(expected) })
  })

  test('resource links can be read under the name that they are given', () => {
    const text = '{"content":[{"type":"resource_link","uri":"a://1","name":"n"}]}'
    expect(encoded(callOf('modern'), complete(text, 'modern'), 's+')).toContain('"uri":"s+a://1"')
  })
})

describe('errors of a server', () => {
  const error = (code: number, era: Era, data?: string): Released =>
    released({ kind: 'error', code, message: 'm', data, era })
  test.each<[Era, Era, string, number, string | undefined, number, number]>([
    ['legacy', 'modern', 'tools/call', -32601, undefined, -32601, 200],
    ['legacy', 'modern', 'tools/call', -32020, undefined, -32603, 200],
    ['legacy', 'modern', 'prompts/get', -32021, undefined, -32603, 200],
    ['legacy', 'modern', 'resources/read', -32602, '{"uri":"a"}', -32002, 200],
    ['legacy', 'legacy', 'resources/read', -32002, '{"uri":"a"}', -32002, 200],
    ['legacy', 'legacy', 'tools/call', -32042, '{}', -32042, 200],
    ['modern', 'modern', 'tools/call', -32601, undefined, -32601, 404],
    ['modern', 'modern', 'tools/call', -32020, undefined, -32020, 400],
    ['modern', 'modern', 'tools/call', -32021, '{}', -32021, 400],
    ['modern', 'modern', 'tools/call', -32022, '{}', -32603, 200],
    ['modern', 'modern', 'tools/call', -32099, '{}', -32603, 200],
    ['modern', 'legacy', 'resources/read', -32002, '{"uri":"a"}', -32602, 200],
    ['modern', 'legacy', 'tools/call', -32042, '{}', -32603, 200],
    ['modern', 'modern', 'tools/call', 4711, '{"n":12345678901234567890}', 4711, 200],
  ])(
    'to a %s client, from a %s server, %s %i %s: %i with %i',
    (client, server, method, code, data, expected, status) => {
      const out = encodeReply(callOf(client, method), error(code, server, data), at(''))
      const text = textOf(out)
      expect([out.status, Number(/"code":(-?\d+)/.exec(text)?.[1])]).toEqual([status, expected])
      if (data !== undefined) expect(text).toContain(`"data":${data}`)
    },
  )

  test('an older legacy client never sees the code that its revision lacks', () => {
    const out = encodeReply(
      callOf('legacy', 'tools/call', { revision: '2025-06-18' }),
      error(-32042, 'legacy', '{}'),
      at(''),
    )
    expect(textOf(out)).toContain('"code":-32603')
  })
})

test('every refusal has its code, a sentence, the call id and the id of the request; none but a lost session is 404 for legacy', () => {
  const codes = Object.keys(refusals).filter((code): code is RefusalCode => code in refusals)
  for (const code of codes) {
    for (const era of ['modern', 'legacy'] as const) {
      const out = encodeRefusal(
        era,
        '"a"',
        new GatewayError(code, { detail: 'private detail' }),
        'call-1',
      )
      const message: unknown = JSON.parse(textOf(out))
      expect(message).toMatchObject({
        jsonrpc: '2.0',
        id: 'a',
        error: { data: { code, call: 'call-1' } },
      })
      expect(textOf(out)).not.toContain('private detail')
      if (era === 'legacy' && !['session_unknown', 'endpoint_unknown'].includes(code))
        expect(out.status).not.toBe(404)
    }
  }
})

test('progress carries the token of the caller, raw, and nothing when there is none', () => {
  const notification = {
    kind: 'progress',
    params: [{ key: 'progress', raw: '1.0' }],
    level: undefined,
  } as const
  for (const token of ['7', '"t\\u00e4"', '12345678901234567890'])
    expect(
      encodeNotification(callOf('modern', 'tools/call', { progressToken: token }), notification),
    ).toBe(
      `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${token},"progress":1.0}}`,
    )
  expect(encodeNotification(callOf('modern'), notification)).toBeUndefined()
})

test('questions', () => {
  const questions = [
    { key: 'q"1', method: 'elicitation/create', params: '{ "m":1.0 }' },
    { key: 'r', method: 'roots/list', params: undefined },
  ]
  const asked = released({
    kind: 'input_required',
    questions,
    requestState: 's"',
    extras: [{ key: '_meta', raw: '{ }' }],
  })
  expect(encoded(callOf('modern'), asked)).toBe(
    '{"jsonrpc":"2.0","id":7,"result":{"resultType":"input_required","inputRequests":{"q\\"1":{"method":"elicitation/create","params":{ "m":1.0 }},"r":{"method":"roots/list"}},"requestState":"s\\"","_meta":{ }}}',
  )
  expect(
    encodeQuestion('"sp-1"', { key: 'r', method: 'roots/list', params: undefined }, '2025-11-25'),
  ).toBe('{"jsonrpc":"2.0","id":"sp-1","method":"roots/list"}')
})
