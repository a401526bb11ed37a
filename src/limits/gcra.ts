/**
 * Generic cell rate algorithm (ITU-T I.371) in memory: smooth, exact, one number per subject.
 * Subjects that are idle again are forgotten, so memory is bounded by recent callers.
 */
export class Gcra {
  /** Milliseconds between two calls at the permitted rate. */
  private readonly intervalMs: number
  /** How far ahead of the rate a burst may run: one whole window. */
  private readonly burstMs: number
  private readonly countMax: number
  private readonly nextAt = new Map<string, number>()

  constructor(calls: number, windowMs: number, countMax: number) {
    this.intervalMs = windowMs / calls
    this.burstMs = windowMs
    this.countMax = countMax
  }

  /** 0 when the call may go, else the milliseconds until it may. A refused call uses nothing. */
  take(subject: string, now: number): number {
    const next = Math.max(this.nextAt.get(subject) ?? 0, now)
    // The tolerance keeps rounding from refusing the last call of a full window.
    const wait = next + this.intervalMs - this.burstMs - now - 1e-6
    if (wait > 0) return wait
    if (this.nextAt.size >= this.countMax) this.forgetIdle(now)
    this.nextAt.set(subject, next + this.intervalMs)
    return 0
  }

  private forgetIdle(now: number): void {
    for (const [subject, next] of this.nextAt) if (next <= now) this.nextAt.delete(subject)
    // All are active: drop the oldest; it gets a fresh window, which is better than unbounded memory.
    for (const subject of this.nextAt.keys()) {
      if (this.nextAt.size < this.countMax) break
      this.nextAt.delete(subject)
    }
  }
}
