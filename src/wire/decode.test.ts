import { describe, expect, test } from 'vitest'
import { unlimitedAccount } from '../model/account.ts'
import type { Endpoint } from '../model/action.ts'
import { type Call, noCapabilities } from '../model/call.ts'
import { GatewayError } from '../model/refusal.ts'
import { principal } from './call-fixture.ts'
import { decodeLegacy, decodeModern, eraOf, type Headers } from './decode.ts'
import { parseEnvelope } from './envelope.ts'

const context = {
  id: 'c',
  principal,
  endpoint: { kind: 'all' } satisfies Endpoint,
  account: unlimitedAccount,
  cancel: { cancelled: false, onCancel: () => () => undefined },
  bytes: 0,
  streams: true,
  relayed: new Set<string>(),
}
const claim = '"io.modelcontextprotocol/protocolVersion":"2026-07-28"'
const able = '"io.modelcontextprotocol/clientCapabilities":{}'
const request = (method: string, params = ''): string =>
  `{"jsonrpc":"2.0","id":1,"method":"${method}"${params === '' ? '' : `,"params":{${params}}`}}`

describe('which era a message belongs to', () => {
  test.each<[string, string, Headers, 'legacy' | 'modern']>([
    ['a plain request', request('tools/list'), {}, 'legacy'],
    ['the claim in _meta', request('tools/list', `"_meta":{${claim}}`), {}, 'modern'],
    [
      'the claim under a legacy header',
      request('tools/list', `"_meta":{${claim}}`),
      { 'mcp-protocol-version': '2025-11-25' },
      'modern',
    ],
    [
      'an unknown version claimed',
      request('tools/list', '"_meta":{"io.modelcontextprotocol/protocolVersion":"2030-01-01"}'),
      {},
      'modern',
    ],
    [
      'a claim that is no string',
      request('tools/list', '"_meta":{"io.modelcontextprotocol/protocolVersion":null}'),
      {},
      'modern',
    ],
    ['initialize', request('initialize'), {}, 'legacy'],
    [
      'initialize under a modern header',
      request('initialize'),
      { 'mcp-protocol-version': '2026-07-28' },
      'legacy',
    ],
    ['initialize with the claim', request('initialize', `"_meta":{${claim}}`), {}, 'modern'],
    [
      'a modern header alone',
      request('tools/list'),
      { 'mcp-protocol-version': '2026-07-28' },
      'modern',
    ],
    ['a legacy header', request('tools/list'), { 'mcp-protocol-version': '2025-06-18' }, 'legacy'],
    [
      'an unknown header version',
      request('tools/list'),
      { 'mcp-protocol-version': '2030-01-01' },
      'legacy',
    ],
    ['Mcp-Method alone', request('tools/list'), { 'mcp-method': 'tools/list' }, 'legacy'],
    [
      'a response',
      '{"jsonrpc":"2.0","id":1,"result":{}}',
      { 'mcp-protocol-version': '2026-07-28' },
      'legacy',
    ],
    [
      'the claim in arguments',
      request('tools/call', `"name":"x","arguments":{"_meta":{${claim}}}`),
      {},
      'legacy',
    ],
    [
      'the claim beside params',
      `{"jsonrpc":"2.0","id":1,"method":"tools/list","_meta":{${claim}}}`,
      {},
      'legacy',
    ],
    [
      'the claim spelled with escapes',
      request('tools/list', `"_meta":{${claim.replace('/', '\\/')}}`),
      {},
      'modern',
    ],
  ])('%s', (_name, text, headers, era) => {
    expect(eraOf(parseEnvelope(text), headers)).toBe(era)
  })
})

const headers: Headers = {
  'mcp-protocol-version': '2026-07-28',
  'mcp-method': 'tools/call',
  'mcp-name': 'x',
}
const call = (meta = `${claim},${able}`, method = 'tools/call', params = '"name":"x"'): string =>
  request(method, `${params},"_meta":{${meta}}`)

function refusalOf(run: () => unknown): string | undefined {
  try {
    run()
    return undefined
  } catch (fault) {
    if (fault instanceof GatewayError) return fault.code
    throw fault
  }
}

