/**
 * Evidence of calls and of changes: the entries of the journal.
 * One JSON object a line. An intent or a change and its outcome share `call`; a refusal stands alone.
 */
import type { Actor, Change } from './change.ts'

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

export const outcomeStatuses = [
  'ok',
  'tool-error',
  'input-required',
  'error',
  'cancelled',
  'unknown',
] as const
export type OutcomeStatus = (typeof outcomeStatuses)[number]

export interface OutcomeEntry {
  readonly kind: 'outcome'
  readonly call: string
  readonly at: number
  readonly status: OutcomeStatus
  /** Whole duration in milliseconds, fractional. */
  readonly ms: number
  /** Bytes of the result as the server sent them. */
  readonly bytes: number
  /** Refusal code or JSON-RPC code for `error`; of a change, why it was not made; empty otherwise. */
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

/** A change of desired state or of the key ring, written before it is made; its outcome says whether it was. */
export interface ChangeEntry extends Change, Pick<Actor, 'via'> {
  readonly kind: 'change'
  /** Shared with its outcome. */
  readonly call: string
  readonly at: number
  /** Who made it. */
  readonly principal: string
  readonly principalId: string
  /** -1 when it is not known. */
  readonly uid: number
}

export type Entry =
  | IntentEntry
  | OutcomeEntry
  | RefusalEntry
  | NoteEntry
  | AnonymousEntry
  | SuppressedEntry
  | ChangeEntry

export const entryKinds = [
  'intent',
  'outcome',
  'refusal',
  'change',
  'list',
  'listen',
  'sign-in',
  'system',
  'anonymous',
  'suppressed',
] as const satisfies readonly Entry['kind'][]
