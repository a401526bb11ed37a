import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import type { Arriving } from '../kit/arriving.ts'
import { SseParser } from '../kit/sse-parse.ts'
import { unlimitedAccount } from '../model/account.ts'
import { EventStream, type EventStreamOptions, eventText } from './event-stream.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections()
})

/** A connection to a handler that keeps its response for the test. */
async function connection(): Promise<{ response: ServerResponse; text: () => Promise<string> }> {
  const server = createServer()
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const taken = new Promise<ServerResponse>((resolve) => {
    server.once('request', (_request, response) => resolve(response))
  })
  const answer = fetch(`http://127.0.0.1:${port}`)
  return { response: await taken, text: async () => (await answer).text() }
}

const options = (more: Partial<EventStreamOptions> = {}): EventStreamOptions => ({
  id: 'stream',
  headers: {},
  keptEventsMax: 10,
  keptBytesMax: 10_000,
  account: unlimitedAccount,
  pendingBytesMax: 1_000_000,
  ...more,
})

const dataOf = (text: string): string[] => {
  const found: string[] = []
  const take = ({ data }: { data: Buffer }): void => {
    if (data.length > 0) found.push(data.toString('utf8'))
  }
  new SseParser(take, { eventBytesMax: 1_000_000 }).feed(Buffer.from(text))
  return found
}

test.each(['{"a":1}', '{"a":\n1}', '{\r\n"a":1\r}', '{"ä":"😀"}'])(
  'the message %j reads back as JSON that says the same',
  (message) => {
    const [read] = dataOf(eventText(message, 'x-1'))
    expect(JSON.parse(read ?? '')).toEqual(JSON.parse(message))
  },
)

test('who lost the connection gets what was missed, once, and what comes after', async () => {
  const first = await connection()
  const stream = new EventStream(options(), first.response)
  stream.send('1')
  stream.send('2')
  stream.detach()
  expect(dataOf(await first.text())).toEqual(['1', '2'])
  stream.send('3')
  const second = await connection()
  stream.attach(second.response, 1)
  stream.send('4')
  stream.end()
  expect(dataOf(await second.text())).toEqual(['2', '3', '4'])
  const third = await connection()
  stream.attach(third.response, 4)
  expect(dataOf(await third.text())).toEqual([])
})

test('keeps a bounded number of events and bytes', async () => {
  for (const [more, kept] of [
    [{ keptEventsMax: 3 }, 3],
    [{ keptBytesMax: 120 }, 3],
  ] as const) {
    const first = await connection()
    const stream = new EventStream(options(more), first.response)
    for (let count = 0; count < 50; count++) stream.send(`${count}`)
    stream.end()
    const second = await connection()
    stream.attach(second.response, 0)
    expect(dataOf(await second.text()).length).toBeLessThanOrEqual(kept + 1)
  }
})

test('without an id nothing is kept and events have none', async () => {
  const first = await connection()
  const stream = new EventStream(options({ id: undefined }), first.response)
  stream.send('1')
  stream.ping()
  stream.end()
  expect(await first.text()).toBe('event: message\ndata: 1\n\n:\n\n')
})

test('a newer connection takes the place of the older one', async () => {
  const first = await connection()
  const second = await connection()
  const stream = new EventStream(options(), first.response)
  stream.attach(second.response, 0)
  stream.send('1')
  stream.end()
  expect(dataOf(await first.text())).toEqual([])
  expect(dataOf(await second.text())).toEqual(['1'])
})

test('who comes back for a large message that broke off, or came while nobody was there, gets what stands for it', async () => {
  const stops: Error[] = []
  const breaking: Arriving = {
    async *[Symbol.asyncIterator]() {
      yield Buffer.from('"beginning')
      throw new Error('broke')
    },
    stop: (error) => void stops.push(error),
    onStop: () => undefined,
  }
  const instead = (thrown: unknown): string =>
    `"instead: ${thrown instanceof Error ? thrown.message : ''}"`
  const first = await connection()
  const stream = new EventStream(options(), first.response)
  stream.send('1')
  await stream.sendPieces(['{"a":'], breaking, '}', instead)
  stream.detach()
  expect(await first.text()).toContain(
    'data: {"a":"beginning\nevent: broken-off\n\nid: stream-3\nevent: message\ndata: "instead: broke"\n\n',
  )
  await stream.sendPieces(['{"a":'], breaking, '}', instead)
  expect(stops).toHaveLength(1)
  stream.end()
  const second = await connection()
  stream.attach(second.response, 1)
  const [broken, missed] = dataOf(await second.text())
  expect(broken).toBe('"instead: broke"')
  expect(missed).toContain('instead')
})
