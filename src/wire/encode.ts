/** The neutral reply in the caller's era: results spliced from the server's bytes, refusals, questions. Pure. */

import type { Arriving } from '../kit/arriving.ts'
import { isObjectText, textMember } from '../kit/json-scan.ts'
import type { Call, Era, Revision } from '../model/call.ts'
import { type Members, objectText } from '../model/members.ts'
import { methodOf, notifications, questionKindOf } from '../model/methods.ts'
import type { Released } from '../model/proofs.ts'
import { type GatewayError, publicSentence, refusals } from '../model/refusal.ts'
import type { CallNotification, Question, Reply } from '../model/reply.ts'
import { editedResult, type ResultPlace } from './edit-result.ts'
import { olderQuestion } from './older.ts'

/** One JSON-RPC message on its way out. Parts are written in order; a stream comes between head and tail. */
export interface OutMessage {
  /** HTTP status if the message is the whole answer. */
  readonly status: number
  /** Raw id of the request that it answers, under which something else may have to take its place. */
  readonly rpcId: string
  readonly head: readonly (string | Buffer)[]
  readonly stream: Arriving | undefined
  readonly tail: string
}

/** What a message says under its id. */
export interface Value {
  readonly member: 'result' | 'error'
  readonly status: number
  readonly head: (string | Buffer)[]
  readonly stream: Arriving | undefined
  /** Further members of the message itself, and its end. */
  readonly end: string
}

const value = (member: Value['member'], status: number, head: Value['head']): Value => ({
  member,
  status,
  head,
  stream: undefined,
  end: '}',
})

/** The message of a value, which is used up. `rpcId` raw. */
function messageOf(rpcId: string, { member, status, head, stream, end }: Value): OutMessage {
  head.unshift(`{"jsonrpc":"2.0","id":${rpcId},"${member}":`)
  if (stream === undefined) head.push(end)
  return { status, rpcId, head, stream, tail: stream === undefined ? '' : end }
}

/** A reply that was released, for the caller of `call`. */
export function encodeReply(call: Call, released: Released, place: ResultPlace): OutMessage {
  return messageOf(call.rpcId, replyValue(call, released, place))
}

/** The same without the message around it. */
export function replyValue(call: Call, released: Released, place: ResultPlace): Value {
  const { reply } = released
  if (reply.kind === 'complete') return completeValue(call, reply, place)
  if (reply.kind === 'error') return serverErrorValue(call, reply)
  return value('result', 200, [questionsText(reply)])
}

type Complete = Extract<Reply, { kind: 'complete' }>

function completeValue(call: Call, reply: Complete, place: ResultPlace): Value {
  const end = reply.extras.length === 0 ? '}' : `,${objectText(reply.extras).slice(1)}`
  const { head, rest } = editedResult(call, reply, place)
  return { member: 'result', status: 200, head, stream: rest, end }
}

function questionsText(reply: Extract<Reply, { kind: 'input_required' }>): string {
  let text = '{"resultType":"input_required"'
  if (reply.questions.length > 0)
    text += `,"inputRequests":{${reply.questions.map(questionText).join(',')}}`
  if (reply.requestState !== undefined)
    text += `,"requestState":${JSON.stringify(reply.requestState)}`
  return reply.extras.length === 0 ? `${text}}` : `${text},${objectText(reply.extras).slice(1)}`
}

function questionText(question: Question): string {
  const params = question.params === undefined ? '' : `,"params":${question.params}`
  return `${JSON.stringify(question.key)}:{"method":"${question.method}"${params}}`
}

/** Errors of a server, re-coded for the caller's era (protocol.md section 7.2). */
function serverErrorValue(call: Call, reply: Extract<Reply, { kind: 'error' }>): Value {
  // Legacy has no code for a capability that the caller lacks; a model can at least read it (protocol.md section 5).
  if (reply.code === -32021 && call.era === 'legacy' && methodOf(call.method).result === 'tool') {
    const body = toolErrorBody(
      reply.message === '' ? refusals.capability_missing.sentence : reply.message,
    )
    return value('result', 200, [body])
  }
  const { code, status } = recode(call, reply)
  const data = reply.data === undefined ? '' : `,"data":${reply.data}`
  const text = JSON.stringify(
    reply.message === '' ? 'The server answered with an error.' : reply.message,
  )
  return value('error', status, [`{"code":${code},"message":${text}${data}}`])
}

