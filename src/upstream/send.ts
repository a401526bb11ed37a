/** The last room before the network: finds the server, bounds what one server can cost the others, and sends. */

import { brokenOff, Layer } from '../kit/arriving.ts'
import { Breaker } from '../kit/breaker.ts'
import type { Link } from '../kit/chain.ts'
import { Deadlines, type Due } from '../kit/deadlines.ts'
import type { KeyRing } from '../kit/key-ring.ts'
import { type Owner, owned } from '../kit/owner.ts'
import type { RecordedCall } from '../model/call.ts'
import { GatewayError, toGatewayError } from '../model/refusal.ts'
import type { NotificationSink, Reply } from '../model/reply.ts'
import { readAnswers } from './answers.ts'
import type { Incoming } from './incoming.ts'
import type { Sent, ServerLink } from './kind.ts'
import type { Continuation, ParkingLot } from './parking.ts'
import { openState, parkedIn, sealState } from './request-state.ts'
import { endThrough, pushThrough } from './stages.ts'

export interface GateOptions {
  readonly link: ServerLink
  /** What is done to results that come in pieces; undefined where the link does that. */
  readonly incoming?: Incoming | undefined
  readonly concurrencyMax: number
  readonly timeoutMs: number
}

export interface SendDeps {
  readonly ring: KeyRing
  readonly node: string
  readonly parking: ParkingLot
  readonly now: () => number
}

const failuresMax = 8
const restMs = 5_000

/** One server as calls see it: a bulkhead, a breaker and a deadline around its link. */
export class Gate {
  readonly link: ServerLink
  readonly incoming: Incoming | undefined
  readonly concurrencyMax: number
  readonly timeoutMs: number
  readonly breaker = new Breaker({ failuresMax, restMs })
  readonly deadlines: Deadlines<Round>
  running = 0

  constructor(options: GateOptions) {
    this.link = options.link
    this.incoming = options.incoming
    this.concurrencyMax = options.concurrencyMax
    this.timeoutMs = options.timeoutMs
    this.deadlines = new Deadlines(options.timeoutMs, (round) =>
      round.stop(
        new GatewayError('server_timeout', { detail: `no answer in ${options.timeoutMs} ms` }),
        'deadline',
      ),
    )
  }
}

/** One round on its way; what is waited for can be stopped from outside. */
class Round {
  due: Link<Due<Round>> | undefined
  private readonly reject: (error: GatewayError) => void
  private error: GatewayError | undefined
  private sent: Sent | undefined
  private reason = ''
  private breakOff: ((error: GatewayError) => void) | undefined

  constructor(reject: (error: GatewayError) => void) {
    this.reject = reject
  }

  began(sent: Sent): void {
    this.sent = sent
    // It was stopped while it was still connecting; nobody waits for the answer any more.
    if (this.error === undefined) return
    sent.cancel(this.reason)
    sent.open.fail(this.error)
  }

  get wanted(): boolean {
    return this.error === undefined
  }

  streaming(breakOff: (error: GatewayError) => void): void {
    this.breakOff = breakOff
  }

  /** The server did its part in time; from here on it may be the client that is slow. */
  get isStreaming(): boolean {
    return this.breakOff !== undefined
  }

  stop(error: GatewayError, reason: string): void {
    if (this.error !== undefined) return
    this.error = error
    this.reason = reason
    // First, so that whoever reads gets this error and not that the exchange was aborted.
    this.breakOff?.(error)
    this.sent?.cancel(reason)
    this.sent?.open.fail(error)
    this.reject(error)
  }
}

/** Owns what a round sets off. A connection that it opened may remember it for long, so it lets go of the round. */
class CallOwner implements Owner {
  readonly what: string
  private round: Round | undefined

  constructor(server: string, round: Round) {
    this.what = `a call of ${server}`
    this.round = round
  }

  release(): void {
    this.round = undefined
  }

  fail(thrown: unknown): void {
    this.round?.stop(toGatewayError(thrown), 'the gateway failed')
  }
}

/**
 * Sends a recorded call and resolves with the end of its round.
 * @throws GatewayError server_*, state_invalid, cancelled
 */
