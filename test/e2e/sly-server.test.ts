// A server's names and texts are what they look like, and tell nothing of what a caller may not see.
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually, legacySession, modernCall, modernTool, type Reply } from './client.ts'
import { everything, startGateway, type TestGateway } from './gateway.ts'
import { dig, digText, names } from './json.ts'

const args = [fileURLToPath(new URL('../fixtures/sly-server.mjs', import.meta.url))]
const hidden = /[\u202a-\u202e\u2066-\u2069\u{e0000}-\u{e007f}]|\\u001b|\\ud?b?40/u

let gateway: TestGateway
beforeAll(async () => {
  gateway = await startGateway({
    config: {
      servers: { sly: { stdio: { command: process.execPath, args } } },
      roles: {
        one: { allow: ['sly/*'], deny: ['sly/files list', 'sly/files/list', 'sly/doc:/secret*'] },
        two: { allow: ['sly/*'], deny: ['sly/files/list'] },
      },
    },
    keys: { first: everything, one: { roles: ['one'] }, two: { roles: ['two'] } },
  })
  await eventually(async () => (await shown(gateway.key)).length === 3)
})
afterAll(() => gateway?.stop())

const shown = async (key: string): Promise<readonly string[]> =>
  names((await modernCall(gateway.url, key, 'tools/list')).message, 'tools')

test('a public name tells nothing of tools that the caller may not use', async () => {
  const key = gateway.keyOf('one')
  expect(await shown(key)).toEqual(['sly__files_list'])
  const called = await modernTool(gateway.url, key, 'sly__files_list')
  expect(digText(called.message, 'result', 'content', 0, 'text')).toBe('called files.list')

  const both = await shown(gateway.keyOf('two'))
  expect(both).toHaveLength(2)
  for (const name of both) expect(name).toMatch(/^sly__files_list_[0-9a-f]{8}$/)
  const texts = await Promise.all(
    both.map(async (name) =>
      digText(
        (await modernTool(gateway.url, gateway.keyOf('two'), name)).message,
        'result',
        'content',
        0,
        'text',
      ),
    ),
  )
  expect([...texts].sort()).toEqual(['called files list', 'called files.list'])
  // The names of those who see more, and the one that could be any of several, are unknown like all others.
  for (const [who, name] of [
    ...both.map((name) => ['one', name] as const),
    ['two', 'sly__files_list'] as const,
  ])
    expect(
      dig(
        (await modernTool(gateway.url, gateway.keyOf(who), name)).message,
        'error',
        'data',
        'code',
      ),
    ).toBe('tool_unknown')
})

describe.each([
  ['/mcp', () => gateway.url],
  ['/mcp/s', () => gateway.server('sly')],
])('at %s', (_path, url) => {
  test.each(['tools/list', 'prompts/list', 'resources/list'])('%s hides nothing', async (list) => {
    const session = await legacySession(url(), gateway.key)
    for (const { text } of [
      await modernCall(url(), gateway.key, list),
      await session.request(list),
    ]) {
      expect(text).toContain('read me[31m')
      expect(text).not.toMatch(hidden)
      expect(text).not.toContain('bad')
      expect(text).not.toContain('smuggles')
    }
  })

  test('instructions hide nothing', async () => {
    const { opening } = await legacySession(url(), gateway.key)
    const discovered = await modernCall(url(), gateway.key, 'server/discover')
    for (const { text } of [opening, discovered]) {
      expect(text).toContain('read me[31m')
      expect(text).not.toMatch(hidden)
    }
  })
})

test('values of a schema stay what the server takes', async () => {
  const { message } = await modernCall(gateway.server('sly'), gateway.key, 'tools/list')
  expect(dig(message, 'result', 'tools', 0, 'inputSchema', 'properties', 'x', 'enum', 0)).toBe(
    'a\u200bb',
  )
})

/** The answer without what differs in every one, and without the URI that was asked for. */
const bare = ({ status, text }: Reply, uri: string): string =>
  `${status} ${text
    .replace(/"id":\d+/, '"id":0')
    .replace(/"call":"[^"]+"/, '"call":""')
    .replace(JSON.stringify(uri), '"URI"')}`

test.each(['/sdk-v1', '/specified', '/modern', '/python', '/internal'])(
  'a missing resource (%s) is answered like a denied and an unknown one',
  async (way) => {
    const key = gateway.keyOf('one')
    const session = await legacySession(gateway.server('sly'), key)
    const uris = [`doc:/open${way}`, `doc:/secret${way}`, `nodoc:/a/../b${way}`]
    for (const ask of [
      (uri: string) => modernCall(gateway.server('sly'), key, 'resources/read', { uri }),
      (uri: string) => session.request('resources/read', { uri }),
      (uri: string) =>
        session.request('completion/complete', {
          ref: { type: 'ref/resource', uri },
          argument: { name: 'a', value: '' },
        }),
    ]) {
      const replies = await Promise.all(uris.map(async (uri) => bare(await ask(uri), uri)))
      expect(replies[0]).toContain('resource_unknown')
      expect(new Set(replies).size).toBe(1)
    }
  },
)
