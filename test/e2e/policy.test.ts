// What a caller may not use does not exist for it; what it presents goes no further; and how rules and servers change.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readJournal } from '../../src/record/read.ts'
import {
  eventually,
  legacySession,
  modernCall,
  modernTool,
  openListen,
  type Reply,
} from './client.ts'
import { dig, digText, names } from './json.ts'
import { startWorld, type TestWorld, worldConfig } from './world.ts'

const watched = 'test://watched-resource'
const limits = [
  { per: 'key' as const, tool: '*/slow', calls: '2/hour' },
  { per: 'key' as const, tool: `resource:*/${watched}`, calls: '3/hour' },
]
const config = {
  roles: {
    careful: {
      allow: ['modern/*', 'legacy/*'],
      deny: [
        'tool:*/hang',
        'tool:*/stats',
        'prompt:*/test_simple_prompt',
        'resource:*/test://static-binary',
      ],
    },
    nothing: { allow: [] },
    'one-tool': { allow: ['tool:modern/echo'] },
  },
  toolsets: { few: { include: ['*/echo', '*/hang', '*/stats'], exclude: ['legacy/echo'] } },
  limits,
}
let world: TestWorld
beforeAll(async () => {
  world = await startWorld({
    config,
    keys: {
      careful: { roles: ['careful'] },
      nothing: { roles: ['nothing'] },
      one: { roles: ['one-tool'] },
    },
  })
  await eventually(
    async () =>
      names((await modernCall(world.gateway.url, world.key, 'tools/list')).message, 'tools')
        .length > 60,
  )
})
afterAll(() => world?.stop())

const careful = (): string => world.gateway.keyOf('careful')
const toolset = (): string => `${world.gateway.url}/t/few`

/** The text of an answer without what is different in every one: its id and its call id. */
const bare = (reply: Reply): string =>
  reply.text.replace(/"id":\d+/, '"id":0').replace(/"call":"[^"]+"/, '"call":""')

const places = [
  ['/mcp', () => world.gateway.url, 'modern__'],
  ['/mcp/s/modern', () => world.at('modern'), ''],
  ['/mcp/s/legacy', () => world.at('legacy'), ''],
  ['/mcp/t/few', toolset, 'modern__'],
] as const

describe.each(places)('at %s', (_path, url, prefix) => {
  test.each(['hang', 'stats'])('%s is neither listed nor callable, in both eras', async (tool) => {
    const name = `${prefix}${tool}`
    const session = await legacySession(url(), careful())
    const lists = [
      await modernCall(url(), careful(), 'tools/list'),
      await session.request('tools/list'),
    ]
    for (const list of lists) {
      expect(names(list.message, 'tools')).not.toContain(name)
      expect(names(list.message, 'tools')).toContain(`${prefix}echo`)
    }
    expect(names((await modernCall(url(), world.key, 'tools/list')).message, 'tools')).toContain(
      name,
    )
    const unknown = `${prefix}${tool.replace(/./g, 'x')}`
    const pairs = [
      [await modernTool(url(), careful(), name), await modernTool(url(), careful(), unknown)],
      [await session.tool(name), await session.tool(unknown)],
    ]
    for (const [denied, missing] of pairs) {
      expect(dig(denied?.message, 'error', 'data', 'code')).toBe('tool_unknown')
      expect([denied?.status, denied && bare(denied)]).toEqual([
        missing?.status,
        missing && bare(missing),
      ])
      expect([...(denied?.headers.keys() ?? [])]).toEqual([...(missing?.headers.keys() ?? [])])
    }
  })
})

