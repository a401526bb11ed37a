/** Tools of an AsyncAPI description against a real service that is written with another library: `websocket`. */

import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GatewayError } from '../../../src/model/refusal.ts'
import { until } from '../../patience.ts'
import { enter, type Service, startService, type World } from './service.ts'

let service: Service
beforeAll(async () => {
  service = await startService('let-me-in-9')
})
afterAll(() => service.stop())

const world = (options?: Parameters<typeof enter>[1]): Promise<World> =>
  enter(service.port, options)

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const outcome = await promise.then(
    () => 'nothing was thrown',
    (fault: unknown) => fault,
  )
  return outcome instanceof GatewayError ? outcome.code : String(outcome)
}

const allClosed = (): Promise<void> =>
  until(async () => {
    const { opened, closed, streams } = await service.seen()
    return opened === closed && streams === 0
  })

describe('the conversion', () => {
  it('makes a tool of each operation, or a report', async () => {
    const { conversion } = await world()
    expect(
      conversion.tools.map(({ operation, definition }) => [operation, definition.name]),
    ).toEqual([
      ['receive receivePing', 'ping'],
      ['receive receiveSubscribe', 'subscribe'],
      ['receive receiveOrder', 'send_order'],
      ['send sendTrades', 'take_trades'],
      ['receive receiveGuardedPing', 'guarded_ping'],
      ['receive receiveLine', 'line'],
      ['send sendTicks', 'take_ticks'],
      ['send sendLines', 'take_lines'],
      ['send sendDenied', 'take_denied'],
    ])
    expect(conversion.skipped.map(({ operation, code }) => [operation, code])).toEqual([
      ['send sendQueue', 'transport_unsupported'],
      ['send sendLater', 'feature_unsupported'],
      ['receive receiveEvents', 'transport_unsupported'],
      ['send lost', 'reference_unresolved'],
    ])
    expect(conversion.operations).toBe(13)
  })

  it('makes schemas that compile and that answers keep to', async () => {
    const { conversion, call } = await world()
    const ajv = new Ajv2020({ strict: false })
    const calls: Readonly<Record<string, object>> = {
      ping: { venue: 'north', message: { event: 'ping' } },
      subscribe: { venue: 'north', message: { event: 'subscribe', pair: ['A/B'] } },
      send_order: { venue: 'north', message: { event: 'order', amount: 1 } },
      take_trades: { venue: 'north', stream: 'yes', count: 2 },
      line: { message: 'hello' },
      take_ticks: { room: 'a', count: 1 },
    }
    for (const { definition } of conversion.tools) {
      const input = ajv.compile({ ...definition.inputSchema })
      const output = ajv.compile({ ...definition.outputSchema })
      const args = calls[definition.name]
      if (args === undefined) continue
      expect(input(args), `${definition.name}: ${ajv.errorsText(input.errors)}`).toBe(true)
      const { structured } = await call(definition.name, args)
      expect(output(structured), `${definition.name}: ${ajv.errorsText(output.errors)}`).toBe(true)
    }
    await allClosed()
  })
})

