/** Our side toward servers: requests in the server's era, and its messages scanned into the neutral form. Pure. */
import { JsonFault, type JsonMember, scanArray, scanObject, stringValue } from '../kit/json-scan.ts'
import type { Call, Era, Revision } from '../model/call.ts'
import type { OwnRequest, RelayedRequest, ServerCodec, ServerMessage } from '../model/codec.ts'
import { extensionsText, tasksExtension } from '../model/extensions.ts'
import { type Member, type Members, objectText } from '../model/members.ts'
import { methodOf, type Subject } from '../model/methods.ts'
import { productInfo } from '../model/product.ts'
import { GatewayError } from '../model/refusal.ts'
import { metaPrefix } from './decode.ts'
import { encodeHeaderValue } from './header-value.ts'
import { paramHeadersOf } from './param-headers.ts'

/** Nesting that a server's message may have. */
const serverDepthMax = 512

function modernMeta(revision: Revision, capabilities: string): string {
  return `"${metaPrefix}protocolVersion":"${revision}","${metaPrefix}clientCapabilities":${capabilities},"${metaPrefix}clientInfo":${productInfo}`
}

function ownRequest(era: Era, revision: Revision, request: OwnRequest): string {
  const params = request.params.length === 0 ? '' : objectText(request.params).slice(1, -1)
  const head = `{"jsonrpc":"2.0","id":${request.id},"method":"${request.method}"`
  if (era === 'legacy') return params === '' ? `${head}}` : `${head},"params":{${params}}}`
  const meta = `"_meta":{${modernMeta(revision, request.capabilities.raw)}}`
  return `${head},"params":{${params}${params === '' ? '' : ','}${meta}}}`
}

function relayedRequest(era: Era, revision: Revision, request: RelayedRequest): string {
  const { call } = request
  const { subject } = methodOf(call.method)
  let params = subjectText(subject, request.name)
  if (call.args !== undefined) params += `${params === '' ? '' : ','}"arguments":${call.args}`
  for (const member of call.params) {
    const raw =
      member.key === 'ref' && subject?.member === 'ref'
        ? referenceText(member.raw, request.name)
        : member.raw
    params += `${params === '' ? '' : ','}${JSON.stringify(member.key)}:${raw}`
  }
  if (era === 'modern') {
    if (call.inputResponses !== undefined) params += `,"inputResponses":${call.inputResponses}`
    if (request.requestState !== undefined)
      params += `,"requestState":${JSON.stringify(request.requestState)}`
  }
  const meta = metaText(era, revision, request)
  return `{"jsonrpc":"2.0","id":${request.id},"method":"${call.method}","params":{${params}${meta}}}`
}

function metaText(era: Era, revision: Revision, request: RelayedRequest): string {
  const { call } = request
  let text = ''
  for (const member of call.meta)
    text += `${text === '' ? '' : ','}${JSON.stringify(member.key)}:${member.raw}`
  if (call.progressToken !== undefined)
    text += `${text === '' ? '' : ','}"progressToken":${request.id}`
  if (era === 'modern') {
    text += `${text === '' ? '' : ','}${modernMeta(revision, askable(call, request.extensions))}`
    if (call.logLevel !== undefined) text += `,"${metaPrefix}logLevel":"${call.logLevel}"`
  }
  return text === '' ? '' : `,"_meta":{${text}}`
}

/** A modern caller's capabilities as they are; of a legacy caller's, what a modern server can use. Extensions by allow-list. */
function askable(call: Call, allowed: ReadonlySet<string>): string {
  const { raw, bare, extensions, elicitation, elicitationUrl, sampling, roots } = call.capabilities
  if (raw === '{}') return raw
  const relayed = [...extensions].filter(
    ([id]) => allowed.has(id) && (call.era === 'modern' || id !== tasksExtension),
  )
  if (call.era === 'modern') {
    if (relayed.length === 0) return bare
    return `${bare.slice(0, -1)}${bare === '{}' ? '' : ','}${extensionsText(relayed)}}`
  }
  const parts: string[] = []
  if (elicitation || elicitationUrl)
    parts.push(
      `"elicitation":{${[elicitation ? '"form":{}' : '', elicitationUrl ? '"url":{}' : ''].filter(Boolean).join(',')}}`,
    )
  if (sampling) parts.push('"sampling":{}')
  if (roots) parts.push('"roots":{}')
  if (relayed.length > 0) parts.push(extensionsText(relayed))
  return `{${parts.join(',')}}`
}

