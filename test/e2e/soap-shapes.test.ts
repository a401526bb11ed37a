// What XML Schema can say of order and belonging, by the public door: a service that sends back what it was sent.
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually, modernCall, modernTool, type Params } from './client.ts'
import { everything, startGateway, type TestGateway } from './gateway.ts'
import { dig, names } from './json.ts'

const fixture = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/soap/${name}`, import.meta.url))
let service: Server
let gateway: TestGateway
/** The last body, without its envelope and prefixes. */
let sent = ''
/** What is answered instead. */
let instead: string | undefined

beforeAll(async () => {
  service = createServer(async (request, response) => {
    const envelope = await text(request)
    sent = /:Body>(.*)<\/[a-z]+:Body>/s.exec(envelope)?.[1] ?? ''
    response.setHeader('content-type', 'text/xml')
    response.end(instead === undefined ? envelope : envelope.replace(sent, instead))
  }).listen(0, '127.0.0.1')
  await once(service, 'listening')
  const address = service.address()
  const endpoint = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/`
  gateway = await startGateway({
    config: {
      servers: {
        t: { soap: { wsdl: fixture('groups.wsdl'), endpoint } },
        rpc: { soap: { wsdl: fixture('rpc.wsdl'), endpoint } },
      },
    },
    keys: { first: everything },
  })
  await eventually(async () => {
    const { message } = await modernCall(gateway.url, gateway.key, 'tools/list')
    return ['t__pairs', 'rpc__twice'].every((name) => names(message, 'tools').includes(name))
  })
})
afterAll(async () => {
  await gateway?.stop()
  service?.close()
})

async function call(name: string, args: Params, answer?: string): Promise<unknown> {
  sent = ''
  instead = answer
  const { message } = await modernTool(gateway.url, gateway.key, name, args)
  const isError = dig(message, 'result', 'isError') === true
  return isError ? JSON.stringify(message) : dig(message, 'result', 'structuredContent')
}

const plain = (xml: string): string =>
  xml.replaceAll(/n\d+:/g, '').replaceAll(/ xmlns:\w+="[^"]*"/g, '')

describe('groups that repeat are lists of their occurrences, there and back', () => {
  test.each([
    [
      't__pairs',
      { items: [{ k: 'k1' }, { k: 'k2', v: 2 }] },
      '<pairs><k>k1</k><k>k2</k><v>2</v></pairs>',
    ],
    [
      't__mixture',
      { items: [{ a: '1' }, { b: 1 }, { a: '2' }, { a: '3' }] },
      '<mixture><a>1</a><b>1</b><a>2</a><a>3</a></mixture>',
    ],
    [
      't__deep',
      {
        id: 7,
        items: 'x',
        entry: [{ at: 1, items: [{ off: 'p' }, { on: 'q' }, { off: 'r' }] }, { at: 2 }],
        end: 'y',
      },
      '<deep id="7"><items>x</items><at>1</at><off>p</off><on>q</on><off>r</off><at>2</at><end>y</end></deep>',
    ],
    [
      't__drawing',
      { shape: [{ square: 1 }, { circle: 2 }, { square: 3 }] },
      '<drawing><square>1</square><circle>2</circle><square>3</square></drawing>',
    ],
    [
      't__overlap',
      {
        items: [
          { y: 1, z: 2 },
          { x: 3, y: 4 },
        ],
      },
      '<overlap><y>1</y><z>2</z><x>3</x><y>4</y></overlap>',
    ],
    ['t__one', { n: [1, 2, 3] }, '<one><n>1</n><n>2</n><n>3</n></one>'],
  ])('%s', async (name, args, xml) => {
    expect(await call(name, args)).toEqual(args)
    expect(plain(sent)).toBe(xml)
  })

  test('units that do not fit never leave', async () => {
    for (const [name, args] of [
      ['t__pairs', { items: [{ v: 2 }] }],
      ['t__pairs', { items: [] }],
      ['t__pairs', { k: ['k1'] }],
      ['t__mixture', { items: [{ a: '1', b: 2 }] }],
      ['t__mixture', { items: [{}] }],
      ['t__overlap', { items: [{ x: 1, z: 2 }] }],
      ['t__deep', { items: 'x', entry: [{ at: 1 }, { at: 2 }, { at: 3 }, { at: 4 }] }],
    ] as const) {
      expect(await call(name, args), JSON.stringify(args)).toContain('isError')
      expect(sent).toBe('')
    }
  })

  test('answers that stray from the description lose nothing', async () => {
    const answer =
      '<deep xmlns="urn:t"><end>y</end><at>1</at><on>q</on><more>m</more><at>2</at><items>x</items></deep>'
    expect(await call('t__deep', { items: 'x' }, answer)).toEqual({
      end: 'y',
      entry: [{ at: 1, items: [{ on: 'q' }] }, { at: 2 }],
      other_more: 'm',
      items: 'x',
    })
  })

  test('the schemas say so', async () => {
    const { message } = await modernCall(gateway.url, gateway.key, 'tools/list')
    const tools = dig(message, 'result', 'tools')
    const tool = Array.isArray(tools) ? tools.find((one) => one.name === 't__mixture') : undefined
    for (const side of ['inputSchema', 'outputSchema'])
      expect(dig(tool, side, 'properties', 'items')).toMatchObject({
        type: 'array',
        items: { type: 'object', properties: { a: { type: 'string' }, b: { type: 'integer' } } },
      })
    expect(JSON.stringify(dig(tool, 'inputSchema'))).toContain('Give exactly one of: a, b.')
  })
})

test('a schema that is included without a namespace has that of the including one', async () => {
  expect(await call('t__shared', { c: { code: 'B' } })).toEqual({ c: { code: 'B' } })
  expect(sent).toMatch(/<(n\d+):shared[^>]*><\1:c><\1:code>B</)
  expect(await call('t__shared', { c: { code: 'X' } })).toContain('isError')
})

test('an rpc wrapper without a namespace of its own is in that of the WSDL', async () => {
  expect(await call('rpc__twice', { n: 4 })).toEqual({ n: 4 })
  expect(sent).toMatch(/^<(n\d+):twice[^>]*><n>4<\/n>/)
  expect(await call('rpc__named', { n: 4 })).toEqual({ n: 4 })
  expect(sent).toMatch(/:named[ >]/)
})