describe('send and await the reply', () => {
  it('finds the reply by a correlation id that it puts in', async () => {
    const { call } = await world()
    const { structured } = await call('ping', {
      venue: 'north',
      message: { event: 'ping', text: 'x' },
    })
    expect(structured).toMatchObject({
      reply: { event: 'pong', text: 'x', reqid: expect.any(Number) },
    })
    const sent = JSON.parse((await service.seen()).messages.at(-1) ?? '')
    const numbers =
      '{"venue":"north","message":{"event":"ping","text":[12345678901234567890,1.10]}}'
    expect((await call('ping', numbers)).raw).toContain('"text":[12345678901234567890,1.10]')
    expect(structured).toMatchObject({ reply: { reqid: sent.reqid } })
    await allClosed()
  })

  it("finds it by the caller's own id, and sends the caller's own bytes", async () => {
    const { call } = await world()
    const message = '{"reqid":9007199254740993, "text":"\\u00e9\\"}]",  "event":"ping"}'
    const { raw } = await call('ping', `{"venue":"north","message":${message}}`)
    expect((await service.seen()).messages.at(-1)).toBe(message)
    expect(raw).toContain('"structuredContent":{"reply":{"reqid":9007199254740993')
  })

  it('takes the next message that is a reply where there is no id', async () => {
    const { call } = await world()
    const { structured } = await call('subscribe', {
      venue: 'north',
      message: { event: 'subscribe', pair: ['A/B'] },
    })
    expect(structured).toEqual({
      reply: { event: 'subscriptionStatus', status: 'subscribed', pair: ['A/B'] },
    })
  })

  it('speaks plain text where messages are text', async () => {
    const { call } = await world()
    // The status that comes at the start is the next message, and no reply is described.
    expect((await call('line', { message: 'a "b"' })).structured).toEqual({
      reply: '{"event":"systemStatus","status":"online"}',
    })
    expect((await service.seen()).messages.at(-1)).toBe('a "b"')
  })

  it('says when no reply came, and what came instead', async () => {
    const { call } = await world()
    const { isError, text } = await call('ping', {
      venue: 'north',
      message: { event: 'quiet' },
      seconds: 0.2,
    })
    expect(isError).toBe(true)
    expect(text).toMatch(/No reply came within 0.2 seconds. 1 other messages.*systemStatus/)
    const left = await call('ping', { venue: 'north', message: { event: 'leave' } })
    expect([left.isError, left.text]).toEqual([
      true,
      expect.stringContaining('closed the connection without a reply'),
    ])
    await allClosed()
  })

  it('tells apart why a connection ended', async () => {
    const { call } = await world()
    const ask = (event: string) => codeOf(call('ping', { venue: 'north', message: { event } }))
    expect(await ask('expire')).toBe('server_refused_us')
    expect(await ask('crash')).toBe('server_unavailable')
    expect(await ask('huge')).toBe('answer_too_large')
    await allClosed()
  })

  it('ends with the call', async () => {
    const { call } = await world()
    const { slow } = await service.seen()
    const cancel = new AbortController()
    const running = codeOf(
      call('ping', { venue: 'north', message: { event: 'quiet' } }, { signal: cancel.signal }),
    )
    await until(async () => (await service.seen()).slow === slow + 1)
    cancel.abort()
    expect(await running).toBe('cancelled')
    await allClosed()
  })
})

describe('send only', () => {
  it('sends the message and closes in order', async () => {
    const { call } = await world()
    const { structured } = await call('send_order', {
      venue: 'south',
      message: { event: 'order', amount: 2.5 },
    })
    expect(structured).toEqual({ sent: true })
    await until(async () =>
      (await service.seen()).messages.some((text) => text.includes('"amount":2.5')),
    )
    await allClosed()
  })
})

describe('take messages', () => {
  it('those of the operation, up to a count, each as progress', async () => {
    const { call } = await world()
    const told: (number | undefined)[] = []
    const { structured } = await call(
      'take_trades',
      { venue: 'north', stream: 'on', count: 3 },
      { progress: (done, total) => told.push(done, total) },
    )
    const trade = { event: 'trade', pair: ['A/B'], price: '2' }
    expect(structured).toEqual({ messages: [trade, trade, trade], ended: 'limit' })
    expect(told).toEqual([1, 3, 2, 3, 3, 3])
    await allClosed()
  })

  it('after messages that subscribe, and only those that are wanted', async () => {
    const { call } = await world()
    const first = [
      { event: 'subscribe', pair: ['A/B'] },
      { event: 'subscribe', pair: ['C/D'] },
    ]
    const { structured } = await call('take_trades', {
      venue: 'north',
      first,
      count: 3,
      where: { pair: ['C/D'] },
    })
    const trade = { event: 'trade', pair: ['C/D'], price: '1.50' }
    expect(structured).toEqual({ messages: [trade, trade, trade], ended: 'limit' })
  })

  it('until time is up, also when none comes', async () => {
    const { call } = await world()
    const { structured } = await call('take_trades', { venue: 'north', seconds: 0.1 })
    expect(structured).toEqual({ messages: [], ended: 'time' })
    await allClosed()
  })

  it('and never more than is held', async () => {
    const { call } = await world()
    const args = { venue: 'north', first: [{ event: 'flood' }], count: 1_000 }
    expect(await codeOf(call('take_trades', args))).toBe('answer_too_large')
    await allClosed()
  })

  it('of server-sent events and of streams of lines, digit by digit', async () => {
    const { call } = await world()
    for (const tool of ['take_ticks', 'take_lines']) {
      const { structured, raw } = await call(tool, {
        room: 'a b',
        count: 2,
        where: { kind: 'even' },
      })
      expect(structured).toMatchObject({ messages: [{ n: 2 }, { n: 4 }], ended: 'limit' })
      expect(raw).toContain('"big":12345678901234567890')
      expect(raw).toContain('/a%20b')
    }
    const ended = await call('take_ticks', { room: 'r', to: 2 })
    expect(ended.structured).toMatchObject({ messages: [{ n: 1 }, { n: 2 }], ended: 'completed' })
    await allClosed()
  })

  it('of a stream that is refused is told in its words', async () => {
    const { call } = await world()
    const { isError, text } = await call('take_denied', {})
    expect(isError).toBe(true)
    expect(text).toMatch(/HTTP status 403.*the-reason/s)
  })

  it('ends when the caller cancels', async () => {
    const { call } = await world()
    for (const [tool, args] of [
      ['take_trades', { venue: 'north', stream: 'on', count: 1_000 }],
      ['take_ticks', { room: 'x', count: 1_000 }],
    ] as const) {
      const cancel = new AbortController()
      const running = call(tool, args, { signal: cancel.signal, progress: () => cancel.abort() })
      expect(await codeOf(running)).toBe('cancelled')
    }
    await allClosed()
  })
})

