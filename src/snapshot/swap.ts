import type { Snapshot } from './compile.ts'

/** Holds the Snapshot that new calls take. Running calls keep the one that they began with. */
export class SnapshotCell {
  private held: Snapshot
  private readonly listeners = new Set<(next: Snapshot, before: Snapshot) => void>()

  constructor(first: Snapshot) {
    this.held = first
  }

  get current(): Snapshot {
    return this.held
  }

  swap(next: Snapshot): void {
    const before = this.held
    this.held = next
    for (const listener of this.listeners) listener(next, before)
  }

  onSwap(listener: (next: Snapshot, before: Snapshot) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }
}
