// Rules on resources hold for what a server reads in a URI, however it is written, at every door.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { builtProgram } from '../built.ts'
import { documents, readers } from '../fixtures/uri-readers.mjs'
import {
  bearer,
  eventually,
  legacySession,
  modernCall,
  modernMeta,
  openFeed,
  openListen,
  postText,
  type Reply,
} from './client.ts'
import { everything, startGateway, type TestGateway } from './gateway.ts'
import { dig, names } from './json.ts'

const secret = 'demo://resource/secret/plan.md'
const secretPath = '/resource/secret/plan.md'
const secretText = documents.get(secretPath)
const ways = Object.keys(readers)

/** Each is read as the secret by some server, and is no text that a rule names. */
const spellings: readonly string[] = [
  'demo://resource/open/.\t./secret/plan.md',
  'demo://resource/open/.\n./secret/plan.md',
  'demo://resource/open/%2\te%2e/secret/plan.md',
  'demo://resource/open/%2E\r%2E/secret/plan.md',
  'DEMO://resource/secret/plan.md',
  'Demo://resource/secret/plan.md',
  ' demo://resource/secret/plan.md',
  '\tdemo://resource/secret/plan.md',
  'demo://resource/secret/plan.md ',
  '\u0000demo://resource/secret/plan.md',
  'demo:\n//resource/secret/plan.md',
  'demo://resource/sec\tret/plan.md',
  'demo://RESOURCE/secret/plan.md',
  'demo://resource/open/../secret/plan.md',
  'demo://resource/open/%2e%2e/secret/plan.md',
  'demo://resource/open/%2E./secret/plan.md',
  'demo://resource/open/%252e%252e/secret/plan.md',
  'demo://resource/open/..%2Fsecret%2Fplan.md',
  'demo://resource/open%2f..%2Fsecret/plan.md',
  'demo://resource/open/..%5Csecret%5cplan.md',
  'demo://resource/open/..\\secret/plan.md',
  'demo:\\\\resource\\secret\\plan.md',
  'demo://resource/open/..;x/secret/plan.md',
  'demo://resource/secret;x=1/plan.md',
  'demo://resource/secret/plan.md;v=1',
  'demo://resource/secret/plan.md?version=1',
  'demo://resource/secret/plan.md#top',
  'demo://resource/secret/plan.md%3Fx',
  'demo://resource/%73ecret/plan.md',
  'demo://resource/%2573ecret/plan.md',
  'demo://resource/%252573ecret/plan.md',
  'demo://resource/secret%2Fplan.md',
  'demo://resource%2Fsecret/plan.md',
  'demo://resource//secret/plan.md',
  'demo://resource/secret//plan.md',
  'demo:///resource/secret/plan.md',
  'demo:/resource/secret/plan.md',
  'demo:resource/secret/plan.md',
  'demo://resource/./secret/plan.md',
  'demo://someone@resource/secret/plan.md',
  'demo://someone:word@resource/secret/plan.md',
  'demo://resource:80/secret/plan.md',
  'demo://resource:/secret/plan.md',
  'demo://resource./secret/plan.md',
  'demo://resource/secret/plan.md%20',
  'demo://resource/%20secret%09/plan.md',
  'demo://resource/secret%C2%A0/plan.md',
]

const server = (way: string) => ({
  stdio: {
    command: process.execPath,
    args: [fileURLToPath(new URL('../fixtures/uri-server.mjs', import.meta.url)), way],
  },
})

let gateway: TestGateway
beforeAll(async () => {
  gateway = await startGateway({
    config: {
      servers: {
        ...Object.fromEntries(ways.map((way) => [way, server(way)])),
        everything: {
          stdio: {
            command: process.execPath,
            args: [
              fileURLToPath(
                new URL(
                  '../../node_modules/@modelcontextprotocol/server-everything/dist/index.js',
                  import.meta.url,
                ),
              ),
            ],
          },
        },
      },
      roles: {
        narrow: {
          allow: ['*/demo://resource/open/*', 'everything/demo://resource/static/document/a*'],
        },
        denied: { allow: ['*/*'], deny: ['*/demo://resource/secret/*', '*/*/startup.md'] },
        ends: { allow: ['*/demo://*.md'], deny: ['*/demo://resource/SECRET/plan.md'] },
      },
      toolsets: {
        open: { include: ['*/demo://resource/open/*'] },
        rest: { include: ['*/*'], exclude: ['*/demo://resource/secret/*'] },
      },
    },
    keys: {
      first: everything,
      narrow: { roles: ['narrow'] },
      denied: { roles: ['denied'] },
      ends: { roles: ['ends'] },
    },
  })
  await eventually(
    async () =>
      names(
        (await modernCall(gateway.url, gateway.key, 'resources/list')).message,
        'resources',
        'uri',
      ).length >
      ways.length * documents.size + 5,
  )
})
afterAll(() => gateway?.stop())

