/** Our side toward servers: requests in the server's era, and its messages scanned into the neutral form. Pure. */
import { JsonFault, type JsonMember, scanObject, stringValue } from '../kit/json-scan.ts'
import type { Call, Era, Revision } from '../model/call.ts'
import type { OwnRequest, RelayedRequest, ServerCodec, ServerMessage } from '../model/codec.ts'
import { extensionsText, isSkillMethod, isTaskMethod, tasksExtension } from '../model/extensions.ts'
import { type Member, type Members, objectText } from '../model/members.ts'
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
  let params = subjectText(call, request.name)
  if (call.args !== undefined) params += `${params === '' ? '' : ','}"arguments":${call.args}`
  for (const member of call.params) {
    const raw =
      member.key === 'ref' && call.method === 'completion/complete'
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
  const { raw, extensions, elicitation, elicitationUrl, sampling, roots } = call.capabilities
  if (raw === '{}') return raw
  const relayed = [...extensions].filter(
    ([id]) => allowed.has(id) && (call.era === 'modern' || id !== tasksExtension),
  )
  if (call.era === 'modern') {
    if (relayed.length === extensions.size && !raw.includes('"extensions"')) return raw
    const kept = scanObject(raw, {}, { depthMax: serverDepthMax, refuseDuplicates: false }).filter(
      (member) => member.key !== 'extensions',
    )
    const texts = [
      ...kept.map((member) => raw.slice(member.keyStart, member.end)),
      extensionsText(relayed),
    ]
    return `{${texts.filter(Boolean).join(',')}}`
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

function subjectText(call: Call, name: string): string {
  if (isTaskMethod(call.method)) return `"taskId":${JSON.stringify(name)}`
  if (call.method === 'resources/read' || isSkillMethod(call.method))
    return `"uri":${JSON.stringify(name)}`
  return call.method === 'tools/call' || call.method === 'prompts/get'
    ? `"name":${JSON.stringify(name)}`
    : ''
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
  if (
    name !== '' &&
    (method === 'tools/call' ||
      method === 'prompts/get' ||
      method === 'resources/read' ||
      isTaskMethod(method))
  )
    sent['mcp-name'] = encodeHeaderValue(name)
  return sent
}

const collect = { result: {}, error: {}, params: { _meta: {} } }
const options = { depthMax: serverDepthMax, refuseDuplicates: false }

/** Scans a server's message on a latin1 view, where string index and byte offset are the same. */
function decode(bytes: Buffer): ServerMessage {
  const view = bytes.toString('latin1')
  let members: readonly JsonMember[]
  try {
    members = scanObject(view, collect, options)
  } catch (fault) {
    if (!(fault instanceof JsonFault)) throw fault
    throw new GatewayError('server_broken', {
      detail: `not a JSON-RPC message: ${fault.message}`,
      cause: fault,
    })
  }
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
  if (result !== undefined) return resultMessage(bytes, id, result, extras ?? [])
  if (error?.members !== undefined)
    return errorMessage(bytes, id === '' ? 'null' : id, error.members)
  throw new GatewayError('server_broken', {
    detail: 'a message with neither method, result nor error',
  })
}

function resultMessage(
  bytes: Buffer,
  id: string,
  result: JsonMember,
  extras: Members,
): ServerMessage {
  if (result.members === undefined)
    throw new GatewayError('server_broken', { detail: 'the result is not an object' })
  let resultType: string | undefined
  let isError = false
  for (const member of result.members) {
    if (member.key === 'resultType') resultType = stringValue(text(bytes, member)) ?? ''
    else if (member.key === 'isError') isError = text(bytes, member) === 'true'
  }
  return {
    kind: 'result',
    id,
    bytes,
    start: result.start,
    end: result.end,
    resultType,
    isError,
    extras,
  }
}

function errorMessage(bytes: Buffer, id: string, members: readonly JsonMember[]): ServerMessage {
  let code = -32603
  let message = ''
  let data: string | undefined
  for (const member of members) {
    const raw = text(bytes, member)
    if (member.key === 'code' && /^-?\d{1,15}$/.test(raw)) code = Number(raw)
    else if (member.key === 'message') message = stringValue(raw) ?? ''
    else if (member.key === 'data') data = raw
  }
  return { kind: 'error', id, code, message, data }
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
}
