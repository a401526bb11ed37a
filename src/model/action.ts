import type { Account } from './account.ts'
import type { Principal } from './principal.ts'

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

/** Cancellation of one action, much cheaper than an AbortSignal on the hot path. */
export interface Cancellation {
  readonly cancelled: boolean
  /** Runs `listener` once on cancellation, at once if it already happened. Returns the way to forget it. */
  onCancel(listener: () => void): () => void
}

/** What is asked for. `other`: what belongs to the protocol itself, and what an operator has relayed. */
export type ActionKind =
  | 'tool'
  | 'prompt'
  | 'resource'
  | 'task'
  | 'completion'
  | 'list'
  | 'listen'
  | 'other'

/**
 * One thing that somebody asks for, as policy, limits, guard, credentials and evidence judge it: they know nothing of the
 * protocol that it came in. A `Call` of MCP is one; so is whatever else is to pass through the rooms.
 */
export interface Action {
  /** Ours, unique; appears in the journal, in logs and in errors. */
  readonly id: string
  readonly principal: Principal
  readonly kind: ActionKind
  /** What it is called where it came from, for records and logs, e.g. `tools/call`. No room compares it. */
  readonly method: string
  /** Name or URI of what it is about, as the caller gave it; empty where there is none. */
  readonly subject: string
  readonly endpoint: Endpoint
  /** Of the protocol that it came in, for records. */
  readonly revision: string
  /** Raw JSON object of its arguments, if it has any. */
  readonly args: string | undefined
  /** Size of the message in bytes. */
  readonly bytes: number
  readonly cancel: Cancellation
  /** Where what outlives the message is counted. */
  readonly account: Account
}
