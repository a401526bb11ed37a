/** Answers of an API that are too large to hold reach every client whole, in the form that it can read. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { builtProgram } from '../built.ts'
import { patienceMs } from '../patience.ts'
import { eventually, legacySession, modernCall, modernRequest, modernTool } from './client.ts'
import { entriesOf } from './cluster-calls.ts'
import { startGateway, type TestGateway } from './gateway.ts'
import { dig, digText, names } from './json.ts'

const row = '{"id": 12345678901234567890,\n  "name": "Zo\\u00eb é"}'
const items = `{"items": [${`${row},`.repeat(300_000)}${row}], "next": null}`
const tools = ['items', 'echoing', 'broken', 'small', 'deep']
const token = 'of-the-catalog-7f3a'
/** For calls of one key at a time. */
const places = 8

let folder = ''
let api: Server
let gateway: TestGateway

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-large-'))
  api = createServer((request, response) => {
    response.setHeader('content-type', 'application/json')
    if (request.url === '/echoing') {
      const { authorization = '' } = request.headers
      response.end(`{"echo": "${authorization}", "items": ${items}, "last": "${authorization}"}`)
    } else if (request.url === '/broken') {
      response.write(items.slice(0, 5_000_000))
      setTimeout(() => response.destroy(), 50)
    } else if (request.url === '/small') response.end('{"a": 1}')
    else if (request.url === '/deep')
      response.end(`{"d": ${'['.repeat(509)}${']'.repeat(509)}, "pad": "${'x'.repeat(2_000_000)}"}`)
    else response.end(items)
  })
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve))
  const address = api.address()
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
  const schema = { type: 'object', properties: { items: { type: 'array' } } }
  const get = (operationId: string): object => ({
    get: {
      operationId,
      responses: { 200: { description: 'Done', content: { 'application/json': { schema } } } },
    },
  })
  const paths = Object.fromEntries(tools.map((tool) => [`/${tool}`, get(tool)]))
  const spec = join(folder, 'catalog.json')
  const info = { title: 'Catalog', version: '1' }
  await writeFile(spec, JSON.stringify({ openapi: '3.1.0', info, servers: [{ url }], paths }))
  gateway = await startGateway({
    config: {
      servers: {
        catalog: {
          openapi: { spec, baseUrl: url },
          credential: { bearer: token },
          timeout: `${patienceMs / 1_000}s`,
        },
        // Its deadline passes in a test.
        hasty: { openapi: { spec, baseUrl: url }, timeout: '6s' },
      },
      limits: [{ per: 'key', tool: '*/*', concurrent: places }],
    },
  })
  await eventually(async () => {
    const { message } = await modernCall(gateway.server('catalog'), gateway.key, 'tools/list')
    return dig(message, 'result') !== undefined && names(message, 'tools').length === tools.length
  })
})

afterAll(async () => {
  await gateway?.stop()
  api?.closeAllConnections()
  api?.close()
  await rm(folder, { recursive: true, force: true })
})