export function send(
  deps: SendDeps,
  gate: Gate | undefined,
  recorded: RecordedCall,
  sink: NotificationSink,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    // Who began it is gone, so that nobody could stop what it sets off.
    if (recorded.action.cancel.cancelled) throw new GatewayError('cancelled')
    if (gate === undefined)
      throw new GatewayError('server_unavailable', { detail: 'not registered' })
    if (gate.running >= gate.concurrencyMax)
      throw new GatewayError('server_busy', { detail: `${gate.running} calls are running` })
    if (!gate.breaker.allows(deps.now()))
      throw new GatewayError('server_unavailable', {
        detail: `${failuresMax} failures in a row; it is tried again shortly`,
      })
    gate.running++
    const round = new Round((error) => ended(error))
    const owner = new CallOwner(recorded.target.server, round)
    let over = false
    const ended = (error: GatewayError | undefined): boolean => {
      if (over) return false
      over = true
      gate.running--
      gate.deadlines.delete(round)
      owner.release()
      forget()
      // Too late while it streams: the client may be what is slow.
      const isLate = round.isStreaming && error?.code === 'server_timeout'
      judge(gate, deps.now(), isLate ? new GatewayError('cancelled') : error)
      if (error !== undefined) reject(error)
      return true
    }
    const fail = (fault: unknown): void => {
      ended(toGatewayError(fault))
    }
    gate.deadlines.add(round)
    let forget = (): void => undefined
    forget = recorded.action.cancel.onCancel(() =>
      round.stop(new GatewayError('cancelled'), 'cancelled by the caller'),
    )
    const wait = (sent: Sent, next: Promise<Reply>): void => {
      round.began(sent)
      next.then((reply) => {
        if (over) return
        if (reply.kind === 'complete' && reply.body.kind === 'stream')
          resolve(streamed(reply, cleaned(reply.body, gate.incoming), round, ended))
        else if (ended(undefined)) resolve(reply)
      }, fail)
    }
    try {
      owned(owner, () => begin(deps, gate, recorded, sink, round, wait, fail))
    } catch (fault) {
      fail(fault)
    }
  })
}

/** Ends the parked call, if there is one, behind a requestState: nobody will come back with answers. */
export function giveUp(deps: SendDeps, requestState: string, reason: string): void {
  const park = parkedIn(deps.ring, requestState)
  if (park !== undefined) deps.parking.abandon(park, reason)
}

/** A new call, or a parked one that goes on with the caller's answers. */
function begin(
  deps: SendDeps,
  gate: Gate,
  recorded: RecordedCall,
  sink: NotificationSink,
  round: Round,
  wait: (sent: Sent, next: Promise<Reply>) => void,
  fail: (fault: unknown) => void,
): void {
  const { action: call } = recorded
  const answers = readAnswers(call.inputResponses)
  const opened =
    call.requestState === undefined
      ? undefined
      : openState(deps.ring, recorded, call.requestState, deps.now())
  if (opened?.kind === 'parked') {
    const open = deps.parking.take(opened.park)
    wait({ open, cancel: (reason) => open.abandon(reason) }, open.resume(call, sink, answers))
    return
  }
  const park = (of: () => Continuation, serverState?: string): string =>
    sealState(
      deps.ring,
      recorded,
      { node: deps.node, now: deps.now(), lifeMs: deps.parking.lifeMs },
      serverState === undefined
        ? { park: deps.parking.park(of(), recorded) }
        : { state: serverState },
    )
  if (call.declined !== undefined)
    throw new GatewayError('question_refused', {
      detail: 'the client declined a question of a modern server',
    })
  const starting = gate.link.start({
    recorded,
    sink,
    serverState: opened?.state,
    park,
    wanted: () => round.wanted,
  })
  if (starting instanceof Promise) starting.then((sent) => wait(sent, sent.open.next()), fail)
  else wait(starting, starting.open.next())
}

type Complete = Extract<Reply, { kind: 'complete' }>
type StreamBody = Extract<Complete['body'], { kind: 'stream' }>

/** A result that comes in pieces as it may be handed on: its head, too, waits for what belongs to its last bytes. */
function cleaned(body: StreamBody, incoming: Incoming | undefined): StreamBody {
  if (incoming === undefined) return body
  const stages = incoming.stages()
  const rest = new Layer(body.rest, async function* pieces(source) {
    const head = pushThrough(stages, body.head)
    if (head.length > 0) yield head
    for await (const piece of source) {
      const clean = pushThrough(stages, piece)
      if (clean.length > 0) yield clean
    }
    const last = endThrough(stages)
    if (last.length > 0) yield last
  })
  return { ...body, head: Buffer.alloc(0), rest }
}

/** A result that is still arriving keeps its place at the server and its deadline until its last byte. */
function streamed(
  reply: Complete,
  body: StreamBody,
  round: Round,
  ended: (error: GatewayError | undefined) => boolean,
): Reply {
  round.streaming((error) => body.rest.stop(error))
  const rest = new Layer(
    body.rest,
    (source) => source,
    (error) => ended(error === undefined ? undefined : streamFault(error)),
  )
  return { ...reply, body: { ...body, rest } }
}

/** Why a stream ended before its time. */
function streamFault(error: Error): GatewayError {
  if (error === brokenOff) return new GatewayError('cancelled')
  return error instanceof GatewayError ? error : new GatewayError('server_broken', { cause: error })
}

function judge(gate: Gate, now: number, error: GatewayError | undefined): void {
  if (error === undefined) gate.breaker.succeeded()
  else if (error.code === 'server_unavailable' || error.code === 'server_timeout')
    gate.breaker.failed(now)
  else gate.breaker.unknown()
}
