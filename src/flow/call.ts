/**
 * The way of one call through the rooms, in order. Every call that gets here leaves an intent and an outcome, or one
 * refusal. `docs/lifecycle.md` draws this file.
 */

import { isReadable, resolve, resolveTask, unknownTarget } from '../catalog/resolve.ts'
import { attach } from '../credential/attach.ts'
import { brokenOff, Layer } from '../kit/arriving.ts'
import { admit } from '../limits/admit.ts'
import type { Call, RecordedCall } from '../model/call.ts'
import { methodOf } from '../model/methods.ts'
import type { Admitted, Permitted, Released } from '../model/proofs.ts'
import type { OutcomeStatus } from '../model/record.ts'
import { GatewayError, publicSentence, toGatewayError } from '../model/refusal.ts'
import type { CallNotification, Reply } from '../model/reply.ts'
import type { Target } from '../model/target.ts'
import { authorize } from '../policy/authorize.ts'
import type { Snapshot } from '../snapshot/compile.ts'
import { toolErrorBody } from '../wire/encode.ts'
import { checkParamHeaders } from '../wire/param-headers.ts'
import { onlyAllowedValues } from './completions.ts'
import { onlyAllowed } from './directory.ts'
import { requireExtension, servesExtension } from './extensions.ts'
import type { Rooms } from './rooms.ts'
import { assertStillValid } from './still-valid.ts'
import { seenSnapshot, unseenServers } from './unseen.ts'
import { mayUse } from './visible.ts'

/** How long a first call waits for a server that was not seen yet. */
const firstSeenMs = 15_000

/** What the door gets back: a reply that may leave, and where the target's URIs live. */
export interface Ended {
  readonly released: Released
  readonly server: string
  /** Public id of the task that the call is about, or that it made. */
  readonly taskId: string | undefined
  /** The tool's output is none that a legacy caller can take as it is. */
  readonly wrapsOutput: boolean
}

/**
 * Runs one round of a call. Refusals that the model can act on come back as tool results with `isError`.
 * @throws GatewayError every other refusal, after it was recorded
 */
export async function runCall(
  rooms: Rooms,
  call: Call,
  notify: (notification: CallNotification) => void,
): Promise<Ended> {
  const startedAt = rooms.clock()
  const method = methodOf(call.method)
  let target: Target | undefined
  let admitted: Admitted<Call> | undefined
  let recorded: RecordedCall | undefined
  try {
    const held = rooms.snapshot()
    const snapshot = held.catalog.hasUnseen ? await snapshotFor(rooms, held, call) : held
    target = resolveIn(rooms, snapshot, call)
    const permitted: Permitted<Call> = authorize(snapshot.engine, call, target)
    if (call.kind === 'tool')
      checkParamHeaders(target.item?.headerParams ?? [], call.args, call.paramHeaders)
    admitted = admit(snapshot.limits, permitted, rooms.now())
    const inspecting = rooms.guard.inspectArguments(admitted)
    const inspected = inspecting instanceof Promise ? await inspecting : inspecting
    const attached = attach(inspected, rooms.present)
    assertStillValid(rooms, call.principal)
    recorded = await rooms.recorder.intent(attached, startedAt, snapshot.version)
    const sent = await rooms.send(recorded, (notification) => {
      if (wanted(call, notification)) notify(notification)
    })
    const reply = shown(sent, snapshot, call, target)
    const released = rooms.guard.inspectReply(reply)
    const facts = factsOf(rooms, call, target, reply)
    const streamed = streamedBody(released)
    if (streamed !== undefined) {
      const ending = ended(rooms, recorded, admitted)
      admitted = undefined
      return {
        released: rooms.guard.inspectReply({
          ...streamed.reply,
          body: { ...streamed.body, rest: watched(streamed.body, ending) },
        }),
        ...facts,
      }
    }
    await rooms.recorder.outcome(recorded, {
      status: statusOf(reply),
      bytes: bytesOf(reply),
      code: reply.kind === 'error' ? String(reply.code) : '',
    })
    // The server's own words would tell a missing resource from a denied one.
    if (isMissingResource(call, reply))
      throw new Recordless(unknownTarget('resource', call.subject))
    return { released, ...facts }
  } catch (thrown) {
    if (thrown instanceof Recordless) throw thrown.error
    const error = toGatewayError(thrown)
    if (error.code === 'internal') rooms.fault(call, error)
    if (recorded !== undefined) {
      await rooms.recorder.outcome(recorded, {
        status: error.code === 'cancelled' ? 'cancelled' : 'error',
        bytes: 0,
        code: error.code,
      })
    } else {
      await rooms.recorder.refusal({
        action: call,
        server: target?.server ?? '',
        name: target?.name ?? call.subject,
        code: error.code,
        detail: error.message,
      })
    }
    if (method.result === 'tool' && forTheModel(error))
      return {
        released: rooms.guard.inspectReply(toolError(error)),
        server: target?.server ?? '',
        taskId: undefined,
        wrapsOutput: false,
      }
    throw error
  } finally {
    admitted?.release()
  }
}

function streamedBody({ reply }: Released): { reply: Complete; body: StreamBody } | undefined {
  return reply.kind === 'complete' && reply.body.kind === 'stream'
    ? { reply, body: reply.body }
    : undefined
}

type Complete = Extract<Reply, { kind: 'complete' }>
type StreamBody = Extract<Complete['body'], { kind: 'stream' }>

/** Settles a call whose result was streamed: once, when its last byte arrived or it broke off. */
function ended(
  rooms: Rooms,
  recorded: RecordedCall,
  admitted: Admitted,
): (status: OutcomeStatus, bytes: number, code: string) => Promise<void> {
  return async (status, bytes, code) => {
    admitted.release()
    await rooms.recorder.outcome(recorded, { status, bytes, code })
  }
}

