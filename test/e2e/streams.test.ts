// Streams of APIs by the public door: what a service says instead of opening one, descriptions that are written from
// the side of a client, and hubs.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Feed, startFeed } from '../apis/asyncapi/feed.ts'
import { eventually, modernCall, modernTool, type Params } from './client.ts'
import { everything, startGateway, type TestGateway } from './gateway.ts'
import { dig, names } from './json.ts'

let folder: string
let feed: Feed
let gateway: TestGateway

const prices = (port: number, address: string): string => `
asyncapi: 3.0.0
info: { title: Feed, version: 1.0.0 }
servers: { production: { host: "127.0.0.1:${port}", protocol: ws } }
channels:
  priceFeed:
    address: ${address}
    messages:
      subscribe: { summary: Subscribe to the price feed, payload: { type: object, properties: { type: { const: subscribe } } } }
      event: { summary: Price feed data, payload: { type: object, properties: { price: { type: number } }, required: [price] } }
operations:
  subscribePriceFeed: { action: send, channel: { $ref: '#/channels/priceFeed' }, messages: [ { $ref: '#/channels/priceFeed/messages/subscribe' } ] }
  receivePriceFeed: { action: receive, channel: { $ref: '#/channels/priceFeed' }, messages: [ { $ref: '#/channels/priceFeed/messages/event' } ] }
`
const hub = (port: number): string => `
asyncapi: 3.1.0
info: { title: Hub, version: 1.0.0 }
defaultContentType: application/ld+json
servers: { hub: { host: "127.0.0.1:${port}", pathname: /.well-known/mercure, protocol: mercure } }
channels: { books: { address: 'https://example.com/books/{id}', parameters: { id: {} }, messages: { book: { payload: { type: object } } } } }
operations: { SendBooks: { action: send, channel: { $ref: '#/channels/books' } }, ReceiveBooks: { action: receive, channel: { $ref: '#/channels/books' } } }
`

beforeAll(async () => {
  feed = await startFeed()
  const { port } = feed
  folder = await mkdtemp(join(tmpdir(), 'sallyport-streams-'))
  const files = { feed: prices(port, '/open'), refused: prices(port, '/refused'), hub: hub(port) }
  for (const [name, content] of Object.entries(files))
    await writeFile(join(folder, `${name}.yaml`), content)
  await writeFile(
    join(folder, 'ticks.graphql'),
    'type Query { a: Int }\ntype Subscription { tick: Int }\n',
  )
  const graphql = (transport: 'ws' | 'sse') => ({
    graphql: {
      url: `http://127.0.0.1:${port}/graphql`,
      schema: join(folder, 'ticks.graphql'),
      subscriptions: { transport },
    },
  })
  gateway = await startGateway({
    config: {
      servers: {
        feed: { asyncapi: { spec: join(folder, 'feed.yaml') } },
        server: { asyncapi: { spec: join(folder, 'feed.yaml'), describes: 'server' } },
        refused: { asyncapi: { spec: join(folder, 'refused.yaml') } },
        hub: {
          asyncapi: {
            spec: join(folder, 'hub.yaml'),
            url: `http://127.0.0.1:${port}/.well-known/mercure`,
          },
        },
        ws: graphql('ws'),
        sse: graphql('sse'),
      },
    },
    keys: { first: everything },
  })
  await eventually(async () => {
    const listed = names(
      (await modernCall(gateway.url, gateway.key, 'tools/list')).message,
      'tools',
    )
    return ['feed', 'server', 'refused', 'hub', 'ws', 'sse'].every((server) =>
      listed.some((name) => name.startsWith(`${server}__`)),
    )
  })
})
afterAll(async () => {
  await gateway?.stop()
  feed?.stop()
  await rm(folder, { recursive: true, force: true })
})

const call = async (name: string, args: Params = {}) =>
  (await modernTool(gateway.url, gateway.key, name, args)).message

describe('what a service says instead of opening a stream', () => {
  test.each([400, 403, 404, 429, 500, 503])('is told with status %i', async (given) => {
    feed.refuseWith(given)
    for (const [tool, args] of [
      ['refused__take_price_feed', {}],
      ['refused__send_price_feed', { message: { type: 'subscribe' } }],
      ['ws__tick', {}],
      ['sse__tick', {}],
    ] as const) {
      const message = await call(tool, args)
      expect(dig(message, 'result', 'isError'), tool).toBe(true)
      expect(JSON.stringify(message), tool).toContain(`HTTP status ${given}`)
      expect(JSON.stringify(message), tool).toContain('the reason of the service')
      expect(JSON.stringify(message), tool).not.toContain('cannot be reached')
      if (given === 429 && tool !== 'sse__tick')
        expect(JSON.stringify(message)).toContain('Retry-After: 7')
    }
  })

  test('is about the credential with 401', async () => {
    feed.refuseWith(401)
    for (const tool of ['refused__take_price_feed', 'ws__tick', 'sse__tick'])
      expect(JSON.stringify(await call(tool)), tool).toContain('does not accept the credential')
  })
})

describe('a description of a client', () => {
  test('is recognised: what it sends, tools send, also before they take', async () => {
    feed.seen.length = 0
    const taken = await call('feed__take_price_feed', {
      count: 1,
      first: [{ type: 'subscribe' }],
    })
    expect(dig(taken, 'result', 'structuredContent')).toEqual({
      messages: [{ price: 1.5 }],
      ended: 'limit',
    })
    const sent = await call('feed__send_price_feed', { message: { type: 'subscribe' } })
    expect(dig(sent, 'result', 'structuredContent')).toEqual({ sent: true })
    await eventually(async () => feed.seen.filter((one) => one.includes('subscribe')).length === 2)
  })

  test('is read as that of the server when that is said', async () => {
    const listed = await modernCall(gateway.server('server'), gateway.key, 'tools/list')
    const tools = [dig(listed.message, 'result', 'tools')].flat()
    const take = tools.find((tool) => dig(tool, 'name') === 'take_price_feed')
    expect(JSON.stringify(dig(take, 'outputSchema'))).toContain('"const":"subscribe"')
  })
})

test('messages of a Mercure hub are taken by topic', async () => {
  feed.seen.length = 0
  const message = await call('hub__take_books', { id: 'a b/../c', count: 1 })
  const topic = 'https://example.com/books/a%20b%2F..%2Fc'
  expect(dig(message, 'result', 'structuredContent', 'messages')).toEqual([{ topic }])
  expect(feed.seen[0]).toMatch(/^GET \/\.well-known\/mercure\?topic=/)
})
