// What the HTTP door says to requests that are not as they should be: status, stable code, and no effect.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { refusals } from '../../src/model/refusal.ts'
import {
  bearer,
  modernHeaders,
  modernMeta,
  modernRequest,
  modernTool,
  postText,
  replyOf,
} from './client.ts'
import { dig, digText } from './json.ts'
import { openRaw, rawRequest, sendRaw } from './raw-http.ts'
import { startWorld, type TestWorld } from './world.ts'

const bodyMax = 200_000
let world: TestWorld
beforeAll(async () => {
  world = await startWorld({
    config: {
      listen: {
        bodyMax: `${bodyMax}`,
        headerMax: '8KB',
        bodyTimeout: '600ms',
        origins: ['https://app.example.com'],
        hosts: ['gateway.example.com'],
      },
    },
    keys: { expired: { roles: ['all-tools'], expiresAt: Date.now() - 1_000 } },
  })
})
afterAll(() => world?.stop())

const url = (): string => world.gateway.url
const json = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
const authorized = (): Record<string, string> => ({ ...json, ...bearer(world.key) })
const code = (body: unknown): string => digText(body, 'error', 'data', 'code')

/** The refusal in a raw body, with the JSON-RPC code that the catalogue gives it. */
function refusalIn(body: string): string {
  const message: unknown = JSON.parse(body)
  const found = code(message)
  const kind = Object.entries(refusals).find(([name]) => name === found)?.[1]
  expect(dig(message, 'error', 'code')).toBe(kind?.rpc)
  expect(digText(message, 'error', 'message')).toContain(kind?.sentence)
  return found
}

const calls = async (): Promise<number> => {
  const stats = await modernTool(world.at('modern'), world.key, 'stats')
  return Number(dig(stats.message, 'result', 'structuredContent', 'calls'))
}

describe('before the body', () => {
  test.each([
    ['no key', {}, 'key_missing'],
    ['an unknown key', { authorization: 'Bearer sp_unknown' }, 'key_invalid'],
    ['another scheme', { authorization: 'Basic dXNlcjpwYXNz' }, 'key_invalid'],
    ['an unknown x-api-key', { 'x-api-key': 'sp_unknown' }, 'key_invalid'],
    ['a huge key', { authorization: `Bearer ${'a'.repeat(4_000)}` }, 'key_invalid'],
  ])('%s is refused while a large body is still announced', async (_name, headers, expected) => {
    const announced = { ...json, ...headers, 'content-length': 50_000_000 }
    const reply = await sendRaw(url(), rawRequest(url(), 'POST', announced))
    expect(reply.status).toBe(401)
    expect(reply.head.toLowerCase()).toContain('www-authenticate: bearer realm="sallyport"')
    expect(reply.head.toLowerCase()).toContain('connection: close')
    expect(refusalIn(reply.body)).toBe(expected)
  })

  test('an expired key is refused', async () => {
    const response = await postText(url(), world.gateway.keyOf('expired'), '{}')
    expect([response.status, code(await response.json())]).toEqual([401, 'key_invalid'])
  })

  test('Expect: 100-continue is answered with 401 and no 100 when the key is unknown', async () => {
    const head = { ...json, expect: '100-continue', 'content-length': 1_000 }
    const reply = await sendRaw(url(), rawRequest(url(), 'POST', head))
    expect(reply.status).toBe(401)
  })

  test('Expect: 100-continue with a key goes on to the answer', async () => {
    const { body, headers } = modernRequest('tools/list')
    const length = { expect: '100-continue', 'content-length': Buffer.byteLength(body) }
    const connection = await openRaw(url())
    try {
      connection.write(rawRequest(url(), 'POST', { ...authorized(), ...headers, ...length }))
      expect((await connection.next()).status).toBe(100)
      connection.write(body)
      const reply = await connection.next()
      expect(reply.status).toBe(200)
      expect(reply.body).toContain('"tools"')
    } finally {
      connection.destroy()
    }
  })

  test('x-api-key is as good as a bearer token', async () => {
    const { body, headers } = modernRequest('tools/list')
    const key = { 'x-api-key': world.key }
    expect((await postText(url(), '', body, { headers: { ...headers, ...key } })).status).toBe(200)
  })

  test.each([
    ['/mcp/s/nowhere', 'endpoint_unknown'],
    ['/mcp/t/nothing', 'endpoint_unknown'],
    ['/mcp/s/UPPER', 'endpoint_unknown'],
    ['/mcp/s/modern/more', 'endpoint_unknown'],
    ['/other', 'endpoint_unknown'],
    ['/mcp/../etc', 'endpoint_unknown'],
  ])('%s is 404 with a key', async (path, expected) => {
    const target = new URL(url()).origin
    const raw = rawRequest(url(), 'POST', { ...authorized(), 'content-length': 0 })
    const reply = await sendRaw(target, raw.replace(' /mcp ', ` ${path} `))
    expect([reply.status, refusalIn(reply.body)]).toEqual([404, expected])
  })

  test('servers cannot be guessed without a key', async () => {
    const texts = await Promise.all(
      ['modern', 'nowhere'].map(async (name) => {
        const response = await postText(world.gateway.server(name), '', '{}')
        return [response.status, await response.text()]
      }),
    )
    expect(texts[0]).toEqual(texts[1])
    expect(texts[0]?.[0]).toBe(401)
  })

  test.each(['PUT', 'PATCH', 'HEAD', 'TRACE'])('%s is 405', async (method) => {
    const reply = await sendRaw(url(), rawRequest(url(), method, authorized()))
    expect(reply.status).toBe(405)
    expect(reply.head.toLowerCase()).toContain('allow: post')
  })

  test.each(['GET', 'DELETE'])('%s without a session is 405', async (method) => {
    const response = await fetch(url(), { method, headers: authorized() })
    expect([response.status, code(await response.json())]).toEqual([405, 'verb_refused'])
  })

  test.each([
    ['text/plain', 415],
    ['application/x-www-form-urlencoded', 415],
    ['multipart/form-data; boundary=x', 415],
    ['application/json; charset=utf-8', 200],
    ['Application/JSON', 200],
  ])('content type %s is %i', async (type, status) => {
    const { body, headers } = modernRequest('tools/list')
    const response = await postText(url(), world.key, body, {
      headers: { ...headers, 'content-type': type },
    })
    expect(response.status).toBe(status)
    if (status === 415) expect(code(await response.json())).toBe('content_type_refused')
    else await response.text()
  })

  test.each([
    ['text/html', 406],
    ['application/json', 200],
    ['*/*', 200],
    ['text/event-stream', 200],
  ])('accept %s is %i', async (accept, status) => {
    const { body, headers } = modernRequest('tools/list')
    const response = await postText(url(), world.key, body, { headers: { ...headers, accept } })
    expect(response.status).toBe(status)
    if (status === 406) expect(code(await response.json())).toBe('accept_refused')
    else await response.text()
  })
})

