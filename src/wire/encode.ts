/** The neutral reply in the caller's era: results spliced from the server's bytes, refusals, questions. Pure. */

import { type Arriving, Layer } from '../kit/arriving.ts'
import {
  type Collect,
  isObjectText,
  type JsonMember,
  scanObject,
  textMember,
} from '../kit/json-scan.ts'
import { mayName } from '../kit/may-name.ts'
import type { Call, Era, Revision } from '../model/call.ts'
import { type Members, objectText } from '../model/members.ts'
import { methodOf, notifications, questionKindOf } from '../model/methods.ts'
import type { Released } from '../model/proofs.ts'
import { GatewayError, publicSentence, refusals } from '../model/refusal.ts'
import type { CallNotification, Question, Reply } from '../model/reply.ts'
import { type Edit, mayLackContent, olderContent, olderQuestion } from './older.ts'
import { StreamEditor, type StreamEdits } from './stream-editor.ts'

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

/** What an endpoint changes of a server's result. */
export interface ResultPlace {
  /** What the endpoint puts before a server's URIs; empty where they stay. */
  readonly uriPrefix: string
  /** The public id of the task that the result is about or that was made instead of one. */
  readonly taskId: string | undefined
  /** The tool's output is no object and the caller's revision knows only objects (protocol.md section 5). */
  readonly wrapsOutput: boolean
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
  const { body } = reply
  // A legacy server's structured content is an object; a legacy caller can take no other.
  const legacyOutput =
    call.era === 'legacy' && reply.era === 'modern' && methodOf(call.method).result === 'tool'
  if (body.kind === 'stream') {
    const members =
      call.era === 'modern' && reply.era === 'legacy' ? modernMembers(call) : noMembers
    const edited = {
      ...place,
      wrapsOutput: legacyOutput,
      wrapsAlways: place.wrapsOutput,
      members,
    }
    const older = hasBlocks(call) && mayLackContent(call.revision)
    const source = older ? heldOlder(body, call.revision, place.uriPrefix) : body
    const { head, rest } = editStream(source, edited)
    return { member: 'result', status: 200, head: [head], stream: rest, end }
  }
  const older = hasBlocks(call) ? olderContent(body.bytes, call.revision, place.uriPrefix) : []
  const edits: Edit[] = []
  if (call.era !== reply.era) eraEdits(call, body.bytes, edits)
  if (place.uriPrefix !== '' && mayName(body.bytes, 'uri'))
    uriEdits(body.bytes, place.uriPrefix, edits)
  if (place.taskId !== undefined) taskEdits(body.bytes, place.taskId, edits)
  if (legacyOutput && mayName(body.bytes, 'structuredContent'))
    outputEdits(body.bytes, place.wrapsOutput, edits)
  const within = (edit: Edit): boolean =>
    older.some(({ start, end }) => edit.start >= start && edit.end <= end)
  const all = older.length === 0 ? edits : [...older, ...edits.filter((edit) => !within(edit))]
  return {
    member: 'result',
    status: 200,
    head: applyEdits(body.bytes, all),
    stream: undefined,
    end,
  }
}

/** Whether the result is content for people and models. */
function hasBlocks(call: Call): boolean {
  const { result } = methodOf(call.method)
  return result === 'tool' || result === 'prompt'
}

/** Of a large result that is held to be read whole, since it may hold what an old revision lacks. A larger one passes as it is. */
const heldBytesMax = 4_000_000

/** A result that is still arriving, held to its end and then as an older revision knows it. */
function heldOlder(
  body: { readonly head: Buffer; readonly rest: Arriving },
  revision: Revision,
  uriPrefix: string,
): { head: Buffer; rest: Arriving } {
  const rest = new Layer(body.rest, async function* pieces(source) {
    const held = [body.head]
    let bytes = body.head.length
    let passing = false
    for await (const chunk of source) {
      bytes += chunk.length
      if (passing) yield chunk
      else held.push(chunk)
      if (passing || bytes <= heldBytesMax) continue
      passing = true
      yield* held.splice(0)
    }
    if (passing) return
    const whole = Buffer.concat(held)
    for (const part of applyEdits(whole, olderContent(whole, revision, uriPrefix)))
      yield Buffer.from(part)
  })
  return { head: Buffer.alloc(0), rest }
}

function applyEdits(bytes: Buffer, edits: Edit[]): (string | Buffer)[] {
  if (edits.length === 0) return [bytes]
  // What is inserted behind a value comes before what is made of the gap behind it.
  edits.sort((a, b) => a.start - b.start || a.end - b.end)
  const parts: (string | Buffer)[] = []
  let from = 0
  for (const edit of edits) {
    parts.push(bytes.subarray(from, edit.start), edit.text)
    from = edit.end
  }
  parts.push(bytes.subarray(from))
  return parts
}

const scanOptions = { depthMax: 512, refuseDuplicates: false }

/** What a modern result has and a legacy one has not: MCP 2026-07-28 basic/index, server/utilities/caching. */
const modernOnly: ReadonlySet<string> = new Set(['resultType', 'ttlMs', 'cacheScope'])

/** What a result of a legacy server lacks for a modern caller. */
function modernMembers(call: Call): ReadonlyMap<string, string> {
  return methodOf(call.method).result === 'contents' ? readMembers : resultMembers
}

const resultMembers: ReadonlyMap<string, string> = new Map([['resultType', '"complete"']])
const readMembers: ReadonlyMap<string, string> = new Map([
  ...resultMembers,
  ['ttlMs', '0'],
  ['cacheScope', '"private"'],
])
const noMembers: ReadonlyMap<string, string> = new Map()

