// Looks into a running gateway from outside, by node's own inspector: no part of the product helps.
import { once } from 'node:events'
import { eventually } from '../e2e/client.ts'
import type { TestGateway } from '../e2e/gateway.ts'
import { dig, digText } from '../e2e/json.ts'

/** Environment of a gateway that can be looked into: SIGUSR1 opens the inspector on a free loopback port. */
export const inspectable = { NODE_OPTIONS: '--inspect-port=127.0.0.1:0' }

export interface Inspector {
  /** Bytes of the heap in use after a forced collection. */
  heap(): Promise<number>
  /** Open sockets, servers' and clients'. */
  sockets(): Promise<number>
  close(): void
}

export async function inspect(gateway: TestGateway): Promise<Inspector> {
  process.kill(gateway.pid, 'SIGUSR1')
  const url = await eventually(async () => /ws:\/\/127\.0\.0\.1:\d+\/\S+/.exec(gateway.log)?.[0])
  const socket = new WebSocket(url)
  await once(socket, 'open')
  let ids = 0
  const waiting = new Map<unknown, (message: unknown) => void>()
  socket.addEventListener('message', ({ data }) => {
    const message: unknown = JSON.parse(String(data))
    waiting.get(dig(message, 'id'))?.(message)
  })
  const ask = (method: string, params: object = {}): Promise<unknown> =>
    new Promise((resolve) => {
      const id = ++ids
      waiting.set(id, resolve)
      socket.send(JSON.stringify({ id, method, params }))
    })
  const evaluate = async (expression: string): Promise<number> => {
    const answer = await ask('Runtime.evaluate', { expression, returnByValue: true })
    return Number(digText(answer, 'result', 'result', 'value'))
  }
  return {
    async heap() {
      // What a first collection makes unreachable is freed by a second one.
      for (let round = 0; round < 3; round++) await ask('HeapProfiler.collectGarbage')
      return evaluate('String(process.memoryUsage().heapUsed)')
    },
    sockets: () =>
      evaluate(
        "String(process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length)",
      ),
    close: () => socket.close(),
  }
}
