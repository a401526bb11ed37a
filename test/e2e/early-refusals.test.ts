// What is refused by its head alone reaches the client, also one that is still sending; and heads that two would read differently.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bearer, eventually, modernCall, modernRequest, postText } from './client.ts'
import { everything, startGateway, type TestGateway } from './gateway.ts'
import { dig } from './json.ts'
import { openRaw, rawRequest, sendRaw } from './raw-http.ts'

let gateway: TestGateway
beforeAll(async () => {
  // One key has room for one message of 3.9 MB and not for two.
  gateway = await startGateway({
    config: { listen: { memoryMax: '64MB' }, servers: {} },
    keys: { first: everything, broke: everything },
  })
})
afterAll(() => gateway?.stop())

const json = { 'content-type': 'application/json' }
const large = 'x'.repeat(6_000_000)
const code = (text: string): unknown => dig(JSON.parse(text), 'error', 'data', 'code')

describe('the answer arrives while the body is still being sent', () => {
  interface Refused {
    readonly path?: string
    readonly method?: string
    readonly headers: Record<string, string>
    readonly key?: boolean
    readonly gives: readonly [number, string]
  }
  const cases: Readonly<Record<string, Refused>> = {
    'no key': { headers: json, key: false, gives: [401, 'key_missing'] },
    'a wrong key': {
      headers: { ...json, authorization: 'Bearer sp_x' },
      key: false,
      gives: [401, 'key_invalid'],
    },
    'no JSON': { headers: { 'content-type': 'text/plain' }, gives: [415, 'content_type_refused'] },
    'no answer form': { headers: { ...json, accept: 'text/html' }, gives: [406, 'accept_refused'] },
    'too large': { headers: json, gives: [413, 'body_too_large'] },
    'too large, length not told': { headers: json, gives: [413, 'body_too_large'] },
    'no such endpoint': { path: '/nothing', headers: json, gives: [404, 'endpoint_unknown'] },
    'another verb': { method: 'PUT', headers: json, gives: [405, 'verb_refused'] },
    'a foreign origin': {
      headers: { ...json, origin: 'http://evil.example' },
      gives: [403, 'origin_refused'],
    },
    'no such session of the pair': {
      path: '/messages?session=forged',
      headers: json,
      gives: [404, 'session_unknown'],
    },
  }
  test.each(Object.entries(cases))(
    '%s',
    async (name, { path, method = 'POST', headers, ...more }) => {
      const { key = true, gives } = more
      const url = path === undefined ? gateway.url : new URL(path, gateway.url).href
      const sent = { ...(key ? bearer(gateway.key) : {}), ...headers }
      for (let count = 0; count < 8; count++) {
        const streamed = name.includes('not told')
        const response = await fetch(url, {
          method,
          headers: sent,
          body: streamed ? new Blob([large]).stream() : large,
          ...(streamed ? { duplex: 'half' } : {}),
        })
        expect([response.status, code(await response.text())]).toEqual(gives)
      }
    },
  )

  test('no room in memory', async () => {
    const headers = { ...json, ...bearer(gateway.key), 'content-length': 3_900_000 }
    const first = await openRaw(gateway.url)
    first.write(rawRequest(gateway.url, 'POST', headers, 'x'.repeat(3_500_000)))
    const send = async (): Promise<string> => {
      const response = await postText(gateway.url, gateway.key, 'x'.repeat(3_900_000))
      return `${response.status} ${code(await response.text())}`
    }
    // Until what was sent first has come.
    await eventually(async () => (await send()) === '503 memory_limited')
    for (let count = 0; count < 8; count++) expect(await send()).toBe('503 memory_limited')
    first.destroy()
    await eventually(async () => (await send()) === '400 json_invalid')
  })

  test('a client that waits to be told sends nothing and is not kept waiting', async () => {
    const headers = { ...json, expect: '100-continue', 'content-length': 6_000_000 }
    const connection = await openRaw(gateway.url)
    connection.write(rawRequest(gateway.url, 'POST', headers))
    const reply = await connection.next()
    expect([reply.status, code(reply.body)]).toEqual([401, 'key_missing'])
    await connection.untilClosed()
  })

  test('a client that goes on sending without end is cut off', async () => {
    const headers = { ...json, 'content-length': 900_000_000 }
    const connection = await openRaw(gateway.url)
    connection.write(rawRequest(gateway.url, 'POST', headers))
    expect((await connection.next()).status).toBe(401)
    for (let count = 0; count < 40 && !connection.closed; count++)
      connection.write('x'.repeat(1_000_000))
    await connection.untilClosed()
  })
})

