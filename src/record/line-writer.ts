/** `failing`: nothing is taken, until the disk works again; `lost`: until the next start. */
export type JournalState =
  | { readonly kind: 'ok' }
  | { readonly kind: 'failing'; readonly reason: string }
  | { readonly kind: 'lost'; readonly reason: string }

/** What takes the lines of one chain. */
export interface LineWriter {
  /** Unique for every start of a process. */
  readonly writer: string
  /**
   * Records an intent: the JSON text of one entry without newline. Resolves when it is on disk.
   * Mode required: rejects with GatewayError('journal_unavailable') while the disk takes nothing.
   * Mode best-effort: counts it in `dropped` then, and resolves.
   */
  intent(line: string): Promise<void>
  /**
   * Records anything else. Resolves at the end of this turn of the event loop, when the line is
   * visible to other processes and survives the end of this one; the next sync makes it durable.
   * Never rejects: while the disk takes nothing, lines wait (up to 4 MB) and go out first after it.
   */
  append(line: string): Promise<void>
  /** Entries of this writer that are on disk. */
  readonly durable: number
  /** Lines that were given up. */
  readonly dropped: number
  /** Whether it takes nothing at the moment, and why; looks at its file. */
  state(): JournalState
  /** Ends the chain; calls still open get an outcome `unknown`. Rejects when the disk does not take it. */
  close(): Promise<void>
}