function modernAdditions(call: Call): string {
  return [...modernMembers(call)].map(([key, raw]) => `"${key}":${raw}`).join(',')
}

/** Rebuilds the outermost level of a result for the other era; the values stay the bytes that they are. */
function eraEdits(call: Call, bytes: Buffer, edits: Edit[]): void {
  const kept = scanObject(bytes.toString('latin1'), {}, scanOptions).filter(
    (member) => !modernOnly.has(member.key),
  )
  const additions = call.era === 'modern' ? modernAdditions(call) : ''
  const first = kept[0]
  const last = kept.at(-1)
  if (first === undefined || last === undefined) {
    edits.push({ start: 0, end: bytes.length, text: `{${additions}}` })
    return
  }
  edits.push({ start: 0, end: first.keyStart, text: additions === '' ? '{' : `{${additions},` })
  for (let i = 1; i < kept.length; i++)
    edits.push({ start: kept[i - 1]?.end ?? 0, end: kept[i]?.keyStart ?? 0, text: ',' })
  edits.push({ start: last.end, end: bytes.length, text: '}' })
}

const contentPaths: Collect = { '[]': { resource: {} } }
const uriPaths: Collect = {
  content: contentPaths,
  contents: { '[]': {} },
  messages: { '[]': { content: { resource: {}, '[]': { resource: {} } } } },
  // Results of tasks, and of the skills extension.
  result: { content: contentPaths },
  skill: { resources: { '[]': {} } },
  resources: { '[]': {} },
}

/** Scheme of MCP Apps, which hosts look for at the start of a URI; a server's name goes behind it. */
const appScheme = 'ui://'

/** Prefixes every URI of a result that names a resource of the server, so that the caller can read it here. */
function uriEdits(bytes: Buffer, uriPrefix: string, edits: Edit[]): void {
  const visit = (members: readonly JsonMember[]): void => {
    for (const member of members) {
      if (member.key === 'uri' && bytes[member.start] === 0x22) {
        const first = bytes.toString('latin1', member.start + 1, member.start + 1 + 5)
        const at = member.start + 1 + (first === appScheme ? appScheme.length : 0)
        edits.push({ start: at, end: at, text: uriPrefix })
      }
      if (member.members !== undefined) visit(member.members)
    }
  }
  for (const member of scanObject(bytes.toString('latin1'), uriPaths, scanOptions))
    if (member.members !== undefined) visit(member.members)
}

const relatedTask = 'io.modelcontextprotocol/related-task'
const taskPaths: Collect = { task: {}, _meta: { [relatedTask]: {} } }

/** Puts the public id in the place of the server's own (tasks extension; core tasks of 2025-11-25 nest it). */
function taskEdits(bytes: Buffer, publicId: string, edits: Edit[]): void {
  const text = JSON.stringify(publicId)
  const visit = (members: readonly JsonMember[]): void => {
    for (const member of members) {
      if (member.key === 'taskId') edits.push({ start: member.start, end: member.end, text })
      if (member.members !== undefined) visit(member.members)
    }
  }
  visit(scanObject(bytes.toString('latin1'), taskPaths, scanOptions))
}

/** Wraps structured content that is no object as `{"result": ...}`; a tool whose schema says so gets it always. */
function outputEdits(bytes: Buffer, always: boolean, edits: Edit[]): void {
  const members = scanObject(bytes.toString('latin1'), {}, scanOptions)
  const output = members.find((member) => member.key === 'structuredContent')
  if (output === undefined || (!always && bytes[output.start] === 0x7b)) return
  edits.push({ start: output.start, end: output.start, text: '{"result":' })
  edits.push({ start: output.end, end: output.end, text: '}' })
  const content = members.find((member) => member.key === 'content')
  const empty = content !== undefined && /^\[\s*\]$/.test(slice(bytes, content))
  if (content !== undefined && !empty) return
  // Callers that read only text must find something there.
  const block = `[{"type":"text","text":${JSON.stringify(slice(bytes, output))}}]`
  if (content !== undefined) edits.push({ start: content.start, end: content.end, text: block })
  else edits.push({ start: output.keyStart, end: output.keyStart, text: `"content":${block},` })
}

function slice(bytes: Buffer, member: JsonMember): string {
  return bytes.toString('utf8', member.start, member.end)
}

/** The same on a result that is still arriving. */
function editStream(
  body: { readonly head: Buffer; readonly rest: Arriving },
  place: StreamEdits,
): { head: Buffer; rest: Arriving } {
  const { uriPrefix, taskId, wrapsOutput, members } = place
  if (uriPrefix === '' && taskId === undefined && !wrapsOutput && members.size === 0) return body
  const editor = new StreamEditor(place)
  const rewritten = (rewrite: () => Buffer): Buffer => {
    try {
      return rewrite()
    } catch (cause) {
      const error = new GatewayError('server_broken', { detail: 'the result is no JSON', cause })
      body.rest.stop(error)
      throw error
    }
  }
  // The head, too, is rewritten while it is read: what is wrong with it breaks the stream off like what comes later.
  const rest = new Layer(body.rest, async function* pieces(source) {
    yield rewritten(() => editor.rewrite(body.head))
    for await (const chunk of source) yield rewritten(() => editor.rewrite(chunk))
    yield rewritten(() => editor.finish())
  })
  return { head: Buffer.alloc(0), rest }
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
