// Whatever a server answers, its caller gets an answer or a refusal, in UTF-8 and as JSON.
import { isUtf8 } from 'node:buffer'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually, legacySession, modernCall, modernRequest, postText } from './client.ts'
import { everything, startGateway, type TestGateway } from './gateway.ts'
import { dig, names } from './json.ts'

const script = fileURLToPath(new URL('../fixtures/nasty-server.mjs', import.meta.url))
const refused = [
  'deep arrays',
  'deep objects',
  'deep after much',
  'deep error',
  'no JSON',
  'a raw line end',
  'no end',
]
/** Those that are one line and keep the id of their call, so that they end it over stdio, too. */
const refusedInLines = [
  'deep arrays',
  'deep objects',
  'deep after much',
  'deep error',
  'no JSON',
  'no end',
]
const answered = [
  'many keys',
  'bad bytes',
  'bad bytes in a key',
  'bad bytes after much',
  'bad bytes in an error',
  'bad bytes in progress',
]
/** Over stdio such a line is no message, and its call ends by its deadline. */
const ofHttpOnly = ['deep progress']

let child: ChildProcess
let gateway: TestGateway
beforeAll(async () => {
  child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [port] = child.stdout === null ? [] : await once(child.stdout, 'data')
  gateway = await startGateway({
    config: {
      servers: {
        http: { http: { url: `http://127.0.0.1:${String(port).trim()}/mcp` } },
        stdio: { stdio: { command: process.execPath, args: [script, 'stdio'] } },
      },
    },
    keys: { first: everything },
  })
  await eventually(
    async () =>
      names((await modernCall(gateway.url, gateway.key, 'tools/list')).message, 'tools').length ===
      2 * (refused.length + answered.length + ofHttpOnly.length),
  )
})
afterAll(async () => {
  await gateway?.stop()
  child?.kill()
})

/** Bytes and answer of a call, whose request has a progress token. */
async function ask(url: string, era: 'modern' | 'legacy', name: string): Promise<unknown> {
  const params = { name, arguments: {}, _meta: { progressToken: 'p' } }
  const response =
    era === 'modern'
      ? await (async () => {
          const { body, headers } = modernRequest('tools/call', params)
          return postText(url, gateway.key, body, { headers })
        })()
      : await (await legacySession(url, gateway.key)).post(
          JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }),
        )
  const bytes = Buffer.from(await response.arrayBuffer())
  expect(isUtf8(bytes)).toBe(true)
  const texts = bytes.toString().startsWith('{')
    ? [bytes.toString()]
    : bytes
        .toString()
        .split('\n\n')
        .filter((event) => !event.includes('event: broken-off'))
        .flatMap((event) => /^data: (.+)$/m.exec(event)?.[1] ?? [])
  const messages = texts.map((text): unknown => JSON.parse(text))
  return messages.find(
    (message) => dig(message, 'result') !== undefined || dig(message, 'error') !== undefined,
  )
}

describe.each(['http', 'stdio'])('a server over %s', (server) => {
  describe.each(['modern', 'legacy'] as const)('and a %s client', (era) => {
    const places = [
      ['/mcp/s', () => gateway.server(server), (name: string) => name],
      ['/mcp', () => gateway.url, (name: string) => `${server}__${name.replaceAll(' ', '_')}`],
    ] as const
    describe.each(places)('at %s', (_path, url, nameOf) => {
      test.each(server === 'http' ? refused : refusedInLines)('%s: a refusal', async (name) => {
        const answer = await ask(url(), era, nameOf(name))
        expect(dig(answer, 'error', 'data', 'code')).toMatch(/^server_(?:broken|timeout)$/)
      })

      test.each(answered)('%s: an answer', async (name) => {
        const answer = await ask(url(), era, nameOf(name))
        expect(dig(answer, 'error', 'data', 'code')).toBeUndefined()
        if (name.startsWith('bad bytes') && name !== 'bad bytes in progress')
          expect(JSON.stringify(answer)).toContain('\ufffd(\ufffd\ufffd ok \ufffd')
      })
    })
  })
})

test('a deep notification ends its call with an answer or a refusal', async () => {
  const answer = await ask(gateway.server('http'), 'modern', 'deep progress')
  expect(answer).toBeDefined()
})

test('lists are UTF-8', async () => {
  const { text } = await modernCall(gateway.url, gateway.key, 'tools/list')
  expect(text).toContain('\ufffd(\ufffd\ufffd ok \ufffd')
})
