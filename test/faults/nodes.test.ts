// Nodes of one gateway that die, stop, freeze, or are set up wrongly: the others answer, and nothing hangs or circles.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createKeyRing, newRingKey } from '../../src/kit/key-ring.ts'
import { eventually, Feed } from '../e2e/client.ts'
import { type Cluster, startCluster } from '../e2e/cluster.ts'
import {
  acquainted,
  answering,
  ask,
  begun,
  codeOf,
  entriesOf,
  textOf,
  used,
  written,
} from '../e2e/cluster-calls.ts'
import type { TestGateway } from '../e2e/gateway.ts'
import { dig } from '../e2e/json.ts'

let cluster: Cluster
let a: TestGateway
let b: TestGateway
let key: string
beforeAll(async () => {
  cluster = await startCluster({ keys: ['first'] })
  key = cluster.keyOf('first')
  a = await cluster.node()
  b = await cluster.node()
  await acquainted(a, b, key)
  await acquainted(b, a, key)
})
afterAll(() => cluster?.stop())

describe('a node that is lost', () => {
  test('killed: the other answers 404 and state_invalid, and clients begin anew', async () => {
    const home = await cluster.node()
    await acquainted(home, b, key)
    const session = used(await begun(home, key), b)
    const feed = await session.listen()
    const asked = await ask(home, key)
    const hanging = session.tool('hang')
    await eventually(async () => (await written(home, 'hang')).length > 0)
    await home.kill9()
    const lost = await hanging
    expect([lost.status, codeOf(lost)]).toEqual([502, 'node_lost'])
    await eventually(async () => feed.ended)
    // A connection may break under one more request; then the node is known to be gone, long before it counts as dead.
    let attempts = 0
    await eventually(async () => ++attempts > 20 || (await session.request('ping')).status === 404)
    expect(attempts).toBeLessThanOrEqual(20)
    expect((await session.end()).status).toBe(404)
    const answer = answering(asked, { username: 'x', email: 'x' })
    const late = await ask(b, key, { answer })
    expect([late.status, dig(late.message, 'error', 'code'), codeOf(late)]).toEqual([
      200,
      -32602,
      'state_invalid',
    ])
    const refusals = (await entriesOf(b)).filter(({ kind }) => kind === 'refusal')
    expect(refusals.some((entry) => 'code' in entry && entry.code === 'session_unknown')).toBe(true)
    expect((await (await begun(b, key)).request('ping')).status).toBe(200)
    // Its name is that of its data folder, so the next start is found again.
    await home.restart()
    await acquainted(home, b, key)
    expect((await session.request('ping')).status).toBe(404)
  })

  test('stopped in order: what runs is answered, and the others know at once', async () => {
    const home = await cluster.node()
    await acquainted(home, b, key)
    const before = await liveNodes(cluster)
    const session = used(await begun(home, key), b)
    const idle = await session.listen()
    const running = session.tool('slow', { ms: 600 })
    await eventually(async () => (await written(home, 'slow')).length > 0)
    const stopped = home.stop()
    expect(textOf(await running)).toBe('slept 600 ms')
    await stopped
    expect(idle.ended).toBe(true)
    expect(await liveNodes(cluster)).toBe(before - 1)
    const reply = await session.request('ping')
    expect([reply.status, codeOf(reply)]).toEqual([404, 'session_unknown'])
  })

  test('while it stops, what runs there is still answered through the others, and nothing new is begun', async () => {
    const home = await cluster.node({ config: { ...cluster.config, listen: { drain: '10m' } } })
    await acquainted(home, b, key)
    const session = used(await begun(home, key, { elicitation: {} }), b)
    const params = { name: 'test_elicitation', arguments: { message: 'hello' } }
    const call = { jsonrpc: '2.0', id: 'call', method: 'tools/call', params }
    const running = new Feed(await session.post(JSON.stringify(call)), new AbortController())
    const question = await running.untilMethod('elicitation/create')
    const parked = await ask(home, key)
    process.kill(home.pid, 'SIGTERM')
    await eventually(async () => (await session.request('ping')).status === 404)
    expect((await used(session, home).request('ping')).status).toBe(503)
    const content = { username: 'x', email: 'e' }
    const result = { action: 'accept', content }
    const told = await session.post(
      JSON.stringify({ jsonrpc: '2.0', id: dig(question, 'id'), result }),
    )
    expect(told.status).toBe(202)
    const end = await running.until((message) => dig(message, 'id') === 'call')
    expect(dig(end, 'result', 'content', 0, 'text')).toContain('"x"')
    expect(textOf(await ask(b, key, { answer: answering(parked, content) }))).toContain('"x"')
    expect(await home.ended()).toBe(0)
    const late = await ask(b, key, { answer: answering(parked, content) })
    expect(codeOf(late)).toBe('state_invalid')
  })

  test('frozen: what waits for it ends, and once it goes on it is found again', async () => {
    const home = await cluster.node()
    await acquainted(home, b, key)
    const session = used(await begun(home, key), b)
    home.freeze(true)
    try {
      const waiting = await session.request('ping')
      expect([waiting.status, codeOf(waiting)]).toEqual([502, 'node_lost'])
      expect((await session.request('ping')).status).toBe(404)
    } finally {
      home.freeze(false)
    }
    await eventually(async () => (await session.request('ping')).status === 200)
  })
})

