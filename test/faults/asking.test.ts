// Questions whose other end fails: servers that die, forget or ask without end, clients that leave or answer nonsense.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  eventually,
  legacySession,
  modernCall,
  modernMeta,
  modernRequest,
  openListen,
} from '../e2e/client.ts'
import { dig } from '../e2e/json.ts'
import {
  type AskingWorld,
  answers,
  askable,
  code,
  eras,
  startAskingWorld,
  textOf,
  yes,
} from './asking-world.ts'

let world: AskingWorld

beforeAll(async () => {
  world = await startAskingWorld()
})
afterAll(() => world?.stop())
beforeEach(() => {
  for (const era of eras) world.servers[era].answered.length = 0
})

test('a legacy server that dies while a call is parked: the answer finds no call, and is recorded', async () => {
  const since = Date.now()
  const asked = await world.tool('legacy', 'ask', { by: 'a' })
  expect(world.servers.legacy.open()).toBe(1)
  await world.restart('legacy')
  const back = await world.tool('legacy', 'ask', { by: 'a' }, answers(asked))
  expect([back.status, code(back), dig(back.message, 'error', 'code')]).toEqual([
    200,
    'state_invalid',
    -32602,
  ])
  expect(world.servers.legacy.answered).toEqual([])
  expect(await world.outcomes(since)).toEqual(['input-required', 'error state_invalid'])
})

test('the same before a legacy client', async () => {
  const call = await world.legacyCall('legacy', 'ask', { by: 'a' })
  const question = await call.question()
  await world.restart('legacy')
  expect((await call.reply(question, yes)).status).toBe(202)
  expect(code(await call.end())).toBe('state_invalid')
  expect(world.servers.legacy.answered).toEqual([])
})

test('a modern server holds nothing open, so that its restart between two rounds is not seen', async () => {
  const asked = await world.tool('modern', 'ask', { by: 'a' })
  await world.restart('modern')
  expect(textOf(await world.tool('modern', 'ask', { by: 'a' }, answers(asked)))).toBe('a')
})

test.each(['answers', 'leaves'] as const)(
  'a legacy server that forgets its session in the middle of a call, whose client %s',
  async (what) => {
    const since = Date.now()
    const asked = await world.tool('legacy', 'ask', { by: 'a' })
    world.servers.legacy.sessions.clear()
    if (what === 'leaves') {
      // The next call gets a new session, and the parked one does not disturb it.
      const other = await world.tool('legacy', 'ask', { by: 'b' })
      expect(textOf(await world.tool('legacy', 'ask', { by: 'b' }, answers(other)))).toBe('b')
      return
    }
    const back = await world.tool('legacy', 'ask', { by: 'a' }, answers(asked))
    expect([code(back), dig(back.message, 'error', 'code')]).toEqual(['state_invalid', -32602])
    expect(await world.outcomes(since)).toEqual(['input-required', 'error state_invalid'])
    const again = await world.tool('legacy', 'ask', { by: 'c' })
    expect(textOf(await world.tool('legacy', 'ask', { by: 'c' }, answers(again)))).toBe('c')
  },
)

test('a legacy client that ends its session while it is asked: the server is told, and nobody is asked again', async () => {
  const since = Date.now()
  const call = await world.legacyCall('legacy', 'ask', { by: 'gone' })
  await call.question()
  call.feed.close()
  expect((await call.client.end()).status).toBe(204)
  const told = await eventually(async () =>
    world.servers.legacy.answered.find(({ by }) => by === 'gone'),
  )
  expect(dig(told.answer, 'error', 'code')).toBe(-32603)
  await eventually(async () => (await world.outcomes(since)).length === 2)
  expect(await world.outcomes(since)).toEqual(['input-required', 'refused cancelled'])
})

test('a legacy client whose stream closed while it is asked takes it up again, and answers', async () => {
  const call = await world.legacyCall('legacy', 'ask', { by: 'back' })
  const question = await call.question()
  const last = call.feed.events.findLast(({ id }) => id !== undefined)?.id
  call.feed.close()
  const again = await call.client.listen(last)
  await call.reply(question, yes)
  const end = await eventually(async () =>
    again.messages.find((message) => dig(message, 'id') === 'call'),
  )
  expect(textOf({ message: end })).toBe('back')
  again.close()
})

