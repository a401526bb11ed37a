import type { Account } from './account.ts'
import type { Members } from './members.ts'
import type { Principal } from './principal.ts'

/** The two protocol eras. Legacy: 2024-11-05 to 2025-11-25, with sessions. Modern: 2026-07-28, stateless. */
export type Era = 'legacy' | 'modern'

export const legacyRevisions = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'] as const
export const modernRevisions = ['2026-07-28'] as const
export type Revision = (typeof legacyRevisions)[number] | (typeof modernRevisions)[number]
export const newestLegacy: Revision = '2025-11-25'
export const newestModern: Revision = '2026-07-28'

/** Which of the public endpoints was addressed. */
export type Endpoint =
  | { readonly kind: 'all' }
  | { readonly kind: 'server'; readonly server: string }
  | { readonly kind: 'toolset'; readonly toolset: string }

/** Stable text of an endpoint, for cache keys and records. */
export function endpointText(endpoint: Endpoint): string {
  if (endpoint.kind === 'all') return '/mcp'
  return endpoint.kind === 'server' ? `/mcp/s/${endpoint.server}` : `/mcp/t/${endpoint.toolset}`
}

/** What the caller can be asked, and the raw object it declared. */
export interface Capabilities {
  readonly raw: string
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
  pooled: '{}',
  elicitation: false,
  elicitationUrl: false,
  sampling: false,
  roots: false,
  extensions: new Map(),
}

/**
 * One request in the neutral form, which is the modern one: everything that the request needs is in it.
 * Values that policy does not judge stay raw JSON text.
 */
export interface Call {
  /** Ours, unique; appears in the journal, in logs and in errors. */
  readonly callId: string
  readonly method: string
  readonly endpoint: Endpoint
  readonly era: Era
  readonly revision: Revision
  /** The caller's JSON-RPC id as raw JSON, so that number and string stay what they were. */
  readonly rpcId: string
  /** Tool or prompt name, resource URI, or public task id, decoded; empty for methods without one. */
  readonly name: string
  /** What a completion is about; undefined for other methods. */
  readonly reference: 'prompt' | 'resource' | undefined
  /** Raw `arguments` of the call, if it had any. */
  readonly args: string | undefined
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
  /** Size of the message in bytes. */
  readonly bytes: number
  readonly cancel: Cancellation
  /** Where what outlives the message is counted. */
  readonly account: Account
}

/** Cancellation of one call, much cheaper than an AbortSignal on the hot path. */
export interface Cancellation {
  readonly cancelled: boolean
  /** Runs `listener` once on cancellation, at once if it already happened. Returns the way to forget it. */
  onCancel(listener: () => void): () => void
}

/** A call with the principal that made it. Made by the door, after `identify` and `decode`. */
export interface Identified {
  readonly call: Call
  readonly principal: Principal
}
