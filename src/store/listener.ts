/**
 * Tells when the desired state changed, here or at another node: LISTEN, and a look at the version now
 * and then, because a connection can die without a word and some poolers swallow notifications.
 */
import { Client, type ClientConfig } from 'pg'
import { createBackoff } from '../kit/backoff.ts'

const lookEveryMs = 10_000

export interface Listener {
  /** Did the database answer when it was last asked? */
  connected(): boolean
  close(): Promise<void>
}

/** Calls `changed` after every change of the version or of the nodes. Connects, and connects again, on its own. */
export function listen(config: ClientConfig, changed: (what: 'state' | 'nodes') => void): Listener {
  const backoff = createBackoff({
    firstMs: 250,
    maxMs: 10_000,
    factor: 2,
    jitter: 0.3,
    random: Math.random,
  })
  let client: Client | undefined
  let timer: NodeJS.Timeout | undefined
  let version: number | undefined
  let closed = false
  // Whoever begins to listen has just talked to the database.
  let connected = true

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
    const { rows } = await of.query<{ version: number }>('select version from state_version')
    if (rows[0] !== undefined) saw(rows[0].version)
  }
  const lose = (lost: Client) => {
    if (client !== lost) return
    client = undefined
    connected = false
    void lost.end().catch(() => undefined)
    later(open, backoff.next())
  }
  const watchOver = (of: Client) =>
    later(async () => {
      try {
        await look(of)
        watchOver(of)
      } catch {
        lose(of)
      }
    }, lookEveryMs)
  const open = async () => {
    const fresh = new Client(config)
    client = fresh
    fresh.on('error', () => lose(fresh))
    fresh.on('end', () => lose(fresh))
    fresh.on('notification', ({ channel, payload }) => {
      if (channel === 'sallyport_nodes') changed('nodes')
      else saw(Number(payload))
    })
    try {
      await fresh.connect()
      await fresh.query('listen sallyport_state; listen sallyport_nodes')
      await look(fresh)
      backoff.reset()
      connected = true
      watchOver(fresh)
    } catch {
      lose(fresh)
    }
  }
  void open().catch(() => undefined)

  return {
    connected: () => connected,
    close: async () => {
      closed = true
      clearTimeout(timer)
      const last = client
      client = undefined
      await last?.end().catch(() => undefined)
    },
  }
}
