/** What may have work of callers in hand when the gateway stops: a door, a connection, one call. */
export interface AtWork {
  /** The gateway stops: nothing new is begun, and what only waits ends. Comes again until nothing is in hand. */
  settle(): void
  /** Whether somebody waits for what runs here, or for an answer that is still on its way out. */
  busy(): boolean
  /** The time is up: what runs is cancelled. */
  cancel(): void
}