describe.each(['modern', 'legacy'] as const)('prompts and resources of the %s server', (era) => {
  const asks = async (method: string, key: string) => {
    const session = await legacySession(world.at(era), careful())
    return [
      (value: string) => modernCall(world.at(era), careful(), method, { [key]: value }),
      (value: string) => session.request(method, { [key]: value }),
    ]
  }

  test('what is denied is not listed and refused', async () => {
    const prompts = await modernCall(world.at(era), careful(), 'prompts/list')
    expect(names(prompts.message, 'prompts')).not.toContain('test_simple_prompt')
    const resources = await modernCall(world.at(era), careful(), 'resources/list')
    expect(names(resources.message, 'resources', 'uri')).not.toContain('test://static-binary')
    const subscribers = await asks('resources/subscribe', 'uri')
    const subscribed = await subscribers[1]?.('test://static-binary')
    expect(dig(subscribed?.message, 'error', 'data', 'code')).toBe('resource_unknown')
    for (const ask of await asks('resources/read', 'uri'))
      expect(dig((await ask('test://static-binary')).message, 'error', 'data', 'code')).toBe(
        'resource_unknown',
      )
  })

  test('a denied prompt answers like one that is not there', async () => {
    for (const ask of await asks('prompts/get', 'name'))
      expect(bare(await ask('test_simple_prompt'))).toBe(bare(await ask('test_simple_prompX')))
  })

  test('a denied resource answers like one that is not there', async () => {
    for (const ask of await asks('resources/read', 'uri')) {
      const missing = bare(await ask('test://static-binarX'))
      expect(
        bare(await ask('test://static-binary')).replaceAll('static-binary', 'static-binarX'),
      ).toBe(missing)
    }
  })
})

describe.each(['modern', 'legacy'] as const)('subscribing at the %s server', (era) => {
  const places = [
    [() => world.at(era), ''],
    [() => world.gateway.url, `${era}+`],
  ] as const

  test('answers for a denied resource as for one that is not there', async () => {
    for (const [url, prefix] of places) {
      const session = await legacySession(url(), careful())
      const subscribe = async (name: string): Promise<string> => {
        const uri = `${prefix}test://static-${name}`
        const reply = await session.request('resources/subscribe', { uri })
        expect(dig(reply.message, 'error', 'data', 'code')).toBe('resource_unknown')
        return bare(reply).replaceAll(`static-${name}`, 'static')
      }
      const denied = await subscribe('binary')
      expect(await subscribe('binarX')).toBe(denied)
      expect(await subscribe('%62inary')).toBe(denied)
    }
  })

  test('acknowledges neither, and what is there', async () => {
    const [there, ...others] = ['text', 'binary', 'binarX'].map((name) => `test://static-${name}`)
    const listen = await openListen(world.at(era), careful(), {
      resourceSubscriptions: [there, ...others],
    })
    const told = await listen.untilMethod('notifications/subscriptions/acknowledged')
    expect(dig(told, 'params', 'notifications', 'resourceSubscriptions')).toEqual([there])
    listen.close()
  })
})

test('a key without a role that allows anything sees nothing and calls nothing', async () => {
  const key = world.gateway.keyOf('nothing')
  for (const method of [
    'tools/list',
    'prompts/list',
    'resources/list',
    'resources/templates/list',
  ]) {
    const list = await modernCall(world.gateway.url, key, method)
    const [member] = Object.keys(Object(dig(list.message, 'result'))).filter(
      (name) => /s$/.test(name) && name !== 'ttlMs',
    )
    expect(dig(list.message, 'result', member ?? '')).toEqual([])
  }
  // A server of which nothing may be used answers like one that is not there.
  const call = await modernTool(world.at('modern'), key, 'echo')
  expect([call.status, dig(call.message, 'error', 'data', 'code')]).toEqual([
    404,
    'endpoint_unknown',
  ])
  expect(call.text).toBe((await modernTool(world.gateway.server('nowhere'), key, 'echo')).text)
  const discovered = await modernCall(world.gateway.url, key, 'server/discover')
  expect(discovered.text).not.toContain('fixture')
})

test('one allowed tool is all that its key can reach', async () => {
  const key = world.gateway.keyOf('one')
  expect(names((await modernCall(world.gateway.url, key, 'tools/list')).message, 'tools')).toEqual([
    'modern__echo',
  ])
  expect(
    dig(
      (await modernTool(world.at('modern'), key, 'echo', { a: 1 })).message,
      'result',
      'structuredContent',
    ),
  ).toEqual({ a: 1 })
  const read = await modernCall(world.at('modern'), key, 'resources/read', {
    uri: 'test://static-text',
  })
  expect(dig(read.message, 'error', 'data', 'code')).toBe('resource_unknown')
})

