import { type Call, newestLegacy, newestModern, noCapabilities } from '../model/call.ts'
import type { Exchange } from '../model/session.ts'

/** A Call for the record of a message that could not be made into one. */
export function bareCall(
  callId: string,
  exchange: Exchange,
  era: 'legacy' | 'modern',
  method: string,
): Call {
  return {
    callId,
    method,
    endpoint: exchange.endpoint,
    era,
    revision: era === 'modern' ? newestModern : newestLegacy,
    rpcId: 'null',
    name: '',
    reference: undefined,
    args: undefined,
    params: [],
    meta: [],
    progressToken: undefined,
    capabilities: noCapabilities,
    logLevel: undefined,
    inputResponses: undefined,
    declined: undefined,
    requestState: undefined,
    paramHeaders: undefined,
    streams: exchange.streams,
    bytes: exchange.bytes,
    cancel: exchange.cancel,
    account: exchange.account,
  }
}
