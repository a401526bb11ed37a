import { performance } from 'node:perf_hooks'

const measureMs = 25
const busyShare = 0.85
/** Least time from one sync to the next while the processor has no time to lose. */
const spacingMs = 1

export interface SyncPace {
  /** Milliseconds to wait before the next sync; 0: start it now. */
  delay(): number
  started(): void
}

/**
 * When to sync: at once while the event loop has idle time, since a call then waits for the disk
 * only; spaced while it has none, since a sync costs about 100 us of processor time and waiting a
 * little shares it among more calls at no loss.
 */
export function syncPace(clock: () => number = () => performance.now()): SyncPace {
  let load = performance.eventLoopUtilization()
  let measuredAt = clock()
  let startedAt = 0
  let isBusy = false
  return {
    delay() {
      return isBusy && clock() - startedAt < spacingMs ? spacingMs : 0
    },
    started() {
      startedAt = clock()
      if (startedAt - measuredAt < measureMs) return
      const next = performance.eventLoopUtilization()
      isBusy = performance.eventLoopUtilization(next, load).utilization > busyShare
      load = next
      measuredAt = startedAt
    },
  }
}
