/**
 * The door of the wire: which era a message belongs to, the checks of that era in the specified order,
 * and the neutral Call. Pure. Sources: protocol.md section 4; MCP 2026-07-28 basic/index and
 * basic/transports/streamable-http; MCP 2025-11-25 basic/transports.
 */
import { isObjectText, stringValue } from '../kit/json-scan.ts'
import type { Account } from '../model/account.ts'
import type { Cancellation, Endpoint } from '../model/action.ts'
import {
  type Call,
  type Capabilities,
  type Era,
  modernRevisions,
  noCapabilities,
  type Revision,
} from '../model/call.ts'
import { methodOf, type Subject } from '../model/methods.ts'
import type { Principal } from '../model/principal.ts'
import { GatewayError } from '../model/refusal.ts'
import { readCapabilities, readLogLevel } from './capabilities.ts'
import { type Envelope, membersExcept, rawMeta, rawParam, requireObject } from './envelope.ts'
import { decodeHeaderValue } from './header-value.ts'

/** Request headers as node:http gives them: lower-case names. */
export type Headers = Readonly<Record<string, string | readonly string[] | undefined>>

export const metaPrefix = 'io.modelcontextprotocol/'
const versionKey = `${metaPrefix}protocolVersion`
const capabilitiesKey = `${metaPrefix}clientCapabilities`
const clientInfoKey = `${metaPrefix}clientInfo`
const logLevelKey = `${metaPrefix}logLevel`

/** Which era a message belongs to. A header never overrides the body, and `Mcp-Method` is no evidence. */
export function eraOf(envelope: Envelope, headers: Headers): Era {
  if (envelope.kind === 'response') return 'legacy'
  if (rawMeta(envelope, versionKey) !== undefined) return 'modern'
  if (methodOf(envelope.method).duty === 'open') return 'legacy'
  return modernRevisions.some((revision) => revision === headerOf(headers, 'mcp-protocol-version'))
    ? 'modern'
    : 'legacy'
}

/** One value of a header; a repeated header counts as its first value only when node joined it. */
export function headerOf(headers: Headers, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value.trim() : undefined
}

/** What the door adds to a decoded message to make a Call. */
export interface CallContext {
  readonly id: string
  readonly principal: Principal
  readonly endpoint: Endpoint
  readonly cancel: Cancellation
  readonly account: Account
  readonly bytes: number
  readonly streams: boolean
  /** Methods of further extensions that this endpoint relays. */
  readonly relayed: ReadonlySet<string>
}

/**
 * A modern request, through the whole ladder; `headers` undefined on stdio, which has none.
 * @throws GatewayError meta_invalid, header_mismatch, version_unsupported, method_unknown, params_invalid
 */
export function decodeModern(
  envelope: Envelope,
  headers: Headers | undefined,
  context: CallContext,
): Call {
  const version = stringValue(rawMeta(envelope, versionKey))
  if (version === undefined)
    throw new GatewayError('meta_invalid', { hint: 'protocolVersion is missing.' })
  if (headers !== undefined)
    checkEqual(headers, 'mcp-protocol-version', 'MCP-Protocol-Version', version)
  const revision = modernRevisions.find((known) => known === version)
  if (revision === undefined) {
    throw new GatewayError('version_unsupported', {
      data: { supported: modernRevisions, requested: version },
    })
  }
  if (headers !== undefined) {
    checkEqual(headers, 'mcp-method', 'Mcp-Method', envelope.method)
    checkName(envelope, headers)
  }
  const capabilities = modernCapabilities(envelope)
  if (!methodOf(envelope.method).eras.includes('modern') && !context.relayed.has(envelope.method))
    throw new GatewayError('method_unknown')
  const logLevel = rawMeta(envelope, logLevelKey)
  if (logLevel !== undefined && readLogLevel(logLevel) === undefined)
    throw new GatewayError('params_invalid', { hint: 'The log level is not known.' })
  return makeCall(envelope, context, {
    era: 'modern',
    revision,
    capabilities,
    logLevel: readLogLevel(logLevel),
    paramHeaders: headers === undefined ? undefined : paramHeaders(headers),
  })
}

/** What a legacy session holds for its calls. */
export interface SessionFacts {
  readonly revision: Revision
  readonly capabilities: Capabilities
  readonly logLevel: string | undefined
}

/** A legacy request inside a session (or without one, where the server assigns none). */
export function decodeLegacy(
  envelope: Envelope,
  session: SessionFacts,
  context: CallContext,
): Call {
  if (!methodOf(envelope.method).eras.includes('legacy') && !context.relayed.has(envelope.method))
    throw new GatewayError('method_unknown')
  return makeCall(envelope, context, {
    era: 'legacy',
    revision: session.revision,
    capabilities: session.capabilities,
    logLevel: session.logLevel,
    paramHeaders: undefined,
  })
}

interface EraFacts {
  readonly era: Era
  readonly revision: Revision
  readonly capabilities: Capabilities
  readonly logLevel: string | undefined
  readonly paramHeaders: Readonly<Record<string, string>> | undefined
}

const hopMeta: ReadonlySet<string> = new Set([
  versionKey,
  capabilitiesKey,
  clientInfoKey,
  logLevelKey,
  'progressToken',
])

