/** GraphQL tools against a real service that is written with another library: mercurius with graphql 16. */

import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GatewayError } from '../../../src/model/refusal.ts'
import { until } from '../../patience.ts'
import { enter, type Service, startService, type World } from './service.ts'

let service: Service
beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.stop())

const world = (more: object = {}): Promise<World> => enter({ url: service.url, ...more })

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const outcome = await promise.then(
    () => 'nothing was thrown',
    (fault: unknown) => fault,
  )
  return outcome instanceof GatewayError ? outcome.code : String(outcome)
}

describe('a service that is only known by its URL', () => {
  it('converts by introspection, each field a tool', async () => {
    const { conversion } = await world()
    expect(conversion.skipped).toEqual([])
    expect(conversion.tools.map(({ definition }) => definition.name)).toEqual([
      ...['user', 'users', 'things', 'named', 'echo', 'color', 'fails', 'partial', 'slow', 'big'],
      ...['whoami', 'guarded', 'books', 'readings', 'create_user', 'delete_user', 'mutation_user'],
      ...['rename', 'ticks', 'forever', 'failing', 'tocks', 'subscription_whoami'],
    ])
  })

  it('answers what its output schemas promise', async () => {
    const { conversion, call } = await world()
    const ajv = new Ajv2020({ strict: false })
    addFormats.default(ajv)
    const calls: [string, unknown][] = [
      ['user', { id: '1' }],
      ['users', { first: 1 }],
      ['things', {}],
      ['named', {}],
      ['echo', { text: 'x' }],
      ['color', {}],
      ['books', {}],
      ['readings', {}],
      ['rename', { id: '1' }],
      ['tocks', {}],
      ['create_user', { name: 'Zed', color: 'BLUE' }],
      ['ticks', { to: 2 }],
    ]
    for (const [name, args] of calls) {
      const schema = conversion.tools.find((one) => one.definition.name === name)?.definition
      const { structured, isError } = await call(name, args)
      expect(isError, name).toBe(false)
      const check = ajv.compile({ ...schema?.outputSchema })
      expect(check(structured), `${name}: ${ajv.errorsText(check.errors)}`).toBe(true)
    }
  })
})

describe('queries', () => {
  it('ask for nested objects, connections and the types behind unions and interfaces', async () => {
    const { call } = await world()
    // Friends and the best friend are users again: a cycle, and cut.
    expect((await call('user', { id: 1 })).structured).toEqual({
      user: { id: '1', name: 'Ada', color: 'RED' },
    })
    const { structured } = await call('users', { first: 1, after: '1' })
    expect(structured).toMatchObject({
      users: {
        edges: [{ node: { id: '2', name: 'Bob', color: null } }],
        pageInfo: { hasNextPage: true, endCursor: '2' },
      },
    })
    for (const name of ['things', 'named'])
      expect((await call(name)).structured).toMatchObject({
        [name]: [
          { __typename: 'User', id: '1', name: 'Ada' },
          { __typename: 'Robot', name: 'R2', model: 2 },
        ],
      })
  })

  it('take every kind of argument, and null, digit by digit', async () => {
    const { call } = await world()
    const args = `{"text":"a\\"}){x}","filter":{"and":[{"color":"BLUE"},{"not":{"text":null}}],"range":{"to":5}},
      "when":"2026-01-02T03:04:05Z","big":12345678901234567890,"any":{"deep":[1,null]},"opaque":[true],
      "tags":["x"],"color":"RED","ids":["a",7],"matrix":[[1.5,null],null]}`
    const { structured } = await call('echo', args)
    expect(structured).toMatchObject({
      echo: {
        text: 'a"}){x}',
        filter:
          '{"color":null}'.slice(0, 0) || expect.stringContaining('"range":{"from":1,"to":5}'),
        when: '2026-01-02T03:04:05Z',
        any: { deep: [1, null] },
        opaque: [true],
        tags: ['x'],
        color: 'RED',
        ids: ['a', '7'],
        matrix: [[1.5, null], null],
      },
    })
  })

  it('let injection attempts arrive as data', async () => {
    const { call } = await world()
    const attempts = [
      '") { id } } mutation { deleteUser(id: "1") }',
      '$text',
      '"""',
      '\\") { __schema { types { name } } }',
      '#\n{ users { totalCount } }',
      '\u2028\u0000{}',
      '$' + '{process.exit(1)}',
      '...on User { secretly }',
    ]
    const before = (await service.seen()).mutations
    for (const text of attempts) {
      const { structured } = await call('echo', { text })
      expect(structured).toMatchObject({ echo: { text } })
    }
    const { mutations, documents } = await service.seen()
    expect(mutations).toBe(before)
    expect(new Set(documents).size).toBe(1)
  })

  it('keep what the service wrote, byte for byte', async () => {
    const { call } = await world()
    const { raw } = await call('echo', { text: 'ü\\u0041' })
    const inside = raw.slice(raw.indexOf('"structuredContent":') + '"structuredContent":'.length)
    expect(inside.startsWith('{"echo":{"text":"ü')).toBe(true)
  })
})