test('what the caller presents stays here: key, session, cookies and its own headers', async () => {
  for (const era of ['modern', 'legacy'] as const) {
    const headers = {
      cookie: 'secret=1',
      'x-api-key': world.key,
      'x-custom': 'private',
      traceparent: '00-1-1-00',
    }
    const modern = await modernTool(world.at(era), world.key, 'request_info', {}, { headers })
    const session = await legacySession(world.at(era), world.key)
    const legacy = await session.tool('request_info', {}, { headers })
    for (const reply of [modern, legacy]) {
      const seen = digText(reply.message, 'result', 'content', 0, 'text')
      expect(seen).toContain('"host"')
      for (const secret of [world.key, 'secret=1', 'private', session.id, 'key:first'])
        expect(seen).not.toContain(secret)
    }
  }
})

test('no key stands in the journal, the logs or the lists on disk', async () => {
  let entries = 0
  for await (const { entry } of readJournal(join(world.gateway.dataDir, 'journal'), {
    onFault: () => undefined,
  })) {
    entries++
    expect(JSON.stringify(entry)).not.toContain(world.key.slice(3, 20))
  }
  expect(entries).toBeGreaterThan(10)
  expect(world.gateway.log).not.toContain(world.key.slice(3, 20))
})

test('a rate limit refuses with the time to wait, and the server sees nothing', async () => {
  const key = careful()
  const replies = []
  for (let count = 0; count < 3; count++)
    replies.push(await modernTool(world.at('modern'), key, 'slow', { ms: 1 }))
  expect(replies.map((reply) => dig(reply.message, 'error', 'data', 'code'))).toEqual([
    undefined,
    undefined,
    'rate_limited',
  ])
  expect(dig(replies[2]?.message, 'error', 'data', 'retryAfterMs')).toBeGreaterThan(0)
  const other = await modernTool(world.at('modern'), world.key, 'slow', { ms: 1 })
  expect(dig(other.message, 'error')).toBeUndefined()
})

test('who listens is limited like who calls: a listen leaves out what is refused, a subscription says so', async () => {
  const acknowledged = async (): Promise<string> => {
    const wanted = { resourceSubscriptions: [watched, 'test://nothing-of-that-name'] }
    const listen = await openListen(world.at('modern'), careful(), wanted)
    const first = await listen.untilMethod('notifications/subscriptions/acknowledged')
    listen.close()
    return JSON.stringify(dig(first, 'params', 'notifications'))
  }
  expect(await acknowledged()).toContain(watched)
  expect(await acknowledged()).toContain(watched)
  const session = await legacySession(world.at('modern'), careful())
  const subscribe = () => session.request('resources/subscribe', { uri: watched })
  expect(dig((await subscribe()).message, 'result')).toEqual({})
  expect(await acknowledged()).not.toContain('test://')
  const another = await legacySession(world.at('modern'), careful())
  const refused = await another.request('resources/subscribe', { uri: watched })
  expect(dig(refused.message, 'error', 'data', 'code')).toBe('rate_limited')
})