function subjectText(subject: Subject | undefined, name: string): string {
  // A reference is one of the params.
  if (subject === undefined || subject.member === 'ref') return ''
  return `"${subject.member}":${JSON.stringify(name)}`
}

function referenceText(raw: string, name: string): string {
  const members = scanObject(raw, {}, { depthMax: 8, refuseDuplicates: true })
  const rewritten: Member[] = members.map((member) => ({
    key: member.key,
    raw:
      member.key === 'name' || member.key === 'uri'
        ? JSON.stringify(name)
        : raw.slice(member.start, member.end),
  }))
  return objectText(rewritten)
}

function headers(
  era: Era,
  revision: Revision | undefined,
  method: string,
  name: string,
): Record<string, string> {
  if (era === 'legacy')
    return revision === undefined || revision < '2025-06-18'
      ? {}
      : { 'mcp-protocol-version': revision }
  const sent: Record<string, string> = {
    'mcp-protocol-version': revision ?? '',
    'mcp-method': method,
  }
  if (name !== '' && methodOf(method).isMirrored) sent['mcp-name'] = encodeHeaderValue(name)
  return sent
}

const collect = { result: {}, error: {}, params: { _meta: {} } }
const options = { depthMax: serverDepthMax, refuseDuplicates: false }

/** Scans a server's message on a latin1 view, where string index and byte offset are the same. */
function decode(message: Buffer): ServerMessage {
  const bytes = withoutMark(message)
  const view = bytes.toString('latin1')
  let members: readonly JsonMember[]
  try {
    members = scanObject(view, collect, options)
  } catch (fault) {
    if (!(fault instanceof JsonFault)) throw fault
    const only = onlyElement(view)
    if (only !== undefined) return decode(bytes.subarray(only.start, only.end))
    const detail = `not a JSON-RPC message: ${fault.message}`
    const id = idOfBroken(view)
    if (id !== undefined) return { kind: 'broken', id, detail }
    throw new GatewayError('server_broken', { detail, cause: fault })
  }
  return messageOf(bytes, members)
}

/** Without a byte order mark, which parsers may skip (RFC 8259 section 8.1). */
function withoutMark(bytes: Buffer): Buffer {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes
}

/** A batch of one message (MCP 2025-03-26 basic/index); we send no batches, so nothing answers with more. */
function onlyElement(view: string): JsonMember | undefined {
  if (!/^\s*\[/.test(view)) return undefined
  try {
    return scanArray(view, 1, options)[0]
  } catch {
    return undefined
  }
}

/** The id of an answer that is no JSON, where it stands at one of the two ends at which servers write it. */
function idOfBroken(view: string): string | undefined {
  const first =
    /^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d{1,15})\s*,\s*"(?:result|error)"/
  const last =
    /\}\s*,\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d{1,15})\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$/
  return (first.exec(view.slice(0, 120)) ?? last.exec(view.slice(-120)))?.[1]
}

