/** Answers of an API that are too large to hold reach every client whole, in the form that it can read. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually, legacySession, modernCall, modernTool } from './client.ts'
import { startGateway, type TestGateway } from './gateway.ts'
import { dig, digText, names } from './json.ts'

const row = '{"id": 12345678901234567890,\n  "name": "Zo\\u00eb é"}'
const items = `{"items": [${`${row},`.repeat(300_000)}${row}], "next": null}`
const token = 'of-the-catalog-7f3a'

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
    } else response.end(items)
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
  const paths = { '/items': get('items'), '/echoing': get('echoing'), '/broken': get('broken') }
  const spec = join(folder, 'catalog.json')
  const info = { title: 'Catalog', version: '1' }
  await writeFile(spec, JSON.stringify({ openapi: '3.1.0', info, servers: [{ url }], paths }))
  gateway = await startGateway({
    config: {
      servers: { catalog: { openapi: { spec, baseUrl: url }, credential: { bearer: token } } },
    },
  })
  await eventually(async () => {
    const { message } = await modernCall(gateway.server('catalog'), gateway.key, 'tools/list')
    return dig(message, 'result') !== undefined && names(message, 'tools').length === 3
  })
}, 60_000)

afterAll(async () => {
  await gateway?.stop()
  api?.closeAllConnections()
  api?.close()
  await rm(folder, { recursive: true, force: true })
})

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
  expect(dig(message, 'result', 'structuredContent', 'echo')).toBe('[redacted]')
  expect(dig(message, 'result', 'structuredContent', 'last')).toBe('[redacted]')
})

test('one that the API breaks off is broken off, and the gateway goes on', async () => {
  await expect(modernTool(gateway.server('catalog'), gateway.key, 'broken')).rejects.toThrow()
  const { message } = await modernTool(gateway.server('catalog'), gateway.key, 'items')
  expect(dig(message, 'result', 'structuredContent')).toBeDefined()
})