describe('the declared file changes', () => {
  const withRoles = (deny: string[]) =>
    worldConfig(world.fixture.url, {
      config: { ...config, roles: { ...config.roles, careful: { allow: ['*/*'], deny } } },
    })

  test('a new rule holds at once, and clients are told', async () => {
    const session = await legacySession(world.at('modern'), careful())
    const get = await session.listen()
    const listen = await openListen(world.at('modern'), careful(), { toolsListChanged: true })
    await listen.untilMethod('notifications/subscriptions/acknowledged')
    await world.gateway.configure(withRoles(['tool:*/echo']))
    await get.untilMethod('notifications/tools/list_changed')
    await listen.untilMethod('notifications/tools/list_changed')
    expect(dig((await session.tool('echo')).message, 'error', 'data', 'code')).toBe('tool_unknown')
    expect(names((await session.request('tools/list')).message, 'tools')).not.toContain('echo')
    await world.gateway.configure(worldConfig(world.fixture.url, { config }))
    await eventually(async () => dig((await session.tool('echo')).message, 'result') !== undefined)
    get.close()
    listen.close()
  })

  test.each([
    ['that is no YAML', 'servers: [', 'sallyport.yaml'],
    ['with an unknown member', '{"servers":{},"surprise":1}', 'surprise'],
    ['with a server of no kind', '{"servers":{"x":{"title":"t"}}}', 'servers.x'],
    ['with a bad pattern', '{"roles":{"r":{"allow":["nonsense"]}}}', 'roles.r'],
    [
      'with a missing variable',
      `{"servers":{"x":{"http":{"url":"http://127.0.0.1:9/","headers":{"a":"\${NOWHERE_SET}"}}}}}`,
      'NOWHERE_SET',
    ],
  ])('a file %s changes nothing and the log says where', async (_name, text, place) => {
    const session = await legacySession(world.gateway.url, careful())
    const before = await session.request('tools/list')
    await world.gateway.configure(text)
    await eventually(async () => world.gateway.log.includes(place))
    const after = await session.request('tools/list')
    expect(dig(after.message, 'result')).toEqual(dig(before.message, 'result'))
    expect(
      dig((await session.tool('modern__echo', { a: 1 })).message, 'result', 'structuredContent'),
    ).toEqual({ a: 1 })
    await world.gateway.configure(worldConfig(world.fixture.url, { config }))
  })

  test('a server that is added is callable by a connected client, and gone when it is removed', async () => {
    const session = await legacySession(world.gateway.url, world.key)
    const get = await session.listen()
    const added = { http: { url: world.fixture.url } }
    await world.gateway.configure(worldConfig(world.fixture.url, { config, servers: { added } }))
    await get.untilMethod('notifications/tools/list_changed')
    await eventually(async () =>
      names((await session.request('tools/list')).message, 'tools').includes('added__echo'),
    )
    expect(
      dig((await session.tool('added__echo', { a: 1 })).message, 'result', 'structuredContent'),
    ).toEqual({ a: 1 })
    const own = await legacySession(world.gateway.server('added'), world.key)
    expect((await own.tool('echo')).status).toBe(200)
    await world.gateway.configure(worldConfig(world.fixture.url, { config }))
    await eventually(
      async () =>
        !names((await session.request('tools/list')).message, 'tools').includes('added__echo'),
    )
    expect(dig((await session.tool('added__echo')).message, 'error', 'data', 'code')).toBe(
      'tool_unknown',
    )
    get.close()
  })

  test('a server that has not listed anything is not there for who has no rule for it', async () => {
    const servers = { down: { http: { url: 'http://127.0.0.1:9/mcp' } } }
    await world.gateway.configure(worldConfig(world.fixture.url, { config, servers }))
    const ask = (server: string, key: string) =>
      modernTool(world.gateway.server(server), key, 'echo')
    await eventually(async () => (await ask('down', world.key)).status !== 404)
    for (const name of ['nothing', 'one', 'careful']) {
      const key = world.gateway.keyOf(name)
      expect((await ask('down', key)).text).toBe((await ask('nowhere', key)).text)
    }
    await world.gateway.configure(worldConfig(world.fixture.url, { config }))
    await eventually(async () => (await ask('down', world.key)).status === 404)
  })

  test('a server that is added as a process is callable too', async () => {
    const session = await legacySession(world.gateway.url, world.key)
    const script = new URL('../fixtures/mcp-server/server.ts', import.meta.url).pathname
    const local = { stdio: { command: process.execPath, args: [script, '--stdio'] } }
    await world.gateway.configure(worldConfig(world.fixture.url, { config, servers: { local } }))
    await eventually(
      async () =>
        dig((await session.tool('local__echo', { a: 1 })).message, 'result') !== undefined,
    )
    const stats = await session.tool('local__stats')
    const pid = Number(dig(stats.message, 'result', 'structuredContent', 'pid'))
    expect(await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')).not.toContain(
      'DATABASE_URL',
    )
    await world.gateway.configure(worldConfig(world.fixture.url, { config }))
    await eventually(async () => {
      try {
        return process.kill(pid, 0) ? undefined : true
      } catch {
        return true
      }
    })
  })
})
