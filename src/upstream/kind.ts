import type { RecordedCall } from '../model/call.ts'
import type { Facts } from '../model/facts.ts'
import type { Members } from '../model/members.ts'
import type { ListMethod } from '../model/methods.ts'
import type { NotificationSink } from '../model/reply.ts'
import type { Continuation } from './parking.ts'

/** The definitions of one list, raw. */
export interface Listed {
  readonly items: readonly string[]
  /** Why it is not the whole list, for operators. */
  readonly cut?: string
}

/** A call that was sent and is open at the server. */
export interface Sent {
  readonly open: Pick<Continuation, 'next' | 'fail'>
  /** Tells the server that nobody waits any more, as its era does it. */
  cancel(reason: string): void
}

/** What `send` gives a kind to start one call. */
export interface Start {
  readonly recorded: RecordedCall
  readonly sink: NotificationSink
  /** The server's own requestState, when the caller came back with one. */
  readonly serverState: string | undefined
  /** Seals a requestState for what `held` gives; it is not there before the call is sent. */
  readonly park: (held: () => Continuation, serverState?: string) => string
  /** False when the caller or the deadline gave the call up while the server was still being connected. */
  readonly wanted: () => boolean
}

/** A notification of a server that belongs to no call. */
export type ServerNotice = (method: string, params: Members) => void

/**
 * One registered server of one kind. Another kind is another folder beside this file and a line in
 * `open.ts`; the contract suite runs against each.
 */
export interface ServerLink {
  /** Warm: returns at once. Cold: connects first. @throws GatewayError server_* */
  start(start: Start): Sent | Promise<Sent>
  /** Connects when needed and says who answers. @throws GatewayError server_* */
  facts(): Promise<Facts>
  /** All definitions of one list through all pages, up to what is held. @throws GatewayError server_* */
  list(method: ListMethod): Promise<Listed>
  /**
   * Why calls could not arrive now, for what is listed without asking whoever carries calls out: a description stays
   * readable while its API is down. Absent: who lists is who is called.
   */
  whyUnreachable?(): Promise<string | undefined>
  /** Keeps a way open on which the server can say that something changed; resolves when it is open or cannot be had. */
  watch(notice: ServerNotice): Promise<void>
  /** Asks for `notifications/resources/updated` of a URI. @throws GatewayError */
  subscribe(uri: string): Promise<void>
  unsubscribe(uri: string): Promise<void>
  /** Asks for `notifications/tasks` of a task (tasks extension, "Task Status Notifications"). @throws GatewayError */
  subscribeTask(taskId: string): Promise<void>
  unsubscribeTask(taskId: string): Promise<void>
  /** Ends what is kept for principals that are gone, as `gone` says of their ids. */
  dropPrincipals(gone: (principalId: string) => boolean): void
  close(): Promise<void>
}
