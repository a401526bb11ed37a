/**
 * Tells when the desired state changed, here or at another node: LISTEN, and a look at the version now
 * and then, because a connection can die without a word and some poolers swallow notifications.
 */
import { Client, type ClientConfig } from 'pg'
import { createBackoff } from '../kit/backoff.ts'
import { owned } from '../kit/owner.ts'
import { endOrLeave } from './connection.ts'

const lookEveryMs = 2_000
const lookWaitMs = 2_000

export interface Listener {
  /** Why the database did not answer when it was last asked; undefined: it did. */
  fault(): unknown
  close(): Promise<void>
}

/**
 * Calls `changed` after every change of the version or of the nodes. Connects, and connects again, on its own.
 * `readVersion` goes the way of all other work, so that the look finds also what stands in that way.
 */
export function listen(
  config: ClientConfig,
  readVersion: () => Promise<number>,
  changed: (what: 'state' | 'nodes') => void,
): Listener {
  const backoff = createBackoff({
    firstMs: 250,
    maxMs: 3_000,
    factor: 2,
    jitter: 0.3,
    random: Math.random,
  })
  let client: Client | undefined
  let timer: NodeJS.Timeout | undefined
  let version: number | undefined
  let closed = false
  // Whoever begins to listen has just talked to the database.
  let fault: unknown

  const later = (work: () => Promise<void>, ms: number) => {
    clearTimeout(timer)
    if (closed) return
    timer = setTimeout(() => void work().catch(() => undefined), ms)
    timer.unref()
  }
  const saw = (seen: number) => {
    // The first look tells, too: what was written between the load and the look would be missed otherwise.
    if (seen !== version) changed('state')
    version = seen
  }
  const look = async (of: Client) => {
    await of.query('select')
    saw(await readVersion())
  }
  const lose = (lost: Client, why: unknown) => {
    if (client !== lost) return
    client = undefined
    fault = why
    void lost.end().catch(() => undefined)
    later(open, backoff.next())
  }
  const watchOver = (of: Client) =>
    later(async () => {
      try {
        await look(of)
        watchOver(of)
      } catch (thrown) {
        lose(of, thrown)
      }
    }, lookEveryMs)
  const open = async () => {
    const fresh = new Client({ ...config, query_timeout: lookWaitMs })
    client = fresh
    fresh.on('error', (error) => lose(fresh, error))
    fresh.on('end', () => lose(fresh, new Error('Connection terminated')))
    fresh.on('notification', ({ channel, payload }) => {
      if (channel === 'sallyport_nodes') changed('nodes')
      else saw(Number(payload))
    })
    try {
      const owner = {
        what: 'the connection that listens to the database',
        fail: (thrown: unknown) => lose(fresh, thrown),
      }
      await owned(owner, () => fresh.connect())
      await fresh.query('listen sallyport_state; listen sallyport_nodes')
      await look(fresh)
      backoff.reset()
      fault = undefined
      watchOver(fresh)
    } catch (thrown) {
      lose(fresh, thrown)
    }
  }
  void open().catch(() => undefined)

  return {
    fault: () => fault,
    close: async () => {
      closed = true
      clearTimeout(timer)
      const last = client
      client = undefined
      if (last !== undefined) await endOrLeave(last.end())
    },
  }
}
