/** Waiting times that grow after each failure. */
export interface Backoff {
  /** How long to wait before the next attempt. */
  next(): number
  /** An attempt has succeeded: start from the first waiting time again. */
  reset(): void
}

export interface BackoffOptions {
  readonly firstMs: number
  readonly maxMs: number
  readonly factor: number
  /** The share of each waiting time that chance takes away, 0 (none) to 1 (all), so that many do not retry at once. */
  readonly jitter: number
  /** From 0 up to, not including, 1. */
  readonly random: () => number
}

/** Exponential backoff with jitter; no waiting time is longer than `maxMs`. */
export function createBackoff(options: BackoffOptions): Backoff {
  const { firstMs, maxMs, factor, jitter, random } = options
  let baseMs = firstMs
  return {
    next() {
      const waitMs = Math.min(baseMs, maxMs)
      baseMs = Math.min(baseMs * factor, maxMs)
      return Math.round(waitMs * (1 - jitter * random()))
    },
    reset() {
      baseMs = firstMs
    },
  }
}
