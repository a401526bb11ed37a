/**
 * One message of an authenticated client, from text to answer: decode in its era, route, encode. Transport-free; the
 * doors in `ingress` bring the Exchange.
 */
import { Layer } from '../kit/arriving.ts'
import { stringValue } from '../kit/json-scan.ts'
import type { Action } from '../model/action.ts'
import {
  type Call,
  type Era,
  legacyRevisions,
  newestLegacy,
  newestModern,
  noCapabilities,
  type Revision,
} from '../model/call.ts'
import {
  isListMethod,
  type ListMethod,
  methodOf,
  names,
  notificationKindOf,
} from '../model/methods.ts'
import type { Principal } from '../model/principal.ts'
import { GatewayError, toGatewayError } from '../model/refusal.ts'
import type { CallNotification } from '../model/reply.ts'
import type { Exchange, Session } from '../model/session.ts'
import { readCapabilities, readLogLevel } from '../wire/capabilities.ts'
import { decodeLegacy, decodeModern, eraOf, headerOf } from '../wire/decode.ts'
import {
  encodeNotification,
  encodeOwnResult,
  encodeRefusal,
  encodeReply,
  type OutMessage,
} from '../wire/encode.ts'
import { type Envelope, parseEnvelope, rawParam, splitBatch } from '../wire/envelope.ts'
import { runLegacyCall } from './ask.ts'
import type { Ended } from './call.ts'
import { runDiscover, runInitialize } from './discover.ts'
import { relayedMethods, requireExtension } from './extensions.ts'
import { runList } from './list.ts'
import { type ListenHub, prefixFor } from './listen.ts'
import type { Rooms } from './rooms.ts'
import { runRound } from './round.ts'
import { assertStillValid } from './still-valid.ts'
import { runListen, runSubscribe, runUnsubscribe } from './subscribe.ts'

export interface ServeDeps {
  readonly rooms: Rooms
  readonly hub: ListenHub
  nextCallId(): string
  /** The node that holds the parked call of the call's requestState; undefined: none, or it is to be refused here. */
  parkedAt(call: Call): string | undefined
  /** Nothing new is begun; what runs goes on, with all that its callers still send for it. */
  isStopping(): boolean
}

/** What the door does next. */
export type Served =
  | {
      readonly kind: 'message'
      readonly message: OutMessage
      readonly session: Session | undefined
    }
  | { readonly kind: 'batch'; readonly messages: readonly OutMessage[] }
  /** Nothing to say: HTTP 202. */
  | { readonly kind: 'accepted' }
  /** A listen stream: stays open until `ended` settles, then ends with `message`. */
  | { readonly kind: 'held'; readonly ended: Promise<OutMessage> }
  /** Nothing was done, recorded or counted: the door passes the request on to the node that can answer it. */
  | { readonly kind: 'elsewhere'; readonly node: string }

/** Never throws: every refusal comes back as a message. */
export async function serve(
  deps: ServeDeps,
  principal: Principal,
  exchange: Exchange,
  text: string,
): Promise<Served> {
  try {
    // Its text may have come long after the head that says who sends it.
    assertStillValid(deps.rooms, principal)
  } catch (thrown) {
    return refuse(deps, principal, exchange, 'legacy', '', '', thrown)
  }
  if (isBatch(text)) return serveBatch(deps, principal, exchange, text)
  let envelope: Envelope
  try {
    envelope = parseEnvelope(text)
  } catch (thrown) {
    return refuse(deps, principal, exchange, 'legacy', '', '', thrown)
  }
  return serveEnvelope(deps, principal, exchange, envelope)
}

