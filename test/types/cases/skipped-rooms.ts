/** A room that was skipped: what the one before it made is not enough. */
import { attach } from '../../../src/credential/attach.ts'
import { admit, type Limits } from '../../../src/limits/admit.ts'
import type { Identified } from '../../../src/model/call.ts'
import type { Admitted, Attached, Inspected, Permitted } from '../../../src/model/proofs.ts'
import { type Gate, type SendDeps, send } from '../../../src/upstream/send.ts'

declare const deps: SendDeps
declare const gate: Gate
declare const limits: Limits
declare const identified: Identified
declare const permitted: Permitted
declare const admitted: Admitted
declare const inspected: Inspected
declare const attached: Attached

const nothing = () => undefined

// @ts-expect-error 'Identified' is not assignable to parameter of type 'Permitted'
admit(limits, identified, 0)
// @ts-expect-error 'Admitted' is not assignable to parameter of type 'Inspected'
attach(admitted, nothing)
// @ts-expect-error 'Permitted' is not assignable to parameter of type 'Recorded'
void send(deps, gate, permitted, nothing)
// @ts-expect-error 'Admitted' is not assignable to parameter of type 'Recorded'
void send(deps, gate, admitted, nothing)
// @ts-expect-error 'Inspected' is not assignable to parameter of type 'Recorded'
void send(deps, gate, inspected, nothing)
// @ts-expect-error 'Attached' is not assignable to parameter of type 'Recorded'
void send(deps, gate, attached, nothing)
