/** A WebSocket and SSE service as a server of the gateway, by the public door: from a description to calls. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { descriptionFor, type Service, startService } from '../apis/asyncapi/service.ts'
import { eventually, modernCall, modernTool } from './client.ts'
import { everything, startGateway, type TestGateway } from './gateway.ts'
import { dig, names } from './json.ts'

let service: Service
let gateway: TestGateway
let folder: string
beforeAll(async () => {
  service = await startService('let-me-in-8')
  folder = await mkdtemp(join(tmpdir(), 'sallyport-asyncapi-'))
  const spec = join(folder, 'service.yml')
  await writeFile(spec, descriptionFor(service.port))
  gateway = await startGateway({
    config: {
      servers: {
        exchange: { asyncapi: { spec }, credential: { bearer: 'let-me-in-8' } },
      },
    },
    keys: { first: everything },
  })
  await eventually(
    async () =>
      names((await modernCall(gateway.url, gateway.key, 'tools/list')).message, 'tools').length > 5,
  )
})
afterAll(async () => {
  await gateway?.stop()
  await service?.stop()
  await rm(folder, { recursive: true, force: true })
})

const call = (name: string, args: Readonly<Record<string, unknown>>) =>
  modernTool(gateway.url, gateway.key, `exchange__${name}`, args)

describe('a WebSocket service behind the gateway', () => {
  test('lists its operations as tools', async () => {
    const { message } = await modernCall(gateway.url, gateway.key, 'tools/list')
    expect(names(message, 'tools')).toContain('exchange__ping')
    expect(names(message, 'tools')).toContain('exchange__take_trades')
  })

  test('answers with the reply to a message', async () => {
    const { message } = await call('ping', {
      venue: 'north',
      message: { event: 'ping', text: 'x' },
    })
    expect(dig(message, 'result', 'structuredContent', 'reply', 'text')).toBe('x')
  })

  test('shows the configured credential with the upgrade', async () => {
    const { message } = await call('guarded_ping', { message: { event: 'ping' } })
    expect(dig(message, 'result', 'structuredContent', 'reply', 'event')).toBe('pong')
  })

  test('checks messages against their schema before a connection is made', async () => {
    const { opened } = await service.seen()
    const { message } = await call('ping', { venue: 'north', message: { event: 'pang' } })
    expect(dig(message, 'result', 'isError')).toBe(true)
    expect((await service.seen()).opened).toBe(opened)
  })

  test('takes messages and events, each told as progress', async () => {
    for (const [name, args] of [
      ['take_trades', { venue: 'north', stream: 'on', count: 2 }],
      ['take_ticks', { room: 'a', count: 2 }],
    ] as const) {
      const reply = await modernCall(gateway.url, gateway.key, 'tools/call', {
        name: `exchange__${name}`,
        arguments: args,
        _meta: { progressToken: name },
      })
      const told = reply.messages.filter((one) => dig(one, 'method') === 'notifications/progress')
      expect(told.map((one) => dig(one, 'params', 'progress'))).toEqual([1, 2])
      expect(dig(reply.message, 'result', 'structuredContent', 'ended')).toBe('limit')
    }
  })
})
