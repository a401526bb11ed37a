// What large schemas of an API cost in lists, and what judges arguments that are not shown in full, by the public door.
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runBuilt } from '../apis/built-convert.ts'
import { eventually, modernCall, modernTool } from './client.ts'
import { everything, startGateway, type TestGateway } from './gateway.ts'
import { dig, names } from './json.ts'

let folder: string
let service: Server
let gateway: TestGateway
const seen: string[] = []

const many = (count: number, make: (at: number) => object): object =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`m${at}`, make(at)]))
const object = (properties: object): object => ({
  type: 'object',
  properties,
  additionalProperties: false,
})
const large = object(
  many(12, () => object(many(10, () => object(many(10, () => ({ type: 'integer' })))))),
)

beforeAll(async () => {
  service = createServer(async (request, response) => {
    seen.push(await text(request))
    response.setHeader('content-type', 'application/json')
    response.end('{"m0":{"m0":{"m0":1}}}')
  }).listen(0, '127.0.0.1')
  await once(service, 'listening')
  const address = service.address()
  const port = typeof address === 'object' ? address?.port : 0
  folder = await mkdtemp(join(tmpdir(), 'sallyport-sizes-'))
  const content = { 'application/json': { schema: large } }
  const spec = join(folder, 'large.json')
  await writeFile(
    spec,
    JSON.stringify({
      openapi: '3.1.0',
      info: { title: 'Large', version: '1' },
      servers: [{ url: `http://127.0.0.1:${port}` }],
      paths: {
        '/x': {
          post: {
            operationId: 'putLarge',
            requestBody: { required: true, content },
            responses: { 200: { description: 'ok', content } },
          },
        },
      },
    }),
  )
  gateway = await startGateway({
    config: {
      servers: { small: { openapi: { spec } }, whole: { openapi: { spec }, schemas: 'full' } },
    },
    keys: { first: everything },
  })
  await eventually(
    async () =>
      names((await modernCall(gateway.url, gateway.key, 'tools/list')).message, 'tools').length ===
      2,
  )
})
afterAll(async () => {
  await gateway?.stop()
  service?.close()
  await rm(folder, { recursive: true, force: true })
})

async function shown(server: string): Promise<string> {
  const { message } = await modernCall(gateway.server(server), gateway.key, 'tools/list')
  return JSON.stringify([dig(message, 'result', 'tools')].flat()[0])
}

test('a list shows a summary, or the whole where the server says so', async () => {
  const small = await shown('small')
  expect(small.length).toBeLessThan(17_000)
  expect(small).toContain('judged by the whole schema')
  expect(small).not.toContain('x-sallyport')
  expect((await shown('whole')).length).toBeGreaterThan(50_000)
})

test('arguments are judged by the whole schema all the same', async () => {
  for (const server of ['small', 'whole']) {
    const call = (args: Readonly<Record<string, unknown>>) =>
      modernTool(gateway.url, gateway.key, `${server}__put_large`, args)
    const before = seen.length
    const wrong = await call({ m3: { m4: { m5: 'no number' } } })
    expect(dig(wrong.message, 'result', 'isError'), wrong.text).toBe(true)
    expect(wrong.text).toContain('/m3/m4/m5')
    expect(seen).toHaveLength(before)
    const { message } = await call({ m3: { m4: { m5: 7 } } })
    expect(dig(message, 'result', 'structuredContent')).toEqual({ m0: { m0: { m0: 1 } } })
    expect(seen.at(-1)).toBe('{"m3":{"m4":{"m5":7}}}')
  }
})

test('the owner sees the whole input schema of every tool', async () => {
  const { stdout } = await runBuilt(['tools', 'small', '--json', '--data', gateway.dataDir], folder)
  const tool = dig(JSON.parse(stdout), 'tools', 0)
  expect(
    dig(tool, 'inputSchema', 'properties', 'm3', 'properties', 'm4', 'properties', 'm5'),
  ).toEqual({
    type: 'integer',
  })
})
