import type { Action } from './action.ts'
import type { Members } from './members.ts'
import type { Recorded } from './proofs.ts'

/** The two protocol eras. Legacy: 2024-11-05 to 2025-11-25, with sessions. Modern: 2026-07-28, stateless. */
export type Era = 'legacy' | 'modern'

export const legacyRevisions = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'] as const
export const modernRevisions = ['2026-07-28'] as const
export type Revision = (typeof legacyRevisions)[number] | (typeof modernRevisions)[number]
export const newestLegacy: Revision = '2025-11-25'
export const newestModern: Revision = '2026-07-28'

/** What the caller can be asked, and the raw object it declared. */
export interface Capabilities {
  readonly raw: string
  /** The same without its extensions. */
  readonly bare: string
  /** The same in one of a few dozen forms: what a legacy server is told, and what its sessions are pooled by. */
  readonly pooled: string
  readonly elicitation: boolean
  readonly elicitationUrl: boolean
  readonly sampling: boolean
  readonly roots: boolean
  /** Declared extensions with their raw settings. */
  readonly extensions: ReadonlyMap<string, string>
}

/** Of a caller that can be asked nothing, and of the gateway itself. */
export const noCapabilities: Capabilities = {
  raw: '{}',
  bare: '{}',
  pooled: '{}',
  elicitation: false,
  elicitationUrl: false,
  sampling: false,
  roots: false,
  extensions: new Map(),
}

/**
 * One request in the neutral form, which is the modern one: everything that the request needs is in it. What rooms judge
 * of it is the `Action`; the rest is for the wire and for those who send it. Values that nobody judges stay raw JSON text.
 */
export interface Call extends Action {
  readonly era: Era
  readonly revision: Revision
  /** The caller's JSON-RPC id as raw JSON, so that number and string stay what they were. */
  readonly rpcId: string
  /** What a completion is about; undefined for other methods. */
  readonly reference: 'prompt' | 'resource' | undefined
  /** `params` without `_meta`, `name`/`uri`, `arguments`, `inputResponses` and `requestState`. */
  readonly params: Members
  /** `_meta` without the members that belong to one hop (protocol version, capabilities, progress token). */
  readonly meta: Members
  /** The caller's progress token as raw JSON. */
  readonly progressToken: string | undefined
  readonly capabilities: Capabilities
  /** The level from which on the caller wants log messages; undefined: none. */
  readonly logLevel: string | undefined
  /** Answers to an earlier `input_required`, raw object; undefined on a first round. */
  readonly inputResponses: string | undefined
  /**
   * Questions that a legacy client answered with an error, with the raw error object. Made by the gateway alone,
   * never read from a message, so that no caller can put words of its own beside an answer.
   */
  readonly declined: ReadonlyMap<string, string> | undefined
  /** Our sealed state as the caller returned it. */
  readonly requestState: string | undefined
  /** `Mcp-Param-*` headers by lower-case suffix; undefined where the transport has none. */
  readonly paramHeaders: Readonly<Record<string, string>> | undefined
  /** Whether the caller can be asked questions and told progress: it takes a stream. */
  readonly streams: boolean
}

/** A call that was recorded: what is sent to servers. */
export type RecordedCall = Recorded<Call>
