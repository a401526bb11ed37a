/** Two rooms in the wrong order: the later one does not take what is not there yet. */
import { attach } from '../../../src/credential/attach.ts'
import type { Guard } from '../../../src/guard/inspect.ts'
import type { Identified } from '../../../src/model/call.ts'
import type { Permitted } from '../../../src/model/proofs.ts'
import type { Target } from '../../../src/model/target.ts'
import { authorize } from '../../../src/policy/authorize.ts'
import type { PolicyEngine } from '../../../src/policy/engine.ts'
import type { Recorder } from '../../../src/record/record.ts'

declare const engine: PolicyEngine
declare const guard: Guard
declare const recorder: Recorder
declare const identified: Identified
declare const target: Target
declare const permitted: Permitted

const nothing = () => undefined

// @ts-expect-error 'Permitted' is not assignable to parameter of type 'Admitted'
void guard.inspectArguments(permitted)
// @ts-expect-error 'Permitted' is not assignable to parameter of type 'Inspected'
attach(permitted, nothing)
// @ts-expect-error 'Permitted' is not assignable to parameter of type 'Attached'
void recorder.intent(permitted, 0, 1)
// @ts-expect-error 'Identified' is not assignable to parameter of type 'Attached'
void recorder.intent(identified, 0, 1)
// @ts-expect-error 'Target' is not assignable to parameter of type 'Identified'
authorize(engine, target, identified)