function recode(
  call: Call,
  reply: Extract<Reply, { kind: 'error' }>,
): { code: number; status: number } {
  const { code } = reply
  if (call.era === 'legacy') {
    if (
      code === -32602 &&
      reply.era === 'modern' &&
      methodOf(call.method).result === 'contents' &&
      isObjectText(reply.data) &&
      textMember(reply.data, 'uri') !== undefined
    )
      return { code: -32002, status: 200 }
    if (code === -32042 && call.revision < '2025-11-25') return { code: -32603, status: 200 }
    return { code: reply.era === 'modern' && reservedByModern(code) ? -32603 : code, status: 200 }
  }
  if (code === -32601) return { code, status: 404 }
  if (code === -32020 || code === -32021) return { code, status: 400 }
  if (code === -32002) return { code: -32602, status: 200 }
  return { code: reservedByModern(code) || code === -32042 ? -32603 : code, status: 200 }
}

/** -32020 to -32099 may only be emitted as the specification defines them. */
function reservedByModern(code: number): boolean {
  return code <= -32_020 && code >= -32_099 && code !== -32_042
}

/** A refusal as a JSON-RPC error with the status of the era. `rpcId` raw, `null` when it could not be read. */
export function encodeRefusal(
  era: Era,
  rpcId: string,
  error: GatewayError,
  callId: string | undefined,
): OutMessage {
  return messageOf(rpcId === '' ? 'null' : rpcId, refusalValue(era, error, callId))
}

/** The same without the message around it. */
export function refusalValue(era: Era, error: GatewayError, callId: string | undefined): Value {
  const kind = refusals[error.code]
  const data = {
    ...error.data,
    code: error.code,
    ...(callId === undefined ? {} : { call: callId }),
  }
  const code = error.code === 'resource_unknown' && era === 'modern' ? -32602 : kind.rpc
  // 404 tells a legacy client that its session is gone, so no other refusal may use it.
  const status = era === 'legacy' && error.code === 'method_unknown' ? 200 : kind.http
  const text = `{"code":${code},"message":${JSON.stringify(publicSentence(error))},"data":${JSON.stringify(data)}}`
  return value('error', status, [text])
}

/** A refusal that the model can act on, as the result of the tool (MCP 2026-07-28 server/tools, "Error Handling"). */
export function toolErrorBody(sentence: string): Buffer {
  return Buffer.from(
    `{"content":[{"type":"text","text":${JSON.stringify(sentence)}}],"isError":true}`,
  )
}

/** A result that the gateway itself makes; `text` is the raw result of the caller's era. */
export function encodeOwnResult(rpcId: string, text: string | Buffer): OutMessage {
  return messageOf(rpcId, value('result', 200, [text]))
}

/** A notification of a running call with the caller's own progress token; undefined when the caller wants none. */
export function encodeNotification(call: Call, notification: CallNotification): string | undefined {
  if (notification.kind === 'progress') {
    if (call.progressToken === undefined) return undefined
    const params = objectText(notification.params).slice(1)
    return `{"jsonrpc":"2.0","method":"${notifications.progress}","params":{"progressToken":${call.progressToken}${params === '}' ? '' : ','}${params}}`
  }
  return `{"jsonrpc":"2.0","method":"${notifications.message}","params":${objectText(notification.params)}}`
}

/** A question as a real request to a legacy client. */
export function encodeQuestion(rpcId: string, question: Question, revision: Revision): string {
  const given = question.params
  const known =
    given !== undefined && questionKindOf(question.method) === 'sampling'
      ? olderQuestion(given, revision)
      : given
  const params = known === undefined ? '' : `,"params":${known}`
  return `{"jsonrpc":"2.0","id":${rpcId},"method":"${question.method}"${params}}`
}

/** A notification of the gateway itself. */
export function encodeOwnNotification(method: string, params: Members): string {
  return `{"jsonrpc":"2.0","method":"${method}"${params.length === 0 ? '' : `,"params":${objectText(params)}`}}`
}
