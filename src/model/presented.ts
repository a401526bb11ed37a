/**
 * What is shown to a server on behalf of a principal. It holds secrets: it goes from the one that provides it to links
 * alone, never into a Snapshot, a log or a record.
 */
export interface Presented {
  /** Connections, sessions and pools are shared under one identity and never with another: it changes with all that follows. */
  readonly identity: string
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  /** What must not come back from the server, in the forms in which it is sent. */
  readonly secrets: readonly string[]
}
