import type { Arriving } from '../kit/arriving.ts'
import type { Account } from '../model/account.ts'
import type { Endpoint } from '../model/action.ts'
import type { AtWork } from '../model/at-work.ts'
import type { Principal } from '../model/principal.ts'
import type { GatewayError } from '../model/refusal.ts'
import type { Exchange, Session } from '../model/session.ts'
import type { OriginRules } from './origin.ts'

/** One message on its way out, as the wire made it. */
export interface Out {
  readonly status: number
  /** Raw id of the request that it answers; `null` for what answers none. */
  readonly rpcId: string
  readonly head: readonly (string | Buffer)[]
  readonly stream: Arriving | undefined
  readonly tail: string
}

/** What became of a client's message. */
export type Outcome =
  | { readonly kind: 'message'; readonly message: Out; readonly session: Session | undefined }
  | { readonly kind: 'batch'; readonly messages: readonly Out[] }
  | { readonly kind: 'accepted' }
  | { readonly kind: 'held'; readonly ended: Promise<Out> }
  /** Nothing was done with it: it belongs to another node. Only where the exchange has ways to nodes. */
  | { readonly kind: 'elsewhere'; readonly node: string }

/** The other nodes of the same gateway. What is asked here is in memory; a call never waits for it. */
export interface Peers {
  /** Where a live node is reached, e.g. `http://10.0.0.2:8470`; undefined: gone, unknown, or this node itself. */
  addressOf(node: string): string | undefined
  /** False for a node that stops: it takes only what belongs to something that runs there. */
  takesNew(node: string): boolean
  /** Whether a node still answers at that address what it was given before. */
  livesAt(node: string, address: string): boolean
  /** Text of the header that says that a request was passed on to a node. */
  seal(node: string): string
  /** Whether a node of ours passed a request on with that text. One that was meant for another node is reported. */
  arrived(sealed: string): boolean
}

/** What the doors need of the rest of the gateway. */
export interface DoorPorts {
  /** From the head alone. @throws GatewayError key_missing, key_invalid */
  identify(authorization: string | undefined, apiKey: string | undefined): Principal
  serve(principal: Principal, exchange: Exchange, text: string): Promise<Outcome>
  /** A refusal as JSON-RPC error text with `id` null. */
  refusalText(error: GatewayError): string
  /** False also for an endpoint of which the principal may know nothing. */
  endpointExists(endpoint: Endpoint, principal: Principal): boolean
  /** Where it is counted what is kept for a caller; `principalId` undefined: nobody said yet who it is. */
  account(principalId: string | undefined, address: string): Account
  /** Notes a refusal without a principal: counted per source and second. */
  anonymous(source: string, error: GatewayError): void
  /** Tells a session of changes until the returned way is taken. */
  subscribe(session: Session, principal: Principal, deliver: (text: string) => void): () => void
  readonly peers: Peers
  /** Takes part in the stop of the gateway until the returned way is taken. */
  join(work: AtWork): () => void
  /** Whether calls are parked here, whose answers come as messages of their own. */
  hasParked(): boolean
  ready(): { readonly ready: boolean; readonly text: string }
  log(event: { level: 'error' | 'warn'; text: string; error?: unknown }): void
}

export interface DoorSettings {
  readonly rules: OriginRules
  readonly bodyBytesMax: number
  readonly bodyTimeoutMs: number
  readonly headerBytesMax: number
  readonly connectionsMax: number
  readonly keepAliveMs: number
}
