/** Two rooms in the wrong order: the later one does not take what is not there yet. */
import { attach } from '../../../src/credential/attach.ts'
import type { Guard } from '../../../src/guard/inspect.ts'
import type { Call } from '../../../src/model/call.ts'
import type { Permitted } from '../../../src/model/proofs.ts'
import type { Target } from '../../../src/model/target.ts'
import { authorize } from '../../../src/policy/authorize.ts'
import type { PolicyEngine } from '../../../src/policy/engine.ts'
import type { Recorder } from '../../../src/record/record.ts'

declare const engine: PolicyEngine
declare const guard: Guard
declare const recorder: Recorder
declare const call: Call
declare const target: Target
declare const permitted: Permitted<Call>

const nothing = () => undefined

// @ts-expect-error 'Permitted<Call>' is not assignable to parameter of type 'Admitted<Call>'
void guard.inspectArguments(permitted)
// @ts-expect-error 'Permitted<Call>' is not assignable to parameter of type 'Inspected<Call>'
attach(permitted, nothing)
// @ts-expect-error 'Permitted<Call>' is not assignable to parameter of type 'Attached<Call>'
void recorder.intent(permitted, 0, 1)
// @ts-expect-error 'Call' is not assignable to parameter of type 'Attached<Action>'
void recorder.intent(call, 0, 1)
// @ts-expect-error 'Target' is not assignable to parameter of type 'Action'
authorize(engine, target, call)
