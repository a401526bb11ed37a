/** A room that was skipped: what the one before it made is not enough. */
import { attach } from '../../../src/credential/attach.ts'
import type { ListenHub, Subscriber } from '../../../src/flow/listen.ts'
import { admit, type Limits } from '../../../src/limits/admit.ts'
import type { Call } from '../../../src/model/call.ts'
import type { Admitted, Attached, Inspected, Permitted } from '../../../src/model/proofs.ts'
import { type Gate, type SendDeps, send } from '../../../src/upstream/send.ts'

declare const deps: SendDeps
declare const gate: Gate
declare const limits: Limits
declare const call: Call
declare const permitted: Permitted<Call>
declare const admitted: Admitted<Call>
declare const inspected: Inspected<Call>
declare const attached: Attached<Call>
declare const hub: ListenHub
declare const subscriber: Subscriber

const nothing = () => undefined

// @ts-expect-error 'Call' is not assignable to parameter of type 'Permitted<Action>'
admit(limits, call, 0)
// @ts-expect-error 'Admitted<Call>' is not assignable to parameter of type 'Inspected<Call>'
attach(admitted, nothing)
// @ts-expect-error 'Permitted<Call>' is not assignable to parameter of type 'RecordedCall'
void send(deps, gate, permitted, nothing)
// @ts-expect-error 'Admitted<Call>' is not assignable to parameter of type 'RecordedCall'
void send(deps, gate, admitted, nothing)
// @ts-expect-error 'Inspected<Call>' is not assignable to parameter of type 'RecordedCall'
void send(deps, gate, inspected, nothing)
// @ts-expect-error 'Attached<Call>' is not assignable to parameter of type 'RecordedCall'
void send(deps, gate, attached, nothing)
// @ts-expect-error 'Admitted<Call>' is not assignable to parameter of type 'Watchable'
void hub.watch(subscriber, admitted, 'a')