describe('a header that decides something stands once', () => {
  const { body } = modernRequest('tools/list')
  const request = (...more: string[]): string => {
    const { headers } = modernRequest('tools/list')
    const lines = Object.entries({
      ...json,
      accept: 'application/json, text/event-stream',
      ...bearer(gateway.key),
      ...headers,
      'content-length': body.length,
    }).map(([name, value]) => `${name}: ${value}`)
    const host = `Host: ${new URL(gateway.url).host}`
    return `POST /mcp HTTP/1.1\r\n${[host, ...lines, ...more].join('\r\n')}\r\n\r\n${body}`
  }
  test('once is fine, and so are others twice', async () => {
    expect((await sendRaw(gateway.url, request())).status).toBe(200)
    expect((await sendRaw(gateway.url, request('x-other: 1', 'X-Other: 2'))).status).toBe(200)
    expect((await sendRaw(gateway.url, request('Accept: text/plain'))).status).toBe(200)
  })
  test.each([
    ['Host', () => `Host: ${new URL(gateway.url).host}`],
    ['Host of another', () => 'hOST: evil.example'],
    ['Authorization', () => `authorization: Bearer ${gateway.keyOf('broke')}`],
    ['Content-Type', () => 'Content-Type: text/plain'],
    ['MCP-Protocol-Version', () => 'MCP-Protocol-Version: 2025-11-25'],
    ['Mcp-Method', () => 'mcp-method: tools/call'],
  ])('%s', async (_name, line) => {
    const reply = await sendRaw(gateway.url, request(line()))
    expect([reply.status, code(reply.body)]).toEqual([400, 'header_repeated'])
  })
  test.each([
    ['x-api-key', 'sp_a', 'sp_b'],
    ['mcp-session-id', 'a', 'b'],
    ['mcp-name', 'a', 'b'],
    ['origin', 'http://localhost', 'http://localhost'],
    ['last-event-id', 'a-1', 'a-2'],
  ])('%s', async (name, one, other) => {
    const reply = await sendRaw(gateway.url, request(`${name}: ${one}`, `${name}: ${other}`))
    expect([reply.status, code(reply.body)]).toEqual([400, 'header_repeated'])
  })
  test('Content-Length', async () => {
    const reply = await sendRaw(gateway.url, request(`content-length: ${body.length + 1}`))
    expect(reply.status).toBe(400)
  })
})

describe('media types', () => {
  const { body } = modernRequest('tools/list')
  test.each<[string, Record<string, string | undefined>, number]>([
    ['no Accept', { accept: undefined }, 200],
    ['an empty one', { accept: '' }, 200],
    ['in capitals', { accept: 'Application/JSON, Text/Event-Stream' }, 200],
    ['all of them', { accept: '*/*' }, 200],
    ['a range', { accept: 'APPLICATION/*' }, 200],
    ['with weights', { accept: 'text/html, application/json;q=0.5' }, 200],
    ['excluded', { accept: 'application/json;q=0, text/event-stream; q=0.0' }, 406],
    ['one that only looks like it', { accept: 'application/jsonx, text/event-streams' }, 406],
    ['as a parameter', { accept: 'text/html;a="application/json"' }, 406],
    ['content in capitals', { 'content-type': 'Application/JSON; Charset=UTF-8' }, 200],
    ['content that only looks like it', { 'content-type': 'application/jsonx' }, 415],
  ])('%s', async (_name, given, status) => {
    const { headers } = modernRequest('tools/list')
    // fetch adds an Accept of its own, so that "none" is said by hand.
    const all = { ...json, ...bearer(gateway.key), ...headers, 'content-length': body.length }
    const wanted = Object.entries({ accept: 'application/json', ...all, ...given }).flatMap(
      ([name, value]) => (value === undefined ? [] : [[name, value] as const]),
    )
    const text = rawRequest(gateway.url, 'POST', Object.fromEntries(wanted), body)
    expect((await sendRaw(gateway.url, text)).status).toBe(status)
  })

  test('a stream is taken in any case of its letters', async () => {
    const { body: listen, headers } = modernRequest('subscriptions/listen', { notifications: {} })
    const stop = new AbortController()
    const response = await postText(gateway.url, gateway.key, listen, {
      headers: { ...headers, accept: 'TEXT/EVENT-STREAM' },
      signal: stop.signal,
    })
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    stop.abort()
    expect((await modernCall(gateway.url, gateway.key, 'tools/list')).status).toBe(200)
  })
})
