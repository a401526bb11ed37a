import type { BoxMap } from '../kit/box-map.ts'
import type { Account } from './account.ts'
import type { Cancellation, Endpoint } from './action.ts'
import type { Capabilities, Revision } from './call.ts'

/** Answer of a legacy client to a question that it was asked. */
export type ClientAnswer =
  | { readonly kind: 'result'; readonly raw: string }
  | { readonly kind: 'error'; readonly raw: string }

/** What a legacy client's session holds. Lives on its home node only; bounded; bound to one principal. */
export interface Session {
  readonly id: string
  readonly principalId: string
  readonly endpoint: Endpoint
  readonly revision: Revision
  readonly capabilities: Capabilities
  /** Where what is kept with the session is counted. */
  readonly account: Account
  /** Set by `logging/setLevel`. */
  logLevel: string | undefined
  /** Running requests by raw id, for `notifications/cancelled`. */
  readonly running: BoxMap<string, { cancel(): void }>
  /** Questions that wait for the client's answer, by the raw id that we gave them. */
  readonly asked: Map<string, (answer: ClientAnswer) => void>
  /** Public URIs that the client subscribed to, with the way to end each. */
  readonly subscriptions: Map<string, () => void>
  /** Sends on the session's GET stream; false when none is open. */
  push(text: string): boolean
  /** Next number for our own requests to this client. */
  nextId(): number
  readonly ended: boolean
}

/** What `initialize` fixes for a session. */
export interface SessionStart {
  readonly revision: Revision
  readonly capabilities: Capabilities
}

/** The ways of one message to other nodes of the same gateway. */
export interface NodeWays {
  /**
   * The other live node on which the legacy session lives that the message names; undefined: none, or gone. A node that
   * stops takes no message that begins something.
   */
  ofSession(begins: boolean): string | undefined
  /** Whether another node of that name is alive. */
  reaches(node: string): boolean
}

/** One message of a client on its way in, and the ways back to that client. Made by a door. */
export interface Exchange {
  readonly endpoint: Endpoint
  /** Lower-case names; undefined on transports without headers. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>> | undefined
  readonly bytes: number
  /** The client takes a stream of messages as the answer. */
  readonly streams: boolean
  /** The legacy session that the message names, or the implicit one of stdio and the HTTP+SSE pair. */
  readonly session: Session | undefined
  /** Undefined where a message cannot be passed on: it came over no HTTP request of its own, or from another node. */
  readonly nodes: NodeWays | undefined
  /** Begins a session for `initialize`. @throws GatewayError busy */
  begin(start: SessionStart): Session
  /** Sends a message before the answer, on the answer's own stream. Dropped when the client takes none. */
  send(text: string): void
  readonly cancel: Cancellation & { cancel(): void }
  /** Where what is kept for the caller is counted. */
  readonly account: Account
}
