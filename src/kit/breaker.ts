/**
 * A circuit breaker: after so many failures in a row nothing is let through for a while, then one attempt at a time
 * until one succeeds. Synchronous, since it is asked for every call.
 */
export class Breaker {
  private readonly failuresMax: number
  private readonly restMs: number
  private failures = 0
  private openUntil = 0
  private trying = false

  constructor(options: { failuresMax: number; restMs: number }) {
    this.failuresMax = options.failuresMax
    this.restMs = options.restMs
  }

  get open(): boolean {
    return this.failures >= this.failuresMax
  }

  /** Whether a call may go now. When it may, `succeeded` or `failed` must follow. */
  allows(now: number): boolean {
    if (this.failures < this.failuresMax) return true
    if (now < this.openUntil || this.trying) return false
    this.trying = true
    return true
  }

  succeeded(): void {
    this.failures = 0
    this.trying = false
  }

  failed(now: number): void {
    this.failures++
    this.trying = false
    if (this.failures >= this.failuresMax) this.openUntil = now + this.restMs
  }

  /** The call said nothing about the health of the other side, e.g. its caller went away. */
  unknown(): void {
    this.trying = false
  }
}