describe('errors', () => {
  it('tell message, code, path and argument', async () => {
    const { call } = await world()
    const { isError, text, structured } = await call('fails', { why: 'out of tea' })
    expect([isError, structured]).toEqual([true, undefined])
    expect(text).toBe('The API answered with an error: TEAPOT: out of tea (at fails, argument why)')
  })

  it('name the argument that does not fit', async () => {
    const { call } = await world()
    const { isError, text } = await call('echo', { color: 'PURPLE' })
    expect(isError).toBe(true)
    expect(text).toContain('argument color')
    expect(text).toContain('PURPLE')
  })

  it('come beside the data that could be had', async () => {
    const { call } = await world()
    const { isError, text, structured } = await call('partial')
    expect([isError, structured]).toEqual([false, { partial: { good: 'yes', bad: null } }])
    expect(text).toContain('Only a part could be answered.')
    expect(text).toContain('no luck (at partial.bad)')
  })
})

describe('bounds', () => {
  it('an answer that is too large is refused', async () => {
    const { call } = await world()
    expect(await codeOf(call('big', { bytes: 17_000_000 }))).toBe('answer_too_large')
    expect((await call('color')).structured).toEqual({ color: 'GREEN' })
  })

  it('a cancel reaches the service', async () => {
    const { call } = await world()
    const { slow, stopped } = await service.seen()
    const cancel = new AbortController()
    const running = codeOf(call('slow', { ms: 20_000 }, { signal: cancel.signal }))
    await until(async () => (await service.seen()).slow === slow + 1)
    cancel.abort()
    expect(await running).toBe('cancelled')
    await until(async () => (await service.seen()).stopped === stopped + 1)
  })
})

describe('mutations', () => {
  it('change data, with enums as arguments', async () => {
    const { call, conversion } = await world()
    const { structured } = await call('create_user', { name: 'Dora', color: 'GREEN' })
    expect(structured).toMatchObject({ createUser: { name: 'Dora', color: 'GREEN' } })
    expect((await call('mutation_user', { id: '2', name: 'Bert' })).structured).toMatchObject({
      user: { id: '2', name: 'Bert' },
    })
    const remove = conversion.tools.find(({ definition }) => definition.name === 'delete_user')
    expect(remove?.definition.annotations).toMatchObject({ destructiveHint: true })
  })
})

describe('selections and documents of the operator', () => {
  it('replace what is generated', async () => {
    const { call, conversion } = await world({
      selections: { 'query user': '{ name best { needs(x: 1) } }', users: '{ nonsense }' },
    })
    expect((await call('user', { id: '1' })).structured).toEqual({
      user: { name: 'Ada', best: { needs: 'x' } },
    })
    expect(conversion.skipped).toMatchObject([
      { operation: 'query users', code: 'feature_unsupported' },
    ])
    expect(conversion.skipped[0]?.reason).toContain('nonsense')
  })

  it('become tools of their own, with typed variables and answers', async () => {
    const { call, conversion } = await world({
      query: {
        persisted: {
          friend_names: `# Names of the friends of a user.
            query ($id: ID!, $first: Int = 1) { user(id: $id) { ...F } }
            fragment F on User { friends(first: $first) { edges { node { label: name } } } }`,
          wrong: '{ nothing }',
        },
      },
    })
    const tool = conversion.tools.find(({ definition }) => definition.name === 'friend_names')
    expect(tool?.definition).toMatchObject({
      description: 'Names of the friends of a user.',
      inputSchema: { required: ['id'], properties: { first: { default: 1 } } },
      annotations: { readOnlyHint: true },
    })
    expect((await call('friend_names', { id: '1', first: 2 })).structured).toEqual({
      user: { friends: { edges: [{ node: { label: 'Ada' } }, { node: { label: 'Bert' } }] } },
    })
    expect(conversion.skipped).toMatchObject([{ operation: 'persisted wrong' }])
  })
})

