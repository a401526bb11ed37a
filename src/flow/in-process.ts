/**
 * Calls of our own: what the command line, and whatever else lives in this process, asks of servers. They go through the
 * same rooms as those of the doors, and leave the same record.
 */
import { unlimitedAccount } from '../model/account.ts'
import type { Action, Cancellation } from '../model/action.ts'
import { type Call, newestModern, noCapabilities } from '../model/call.ts'
import { methodOf, names } from '../model/methods.ts'
import type { Principal } from '../model/principal.ts'
import { GatewayError, toGatewayError } from '../model/refusal.ts'
import { refusalValue, replyValue, type Value } from '../wire/encode.ts'
import { parseArguments } from '../wire/envelope.ts'
import { runRound } from './round.ts'
import type { ServeDeps } from './serve.ts'
import { assertStillValid } from './still-valid.ts'

export interface OwnCall {
  readonly principal: Principal
  readonly server: string
  /** Its own name at the server. */
  readonly tool: string
  /** JSON text of an object. */
  readonly args: string
  readonly cancel: Cancellation
}

/** What became of it, in the newest revision: a result, what the server asks first, or an error with its code. */
export interface OwnAnswer {
  readonly kind: 'complete' | 'input_required' | 'error'
  readonly json: string
}

/** A larger result is not held. */
const answerBytesMax = 64_000_000
/** A result of our own kind stands where it came from. */
const nowhere = { uriPrefix: '', taskId: undefined, wrapsOutput: false }

/** Never rejects for what a room or a server says: that is an answer. */
export async function callTool(
  { rooms, nextCallId, isStopping }: Pick<ServeDeps, 'rooms' | 'nextCallId' | 'isStopping'>,
  { principal, server, tool, args, cancel }: OwnCall,
): Promise<OwnAnswer> {
  const action: Action = {
    id: nextCallId(),
    principal,
    kind: methodOf(names.callTool).action,
    method: names.callTool,
    subject: tool,
    endpoint: { kind: 'server', server },
    revision: newestModern,
    args: undefined,
    bytes: Buffer.byteLength(args),
    cancel,
    account: unlimitedAccount,
  }
  let call: Call
  try {
    assertStillValid(rooms, principal)
    if (isStopping()) throw new GatewayError('shutting_down')
    call = asCall(action, parseArguments(args))
  } catch (thrown) {
    const { code, message } = toGatewayError(thrown)
    await rooms.recorder.refusal({ action, server: '', name: tool, code, detail: message })
    return refused(thrown, action.id)
  }
  try {
    const { released, taskId } = await runRound(rooms, call, () => undefined, nextCallId)
    const { kind } = released.reply
    const value = replyValue(call, released, { ...nowhere, taskId })
    return { kind: value.member === 'error' ? 'error' : kind, json: await textOf(value) }
  } catch (thrown) {
    return refused(thrown, action.id)
  }
}

function refused(thrown: unknown, callId: string): OwnAnswer {
  const { head } = refusalValue('modern', toGatewayError(thrown), callId)
  return { kind: 'error', json: head.join('') }
}

/** As of a modern client that can be asked nothing and takes no stream. */
function asCall(action: Action, args: string): Call {
  return {
    ...action,
    era: 'modern',
    revision: newestModern,
    rpcId: 'null',
    reference: undefined,
    args,
    params: [],
    meta: [],
    progressToken: undefined,
    capabilities: noCapabilities,
    logLevel: undefined,
    inputResponses: undefined,
    declined: undefined,
    requestState: undefined,
    paramHeaders: undefined,
    streams: false,
  }
}

/** @throws GatewayError answer_too_large, and what breaks the result off */
async function textOf({ head, stream }: Value): Promise<string> {
  const pieces: Buffer[] = head.map((part) => Buffer.from(part))
  let bytes = 0
  for await (const piece of stream ?? []) {
    bytes += piece.length
    if (bytes > answerBytesMax) {
      const error = new GatewayError('answer_too_large')
      stream?.stop(error)
      throw error
    }
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString('utf8')
}