const readAt = (url: string, key: string, uri: string) =>
  modernCall(url, key, 'resources/read', { uri }, { headers: nameHeader(uri) })

/** A header can hold only some characters; the others go as the base64 form of the specification. */
const nameHeader = (uri: string): Record<string, string> =>
  /^[\x21-\x7e]+$/.test(uri)
    ? {}
    : { 'mcp-name': `=?base64?${Buffer.from(uri).toString('base64')}?=` }

const bare = (reply: Reply | undefined, uri: string): string =>
  (reply?.text ?? '')
    .replace(/"id":\d+/, '"id":0')
    .replace(/"call":"[^"]+"/, '"call":""')
    .replace(JSON.stringify(uri), '"URI"')

test.each(spellings)('%j is the secret to some server', (uri) => {
  expect(Object.values(readers).map((read) => read(uri))).toContain(secretPath)
})

describe.each(['narrow', 'denied', 'ends'])('a key in the role %s', (role) => {
  test('may read what is open', async () => {
    for (const way of ways) {
      const uri = 'demo://resource/open/alpha.md'
      const reply = await readAt(gateway.server(way), gateway.keyOf(role), uri)
      expect(reply.text).toContain('an open document')
      expect((await readAt(gateway.url, gateway.keyOf(role), `${way}+${uri}`)).text).toContain(
        'an open document',
      )
    }
  })

  test.each([secret, ...spellings])('cannot read the secret as %j', async (uri) => {
    const key = gateway.keyOf(role)
    const never = 'demo://resource/secret/nothing-of-that-name.md'
    for (const way of ways) {
      const places = [
        [gateway.server(way), uri],
        [gateway.url, `${way}+${uri}`],
        [`${gateway.url}/t/rest`, `${way}+${uri}`],
      ] as const
      for (const [url, asked] of places) {
        const reply = await readAt(url, key, asked)
        expect(reply.text).not.toContain(secretText)
        expect(dig(reply.message, 'error', 'data', 'code')).toBe('resource_unknown')
        const unknown = await readAt(url, key, never)
        expect([reply.status, bare(reply, asked)]).toEqual([unknown.status, bare(unknown, never)])
      }
    }
  })
})

test.each(spellings)('a toolset without the secret is not left by %j', async (uri) => {
  for (const toolset of ['open', 'rest'])
    for (const way of ways) {
      const reply = await readAt(`${gateway.url}/t/${toolset}`, gateway.key, `${way}+${uri}`)
      expect(reply.text).not.toContain(secretText)
    }
})

test.each([
  'demo://resource/static/document/a/.\t./startup.md',
  'demo://resource/static/document/a/%2e%2e/startup.md',
  'DEMO://resource/static/document/startup.md',
  ' demo://resource/static/document/startup.md',
  'demo:\n//resource/static/document/startup.md',
  'demo://resource/static/document/start\tup.md',
  'demo://resource/static/document/startup.md',
])('the reference server does not read %j', async (uri) => {
  for (const role of ['narrow', 'denied']) {
    const reply = await readAt(gateway.server('everything'), gateway.keyOf(role), uri)
    expect(dig(reply.message, 'error', 'data', 'code')).toBe('resource_unknown')
  }
  const open = 'demo://resource/static/document/architecture.md'
  for (const role of ['narrow', 'denied'])
    expect(
      dig(
        (await readAt(gateway.server('everything'), gateway.keyOf(role), open)).message,
        'result',
        'contents',
      ),
    ).toBeDefined()
})

