// Descriptions of the size of the largest that are public: 33,800 operations, in two and in one.
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { convertJob } from '../../src/kinds/converters.ts'
import { nothingProvided } from '../../src/model/conversion.ts'
import { openapiSpec } from '../../src/model/kinds/openapi.ts'
import { convertBuilt, runBuilt } from '../apis/built-convert.ts'
import { graphOf } from '../apis/graph.ts'
import { costOf } from '../cost.ts'
import { modernCall, modernTool } from '../e2e/client.ts'
import { everything, startGateway, type TestGateway } from '../e2e/gateway.ts'
import { dig, names } from '../e2e/json.ts'

const operations = 33_800
/** In units of test/cost.ts; some 20 s on a machine of 2026. */
const costMax = 10_000

let folder: string
let service: Server
let gateway: TestGateway | undefined
const paths: (string | undefined)[] = []

beforeAll(async () => {
  service = createServer((request, response) => {
    paths.push(request.url)
    response.setHeader('content-type', 'application/json')
    response.end('{"value":[]}')
  }).listen(0, '127.0.0.1')
  await once(service, 'listening')
  const address = service.address()
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
  folder = await mkdtemp(join(tmpdir(), 'sallyport-graph-'))
  await writeFile(join(folder, 'half.json'), graphOf(operations / 2, url))
  await writeFile(join(folder, 'all.json'), graphOf(operations, url))
})
afterAll(async () => {
  await gateway?.stop()
  service?.close()
  await rm(folder, { recursive: true, force: true })
})

test('one of all operations converts at a bounded cost', async () => {
  const text = graphOf(operations)
  const job = {
    kind: 'openapi',
    spec: openapiSpec.parse({ spec: 'x' }),
    description: { location: '/all.json', text, mediaType: undefined },
    provided: { ...nothingProvided, schemas: 'compact' },
  } as const
  const never = () => Promise.reject(new Error('it points at nothing'))
  let bytes = 0
  const cost = await costOf(async () => {
    const { tools, skipped } = await convertJob(job, never)
    expect([tools.length, skipped.length]).toEqual([operations, 0])
    for (const { definition } of tools) bytes += Buffer.byteLength(JSON.stringify(definition))
  })
  process.stdout.write(`${operations} operations: ${cost.toFixed(0)} units, ${bytes} bytes\n`)
  expect(bytes).toBeLessThan(operations * 2_500)
  expect(cost).toBeLessThan(costMax)
})

test('a program makes them of it within its limits; where it meets one it names the way out, which works', async () => {
  expect((await convertBuilt(['all.json'], folder)).tools).toHaveLength(operations)
  const whole = await runBuilt(['convert', 'all.json', '--schemas', 'full'], folder)
  expect(whole.code).toBe(1)
  expect(whole.stderr).toContain('100 MB together')
  expect(whole.stderr).toContain('--include')
  const some = await convertBuilt(
    ['all.json', '--schemas', 'full', '--include', '* /area1/*'],
    folder,
  )
  expect(some.tools).toHaveLength(848)
  expect(some.skipped).toHaveLength(operations - 848)
})

test('a gateway lists and calls the tools of two', async () => {
  const openapi = { spec: join(folder, 'half.json') }
  const servers = { stable: { openapi }, beta: { openapi } }
  gateway = await startGateway({ config: { servers }, keys: { first: everything } })
  const { url, key } = gateway
  const list = async (): Promise<readonly string[]> => {
    const found: string[] = []
    for (let cursor: unknown = ''; typeof cursor === 'string'; ) {
      const params = cursor === '' ? {} : { cursor }
      const { message } = await modernCall(url, key, 'tools/list', params)
      found.push(...names(message, 'tools'))
      cursor = dig(message, 'result', 'nextCursor')
    }
    return found
  }
  // Two conversions, one after the other; the time of the test is the net.
  let found: readonly string[] = []
  for (; found.length < operations; found = await list()) await delay(2_000)
  const last = found.findLast((name) => name.startsWith('beta__') && name.endsWith('_create')) ?? ''
  const ids = Object.fromEntries([0, 1, 2].map((at) => [`entity${at}-id`, 'x']))
  const wrong = await modernTool(url, key, last, { ...ids, other: 1 })
  expect(dig(wrong.message, 'result', 'isError'), wrong.text).toBe(true)
  expect(paths).toEqual([])
  const listed = found.find((name) => name.startsWith('stable__') && name.endsWith('e0_list')) ?? ''
  await modernTool(url, key, listed, { 'entity0-id': 'x' })
  expect(paths).toEqual(['/area0/set0/x/e0'])
})