describe('what opens the connection', () => {
  it('has parameters as data, headers, query and subprotocol', async () => {
    const { call } = await world()
    await call('send_order', {
      venue: 'a/../b c',
      stream: '1&x=2#y',
      depth: 5,
      'X-Client': 'me',
      message: { event: 'order' },
    })
    await until(async () =>
      (await service.seen()).upgrades.some(({ url }) => url.includes('depth=5')),
    )
    const upgrade = (await service.seen()).upgrades.findLast(({ url }) => url.includes('depth=5'))
    expect(upgrade?.url).toBe('/market/a%2F..%2Fb%20c?stream=1%26x%3D2%23y&depth=5')
    expect(upgrade?.headers).toMatchObject({
      'x-client': 'me',
      'sec-websocket-protocol': 'exchange.v2',
    })
  })

  it('refuses what would leave the channel or break a header', async () => {
    const { call } = await world()
    const { upgrades } = await service.seen()
    for (const args of [
      { venue: '..', message: { event: 'order' } },
      { venue: 'north', 'X-Client': 'a\r\nAuthorization: Bearer x', message: { event: 'order' } },
    ]) {
      const { isError, text } = await call('send_order', args)
      expect([isError, text]).toEqual([true, expect.stringMatching(/^Argument (venue|X-Client):/)])
    }
    expect((await service.seen()).upgrades.length).toBe(upgrades.length)
  })

  it('shows the credential where the description wants it, and the caller none of it', async () => {
    const message = { event: 'ping', text: 'let-me-in-9' }
    const bearer = { authorization: 'Bearer let-me-in-9' }
    const { call } = await world({ credential: { bearer: 'let-me-in-9' } })
    const { structured } = await call('guarded_ping', { message }, { headers: bearer })
    expect(structured).toMatchObject({ reply: { event: 'pong', text: '[redacted]' } })
    expect(await codeOf((await world()).call('guarded_ping', { message }))).toBe(
      'server_refused_us',
    )
    const ticks = await call('take_ticks', { room: 'let-me-in-9', count: 1 })
    expect(ticks.structured).toMatchObject({ messages: [{ room: '/events/[redacted]' }] })
    const schemes = await world({ credential: { schemes: { token: { bearer: 'let-me-in-9' } } } })
    expect((await schemes.call('guarded_ping', { message })).isError).toBe(false)
    const query = await world({ credential: { query: { name: 'token', value: 'q s&t' } } })
    await query.call('send_order', { venue: 'south', message: { event: 'order' } })
    await until(async () =>
      (await service.seen()).upgrades.some(({ url }) =>
        url.endsWith('/market/south?token=q%20s%26t'),
      ),
    )
  })

  it('takes address and subprotocols of the configuration first', async () => {
    const spec = { url: `ws://127.0.0.1:${service.port}/behind/`, protocols: ['own.v1', 'own.v2'] }
    const { call } = await world({ spec })
    await call('send_order', { venue: 'south', message: { event: 'order' } })
    const upgrade = (await service.seen()).upgrades.at(-1)
    expect(upgrade?.url).toBe('/behind/market/south')
    expect(upgrade?.headers['sec-websocket-protocol']).toBe('own.v1,own.v2')
  })
})
