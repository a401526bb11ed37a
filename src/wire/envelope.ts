import {
  foldKey,
  isObjectText,
  JsonFault,
  type JsonMember,
  scanArray,
  scanObject,
  stringValue,
} from '../kit/json-scan.ts'
import type { Member, Members } from '../model/members.ts'
import { ownNameOf } from '../model/methods.ts'
import { GatewayError } from '../model/refusal.ts'

/** One JSON-RPC message of a client, scanned once. Spans point into `text`. */
export interface Envelope {
  readonly text: string
  readonly kind: 'request' | 'notification' | 'response'
  /** Raw id; empty for notifications. */
  readonly rpcId: string
  /** Decoded; empty for responses. */
  readonly method: string
  readonly params: readonly JsonMember[]
  readonly meta: readonly JsonMember[]
  /** Raw `result` of a response. */
  readonly result: string | undefined
  /** Raw `error` of a response. */
  readonly error: string | undefined
}

/** Nesting that a client's message may have; policy and schema checks walk it. */
const messageDepthMax = 64
const batchMax = 50
const rpcIdMax = 512

const collect = { params: { _meta: {} } }
const scanOptions = { depthMax: messageDepthMax, refuseDuplicates: true }

/**
 * Scans one message. Refuses what two JSON parsers could read differently: duplicate keys at any depth, and in the
 * envelope, `params` and `_meta` also keys that differ only in case.
 * @throws GatewayError json_invalid, json_duplicate_key, json_too_deep, request_invalid (JSON-RPC 2.0 section 4)
 */
export function parseEnvelope(text: string): Envelope {
  const members = scanned(() => scanObject(text, collect, scanOptions))
  refuseSpellings(members, envelopeKeys)
  let version: string | undefined
  let rpcId = ''
  let methodRaw: string | undefined
  let params: JsonMember | undefined
  let result: string | undefined
  let error: string | undefined
  for (const member of members) {
    if (member.key === 'jsonrpc') version = text.slice(member.start, member.end)
    else if (member.key === 'id') rpcId = text.slice(member.start, member.end)
    else if (member.key === 'method') methodRaw = text.slice(member.start, member.end)
    else if (member.key === 'params') params = member
    else if (member.key === 'result') result = text.slice(member.start, member.end)
    else if (member.key === 'error') error = text.slice(member.start, member.end)
  }
  if (version !== '"2.0"')
    throw new GatewayError('request_invalid', { hint: 'The member "jsonrpc" must be "2.0".' })
  if (rpcId !== '' && !validId(rpcId))
    throw new GatewayError('request_invalid', { hint: 'The id must be a string or an integer.' })
  const method = stringValue(methodRaw)
  if (methodRaw === undefined) {
    if (rpcId === '' || (result === undefined) === (error === undefined)) {
      throw new GatewayError('request_invalid', {
        hint: 'A message has a method, or an id with a result or an error.',
      })
    }
    return { text, kind: 'response', rpcId, method: '', params: [], meta: [], result, error }
  }
  if (method === undefined || method.length > 256)
    throw new GatewayError('request_invalid', { hint: 'The method must be a string.' })
  if (params !== undefined && params.members === undefined)
    throw new GatewayError('request_invalid', { hint: 'The params must be an object.' })
  refuseSpellings(params?.members ?? [], paramKeys)
  const metaMember = params?.members?.find((member) => member.key === '_meta')
  refuseSpellings(metaMember?.members ?? [], metaKeys)
  return {
    text,
    kind: rpcId === '' ? 'notification' : 'request',
    rpcId,
    method: ownNameOf(method),
    params: params?.members ?? [],
    meta: metaMember?.members ?? [],
    result: undefined,
    error: undefined,
  }
}

const envelopeKeys = spellings(['jsonrpc', 'id', 'method', 'params', 'result', 'error'])
const paramKeys = spellings([
  '_meta',
  'name',
  'uri',
  'arguments',
  'inputResponses',
  'requestState',
  'cursor',
  'ref',
  'argument',
  'context',
  'level',
  'notifications',
  'task',
  'taskId',
])
const metaKeys = spellings([
  'progressToken',
  'io.modelcontextprotocol/protocolVersion',
  'io.modelcontextprotocol/clientCapabilities',
  'io.modelcontextprotocol/clientInfo',
  'io.modelcontextprotocol/logLevel',
])

function spellings(keys: readonly string[]): ReadonlyMap<string, string> {
  return new Map(keys.map((key) => [foldKey(key), key]))
}

/** Some decoders match keys whatever their case, so a known key in another spelling would be read by them alone. */
function refuseSpellings(members: readonly JsonMember[], known: ReadonlyMap<string, string>): void {
  for (const { key } of members) {
    const meant = known.get(foldKey(key))
    if (meant !== undefined && meant !== key)
      throw new GatewayError('request_invalid', { hint: `"${meant}" is spelled in another case.` })
  }
}

/**
 * Raw arguments that came without a message, held to the same: nobody must read them in two ways.
 * @throws GatewayError json_invalid, json_duplicate_key, json_too_deep, params_invalid
 */
export function parseArguments(text: string): string {
  const raw = requireObject(text.trim(), 'arguments')
  scanned(() => scanObject(raw, {}, scanOptions))
  return raw
}

/** Texts of the messages in a batch (JSON-RPC 2.0 section 6; MCP 2025-03-26 only). */
export function splitBatch(text: string): readonly string[] {
  const spans = scanned(() =>
    scanArray(text, batchMax, { depthMax: messageDepthMax + 1, refuseDuplicates: true }),
  )
  if (spans.length === 0)
    throw new GatewayError('request_invalid', { hint: 'A batch has at least one message.' })
  return spans.map((span) => text.slice(span.start, span.end))
}

function scanned<T>(scan: () => T): T {
  try {
    return scan()
  } catch (fault) {
    if (!(fault instanceof JsonFault)) throw fault
    const code =
      fault.kind === 'duplicate'
        ? 'json_duplicate_key'
        : fault.kind === 'deep'
          ? 'json_too_deep'
          : 'json_invalid'
    throw new GatewayError(code, { detail: fault.message, cause: fault })
  }
}

function validId(raw: string): boolean {
  if (raw.length > rpcIdMax) return false
  return raw.charCodeAt(0) === 0x22 || /^-?(?:0|[1-9]\d*)$/.test(raw)
}

/** Raw value of a member of `params`. */
export function rawParam(envelope: Envelope, key: string): string | undefined {
  return rawIn(envelope, envelope.params, key)
}

/** Raw value of a member of `params._meta`. */
export function rawMeta(envelope: Envelope, key: string): string | undefined {
  return rawIn(envelope, envelope.meta, key)
}

function rawIn(
  envelope: Envelope,
  members: readonly JsonMember[],
  key: string,
): string | undefined {
  for (const member of members)
    if (member.key === key) return envelope.text.slice(member.start, member.end)
  return undefined
}

/** Raw members without those whose key is in `except`. */
export function membersExcept(
  envelope: Envelope,
  members: readonly JsonMember[],
  except: ReadonlySet<string>,
): Members {
  const kept: Member[] = []
  for (const member of members) {
    if (!except.has(member.key))
      kept.push({ key: member.key, raw: envelope.text.slice(member.start, member.end) })
  }
  return kept
}

/** A raw object, or a refusal that names the member. */
export function requireObject(raw: string | undefined, name: string): string {
  if (!isObjectText(raw))
    throw new GatewayError('params_invalid', { hint: `"${name}" must be an object.` })
  return raw
}