test('a content type that only begins like JSON is 415', async () => {
  const { body, headers } = modernRequest('tools/list')
  const response = await postText(url(), world.key, body, {
    headers: { ...headers, 'content-type': 'application/jsonp' },
  })
  expect(response.status).toBe(415)
})

describe('sizes and times', () => {
  test('a declared length above the limit is 413 before a byte is sent', async () => {
    const head = { ...authorized(), 'content-length': bodyMax + 1 }
    const reply = await sendRaw(url(), rawRequest(url(), 'POST', head))
    expect([reply.status, refusalIn(reply.body)]).toEqual([413, 'body_too_large'])
  })

  test('a chunked body above the limit is 413', async () => {
    const connection = await openRaw(url())
    try {
      const head = { ...authorized(), 'transfer-encoding': 'chunked' }
      connection.write(rawRequest(url(), 'POST', head))
      const size = 64_000
      const chunk = `${size.toString(16)}\r\n${' '.repeat(size)}\r\n`
      for (let sent = 0; sent <= bodyMax; sent += size) connection.write(chunk)
      const reply = await connection.next()
      expect([reply.status, refusalIn(reply.body)]).toEqual([413, 'body_too_large'])
    } finally {
      connection.destroy()
    }
  })

  test('a body that stops arriving is 408', async () => {
    const connection = await openRaw(url())
    try {
      connection.write(
        rawRequest(url(), 'POST', { ...authorized(), 'content-length': 100 }, '{"json'),
      )
      const reply = await connection.next()
      expect([reply.status, refusalIn(reply.body)]).toEqual([408, 'body_timeout'])
    } finally {
      connection.destroy()
    }
  })

  test('headers above the limit are 431', async () => {
    const head = { ...authorized(), 'x-filler': 'f'.repeat(20_000), 'content-length': 2 }
    expect((await sendRaw(url(), rawRequest(url(), 'POST', head, '{}'))).status).toBe(431)
  })

  test.each([
    ['no HTTP at all', 'hello\r\n\r\n'],
    ['a bad version', 'POST /mcp HTTP/9.9\r\n\r\n'],
    [
      'two lengths',
      'POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}',
    ],
    [
      'length and chunks',
      'POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['a header without colon', 'POST /mcp HTTP/1.1\r\nhost: localhost\r\nnonsense\r\n\r\n'],
  ])('%s is 400 and the connection closes', async (_name, text) => {
    const connection = await openRaw(url())
    try {
      connection.write(text)
      expect((await connection.next()).status).toBe(400)
      await connection.untilClosed()
    } finally {
      connection.destroy()
    }
  })

  test('a client that vanishes in the middle of its body costs nobody anything', async () => {
    const before = await calls()
    for (let round = 0; round < 20; round++) {
      const connection = await openRaw(url())
      connection.write(rawRequest(url(), 'POST', { ...authorized(), 'content-length': 100 }, '{"j'))
      connection.destroy()
    }
    expect(await calls()).toBe(before + 1)
  })

  test('a client that closes its sending side still gets its answer', async () => {
    const { body, headers } = modernRequest('tools/list')
    const head = { ...authorized(), ...headers, 'content-length': Buffer.byteLength(body) }
    const connection = await openRaw(url())
    try {
      connection.write(rawRequest(url(), 'POST', head, body))
      connection.halfClose()
      expect((await connection.next()).status).toBe(200)
    } finally {
      connection.destroy()
    }
  })
})

describe('origins and hosts', () => {
  const list = (headers: Record<string, string>): Promise<Response> => {
    const request = modernRequest('tools/list')
    return postText(url(), world.key, request.body, { headers: { ...request.headers, ...headers } })
  }

  test.each([
    'https://evil.example.com',
    'http://127.0.0.1.evil.example.com',
    'null',
    'http://localhost@evil.example.com',
    'file://',
  ])('origin %s is 403, without CORS headers', async (origin) => {
    const response = await list({ origin })
    expect([response.status, code(await response.json())]).toEqual([403, 'origin_refused'])
    expect(response.headers.get('access-control-allow-origin')).toBeNull()
  })

  test.each([
    'https://app.example.com',
    'http://localhost:3000',
    'http://127.0.0.1',
    'http://[::1]:80',
  ])('origin %s is answered and named, never *', async (origin) => {
    const response = await list({ origin })
    expect(response.status).toBe(200)
    expect(response.headers.get('access-control-allow-origin')).toBe(origin)
    expect(response.headers.get('vary')).toContain('Origin')
    const exposed = response.headers.get('access-control-expose-headers')
    expect(exposed).toContain('Mcp-Session-Id')
    expect(exposed).toContain('WWW-Authenticate')
    await response.text()
  })

  test.each(['evil.example.com', '169.254.169.254', 'localhost.evil.example.com:80', ''])(
    'host "%s" is 403',
    async (host) => {
      const text = rawRequest(url(), 'POST', { ...authorized(), 'content-length': 2 }, '{}')
      const reply = await sendRaw(url(), text.replace(/host: .*\r\n/, `host: ${host}\r\n`))
      expect([reply.status, refusalIn(reply.body)]).toEqual([403, 'host_refused'])
    },
  )

  test.each(['localhost:1', 'LOCALHOST', '[::1]:9', 'gateway.example.com'])(
    'host %s is served',
    async (host) => {
      const { body, headers } = modernRequest('tools/list')
      const head = { ...authorized(), ...headers, 'content-length': Buffer.byteLength(body) }
      const text = rawRequest(url(), 'POST', head, body)
      const reply = await sendRaw(url(), text.replace(/host: .*\r\n/, `host: ${host}\r\n`))
      expect(reply.status).toBe(200)
    },
  )

  test('a preflight of an allowed origin needs no key and allows what MCP sends', async () => {
    const response = await fetch(url(), {
      method: 'OPTIONS',
      headers: {
        origin: 'https://app.example.com',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization, mcp-param-region, x-evil',
      },
    })
    expect(response.status).toBe(204)
    const allowed = response.headers.get('access-control-allow-headers')?.toLowerCase() ?? ''
    for (const name of ['authorization', 'mcp-session-id', 'mcp-param-region', 'last-event-id'])
      expect(allowed).toContain(name)
    expect(allowed).not.toContain('x-evil')
    expect(response.headers.get('access-control-allow-methods')).toContain('DELETE')
  })

  test('a preflight of another origin is 403', async () => {
    const headers = { origin: 'https://evil.example.com', 'access-control-request-method': 'POST' }
    const response = await fetch(url(), { method: 'OPTIONS', headers })
    expect(response.status).toBe(403)
    expect(response.headers.get('access-control-allow-headers')).toBeNull()
  })
})

describe('bodies', () => {
  const deep = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`
  const meta = JSON.stringify(modernMeta())
  const call = (args: string): string =>
    `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":${args},"_meta":${meta}}}`

  test.each([
    ['nothing', '', 'json_invalid'],
    ['half a message', '{"jsonrpc":"2.0"', 'json_invalid'],
    ['two messages', '{} {}', 'json_invalid'],
    ['a number', '7', 'json_invalid'],
    ['a byte order mark', '\ufeff{}', 'json_invalid'],
    ['a bare NaN', '{"jsonrpc":NaN}', 'json_invalid'],
    ['a trailing comma', '{"jsonrpc":"2.0",}', 'json_invalid'],
    ['a comment', '{"jsonrpc":"2.0"/**/}', 'json_invalid'],
    ['no version', '{"id":1,"method":"ping"}', 'request_invalid'],
    ['id null', '{"jsonrpc":"2.0","id":null,"method":"ping"}', 'request_invalid'],
    ['a fractional id', '{"jsonrpc":"2.0","id":1.5,"method":"ping"}', 'request_invalid'],
    ['an object as id', '{"jsonrpc":"2.0","id":{},"method":"ping"}', 'request_invalid'],
    [
      'params as an array',
      '{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}',
      'request_invalid',
    ],
    ['a number as method', '{"jsonrpc":"2.0","id":1,"method":7}', 'request_invalid'],
    ['a result and an error', '{"jsonrpc":"2.0","id":1,"result":{},"error":{}}', 'request_invalid'],
    ['a key twice', '{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', 'json_duplicate_key'],
    [
      'a key twice, once escaped',
      '{"jsonrpc":"2.0","id":1,"\\u0069d":2,"method":"ping"}',
      'json_duplicate_key',
    ],
    [
      'keys that differ in case',
      '{"jsonrpc":"2.0","id":1,"method":"ping","METHOD":"tools/call"}',
      'json_duplicate_key',
    ],
    ['a key twice deep in arguments', call('{"a":[{"b":{"c":1,"c":2}}]}'), 'json_duplicate_key'],
    ['deep nesting', call(deep(80)), 'json_too_deep'],
    ['very deep nesting', call('['.repeat(90_000) + ']'.repeat(90_000)), 'json_too_deep'],
  ])('%s', async (_name, body, expected) => {
    const before = await calls()
    const headers = modernHeaders('tools/call', 'echo')
    const reply = await replyOf(await postText(url(), world.key, body, { headers }))
    expect([reply.status, code(reply.message)]).toEqual([400, expected])
    expect(await calls()).toBe(before + 1)
  })

  const asking = (method: string, params: string, capabilities = '{}'): string =>
    `{"jsonrpc":"2.0","id":7,"method":"${method}","params":{${params},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":${capabilities}}}}`

  test.each([
    ['clientCapabilities', 'tools/call', asking('tools/call', '"name":"echo"', '{"a":1,"A":2}')],
    [
      'a listen filter',
      'subscriptions/listen',
      asking('subscriptions/listen', '"notifications":{"a":1,"A":2}'),
    ],
    [
      'inputResponses',
      'tools/call',
      asking('tools/call', '"name":"echo","inputResponses":{"q":{},"Q":{}}'),
    ],
    [
      'a reference',
      'completion/complete',
      asking(
        'completion/complete',
        '"ref":{"type":"ref/prompt","name":"test_simple_prompt","NAME":"x"},"argument":{"name":"a","value":"b"}',
      ),
    ],
    [
      'capabilities of initialize',
      '',
      '{"jsonrpc":"2.0","id":7,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"a":1,"A":2}}}',
    ],
  ])('keys that differ in case only in %s are no internal error', async (_name, method, body) => {
    const headers =
      method === '' ? {} : modernHeaders(method, method === 'tools/call' ? 'echo' : undefined)
    for (const place of ['modern', 'legacy'] as const) {
      const stop = new AbortController()
      const response = await postText(world.at(place), world.key, body, {
        headers,
        signal: stop.signal,
      })
      expect(response.status).toBeLessThan(500)
      const type = response.headers.get('content-type')
      if (type === 'application/json') expect(await response.text()).not.toContain('"internal"')
      stop.abort()
    }
  })

  test('bytes that are not UTF-8 are refused', async () => {
    const head = { ...authorized(), 'content-length': 4 }
    const reply = await sendRaw(url(), rawRequest(url(), 'POST', head, '{"\xff"'.slice(0, 4)))
    expect([reply.status, refusalIn(reply.body)]).toEqual([400, 'json_invalid'])
  })

  test('prototype keys are data like any other', async () => {
    const args =
      '{"__proto__":{"polluted":true},"constructor":{"prototype":{"x":1}},"toString":null}'
    const headers = modernHeaders('tools/call', 'echo')
    const text = await postText(world.at('modern'), world.key, call(args), { headers })
    expect(dig(await text.json(), 'result', 'content', 0, 'text')).toBe(args)
    expect((await modernTool(world.at('modern'), world.key, 'echo')).status).toBe(200)
  })
})