describe.each(eras)('a %s server', (era) => {
  test('that asks without end is asked no more after some rounds, by a legacy client', async () => {
    const call = await world.legacyCall(era, 'forever', { by: 'f' })
    let rounds = 0
    for (;;) {
      const next = await eventually(async () => {
        const questions = call.feed.messages.filter((one) => dig(one, 'method') !== undefined)
        const end = call.feed.messages.find((one) => dig(one, 'id') === 'call')
        return questions[rounds] ?? end
      })
      if (dig(next, 'id') === 'call') break
      rounds++
      await call.reply(next, yes)
    }
    expect(rounds).toBe(16)
    expect(code(await call.end())).toBe('question_refused')
    if (era === 'legacy')
      await eventually(async () =>
        JSON.stringify(world.servers.legacy.answered.at(-1)).includes('-32603'),
      )
  })

  test('hears no answers to what it never asked, none twice, and none that is none', async () => {
    const since = Date.now()
    const asked = await world.tool(era, 'ask', { by: 'x' })
    const good = answers(asked)
    const odd = { ...good, inputResponses: 'none' }
    expect(code(await world.tool(era, 'ask', { by: 'x' }, odd))).toBe('params_invalid')
    const shapes = await world.tool(era, 'ask', { by: 'x' }, answers(asked, ['no', 'object']))
    expect(code(shapes)).toBe('params_invalid')
    const extra = { never: yes, ...good.inputResponses }
    expect(
      textOf(await world.tool(era, 'ask', { by: 'x' }, { ...good, inputResponses: extra })),
    ).toBe('x')
    expect(world.servers[era].answered).toEqual([{ by: 'x', answer: yes }])
    const twice = await world.tool(era, 'ask', { by: 'x' }, good)
    if (era === 'legacy') expect(code(twice)).toBe('state_invalid')
    const foreign = await world.tool(era, 'ask', { by: 'x' }, good, world.gateway.keyOf('other'))
    expect(code(foreign)).toBe('state_invalid')
    const changed = await world.tool(era, 'ask', { by: 'y' }, good)
    expect(code(changed)).toBe('state_invalid')
    const ended = await world.outcomes(since)
    expect(ended.filter((entry) => entry.includes('state_invalid')).length).toBe(
      era === 'legacy' ? 3 : 2,
    )
  })

  test('hears of a legacy client only what answers its question, once', async () => {
    const call = await world.legacyCall(era, 'ask', { by: 'l' })
    const question = await call.question()
    await call.reply({ id: 'sp-424242' }, yes)
    await call.reply({ id: 17 }, yes)
    const other = await legacySession(world.gateway.server(era), world.gateway.keyOf('other'))
    await other.post(
      JSON.stringify({ jsonrpc: '2.0', id: dig(question, 'id'), result: { action: 'decline' } }),
    )
    await Promise.all([call.reply(question, yes), call.reply(question, { action: 'decline' })])
    expect(textOf(await call.end())).toBe('l')
    expect(world.servers[era].answered).toEqual([{ by: 'l', answer: yes }])
    const wrong = await world.legacyCall(era, 'ask', { by: 'w' })
    await wrong.reply(await wrong.question(), 'text')
    expect(code(await wrong.end())).toBe('question_refused')
  })

  test('gets nothing from clients that declared nothing', async () => {
    const client = await legacySession(world.gateway.server(era), world.gateway.key)
    const legacy = await client.tool('everything', { by: 'n' })
    const params = { name: 'everything', arguments: { by: 'n' } }
    const modern = await modernCall(
      world.gateway.server(era),
      world.gateway.key,
      'tools/call',
      params,
    )
    const ends = [legacy, modern]
    expect(legacy.messages.length).toBe(1)
    expect(modern.text).not.toContain('inputRequests')
    if (era === 'modern') for (const end of ends) expect(code(end)).toBe('question_refused')
    else {
      for (const end of ends) expect(textOf(end)).toBe('n')
      const refused = world.servers.legacy.answered.map(({ answer }) =>
        dig(answer, 'error', 'code'),
      )
      expect(refused).toEqual(Array(8).fill(-32601))
    }
  })

  test('that floods with notifications: those who asked get them, nobody else, and a client that reads nothing is left', async () => {
    const silent = await world.tool(era, 'flood', { count: 2_000 })
    expect([silent.messages.length, textOf(silent)]).toEqual([1, '2000'])
    const meta = {
      ...modernMeta(askable),
      progressToken: 'p',
      'io.modelcontextprotocol/logLevel': 'error',
    }
    const heard = await world.tool(era, 'flood', { count: 500 }, { _meta: meta })
    expect([heard.messages.length, textOf(heard)]).toEqual([1_001, '500'])
    const left = world.servers[era].left()
    const { body, headers } = modernRequest('tools/call', {
      name: 'flood',
      arguments: { count: 200_000 },
      _meta: meta,
    })
    const all = {
      ...headers,
      authorization: `Bearer ${world.gateway.key}`,
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
    }
    // A response whose body nobody reads.
    const stuck = await fetch(world.gateway.server(era), { method: 'POST', headers: all, body })
    await eventually(async () => world.servers[era].left() > left)
    expect(textOf(await world.tool(era, 'flood', { count: 1 }))).toBe('1')
    await stuck.body?.cancel().catch(() => undefined)
  })

  test('that says a thousand times a second that its lists changed is asked a few times, and nobody is told without need', async () => {
    const listen = await openListen(world.gateway.server(era), world.gateway.key, {
      toolsListChanged: true,
    })
    await listen.untilMethod('notifications/subscriptions/acknowledged')
    await eventually(async () => world.servers[era].streams() > 0)
    const lists = () => world.servers[era].seen.filter((method) => method === 'tools/list').length
    const before = lists()
    const stormMs = 3_000
    const began = performance.now()
    let sent = 0
    while (performance.now() - began < stormMs) {
      while (sent < performance.now() - began) {
        world.servers[era].tell('notifications/tools/list_changed')
        sent++
      }
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    expect(sent).toBeGreaterThan(stormMs * 0.9)
    // At most one list in 500 ms, and the one that was under way.
    const seconds = (performance.now() - began) / 1_000
    // Not only once the storm is over.
    expect(lists() - before).toBeGreaterThan(2)
    expect(lists() - before).toBeLessThanOrEqual(Math.ceil(seconds * 2) + 2)
    expect(listen.count('notifications/tools/list_changed')).toBe(0)
    listen.close()
  })
})