test('while the database is away the nodes go on as they know each other', async () => {
  const session = used(await begun(a, key), b)
  await cluster.database(false)
  try {
    await expect(cluster.store.load()).rejects.toThrow()
    expect((await session.request('ping')).status).toBe(200)
    const asked = await ask(a, key)
    const answer = answering(asked, { username: 'x', email: 'x' })
    expect(dig((await ask(b, key, { answer })).message, 'result', 'isError')).toBeUndefined()
  } finally {
    await cluster.database(true)
  }
  expect((await session.request('ping')).status).toBe(200)
})

describe('a node that is set up wrongly', () => {
  test('with another key ring it is not used, and both say why', async () => {
    const ring = JSON.stringify({ keys: [newRingKey(Date.now())] })
    const odd = await cluster.node({ env: { SALLYPORT_KEYS: ring } })
    await eventually(
      async () => b.log.includes('SALLYPORT_KEYS') && odd.log.includes('SALLYPORT_KEYS'),
    )
    const reply = await used(await begun(odd, key), b).request('ping')
    expect([reply.status, codeOf(reply)]).toEqual([404, 'session_unknown'])
    await odd.stop()
  })

  test('with the address of another node nothing circles, and the other says so', async () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a reference as people write it in the file
    const advertise = 'http://${PLACE}'
    const config = { ...cluster.config, listen: { advertise } }
    const wrong = await cluster.node({ config, env: { PLACE: new URL(b.url).host } })
    const session = await begun(wrong, key)
    const reply = await eventually(async () => {
      const found = await used(session, a).request('ping')
      return b.log.includes('listen.advertise') && found
    })
    expect([reply.status, codeOf(reply)]).toEqual([404, 'session_unknown'])
    expect((await session.request('ping')).status).toBe(200)
    await wrong.stop()
  })

  test('a row that no holder of the ring wrote leads nowhere', async () => {
    const seal = createKeyRing({ keys: [newRingKey(Date.now())] }).seal('node-row', 'x')
    const beat = { node: 'node-000000000000', boot: 'x', address: a.url, seal, leaving: false }
    await cluster.store.beat({ ...beat, first: true, deadAfterMs: 10_000 })
    await eventually(async () => b.log.includes('node-000000000000'))
    await cluster.store.leave('node-000000000000', 'x')
  })
})

async function liveNodes({ store }: Cluster): Promise<number> {
  const probe = {
    node: 'node-ffffffffffff',
    boot: 'probe',
    address: 'http://127.0.0.1:9',
    seal: 'x',
    leaving: false,
  }
  const { nodes } = await store.beat({ ...probe, first: true, deadAfterMs: 10_000 })
  await store.leave(probe.node, probe.boot)
  return nodes.length
}
