import pino from 'pino'
import { expect, test } from 'vitest'
import { createKeyRing, type KeyRing, newRingKey } from '../kit/key-ring.ts'
import type { NodeRow } from '../store/store.ts'
import { Nodes, type NodeTable } from './nodes.ts'

const deadAfterMs = 10_000
const ring = createKeyRing({ keys: [newRingKey(0)] })

function row(node: string, address: string, by: KeyRing = ring): NodeRow {
  const boot = 'b'
  return {
    node,
    boot,
    address,
    leaving: false,
    seal: by.seal('node-row', JSON.stringify([node, boot, address])),
  }
}

/** One node on a table that a test fills; `look` makes it look as after a notification. */
async function started(rows: readonly NodeRow[]) {
  const state: { now: number; rows: readonly NodeRow[] | undefined; accepted: boolean } = {
    now: 1_000_000,
    rows,
    accepted: true,
  }
  const changes: string[] = []
  const warnings: string[] = []
  let hear = (): void => undefined
  const table: NodeTable = {
    beat: async () => {
      if (state.rows === undefined) throw new Error('away')
      return { accepted: state.accepted, nodes: state.rows }
    },
    leave: async () => undefined,
    watchNodes: (listener) => {
      hear = listener
      return () => undefined
    },
  }
  const log = pino({ level: 'warn' }, { write: (line: string) => void warnings.push(line) })
  const nodes = new Nodes({
    node: 'node-a',
    ring,
    log,
    now: () => state.now,
    onChange: () => void changes.push('changed'),
  })
  await nodes.join(table, 'http://a:1')
  const look = async (): Promise<void> => {
    hear()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { nodes, state, changes, warnings, look }
}

test('knows the others by their sealed rows, and says when they change', async () => {
  const { nodes, state, changes, look } = await started([
    row('node-a', 'http://a:1'),
    row('node-b', 'http://b:1'),
  ])
  expect([nodes.addressOf('node-a'), nodes.addressOf('node-b')]).toEqual([undefined, 'http://b:1'])
  await look()
  expect(changes.length).toBe(1)
  state.rows = [row('node-b', 'http://b:2')]
  await look()
  expect([nodes.addressOf('node-b'), changes.length]).toEqual(['http://b:2', 2])
  expect(nodes.takesNew('node-b')).toBe(true)
  state.rows = [{ ...row('node-b', 'http://b:2'), leaving: true }]
  await look()
  expect([nodes.addressOf('node-b'), nodes.takesNew('node-b')]).toEqual(['http://b:2', false])
  expect(nodes.livesAt('node-b', 'http://b:2')).toBe(true)
  expect(changes.length).toBe(3)
  await nodes.leave()
})

test('a row of another ring, or with an altered address, counts for nothing and is told once', async () => {
  const foreign = createKeyRing({ keys: [newRingKey(0)] })
  const { nodes, warnings, look } = await started([
    row('node-b', 'http://b:1', foreign),
    { ...row('node-c', 'http://c:1'), address: 'http://evil:1' },
  ])
  await look()
  expect([nodes.addressOf('node-b'), nodes.addressOf('node-c')]).toEqual([undefined, undefined])
  expect(warnings.length).toBe(2)
  expect(warnings.join()).toContain('SALLYPORT_KEYS')
  await nodes.leave()
})

test('the view stays while the database is away, and those that it kept silent get time to be seen again', async () => {
  const { nodes, state, look } = await started([row('node-b', 'http://b:1')])
  state.now += 3 * deadAfterMs
  state.rows = undefined
  await look()
  expect(nodes.addressOf('node-b')).toBe('http://b:1')
  state.rows = []
  await look()
  expect(nodes.addressOf('node-b')).toBe('http://b:1')
  for (let beat = 0; beat < 6; beat++) {
    state.now += 2_000
    await look()
  }
  expect(nodes.addressOf('node-b')).toBeUndefined()
  await nodes.leave()
})

test('a node that stays silent while the database answers is gone', async () => {
  const { nodes, state, changes, look } = await started([row('node-b', 'http://b:1')])
  for (let beat = 0; beat < 6; beat++) {
    state.now += 2_000
    await look()
  }
  expect(nodes.addressOf('node-b')).toBe('http://b:1')
  state.rows = []
  await look()
  expect([nodes.addressOf('node-b'), changes.length]).toEqual([undefined, 2])
  await nodes.leave()
})

test('a copied data folder is told of', async () => {
  const { nodes, state, warnings, look } = await started([])
  state.accepted = false
  await look()
  await look()
  expect(warnings.length).toBe(1)
  expect(warnings[0]).toContain('a copy of this one')
  await nodes.leave()
})

test('what it seals for a request that is passed on is its own, and says when it was misled', async () => {
  const { nodes, warnings } = await started([])
  expect(nodes.arrived(nodes.seal('node-a'))).toBe(true)
  expect(nodes.arrived('x')).toBe(false)
  expect(nodes.arrived(ring.seal('session', '{"from":"node-b","to":"node-a"}'))).toBe(false)
  expect(warnings).toEqual([])
  expect(nodes.arrived(nodes.seal('node-b'))).toBe(true)
  expect(warnings[0]).toContain('listen.advertise')
  await nodes.leave()
})