const some = [
  'demo://resource/open/.\t./secret/plan.md',
  'DEMO://resource/secret/plan.md',
  'demo://resource/open/%252e%252e/secret/plan.md',
  'demo://someone@resource/secret/plan.md',
  'demo://resource/%73ecret/plan.md',
]

describe.each(some)('at the other doors %j', (uri) => {
  const at = () => gateway.server('url')
  const key = () => gateway.keyOf('denied')

  test('is not read, subscribed to or completed in a legacy session', async () => {
    const session = await legacySession(at(), key())
    for (const method of ['resources/read', 'resources/subscribe', 'resources/directory/read']) {
      const reply = await session.request(method, { uri })
      expect(dig(reply.message, 'error', 'code')).toBeDefined()
      expect(reply.text).not.toContain(secretText)
    }
    const completed = await session.request('completion/complete', {
      ref: { type: 'ref/resource', uri },
      argument: { name: 'path', value: '' },
    })
    expect(dig(completed.message, 'error', 'data', 'code')).toBe('resource_unknown')
    await session.end()
  })

  test('is not listened to', async () => {
    const feed = await openListen(at(), key(), {
      resourceSubscriptions: [uri, 'demo://resource/open/alpha.md'],
    })
    const said = await feed.untilMethod('notifications/subscriptions/acknowledged')
    expect(dig(said, 'params', 'notifications', 'resourceSubscriptions')).toEqual([
      'demo://resource/open/alpha.md',
    ])
    feed.close()
  })

  test('is not read over the HTTP+SSE pair', async () => {
    const origin = gateway.url.replace(/\/mcp$/, '')
    const headers = { ...bearer(key()), accept: 'text/event-stream' }
    const feed = await openFeed(`${origin}/sse`, { method: 'GET', headers })
    const path = await eventually(
      async () => feed.events.find(({ event }) => event === 'endpoint')?.data,
    )
    const say = (message: object) =>
      postText(new URL(path, origin).href, key(), JSON.stringify({ jsonrpc: '2.0', ...message }))
    await say({
      id: 1,
      method: 'initialize',
      params: {
        protocolVersion: '2024-11-05',
        capabilities: {},
        clientInfo: { name: 't', version: '1' },
      },
    })
    await feed.until((message) => dig(message, 'id') === 1)
    await say({ id: 2, method: 'resources/read', params: { uri: `url+${uri}` } })
    const answer = await feed.until((message) => dig(message, 'id') === 2)
    expect(dig(answer, 'error', 'data', 'code')).toBe('resource_unknown')
    feed.close()
  })

  test('is not read over stdio', async () => {
    const { dataDir } = gateway
    const config = join(dataDir, '..', 'sallyport.yaml')
    const child = spawn(
      process.execPath,
      [builtProgram, 'stdio', '--data', dataDir, '--config', config],
      {
        stdio: ['pipe', 'pipe', 'ignore'],
        env: {
          PATH: '/usr/bin:/bin',
          SALLYPORT_KEY: key(),
          DATABASE_URL: 'postgres://127.0.0.1:9/x',
        },
      },
    )
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk
    })
    const params = { uri: `url+${uri}`, _meta: modernMeta() }
    child.stdin.write(
      `${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'resources/read', params })}\n`,
    )
    const line = await eventually(async () => said.includes('\n') && said)
    expect(dig(JSON.parse(line), 'error', 'data', 'code')).toBe('resource_unknown')
    child.stdin.end()
  })
})

test('completions show no value that leads to what is denied, nor how many there are', async () => {
  const params = {
    ref: { type: 'ref/resource', uri: 'demo://resource/{+path}' },
    argument: { name: 'path', value: '' },
  }
  const ask = async (key: string) =>
    dig(
      (await modernCall(gateway.server('url'), key, 'completion/complete', params)).message,
      'result',
      'completion',
    )
  expect(await ask(gateway.keyOf('denied'))).toEqual({
    values: ['open/alpha.md', 'open/beta.md'],
    hasMore: false,
  })
  expect(await ask(gateway.key)).toEqual({
    values: ['open/alpha.md', 'open/beta.md', 'secret/plan.md'],
    total: 3,
    hasMore: false,
  })
})