function isBatch(text: string): boolean {
  return text.charCodeAt(0) !== 0x7b && /^\s*\[/.test(text)
}

async function serveBatch(
  deps: ServeDeps,
  principal: Principal,
  exchange: Exchange,
  text: string,
): Promise<Served> {
  const home = exchange.nodes?.ofSession(true)
  if (home !== undefined) return { kind: 'elsewhere', node: home }
  try {
    if (
      exchange.session !== undefined &&
      exchange.session.revision !== '2025-03-26' &&
      exchange.session.revision !== '2024-11-05'
    ) {
      throw new GatewayError('request_invalid', {
        hint: 'Batches exist in revision 2025-03-26 only.',
      })
    }
    const envelopes = splitBatch(text).map(parseEnvelope)
    for (const envelope of envelopes) {
      if (methodOf(envelope.method).duty === 'open' || eraOf(envelope, {}) === 'modern')
        throw new GatewayError('request_invalid', {
          hint: 'A batch holds legacy messages only, and no initialize.',
        })
    }
    const served = await Promise.all(
      envelopes.map((envelope) => serveEnvelope(deps, principal, exchange, envelope)),
    )
    const messages = served.flatMap((one) => (one.kind === 'message' ? [one.message] : []))
    return messages.length === 0 ? { kind: 'accepted' } : { kind: 'batch', messages }
  } catch (thrown) {
    return refuse(deps, principal, exchange, 'legacy', '', 'batch', thrown)
  }
}

async function serveEnvelope(
  deps: ServeDeps,
  principal: Principal,
  exchange: Exchange,
  envelope: Envelope,
): Promise<Served> {
  const era = eraOf(envelope, exchange.headers ?? {})
  const opens = envelope.kind === 'request' && methodOf(envelope.method).duty === 'open'
  const begins = envelope.kind === 'request'
  const home = era === 'legacy' && !opens ? exchange.nodes?.ofSession(begins) : undefined
  if (home !== undefined) return { kind: 'elsewhere', node: home }
  try {
    if (envelope.kind === 'response') return takeAnswer(exchange, envelope)
    if (envelope.kind === 'notification') return takeNotification(exchange, envelope, era)
    if (era === 'legacy') {
      if (deps.isStopping()) throw new GatewayError('shutting_down')
      return await serveLegacy(deps, principal, exchange, envelope)
    }
    const call = decodeModern(envelope, exchange.headers, {
      id: deps.nextCallId(),
      principal,
      endpoint: exchange.endpoint,
      cancel: exchange.cancel,
      account: exchange.account,
      bytes: exchange.bytes,
      streams: exchange.streams,
      relayed: relayedMethods(deps.rooms.snapshot(), exchange.endpoint),
    })
    const parked = call.requestState === undefined ? undefined : deps.parkedAt(call)
    if (parked !== undefined && exchange.nodes?.reaches(parked) === true)
      return { kind: 'elsewhere', node: parked }
    // The answers that a parked call waits for come as a call.
    if (parked === undefined && deps.isStopping()) throw new GatewayError('shutting_down')
    return await serveModern(deps, call, exchange)
  } catch (thrown) {
    return refuse(deps, principal, exchange, era, envelope.rpcId, envelope.method, thrown)
  }
}

async function serveModern(deps: ServeDeps, call: Call, exchange: Exchange): Promise<Served> {
  // Over HTTP a modern client cancels by closing its stream; elsewhere by a notification that names the id.
  const running = exchange.headers === undefined ? exchange.session?.running : undefined
  const { rpcId } = call
  running?.set(rpcId, exchange.cancel)
  try {
    const served = await serveModernCall(deps, call, exchange)
    if (running === undefined) return served
    if (served.kind === 'held') {
      void served.ended.then(() => running.delete(rpcId))
      return served
    }
    return untilRead(served, () => running.delete(rpcId))
  } catch (thrown) {
    running?.delete(rpcId)
    throw thrown
  }
}

async function serveModernCall(deps: ServeDeps, call: Call, exchange: Exchange): Promise<Served> {
  const { rooms } = deps
  const { answeredBy, duty } = methodOf(call.method)
  if (answeredBy === 'server') {
    try {
      const notify = notifier(call, exchange)
      const ended = await runRound(rooms, call, notify, deps.nextCallId)
      return message(encodeEnded(call, ended))
    } catch (thrown) {
      return message(encodeRefusal('modern', call.rpcId, toGatewayError(thrown), call.id))
    }
  }
  if (isListMethod(call.method)) return serveList(rooms, call, call.method)
  if (duty === 'discover')
    return message(
      encodeOwnResult(call.rpcId, await runDiscover(rooms, call.endpoint, call.principal)),
    )
  return { kind: 'held', ended: (await runListen(deps, call, exchange)).ended }
}

async function serveList(rooms: Rooms, call: Call, method: ListMethod): Promise<Served> {
  requireExtension(rooms.snapshot(), call)
  const { body } = await runList(rooms, call, method)
  return message(encodeOwnResult(call.rpcId, body))
}

async function serveLegacy(
  deps: ServeDeps,
  principal: Principal,
  exchange: Exchange,
  envelope: Envelope,
): Promise<Served> {
  const { rooms } = deps
  if (methodOf(envelope.method).duty === 'open')
    return initialize(deps, principal, exchange, envelope)
  const { session } = exchange
  if (session === undefined) throw new GatewayError('session_missing')
  checkVersionHeader(exchange)
  const call = decodeLegacy(envelope, session, {
    id: deps.nextCallId(),
    principal,
    endpoint: exchange.endpoint,
    cancel: exchange.cancel,
    account: exchange.account,
    bytes: exchange.bytes,
    streams: exchange.streams,
    relayed: relayedMethods(rooms.snapshot(), exchange.endpoint),
  })
  const { answeredBy, duty } = methodOf(call.method)
  if (answeredBy === 'server') return forwardLegacy(deps, call, exchange, session)
  if (isListMethod(call.method)) return serveList(rooms, call, call.method)
  if (duty === 'watch') {
    try {
      await runSubscribe(deps, call, session)
    } catch (thrown) {
      return refuseAction(deps, call, 'legacy', call.rpcId, thrown)
    }
  } else if (duty === 'unwatch') runUnsubscribe(session, call.subject)
  else if (duty === 'level') {
    const level = readLogLevel(rawParam(envelope, 'level'))
    if (level === undefined)
      throw new GatewayError('params_invalid', { hint: 'The log level is not known.' })
    session.logLevel = level
  }
  return message(encodeOwnResult(call.rpcId, '{}'))
}

async function forwardLegacy(
  deps: ServeDeps,
  call: Call,
  exchange: Exchange,
  session: Session,
): Promise<Served> {
  session.running.set(call.rpcId, exchange.cancel)
  try {
    const ended = await runLegacyCall(
      deps.rooms,
      call,
      exchange,
      session,
      notifier(call, exchange),
      deps.nextCallId,
    )
    return untilRead(message(encodeEnded(call, ended)), () => session.running.delete(call.rpcId))
  } catch (thrown) {
    session.running.delete(call.rpcId)
    return message(encodeRefusal('legacy', call.rpcId, toGatewayError(thrown), call.id))
  }
}

/** Runs `over` when the message is there, or, while its result is still arriving, when that is over. */
function untilRead(served: Served, over: () => void): Served {
  if (served.kind !== 'message' || served.message.stream === undefined) {
    over()
    return served
  }
  const stream = new Layer(served.message.stream, (source) => source, over)
  return { ...served, message: { ...served.message, stream } }
}

function encodeEnded(call: Call, ended: Ended): OutMessage {
  const { released, server, taskId, wrapsOutput } = ended
  const uriPrefix = prefixFor(call.endpoint, server)
  return encodeReply(call, released, { uriPrefix, taskId, wrapsOutput })
}

function notifier(call: Call, exchange: Exchange): (notification: CallNotification) => void {
  return (notification) => {
    const text = encodeNotification(call, notification)
    if (text !== undefined) exchange.send(text)
  }
}

/** Opens a session in the client's revision if it is ours, else in the newest legacy one (MCP 2025-11-25 basic/lifecycle). */
async function initialize(
  deps: ServeDeps,
  principal: Principal,
  exchange: Exchange,
  envelope: Envelope,
): Promise<Served> {
  const asked = stringValue(rawParam(envelope, 'protocolVersion'))
  if (asked === undefined)
    throw new GatewayError('params_invalid', { hint: '"protocolVersion" must be a string.' })
  const revision: Revision = legacyRevisions.find((known) => known === asked) ?? newestLegacy
  const raw = rawParam(envelope, 'capabilities') ?? '{}'
  const declared = raw === '{}' || !raw.startsWith('{') ? noCapabilities : readCapabilities(raw)
  // URL mode came with 2025-11-25; an earlier client that names it cannot mean it.
  const capabilities = revision < '2025-11-25' ? { ...declared, elicitationUrl: false } : declared
  const result = await runInitialize(deps.rooms, exchange.endpoint, principal, revision)
  const session = exchange.begin({
    revision,
    capabilities,
  })
  await deps.rooms.recorder.note({
    kind: 'sign-in',
    principal: principal.label,
    principalId: principal.id,
    environment: principal.environment,
    endpoint: '',
    method: names.open,
    detail: revision,
  })
  return { kind: 'message', message: encodeOwnResult(envelope.rpcId, result), session }
}

/** Missing: 2025-03-26 is assumed. Unknown: 400 (MCP 2025-11-25 basic/transports). */
function checkVersionHeader(exchange: Exchange): void {
  const version = headerOf(exchange.headers ?? {}, 'mcp-protocol-version')
  if (version !== undefined && !legacyRevisions.some((known) => known === version))
    throw new GatewayError('version_header_invalid')
}

function takeAnswer(exchange: Exchange, envelope: Envelope): Served {
  const waiting = exchange.session?.asked.get(envelope.rpcId)
  // An answer to what was never asked, or a second one, is dropped.
  waiting?.(
    envelope.result !== undefined
      ? { kind: 'result', raw: envelope.result }
      : { kind: 'error', raw: envelope.error ?? '{}' },
  )
  return { kind: 'accepted' }
}

function takeNotification(exchange: Exchange, envelope: Envelope, era: Era): Served {
  // Over HTTP a modern client cancels by closing its stream; elsewhere it sends this, too.
  if (era === 'modern' && exchange.headers !== undefined) return { kind: 'accepted' }
  if (notificationKindOf(envelope.method) === 'cancelled') {
    const id = rawParam(envelope, 'requestId')
    if (id !== undefined) exchange.session?.running.get(id)?.cancel()
  }
  return { kind: 'accepted' }
}

function message(out: OutMessage): Served {
  return { kind: 'message', message: out, session: undefined }
}

/** A refusal before a call was made of the message; it is recorded all the same. */
async function refuse(
  deps: ServeDeps,
  principal: Principal,
  exchange: Exchange,
  era: 'legacy' | 'modern',
  rpcId: string,
  method: string,
  thrown: unknown,
): Promise<Served> {
  const { endpoint, bytes, cancel, account } = exchange
  const action: Action = {
    id: deps.nextCallId(),
    principal,
    kind: methodOf(method).action,
    method,
    subject: '',
    endpoint,
    revision: era === 'modern' ? newestModern : newestLegacy,
    args: undefined,
    bytes,
    cancel,
    account,
  }
  return refuseAction(deps, action, era, rpcId, thrown)
}

async function refuseAction(
  deps: ServeDeps,
  action: Action,
  era: Era,
  rpcId: string,
  thrown: unknown,
): Promise<Served> {
  const error = toGatewayError(thrown)
  const { code, message: detail } = error
  const name = action.subject
  await deps.rooms.recorder.refusal({ action, server: '', name, code, detail })
  return message(encodeRefusal(era, rpcId, error, action.id))
}
