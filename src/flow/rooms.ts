import type { Lister } from '../catalog/list.ts'
import type { TaskOrigin } from '../catalog/resolve.ts'
import type { Present } from '../credential/attach.ts'
import type { Call, RecordedCall } from '../model/call.ts'
import type { Principal } from '../model/principal.ts'
import type { Admitted, Inspected, Released } from '../model/proofs.ts'
import type { GatewayError } from '../model/refusal.ts'
import type { NotificationSink, Reply } from '../model/reply.ts'
import type { Recorder } from '../record/record.ts'
import type { Snapshot } from '../snapshot/compile.ts'

/** The rooms that a call walks through, as the composition root built them. */
export interface Rooms {
  snapshot(): Snapshot
  /** Asked again after whatever was waited for: meanwhile the key may have been revoked, or have expired. */
  isStillValid(principal: Principal): boolean
  readonly lister: Lister
  readonly guard: {
    inspectArguments(admitted: Admitted<Call>): Inspected<Call> | Promise<Inspected<Call>>
    inspectReply(reply: Reply): Released
  }
  readonly recorder: Recorder
  readonly present: Present
  send(recorded: RecordedCall, sink: NotificationSink): Promise<Reply>
  /** Ends the parked call, if any, that a requestState of ours leads to: nobody will come back with answers. */
  giveUp(requestState: string, reason: string): void
  /** Public task ids: bound to the principal and to the tool that made the task. */
  readonly tasks: {
    seal(principalId: string, origin: TaskOrigin): string
    /** Undefined for an id that is forged, expired, or of another principal. */
    open(principalId: string, sealed: string): TaskOrigin | undefined
  }
  /** Resolves when the servers were asked for their lists once, or after `waitMs`. */
  seen(servers: readonly string[], waitMs: number): Promise<void>
  /** The headers of a tool call were refused by its server: its list may be old. */
  refreshList(server: string): Promise<void>
  /** A bug: what was thrown and is no refusal. For the log; the caller learns only that something went wrong. */
  fault(call: Call, error: GatewayError): void
  readonly now: () => number
  /** Monotonic milliseconds. */
  readonly clock: () => number
}
