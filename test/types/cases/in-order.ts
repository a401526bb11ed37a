/** The whole way in its order compiles. */
import { attach } from '../../../src/credential/attach.ts'
import type { Guard } from '../../../src/guard/inspect.ts'
import { admit, type Limits } from '../../../src/limits/admit.ts'
import type { Call } from '../../../src/model/call.ts'
import type { Target } from '../../../src/model/target.ts'
import { authorize } from '../../../src/policy/authorize.ts'
import type { PolicyEngine } from '../../../src/policy/engine.ts'
import type { Recorder } from '../../../src/record/record.ts'
import { type Gate, type SendDeps, send } from '../../../src/upstream/send.ts'
import { encodeReply, type OutMessage } from '../../../src/wire/encode.ts'

export interface Given {
  readonly call: Call
  readonly target: Target
  readonly engine: PolicyEngine
  readonly limits: Limits
  readonly guard: Guard
  readonly recorder: Recorder
  readonly deps: SendDeps
  readonly gate: Gate
}

export async function walk(given: Given): Promise<OutMessage> {
  const { call, target, engine, limits, guard, recorder, deps, gate } = given
  const permitted = authorize(engine, call, target)
  const admitted = admit(limits, permitted, 0)
  const inspected = await guard.inspectArguments(admitted)
  const attached = attach(inspected, () => undefined)
  const recorded = await recorder.intent(attached, 0, 1)
  const reply = await send(deps, gate, recorded, () => undefined)
  return encodeReply(call, guard.inspectReply(reply), {
    uriPrefix: '',
    taskId: undefined,
    wrapsOutput: false,
  })
}
