/** Cancels one piece of work: a flag and listeners, created for every call, so much leaner than an AbortController. */
export class CancelSource {
  /** The usual one listener needs no set. */
  private only: (() => void) | undefined
  private listeners: Set<() => void> | undefined
  private done = false

  get cancelled(): boolean {
    return this.done
  }

  /** Runs the listeners once. Calling it again does nothing. */
  cancel(): void {
    if (this.done) return
    this.done = true
    const { only, listeners } = this
    this.only = undefined
    this.listeners = undefined
    only?.()
    if (listeners !== undefined) for (const listener of listeners) listener()
  }

  /** Runs `listener` on cancellation, at once if it already happened. Returns the way to forget it. */
  onCancel(listener: () => void): () => void {
    if (this.done) {
      listener()
      return () => undefined
    }
    if (this.only === undefined && this.listeners === undefined) this.only = listener
    else {
      this.listeners ??= new Set()
      this.listeners.add(listener)
    }
    return () => {
      if (this.only === listener) this.only = undefined
      else this.listeners?.delete(listener)
    }
  }
}
