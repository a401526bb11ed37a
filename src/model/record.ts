/**
 * Evidence of calls: the entries of the journal.
 * One JSON object a line. An intent and its outcome share `call`; a refusal stands alone.
 */
export interface IntentEntry {
  readonly kind: 'intent'
  readonly call: string
  /** Epoch milliseconds. */
  readonly at: number
  /** What people call it, e.g. `key:ci`. */
  readonly principal: string
  /** Never given twice, so that holders of one name are told apart. */
  readonly principalId: string
  readonly environment: string
  readonly endpoint: string
  readonly method: string
  readonly server: string
  readonly name: string
  readonly revision: string
  /** sha256 of the raw arguments, hex; empty when there were none. */
  readonly argsDigest: string
  /** Digest of the tool definition that the call was judged against; empty when unknown. */
  readonly itemDigest: string
  /** Which rule allowed it. */
  readonly rule: string
  /** Version of the snapshot that the call held from door to reply. */
  readonly snapshot: number
}

export type OutcomeStatus =
  | 'ok'
  | 'tool-error'
  | 'input-required'
  | 'error'
  | 'cancelled'
  | 'unknown'

export interface OutcomeEntry {
  readonly kind: 'outcome'
  readonly call: string
  readonly at: number
  readonly status: OutcomeStatus
  /** Whole duration in milliseconds, fractional. */
  readonly ms: number
  /** Bytes of the result as the server sent them. */
  readonly bytes: number
  /** Refusal code or JSON-RPC code for `error`; empty otherwise. */
  readonly code: string
}

export interface RefusalEntry {
  readonly kind: 'refusal'
  readonly call: string
  readonly at: number
  readonly principal: string
  readonly principalId: string
  readonly environment: string
  readonly endpoint: string
  readonly method: string
  readonly server: string
  readonly name: string
  /** Refusal code of the catalogue. */
  readonly code: string
  /** Private detail, e.g. which rule denied. */
  readonly detail: string
}

/** Lists, listens, sign-ins and what the gateway itself notes (start, stop, configuration change). */
export interface NoteEntry {
  readonly kind: 'list' | 'listen' | 'sign-in' | 'system'
  readonly at: number
  readonly principal: string
  readonly principalId: string
  readonly environment: string
  readonly endpoint: string
  readonly method: string
  readonly detail: string
}

/** Refusals without a principal, counted per source and second. */
export interface AnonymousEntry {
  readonly kind: 'anonymous'
  readonly at: number
  readonly source: string
  readonly code: string
  readonly count: number
}

/** Refusals, lists, listens and sign-ins of one principal beyond its budget of a minute, counted. */
export interface SuppressedEntry {
  readonly kind: 'suppressed'
  readonly at: number
  readonly principal: string
  readonly principalId: string
  readonly environment: string
  readonly count: number
  /** How many of each, e.g. `refusal tool_unknown 812, list 3`. */
  readonly detail: string
}

export type Entry =
  | IntentEntry
  | OutcomeEntry
  | RefusalEntry
  | NoteEntry
  | AnonymousEntry
  | SuppressedEntry