describe('graphql_query', () => {
  const open = (query: object = {}): Promise<World> =>
    world({ query: { enabled: true, depthMax: 4, costMax: 50, ...query } })

  it('is there only when it is switched on', async () => {
    const names = (await world()).conversion.tools.map(({ definition }) => definition.name)
    expect(names).not.toContain('graphql_query')
  })

  it('sends documents with variables', async () => {
    const { call } = await open()
    const { structured } = await call('graphql_query', {
      query: 'query A($id: ID!) { user(id: $id) { name } } query B { color }',
      operationName: 'A',
      variables: { id: '3' },
    })
    expect(structured).toEqual({ user: { name: 'Cleo' } })
  })

  const refused: [string, object, RegExp][] = [
    ['too deep', { query: '{ user(id: 1) { best { best { best { name } } } } }' }, /5 levels deep/],
    ['too dear', { query: '{ users(first: 40) { edges { node { id name } } } }' }, /161 fields/],
    [
      'too dear by a variable',
      {
        query: 'query ($n: Int) { users(first: $n) { edges { node { id name } } } }',
        variables: { n: 1_000 },
      },
      /fields, pages counted/,
    ],
    [
      'too dear by a default',
      { query: 'query ($n: Int = 1000) { users(first: $n) { edges { node { id } } } }' },
      /fields, pages counted/,
    ],
    [
      'too dear by aliases',
      { query: `{ ${Array.from({ length: 51 }, (_, at) => `a${at}: color`).join(' ')} }` },
      /51 fields/,
    ],
    [
      'a bomb of fragments',
      {
        query: `{ ...F0 } ${Array.from({ length: 60 }, (_, at) => `fragment F${at} on Query { ...F${at + 1} ...F${at + 1} }`).join(' ')} fragment F60 on Query { color }`,
      },
      /fields, pages counted/,
    ],
    ['a fragment of itself', { query: '{ ...F } fragment F on Query { ...F }' }, /holds itself/],
    ['a mutation', { query: 'mutation { deleteUser(id: 1) }' }, /Mutations are not allowed/],
    [
      'a mutation beside a query',
      { query: 'query A { color } mutation B { deleteUser(id: 1) }', operationName: 'B' },
      /Mutations are not allowed/,
    ],
    ['a subscription', { query: 'subscription { ticks(to: 1) { n } }' }, /Subscriptions/],
    ['introspection', { query: '{ __schema { types { name } } }' }, /__schema is not allowed/],
    [
      'introspection in a fragment',
      { query: '{ ...F } fragment F on Query { x: __type(name: "User") { name } }' },
      /__type is not allowed/,
    ],
    ['several operations', { query: 'query A { color } query B { color }' }, /several operations/],
    ['no such operation', { query: '{ color }', operationName: 'C' }, /no operation "C"/],
    ['no document', { query: '{ color' }, /Syntax Error/],
    ['endless nesting', { query: '{a'.repeat(50_000) }, /not sent/],
  ]
  it.each(refused)('does not send %s', async (_what, args, sentence) => {
    const { call } = await open()
    const before = (await service.seen()).requests
    const { isError, text } = await call('graphql_query', args)
    expect(isError).toBe(true)
    expect(text).toMatch(sentence)
    expect((await service.seen()).requests).toBe(before)
  })

  it('sends mutations and introspection where they are allowed', async () => {
    const { call, conversion } = await open({ mutations: true, introspection: true })
    const tool = conversion.tools.find(({ definition }) => definition.name === 'graphql_query')
    expect(tool?.definition.annotations).toMatchObject({ destructiveHint: true })
    const { structured } = await call('graphql_query', {
      query: '{ __type(name: "Color") { name } }',
    })
    expect(structured).toEqual({ __type: { name: 'Color' } })
    const made = await call('graphql_query', {
      query: 'mutation { createUser(name: "Eve") { name } }',
    })
    expect(made.structured).toEqual({ createUser: { name: 'Eve' } })
  })
})

describe('subscriptions', () => {
  it('answer with messages, and tell each as progress', async () => {
    const { call } = await world()
    const told: [number, number | undefined, string | undefined][] = []
    const { structured, raw } = await call(
      'ticks',
      { to: 3, _limit: 10 },
      { progress: (...progress) => told.push(progress) },
    )
    expect(structured).toMatchObject({
      messages: [{ ticks: { n: 1 } }, { ticks: { n: 2 } }, { ticks: { n: 3, text: 'tick 3' } }],
      ended: 'completed',
    })
    expect(told.map(([done, total]) => [done, total])).toEqual([
      [1, 10],
      [2, 10],
      [3, 10],
    ])
    expect(told[0]?.[2]).toContain('"n":1')
    expect(raw).toContain('12345678901234567890')
  })

  it('end at their limit, and the service is told', async () => {
    const { call } = await world()
    const { structured } = await call('forever', { limit: 3 })
    expect(structured).toMatchObject({ messages: [{}, {}, {}], ended: 'limit' })
    await until(async () => (await service.seen()).streams === 0)
  })

  it('end when time is up', async () => {
    const { call } = await world()
    const { structured } = await call('forever', { seconds: 0.2, limit: 1_000 })
    expect(structured).toMatchObject({ ended: 'time' })
    await until(async () => (await service.seen()).streams === 0)
  })

  it('end when the caller cancels', async () => {
    const { call } = await world()
    const cancel = new AbortController()
    const running = codeOf(
      call('forever', { limit: 1_000 }, { signal: cancel.signal, progress: () => cancel.abort() }),
    )
    expect(await running).toBe('cancelled')
    await until(async () => (await service.seen()).streams === 0)
  })

  it('tell errors', async () => {
    const { call } = await world()
    const { isError, text } = await call('failing')
    expect(isError).toBe(true)
    expect(text).toContain('cannot tick')
    const wrong = await call('ticks', { to: 'many' })
    expect(wrong.isError).toBe(true)
    expect(wrong.text).toContain('argument to')
  })

  it('show the credential with the upgrade and in connection_init', async () => {
    const { call } = await world()
    const headers = { authorization: 'Bearer abcdef-123' }
    const { structured, raw } = await call('subscription_whoami', {}, { headers })
    expect(structured).toMatchObject({ messages: [{}] })
    // Both arrived; neither goes on to the model.
    expect(raw).not.toContain('abcdef-123')
    expect(raw).toContain('Bearer [redacted]|Bearer [redacted]')
  })
})