function makeCall(envelope: Envelope, context: CallContext, facts: EraFacts): Call {
  const { method } = envelope
  const { action, asks, subject, takes } = methodOf(method)
  const rawArgs = asks ? rawParam(envelope, 'arguments') : undefined
  // Rounds of questions are a thing of modern callers; of a legacy one these members go nowhere.
  const rounds = asks && facts.era === 'modern'
  const inputResponses = rounds ? rawParam(envelope, 'inputResponses') : undefined
  const rawState = rounds ? rawParam(envelope, 'requestState') : undefined
  const requestState = stringValue(rawState)
  if (rawState !== undefined && requestState === undefined) throw new GatewayError('state_invalid')
  return {
    id: context.id,
    principal: context.principal,
    kind: action,
    method,
    endpoint: context.endpoint,
    era: facts.era,
    revision: facts.revision,
    rpcId: envelope.rpcId,
    subject: nameOf(envelope, subject),
    reference: subject?.kind === 'reference' ? referenceKind(rawParam(envelope, 'ref')) : undefined,
    args: rawArgs === undefined ? undefined : requireObject(rawArgs, 'arguments'),
    params: membersExcept(envelope, envelope.params, takes),
    meta: membersExcept(envelope, envelope.meta, hopMeta),
    progressToken: progressToken(envelope),
    capabilities: facts.capabilities,
    logLevel: facts.logLevel,
    inputResponses:
      inputResponses === undefined ? undefined : requireObject(inputResponses, 'inputResponses'),
    declined: undefined,
    requestState,
    paramHeaders: facts.paramHeaders,
    streams: context.streams,
    bytes: context.bytes,
    cancel: context.cancel,
    account: context.account,
  }
}

function progressToken(envelope: Envelope): string | undefined {
  const raw = rawMeta(envelope, 'progressToken')
  if (raw === undefined) return undefined
  if (raw.length > 512 || !(raw.charCodeAt(0) === 0x22 || /^-?\d+(?:\.\d+)?$/.test(raw))) {
    throw new GatewayError('params_invalid', {
      hint: 'The progress token must be a string or a number.',
    })
  }
  return raw
}

/** The thing that the request is about, decoded. Empty for methods without one. */
function nameOf(envelope: Envelope, subject: Subject | undefined): string {
  if (subject === undefined) return ''
  const raw = rawParam(envelope, subject.member)
  return subject.kind === 'reference' ? referenceName(raw) : requireText(raw, subject.member)
}

function requireText(raw: string | undefined, member: string): string {
  const text = stringValue(raw)
  // A lone surrogate is read differently by different parsers, so it cannot be judged.
  if (text === undefined || text.length > 8_192 || !text.isWellFormed()) {
    throw new GatewayError('params_invalid', { hint: `"${member}" must be a string.` })
  }
  return text
}

/** What a completion refers to, as every parser reads it. */
function referenceKind(raw: string | undefined): 'prompt' | 'resource' {
  const ref: unknown = isObjectText(raw) ? JSON.parse(raw) : undefined
  return typeof ref === 'object' && ref !== null && 'type' in ref && ref.type === 'ref/prompt'
    ? 'prompt'
    : 'resource'
}

/** Name of the prompt or URI of the template that a completion refers to (server/utilities/completion). */
function referenceName(raw: string | undefined): string {
  const ref: unknown = isObjectText(raw) ? JSON.parse(raw) : undefined
  if (typeof ref === 'object' && ref !== null && 'type' in ref) {
    if (ref.type === 'ref/prompt' && 'name' in ref)
      return requireText(JSON.stringify(ref.name), 'ref.name')
    if (ref.type === 'ref/resource' && 'uri' in ref)
      return requireText(JSON.stringify(ref.uri), 'ref.uri')
  }
  throw new GatewayError('params_invalid', {
    hint: '"ref" must be {type: "ref/prompt", name} or {type: "ref/resource", uri}.',
  })
}

function checkEqual(headers: Headers, name: string, shown: string, body: string): void {
  const value = headerOf(headers, name)
  if (value === undefined)
    throw new GatewayError('header_mismatch', { hint: `${shown} is missing.` })
  if (value !== body)
    throw new GatewayError('header_mismatch', { hint: `${shown} is not what the body says.` })
}

function checkName(envelope: Envelope, headers: Headers): void {
  const { isMirrored, subject } = methodOf(envelope.method)
  if (!isMirrored || subject === undefined) return
  const value = headerOf(headers, 'mcp-name')
  if (value === undefined)
    throw new GatewayError('header_mismatch', { hint: 'Mcp-Name is missing.' })
  const body = stringValue(rawParam(envelope, subject.member))
  if (body === undefined || decodeHeaderValue(value) !== body) {
    throw new GatewayError('header_mismatch', { hint: 'Mcp-Name is not what the body says.' })
  }
}

function modernCapabilities(envelope: Envelope): Capabilities {
  const raw = rawMeta(envelope, capabilitiesKey)
  if (!isObjectText(raw))
    throw new GatewayError('meta_invalid', { hint: 'clientCapabilities must be an object.' })
  const clientInfo = rawMeta(envelope, clientInfoKey)
  if (clientInfo !== undefined && !isObjectText(clientInfo))
    throw new GatewayError('meta_invalid', { hint: 'clientInfo must be an object.' })
  return raw === '{}' ? noCapabilities : readCapabilities(raw)
}

function paramHeaders(headers: Headers): Readonly<Record<string, string>> {
  let found: Record<string, string> | undefined
  for (const name in headers) {
    if (!name.startsWith('mcp-param-')) continue
    const value = headerOf(headers, name)
    found ??= emptyRecord()
    if (value !== undefined) found[name.slice('mcp-param-'.length)] = value
  }
  return found ?? noHeaders
}

function emptyRecord(): Record<string, string> {
  const record: Record<string, string> = Object.create(null)
  return record
}

const noHeaders: Readonly<Record<string, string>> = Object.freeze({})
