// A thousand calls that wait for answers at once on one node, each answered at the other: to the right caller, with its
// own content, and the memory that they took is given back.
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Reply } from '../e2e/client.ts'
import { type Cluster, startCluster } from '../e2e/cluster.ts'
import { acquainted, answering, ask, codeOf, textOf } from '../e2e/cluster-calls.ts'
import type { TestGateway } from '../e2e/gateway.ts'
import { dig, digText } from '../e2e/json.ts'
import { type Inspector, inspect, inspectable } from './inspector.ts'

const principals = Array.from({ length: 20 }, (_, index) => `agent${index}`)
const callsEach = 50
/** What a parked call may take of its node's heap. */
const heapBytesEachMax = 25_000
const atOnce = 40
/** Sockets of sessions at the server, and idle ones of this test and between the nodes: far fewer than calls were parked. */
const idleSocketsMax = 200

let cluster: Cluster
let a: TestGateway
let b: TestGateway
let inside: { readonly a: Inspector; readonly b: Inspector }
beforeAll(async () => {
  cluster = await startCluster({ keys: principals, env: inspectable })
  a = await cluster.node()
  b = await cluster.node()
  await acquainted(a, b, cluster.keyOf('agent0'))
  inside = { a: await inspect(a), b: await inspect(b) }
})
afterAll(async () => {
  inside?.a.close()
  inside?.b.close()
  await cluster?.stop()
})

interface Parked {
  readonly key: string
  readonly args: { readonly message: string }
  readonly asked: Reply
}

/** Runs work over many things, a few at once. */
async function each<T, R>(things: readonly T[], work: (thing: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  const left = [...things.entries()]
  const worker = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift())
      results[next[0]] = await work(next[1])
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return results
}

function park(cycle: number): Promise<Parked[]> {
  const all = principals.flatMap((name) =>
    Array.from({ length: callsEach }, (_, index) => ({
      name,
      message: `${cycle} ${name} ${index}`,
    })),
  )
  return each(all, async ({ name, message }) => {
    const key = cluster.keyOf(name)
    const args = { message }
    const asked = await ask(a, key, { args })
    expect(dig(asked.message, 'result', 'resultType')).toBe('input_required')
    const [question] = Object.values(Object(dig(asked.message, 'result', 'inputRequests')))
    expect(digText(question, 'params', 'message')).toBe(message)
    return { key, args, asked }
  })
}

async function answerAll(parked: readonly Parked[]): Promise<void> {
  await each(parked, async ({ key, args, asked }) => {
    const answer = answering(asked, { username: args.message, email: 'e' })
    const done = await ask(b, key, { args, answer })
    expect(textOf(done)).toContain(`"username":"${args.message}"`)
  })
}

/** Resolves with the sockets of a node once those of parked calls are closed. */
async function settled(of: Inspector): Promise<number> {
  for (let second = 0; ; second++) {
    const count = await of.sockets()
    if (count <= idleSocketsMax || second > 60) return count
    await delay(1_000)
  }
}

test('1,000 calls of 20 principals, asked at one node and answered at the other, three times', async () => {
  await answerAll(await park(0))
  await settled(inside.a)
  const before = { a: await inside.a.heap(), b: await inside.b.heap() }
  const seen: object[] = []
  for (let cycle = 1; cycle <= 3; cycle++) {
    const parked = await park(cycle)
    const during = { a: await inside.a.heap(), b: await inside.b.heap() }
    expect(await inside.a.sockets()).toBeGreaterThan(parked.length)
    expect(during.a - before.a).toBeLessThan(parked.length * heapBytesEachMax)
    // The key of another caller opens nothing, at either node, and uses nothing up.
    await each(parked.slice(0, 40), async ({ args, asked, key }) => {
      const thief = cluster.keyOf(key === cluster.keyOf('agent0') ? 'agent1' : 'agent0')
      for (const node of [a, b]) {
        const answer = answering(asked, { username: 'thief', email: 'e' })
        expect(codeOf(await ask(node, thief, { args, answer }))).toBe('state_invalid')
      }
    })
    await answerAll(parked)
    const sockets = { a: await settled(inside.a), b: await settled(inside.b) }
    expect(Math.max(sockets.a, sockets.b)).toBeLessThanOrEqual(idleSocketsMax)
    const heap = { a: await inside.a.heap(), b: await inside.b.heap() }
    seen.push({ before, during, heap, sockets })
    expect(heap.a).toBeLessThan(before.a * 1.05)
    expect(heap.b).toBeLessThan(before.b * 1.05)
  }
  process.stdout.write(`${JSON.stringify(seen)}\n`)
})