describe('the modern ladder: the first fault counts', () => {
  test.each<[string, string, Headers, string | undefined]>([
    ['all as it should be', call(), headers, undefined],
    ['no claim', call(able), headers, 'meta_invalid'],
    [
      'no version header',
      call(),
      { ...headers, 'mcp-protocol-version': undefined },
      'header_mismatch',
    ],
    [
      'another version header',
      call(),
      { ...headers, 'mcp-protocol-version': '2025-11-25' },
      'header_mismatch',
    ],
    [
      'an unknown version',
      call(`${claim.replace('2026', '2030')},${able}`),
      { ...headers, 'mcp-protocol-version': '2030-07-28' },
      'version_unsupported',
    ],
    [
      'a legacy version claimed',
      call(`${claim.replace('2026-07-28', '2025-11-25')},${able}`),
      { ...headers, 'mcp-protocol-version': '2025-11-25' },
      'version_unsupported',
    ],
    ['no Mcp-Method', call(), { ...headers, 'mcp-method': undefined }, 'header_mismatch'],
    [
      'Mcp-Method in another case',
      call(),
      { ...headers, 'mcp-method': 'Tools/Call' },
      'header_mismatch',
    ],
    ['no Mcp-Name', call(), { ...headers, 'mcp-name': undefined }, 'header_mismatch'],
    ['another Mcp-Name', call(), { ...headers, 'mcp-name': 'y' }, 'header_mismatch'],
    ['Mcp-Name with blanks around', call(), { ...headers, 'mcp-name': '  x ' }, undefined],
    ['Mcp-Name encoded', call(), { ...headers, 'mcp-name': '=?base64?eA==?=' }, undefined],
    [
      'Mcp-Name encoded wrongly',
      call(),
      { ...headers, 'mcp-name': '=?base64?eA?=' },
      'header_mismatch',
    ],
    ['no capabilities', call(claim), headers, 'meta_invalid'],
    [
      'capabilities that are no object',
      call(`${claim},${able.replace('{}', '[]')}`),
      headers,
      'meta_invalid',
    ],
    [
      'clientInfo that is no object',
      call(`${claim},${able},"io.modelcontextprotocol/clientInfo":"x"`),
      headers,
      'meta_invalid',
    ],
    [
      'a wrong header before missing capabilities',
      call(claim),
      { ...headers, 'mcp-method': 'x' },
      'header_mismatch',
    ],
    [
      'an unknown method',
      call(undefined, 'tools/destroy'),
      { ...headers, 'mcp-method': 'tools/destroy' },
      'method_unknown',
    ],
    [
      'a method that modern lacks',
      call(undefined, 'ping'),
      { ...headers, 'mcp-method': 'ping' },
      'method_unknown',
    ],
    [
      'missing capabilities before an unknown method',
      call(claim, 'tools/destroy'),
      { ...headers, 'mcp-method': 'tools/destroy' },
      'meta_invalid',
    ],
    [
      'an unknown log level',
      call(`${claim},${able},"io.modelcontextprotocol/logLevel":"loud"`),
      headers,
      'params_invalid',
    ],
    ['no name', call(undefined, 'tools/call', '"arguments":{}'), headers, 'header_mismatch'],
    [
      'arguments that are no object',
      call(undefined, 'tools/call', '"name":"x","arguments":[]'),
      headers,
      'params_invalid',
    ],
    [
      'a requestState that is no string',
      call(undefined, 'tools/call', '"name":"x","requestState":1'),
      headers,
      'state_invalid',
    ],
    [
      'a progress token that is an object',
      call(`${claim},${able},"progressToken":{}`),
      headers,
      'params_invalid',
    ],
  ])('%s', (_name, text, sent, code) => {
    expect(refusalOf(() => decodeModern(parseEnvelope(text), sent, context))).toBe(code)
  })

  test('on transports without headers only the body is judged', () => {
    expect(decodeModern(parseEnvelope(call()), undefined, context).paramHeaders).toBeUndefined()
  })

  test('the version error says what is supported and what was asked for', () => {
    const text = call(`${claim.replace('2026', '2030')},${able}`)
    expect(() => decodeModern(parseEnvelope(text), undefined, context)).toThrow(
      expect.objectContaining({ data: { supported: ['2026-07-28'], requested: '2030-07-28' } }),
    )
  })
})

test('a call keeps what it does not know, byte for byte, and drops what belongs to one hop', () => {
  const text = call(
    `${claim},${able},"progressToken": 7 ,"com.example/x": {"n":1.0} ,"traceparent":"00-1"`,
    'tools/call',
    '"name":"x","arguments":{ "n":12345678901234567890 },"vendor": [ 1 ,2]',
  )
  const decoded: Call = decodeModern(parseEnvelope(text), headers, context)
  expect(decoded.args).toBe('{ "n":12345678901234567890 }')
  expect(decoded.params).toEqual([{ key: 'vendor', raw: '[ 1 ,2]' }])
  expect(decoded.meta).toEqual([
    { key: 'com.example/x', raw: '{"n":1.0}' },
    { key: 'traceparent', raw: '"00-1"' },
  ])
  expect(decoded.progressToken).toBe('7')
})

describe('legacy', () => {
  const session = {
    revision: '2025-11-25',
    capabilities: noCapabilities,
    logLevel: 'info',
  } as const
  const decode = (text: string): Call => decodeLegacy(parseEnvelope(text), session, context)

  test('a call takes era, revision and level from its session', () => {
    expect(decode(request('tools/call', '"name":"x"'))).toMatchObject({
      era: 'legacy',
      revision: '2025-11-25',
      logLevel: 'info',
      subject: 'x',
    })
  })

  test.each([
    ['tools/destroy', '', 'method_unknown'],
    ['__proto__', '', 'method_unknown'],
    ['constructor', '', 'method_unknown'],
    ['tasks/update', '"taskId":"t"', 'method_unknown'],
    ['tasks/result', '"taskId":7', 'params_invalid'],
    ['server/discover', '', 'method_unknown'],
    ['subscriptions/listen', '', 'method_unknown'],
    ['tools/call', '"name":7', 'params_invalid'],
    ['tools/call', '"name":"\\ud800"', 'params_invalid'],
    ['tools/call', `"name":"${'x'.repeat(9_000)}"`, 'params_invalid'],
    ['resources/read', '"name":"x"', 'params_invalid'],
    ['completion/complete', '"ref":{"type":"ref/other","name":"x"}', 'params_invalid'],
    ['completion/complete', '"ref":{"type":"ref/prompt"}', 'params_invalid'],
    ['completion/complete', '"ref":"x"', 'params_invalid'],
    ['completion/complete', '"ref":{"type":"ref/prompt","name":"p"}', undefined],
    ['completion/complete', '"ref":{"type":"ref/resource","uri":"u://{x}"}', undefined],
  ])('%s with %s: %s', (method, params, code) => {
    expect(refusalOf(() => decode(request(method, params)))).toBe(code)
  })
})