/** Posts a request and reads nothing of the answer. */
function unread(url: string, body: string, more: Readonly<Record<string, string>>): Socket {
  const { hostname, port, pathname } = new URL(url)
  const headers = {
    host: hostname,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    connection: 'close',
    authorization: `Bearer ${gateway.key}`,
    'content-length': String(Buffer.byteLength(body)),
    ...more,
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const socket = connect(Number(port), hostname).pause()
  socket.on('error', () => undefined)
  socket.write(`POST ${pathname} HTTP/1.1\r\n${lines.join('')}\r\n${body}`)
  return socket
}

/** How many bytes still come until the connection is at its end. */
async function readOn(socket: Socket): Promise<number> {
  let bytes = 0
  socket.on('data', (piece: Buffer) => (bytes += piece.length))
  socket.resume()
  await once(socket, 'close')
  return bytes
}

test('a modern client gets it as structured content, and its beginning as text', async () => {
  for (const [url, tool] of [
    [gateway.server('catalog'), 'items'],
    [gateway.url, 'catalog__items'],
  ] as const) {
    const { message, text } = await modernTool(url, gateway.key, tool)
    expect(text).toContain('12345678901234567890')
    expect(dig(message, 'result', 'resultType')).toBe('complete')
    expect(dig(message, 'result', 'structuredContent')).toEqual(JSON.parse(items))
    expect(digText(message, 'result', 'content', 0, 'text')).toContain('structuredContent')
  }
})

test.each(['2025-11-25', '2025-06-18'])('a legacy client at %s gets the same', async (revision) => {
  const session = await legacySession(gateway.server('catalog'), gateway.key, { revision })
  const { message } = await session.tool('items')
  expect(dig(message, 'result', 'structuredContent')).toEqual(JSON.parse(items))
})

test.each(['2025-03-26', '2024-11-05'])(
  'a client at %s gets all of it as text',
  async (revision) => {
    const session = await legacySession(gateway.server('catalog'), gateway.key, { revision })
    const { message } = await session.tool('items')
    expect(digText(message, 'result', 'content', 0, 'text')).toBe(items)
    expect(dig(message, 'result', 'structuredContent')).toBeUndefined()
  },
)

test('a credential that the API echoes is taken out, first and last', async () => {
  const { message, text } = await modernTool(gateway.server('catalog'), gateway.key, 'echoing')
  expect(text).not.toContain(token)
  expect(dig(message, 'result', 'structuredContent', 'echo')).toBe('Bearer [redacted]')
  expect(dig(message, 'result', 'structuredContent', 'last')).toBe('Bearer [redacted]')
})

test('one that the API breaks off is broken off, recorded as that, and the gateway goes on', async () => {
  const outcomes = async (): Promise<readonly string[]> =>
    (await entriesOf(gateway)).flatMap((entry) =>
      entry.kind === 'outcome' ? [`${entry.status} ${entry.code}`] : [],
    )
  const before = (await outcomes()).length
  await expect(modernTool(gateway.server('catalog'), gateway.key, 'broken')).rejects.toThrow()
  await eventually(async () => (await outcomes()).length > before)
  expect((await outcomes())[before]).toMatch(/^error server_/)
  const { message } = await modernTool(gateway.server('catalog'), gateway.key, 'items')
  expect(dig(message, 'result', 'structuredContent')).toBeDefined()
})

test('JSON as deep as it may be passes every endpoint and era', async () => {
  const legacy = await legacySession(gateway.server('catalog'), gateway.key)
  const joined = await modernTool(gateway.url, gateway.key, 'catalog__deep')
  for (const { message } of [joined, await legacy.tool('deep')])
    expect(digText(message, 'result', 'structuredContent', 'pad')).toHaveLength(2_000_000)
})

test('a batch answers each of its requests, also those that break off, and holds no place afterwards', async () => {
  const session = await legacySession(gateway.server('catalog'), gateway.key, {
    revision: '2025-03-26',
  })
  const call = (id: number, name: string): object => ({
    jsonrpc: '2.0',
    id,
    method: 'tools/call',
    params: { name, arguments: {} },
  })
  const calls = [call(1, 'broken'), call(2, 'items'), call(3, 'small')]
  for (let round = 0; round < 8; round++) {
    const response = await session.post(JSON.stringify(calls))
    const answers: unknown = JSON.parse(await response.text())
    expect(digText(answers, 0, 'error', 'data', 'code')).toMatch(/^server_/)
    expect(digText(answers, 1, 'result', 'content', 0, 'text')).toBe(items)
    expect(digText(answers, 2, 'result', 'content', 0, 'text')).toBe('{"a": 1}')
  }
})

test('over stdio one that breaks off is answered with an error', async () => {
  const child = spawn(
    process.execPath,
    [builtProgram, 'stdio', '--data', gateway.dataDir, '--config', join(folder, 'none.yaml')],
    { env: { PATH: '/usr/bin:/bin', NODE_NO_WARNINGS: '1', SALLYPORT_KEY: gateway.key } },
  )
  const answers: unknown[] = []
  createInterface({ input: child.stdout }).on('line', (line) => answers.push(JSON.parse(line)))
  const say = (name: string): void =>
    void child.stdin.write(`${modernRequest('tools/call', { name, arguments: {} }).body}\n`)
  say('catalog__broken')
  say('catalog__items')
  say('catalog__small')
  await eventually(async () => answers.length === 3)
  expect(answers.filter((answer) => dig(answer, 'error') !== undefined)).toHaveLength(1)
  expect(answers.filter((answer) => dig(answer, 'result') !== undefined)).toHaveLength(2)
  child.stdin.end()
  await once(child, 'close')
})

test('a cancel reaches a call whose answer is on its way', async () => {
  const session = await legacySession(gateway.server('catalog'), gateway.key)
  const params = { name: 'items', arguments: {} }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 'large', method: 'tools/call', params })
  const socket = unread(gateway.server('catalog'), body, { 'mcp-session-id': session.id })
  await once(socket, 'readable')
  await session.notify('notifications/cancelled', { requestId: 'large' })
  expect(await readOn(socket)).toBeLessThan(items.length)
  expect((await session.tool('small')).text).toContain('{\\"a\\": 1}')
})

test('clients that read nothing are cut off at the deadline, free their places, and cost nobody else', async () => {
  const { body, headers } = modernRequest('tools/call', { name: 'hasty__items', arguments: {} })
  // More than there are places: those that are not refused take all of them.
  const sockets = Array.from({ length: places + 4 }, () => unread(gateway.url, body, headers))
  await Promise.all(sockets.map((socket) => once(socket, 'readable')))
  const codes = (): Promise<unknown[]> =>
    Promise.all(
      Array.from({ length: places }, async () => {
        const { text } = await modernTool(gateway.url, gateway.key, 'catalog__small')
        return /concurrency_limited|server_unavailable/.exec(text)?.[0]
      }),
    )
  await eventually(async () => (await codes()).every((code) => code === undefined))
  // Their connections are at an end; what is left in the buffers is shorter than the answer.
  const read = await Promise.all(sockets.map(readOn))
  expect(read.some((bytes) => bytes > 100_000)).toBe(true)
  for (const bytes of read) expect(bytes).toBeLessThan(items.length)
})
