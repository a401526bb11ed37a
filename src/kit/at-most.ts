import { setTimeout as sleep } from 'node:timers/promises'

/** Waits for work, but no longer than so many milliseconds; what it throws until then is thrown. */
export async function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  const over = new AbortController()
  await Promise.race([work, sleep(ms, undefined, { signal: over.signal }).catch(() => undefined)])
  over.abort()
}
