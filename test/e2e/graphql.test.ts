/** A GraphQL service as a server of the gateway, by the public door: from a URL in the configuration to a call. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Service, startService } from '../apis/graphql/service.ts'
import { eventually, legacySession, modernCall, modernTool } from './client.ts'
import { everything, startGateway, type TestGateway } from './gateway.ts'
import { dig, digText, names } from './json.ts'

let service: Service
let gateway: TestGateway
beforeAll(async () => {
  service = await startService('let-me-in-7')
  gateway = await startGateway({
    config: {
      servers: {
        shop: {
          graphql: { url: service.url, query: { enabled: true } },
          credential: { bearer: 'let-me-in-7' },
        },
      },
      roles: { reader: { allow: ['shop/user', 'shop/echo'] } },
    },
    keys: { first: everything, reader: { roles: ['reader'] } },
  })
  await eventually(
    async () =>
      names((await modernCall(gateway.url, gateway.key, 'tools/list')).message, 'tools').length >
      10,
  )
})
afterAll(async () => {
  await gateway?.stop()
  await service?.stop()
})

const call = (name: string, args: Readonly<Record<string, unknown>>, key = gateway.key) =>
  modernTool(gateway.url, key, `shop__${name}`, args)

describe('a GraphQL service behind the gateway', () => {
  test('lists its fields as tools, to those who may use them', async () => {
    const all = await modernCall(gateway.url, gateway.key, 'tools/list')
    expect(names(all.message, 'tools')).toContain('shop__create_user')
    expect(names(all.message, 'tools')).toContain('shop__graphql_query')
    const few = await modernCall(gateway.url, gateway.keyOf('reader'), 'tools/list')
    expect([...names(few.message, 'tools')].sort()).toEqual(['shop__echo', 'shop__user'])
  })

  test('answers calls in both eras, with structured content', async () => {
    const reply = await call('user', { id: '1' })
    expect(dig(reply.message, 'result', 'structuredContent', 'user', 'name')).toBe('Ada')
    const session = await legacySession(gateway.url, gateway.key)
    const legacy = await session.request('tools/call', {
      name: 'shop__user',
      arguments: { id: '1' },
    })
    expect(dig(legacy.message, 'result', 'structuredContent', 'user', 'name')).toBe('Ada')
  })

  test('checks arguments against the schema before anything is sent', async () => {
    const { requests } = await service.seen()
    const reply = await call('echo', { color: 'PURPLE' })
    expect(dig(reply.message, 'result', 'isError')).toBe(true)
    expect(JSON.stringify(reply.message)).toContain('color')
    expect((await service.seen()).requests).toBe(requests)
  })

  test('leaves the default of an argument that is non-null to the service', async () => {
    const answers = async (name: string, args: Readonly<Record<string, unknown>>) =>
      dig((await call(name, args)).message, 'result', 'structuredContent')
    expect(await answers('books', {})).toEqual({ books: ['GREEN 0', 'GREEN 1'] })
    expect(await answers('books', { first: 1, color: 'RED' })).toEqual({ books: ['RED 0'] })
    expect(await answers('rename', { id: '1' })).toMatchObject({ rename: { name: 'Nobody' } })
    expect(await answers('tocks', {})).toMatchObject({
      messages: [{ tocks: { n: 1 } }, { tocks: { n: 2 } }],
      ended: 'completed',
    })
    // Null is no default (section 6.4.1): what is non-null is refused before it is sent.
    const refused = await call('books', { first: null })
    expect(dig(refused.message, 'result', 'isError')).toBe(true)
  })

  test('answers fields of one name and several types, each under a name of its own', async () => {
    const reply = await call('readings', {})
    expect(dig(reply.message, 'result', 'structuredContent')).toEqual({
      readings: [
        { __typename: 'Level', id: '1', value: 2.5, unit: 'm' },
        { __typename: 'Remark', id_Remark: null, value_Remark: 'wet', by: ['Ada'] },
      ],
    })
    const { message } = await modernCall(gateway.url, gateway.key, 'tools/list')
    const tools = dig(message, 'result', 'tools')
    const tool = Array.isArray(tools) ? tools.find((one) => one.name === 'shop__readings') : {}
    const path = ['outputSchema', 'properties', 'readings', 'items', 'properties']
    expect(dig(tool, ...path)).toMatchObject({
      id: { type: ['string', 'integer'] },
      value: { type: 'number' },
      id_Remark: { type: ['string', 'integer', 'null'] },
      value_Remark: { type: 'string' },
    })
  })

  test('shows the configured credential, and the caller none of it', async () => {
    const reply = await call('guarded', {})
    expect(dig(reply.message, 'result', 'structuredContent', 'guarded')).toBe('in')
    expect((await call('whoami', {})).text).not.toContain('let-me-in-7')
  })

  test('refuses what a key may not use like what is not there', async () => {
    const denied = await call('delete_user', { id: '1' }, gateway.keyOf('reader'))
    const unknown = await call('nobody_knows', {}, gateway.keyOf('reader'))
    expect(digText(denied.message, 'error', 'message')).toBe(
      digText(unknown.message, 'error', 'message'),
    )
    expect(dig(denied.message, 'error', 'code')).toBe(dig(unknown.message, 'error', 'code'))
    expect((await service.seen()).mutations).toBe(0)
  })

  test('tells messages of a subscription as progress', async () => {
    const reply = await modernCall(gateway.url, gateway.key, 'tools/call', {
      name: 'shop__ticks',
      arguments: { to: 3 },
      _meta: { progressToken: 'p' },
    })
    const progress = reply.messages.filter((one) => dig(one, 'method') === 'notifications/progress')
    expect(progress.map((one) => dig(one, 'params', 'progress'))).toEqual([1, 2, 3])
    expect(digText(progress[0], 'params', 'message')).toContain('"n":1')
    expect(dig(reply.message, 'result', 'structuredContent', 'ended')).toBe('completed')
  })
})