function messageOf(bytes: Buffer, members: readonly JsonMember[]): ServerMessage {
  let id = ''
  let method: string | undefined
  let result: JsonMember | undefined
  let error: JsonMember | undefined
  let params: JsonMember | undefined
  let extras: Member[] | undefined
  for (const member of members) {
    if (member.key === 'id') id = text(bytes, member)
    else if (member.key === 'method') method = stringValue(text(bytes, member))
    else if (member.key === 'result') result = member
    else if (member.key === 'error') error = member
    else if (member.key === 'params') params = member
    else if (member.key !== 'jsonrpc') {
      extras ??= []
      extras.push({ key: keyText(bytes, member), raw: text(bytes, member) })
    }
  }
  if (method !== undefined) {
    if (id !== '')
      return {
        kind: 'request',
        id,
        method,
        params: params === undefined ? undefined : text(bytes, params),
      }
    const meta = params?.members?.find((member) => member.key === '_meta')
    return {
      kind: 'notification',
      method,
      params: rawMembers(bytes, params?.members ?? []),
      meta: rawMembers(bytes, meta?.members ?? []),
    }
  }
  // Some servers write both members, one of them `null`; an error with a code or a message is what happened.
  const failed = error === undefined ? undefined : errorMessage(bytes, plainId(id), error)
  if (failed !== undefined) return failed
  if (result?.members !== undefined) return resultMessage(bytes, id, result, extras ?? [])
  const detail =
    result === undefined ? 'neither method, result nor error' : 'the result is not an object'
  if (id === '') throw new GatewayError('server_broken', { detail })
  return { kind: 'broken', id: plainId(id), detail }
}

/** Our ids are whole numbers; some servers write them as text or as a fraction. */
function plainId(raw: string): string {
  return raw === '' ? 'null' : (/^"?(\d{1,15})(?:\.0+)?"?$/.exec(raw)?.[1] ?? raw)
}

function resultMessage(
  bytes: Buffer,
  id: string,
  result: JsonMember,
  extras: Members,
): ServerMessage {
  let resultType: string | undefined
  let isError = false
  for (const member of result.members ?? []) {
    if (member.key === 'resultType') resultType = stringValue(text(bytes, member)) ?? ''
    else if (member.key === 'isError') isError = text(bytes, member) === 'true'
  }
  return {
    kind: 'result',
    id: plainId(id),
    bytes,
    start: result.start,
    end: result.end,
    resultType,
    isError,
    extras,
  }
}

/** Undefined when it says nothing: `null`, or an object with neither code nor message. A text is the message. */
function errorMessage(bytes: Buffer, id: string, error: JsonMember): ServerMessage | undefined {
  let code: number | undefined
  let message = stringValue(text(bytes, error))
  let data: string | undefined
  for (const member of error.members ?? []) {
    const raw = text(bytes, member)
    if (member.key === 'code' && /^-?\d{1,15}$/.test(raw)) code = Number(raw)
    else if (member.key === 'message') message = stringValue(raw) ?? ''
    else if (member.key === 'data') data = raw
  }
  if (code === undefined && message === undefined) return undefined
  return { kind: 'error', id, code: code ?? -32603, message: message ?? '', data }
}

function text(bytes: Buffer, member: JsonMember): string {
  return bytes.toString('utf8', member.start, member.end)
}

/** A key of the latin1 view as its bytes say it: escapes beyond one byte would be cut when the view is turned back. */
function keyText(bytes: Buffer, member: JsonMember): string {
  const text = bytes.toString('utf8', member.keyStart, member.start)
  return stringValue(text.slice(0, text.lastIndexOf('"') + 1)) ?? ''
}

function rawMembers(bytes: Buffer, members: readonly JsonMember[]): Members {
  return members.map((member) => ({
    key: keyText(bytes, member),
    raw: text(bytes, member),
  }))
}

/** Of what is no message. */
const saidBytesMax = 4_096

export const serverCodec: ServerCodec = {
  ownRequest,
  relayedRequest,
  notification: (method, params) =>
    `{"jsonrpc":"2.0","method":"${method}"${params.length === 0 ? '' : `,"params":${objectText(params)}`}}`,
  answer: (rpcId, result) => `{"jsonrpc":"2.0","id":${rpcId},"result":${result}}`,
  answerRawError: (rpcId, error) => `{"jsonrpc":"2.0","id":${rpcId},"error":${error}}`,
  answerError: (rpcId, code, message) =>
    `{"jsonrpc":"2.0","id":${rpcId},"error":{"code":${code},"message":${JSON.stringify(message)}}}`,
  headers,
  paramHeaders: paramHeadersOf,
  decode,
  said: (bytes) => bytes.toString('utf8', 0, saidBytesMax),
}
