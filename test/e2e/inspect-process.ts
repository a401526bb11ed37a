// Looks inside a running gateway with node's own inspector: memory after a forced collection, and what it holds open.
import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { eventually } from './client.ts'

/** Environment with which a process can be looked into. */
export const inspectable = { NODE_OPTIONS: '--inspect=127.0.0.1:0' } as const

export interface Inside {
  readonly heapBytes: number
  /** Of buffers, outside the heap. */
  readonly externalBytes: number
  readonly rssBytes: number
  /** What keeps the event loop busy, by kind (`process.getActiveResourcesInfo`). */
  readonly handles: Readonly<Record<string, number>>
}

export interface Inspector {
  /** Collects garbage first. */
  look(): Promise<Inside>
  close(): void
}

const reply = z.object({
  id: z.number().optional(),
  error: z.unknown().optional(),
  result: z
    .object({
      result: z.object({ value: z.string().optional() }).optional(),
      exceptionDetails: z.unknown().optional(),
    })
    .optional(),
})

const inside = z.object({
  heapBytes: z.number(),
  externalBytes: z.number(),
  rssBytes: z.number(),
  handles: z.record(z.string(), z.number()),
})

const expression = `(() => {
  const handles = {}
  for (const kind of process.getActiveResourcesInfo().sort())
    // The journal being written is work under way, and nothing that is held.
    if (kind !== 'FSReqPromise' && kind !== 'FSReqCallback') handles[kind] = (handles[kind] ?? 0) + 1
  const { heapUsed, external, rss } = process.memoryUsage()
  return JSON.stringify({ heapBytes: heapUsed, externalBytes: external, rssBytes: rss, handles })
})()`

/** @param log what the process wrote to stderr, where it says at which address it can be looked into */
export async function inspectProcess(log: () => string): Promise<Inspector> {
  const address = await eventually(async () => /ws:\/\/127\.0\.0\.1:\d+\/[\w-]+/.exec(log())?.[0])
  const socket = new WebSocket(address)
  const waiting = new Map<number, (answer: z.infer<typeof reply>) => void>()
  let ids = 0
  socket.addEventListener('message', (event) => {
    const answer = reply.parse(JSON.parse(String(event.data)))
    if (answer.id !== undefined) waiting.get(answer.id)?.(answer)
  })
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener('open', () => resolve(), { once: true })
    socket.addEventListener('error', () => reject(new Error(`no inspector at ${address}`)), {
      once: true,
    })
  })
  const ask = (method: string, params = {}): Promise<z.infer<typeof reply>> =>
    new Promise((resolve, reject) => {
      const id = ++ids
      socket.addEventListener('close', () => reject(new Error('the process ended')), { once: true })
      waiting.set(id, (answer) => {
        waiting.delete(id)
        if (answer.error === undefined) resolve(answer)
        else reject(new Error(JSON.stringify(answer.error)))
      })
      socket.send(JSON.stringify({ id, method, params }))
    })
  return {
    async look() {
      // What finalizers let go of is collected the second time.
      for (let time = 0; time < 2; time++) await ask('HeapProfiler.collectGarbage')
      const answer = await ask('Runtime.evaluate', { expression, returnByValue: true })
      return inside.parse(JSON.parse(answer.result?.result?.value ?? 'null'))
    },
    close: () => socket.close(),
  }
}

const looksAlike = 7
const looksMax = 60
const lookMs = 1_000

/** Looks until nothing closes any more: connections that idle go after some seconds. */
export async function settled(inspector: Inspector): Promise<Inside> {
  let last = await inspector.look()
  for (let looks = 0, alike = 1; looks < looksMax && alike < looksAlike; looks++) {
    await delay(lookMs)
    const next = await inspector.look()
    alike = isDeepStrictEqual(next.handles, last.handles) ? alike + 1 : 1
    last = next
  }
  return last
}