/** The bytes of a streamed result; the outcome is written before the last of them is handed on. */
function watched(body: StreamBody, ending: ReturnType<typeof ended>): Layer {
  let bytes = body.head.length
  let isWritten = false
  async function* pieces(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    let held: Buffer | undefined
    for await (const chunk of source) {
      bytes += chunk.length
      if (held !== undefined) yield held
      held = chunk
    }
    isWritten = true
    await ending(body.isError() ? 'tool-error' : 'ok', bytes, '')
    if (held !== undefined) yield held
  }
  return new Layer(body.rest, pieces, (error) => {
    if (isWritten) return
    const left = error === undefined || error === brokenOff
    const code = left ? 'cancelled' : toGatewayError(error).code
    void ending(code === 'cancelled' ? 'cancelled' : 'error', bytes, code)
  })
}

/** The Snapshot for a call, once the server that it names was seen. */
function snapshotFor(rooms: Rooms, held: Snapshot, call: Call): Promise<Snapshot> {
  const { principal } = call
  const unseen = unseenServers(held, call.endpoint, principal)
  const servers =
    call.endpoint.kind === 'server'
      ? unseen
      : unseen.filter(
          (server) =>
            call.subject.startsWith(`${server}__`) || call.subject.startsWith(`${server}+`),
        )
  return seenSnapshot(rooms, principal, held, servers, firstSeenMs)
}

function resolveIn(rooms: Rooms, snapshot: Snapshot, call: Call): Target {
  const { principal } = call
  const scope = snapshot.scopes.of(call.endpoint)
  if (scope === undefined) throw new GatewayError('endpoint_unknown')
  requireExtension(snapshot, call)
  const target =
    call.kind === 'task'
      ? resolveTask(snapshot.catalog, scope, rooms.tasks.open(principal.id, call.subject))
      : resolve(snapshot.catalog, scope, call, (item) => mayUse(snapshot, principal, item))
  if (!servesExtension(snapshot, call, target.server))
    throw target.task === undefined
      ? unknownTarget('resource', call.subject)
      : new GatewayError('task_unknown', { detail: 'tasks of the server do not pass any more' })
  return target
}

/** What the wire must know of the target to encode the reply. */
function factsOf(rooms: Rooms, call: Call, target: Target, reply: Reply): Omit<Ended, 'released'> {
  const made = reply.kind === 'complete' ? reply.taskId : undefined
  const { server } = target
  return {
    server,
    taskId:
      target.task !== undefined
        ? call.subject
        : made === undefined
          ? undefined
          : rooms.tasks.seal(call.principal.id, { server, tool: target.name, task: made }),
    wrapsOutput: target.item?.wrapsOutput === true,
  }
}

/** A modern caller gets log messages only from the level that it asked for; a legacy one all until it sets a level. */
function wanted(call: Call, notification: CallNotification): boolean {
  if (notification.kind === 'progress') return call.progressToken !== undefined
  if (call.logLevel === undefined) return call.era === 'legacy'
  return levels.indexOf(notification.level ?? 'info') >= levels.indexOf(call.logLevel)
}

const levels = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency']

/** A refusal whose outcome is recorded already. */
class Recordless extends Error {
  readonly error: GatewayError
  constructor(error: GatewayError) {
    super(error.message)
    this.error = error
  }
}

/** A reply that names resources, with those that the caller may read. */
function shown(reply: Reply, snapshot: Snapshot, call: Call, target: Target): Reply {
  const { principal } = call
  const { server, name, item } = target
  const reads = (uri: string): boolean => mayRead(snapshot, call, server, uri)
  const { result } = methodOf(call.method)
  if (result === 'directory') return onlyAllowed(reply, reads)
  if (result !== 'values' || item?.kind !== 'template') return reply
  return onlyAllowedValues(reply, call, name, (uri) =>
    uri.includes('{') ? snapshot.engine.couldAllowTemplate(principal, server, uri) : reads(uri),
  )
}

/** Whether the caller may read a URI of a server at its endpoint. */
function mayRead(
  snapshot: Snapshot,
  { endpoint, principal }: Call,
  server: string,
  uri: string,
): boolean {
  const scope = snapshot.scopes.of(endpoint)
  return (
    scope !== undefined &&
    isReadable(snapshot.catalog, scope, server, uri) &&
    snapshot.engine.decide(principal, 'resource', server, uri).allowed
  )
}

/** Servers say it with either code, and some with codes of their own: then their words count. */
function isMissingResource(call: Call, reply: Reply): boolean {
  const reads = call.kind === 'resource' || call.reference === 'resource'
  if (!reads || reply.kind !== 'error') return false
  return reply.code === -32002 || reply.code === -32602 || missing.test(reply.message)
}

const missing =
  /not found|unknown (?:\w+ )?(?:resource|skill|uri|template)|no such|does not exist|doesn't exist|no (?:\w+ )?(?:resource|skill|template)\b|ENOENT/i

function statusOf(reply: Reply): OutcomeStatus {
  if (reply.kind === 'complete') return reply.isError ? 'tool-error' : 'ok'
  return reply.kind === 'input_required' ? 'input-required' : 'error'
}

function bytesOf(reply: Reply): number {
  return reply.kind === 'complete' && reply.body.kind === 'whole' ? reply.body.bytes.length : 0
}

/** Arguments that do not fit are an error of the model, which it can mend; the rest are errors of the protocol. */
function forTheModel(error: GatewayError): boolean {
  return error.code === 'arguments_invalid'
}

function toolError(error: GatewayError): Reply {
  return {
    kind: 'complete',
    body: { kind: 'whole', bytes: toolErrorBody(publicSentence(error)) },
    extras: [],
    era: 'legacy',
    isError: true,
  }
}
