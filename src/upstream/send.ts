/** The last room before the network: finds the server, bounds what one server can cost the others, and sends. */
import { CircuitState, ConsecutiveBreaker, circuitBreaker, handleWhen } from 'cockatiel'
import type { KeyRing } from '../kit/key-ring.ts'
import type { Recorded } from '../model/proofs.ts'
import { GatewayError } from '../model/refusal.ts'
import type { Reply } from '../model/reply.ts'
import { readAnswers } from './answers.ts'
import type { Sent, ServerLink } from './kind.ts'
import type { ParkingLot } from './parking.ts'
import { openState, sealState } from './request-state.ts'
import type { NotificationSink, OpenCall } from './round.ts'

export interface GateOptions {
  readonly link: ServerLink
  readonly concurrencyMax: number
  readonly timeoutMs: number
}

export interface SendDeps {
  readonly ring: KeyRing
  readonly node: string
  readonly parking: ParkingLot
  readonly now: () => number
}

const breakerCodes: ReadonlySet<string> = new Set(['server_unavailable', 'server_timeout'])
const failuresInARow = 8
const halfOpenAfterMs = 5_000

/** One server as calls see it: a bulkhead, a breaker and a deadline around its link. */
export class Gate {
  readonly link: ServerLink
  readonly concurrencyMax: number
  readonly timeoutMs: number
  running = 0
  readonly breaker = circuitBreaker(
    handleWhen((error) => error instanceof GatewayError && breakerCodes.has(error.code)),
    { halfOpenAfter: halfOpenAfterMs, breaker: new ConsecutiveBreaker(failuresInARow) },
  )

  constructor(options: GateOptions) {
    this.link = options.link
    this.concurrencyMax = options.concurrencyMax
    this.timeoutMs = options.timeoutMs
  }

  get open(): boolean {
    return this.breaker.state === CircuitState.Open
  }
}

/**
 * Sends a recorded call and resolves with the end of its round.
 * @throws GatewayError server_*, state_invalid, cancelled
 */
export async function send(
  deps: SendDeps,
  gate: Gate | undefined,
  recorded: Recorded,
  sink: NotificationSink,
): Promise<Reply> {
  if (gate === undefined) throw new GatewayError('server_unavailable', { detail: 'not registered' })
  if (gate.running >= gate.concurrencyMax)
    throw new GatewayError('server_busy', { detail: `${gate.running} calls are running` })
  if (gate.open)
    throw new GatewayError('server_unavailable', {
      detail: 'too many failures in a row; it is tried again shortly',
    })
  gate.running++
  try {
    // A closed breaker with nothing failing costs a few comparisons.
    return await gate.breaker.execute(() => round(deps, gate, recorded, sink))
  } catch (fault) {
    throw fault instanceof GatewayError
      ? fault
      : new GatewayError('server_unavailable', {
          detail: fault instanceof Error ? fault.message : 'breaker',
          cause: fault,
        })
  } finally {
    gate.running--
  }
}

async function round(
  deps: SendDeps,
  gate: Gate,
  recorded: Recorded,
  sink: NotificationSink,
): Promise<Reply> {
  const { call } = recorded
  const opened =
    call.requestState === undefined
      ? undefined
      : openState(deps.ring, recorded, call.requestState, deps.now())
  if (opened?.kind === 'parked') {
    const open = deps.parking.take(opened.park)
    return bounded(gate, recorded, { open, cancel: (reason) => open.abandon(reason) }, () =>
      open.resume(call, sink, readAnswers(call.inputResponses)),
    )
  }
  const park = (of: () => OpenCall, serverState?: string): string =>
    sealState(
      deps.ring,
      recorded,
      { node: deps.node, now: deps.now(), lifeMs: deps.parking.lifeMs },
      serverState === undefined
        ? { park: deps.parking.park(of(), recorded.principal.id) }
        : { state: serverState },
    )
  const starting = gate.link.start({ recorded, sink, serverState: opened?.state, park })
  const sent = starting instanceof Promise ? await withDeadline(starting, gate.timeoutMs) : starting
  return bounded(gate, recorded, sent, () => sent.open.next())
}

/** Waits for the end of the round, no longer than the deadline and no longer than the caller does. */
async function bounded(
  gate: Gate,
  recorded: Recorded,
  sent: Sent,
  wait: () => Promise<Reply>,
): Promise<Reply> {
  const stop = (error: GatewayError, reason: string): void => {
    sent.cancel(reason)
    sent.open.fail(error)
  }
  const timer = setTimeout(
    () =>
      stop(
        new GatewayError('server_timeout', { detail: `no answer in ${gate.timeoutMs} ms` }),
        'deadline',
      ),
    gate.timeoutMs,
  )
  const forget = recorded.call.cancel.onCancel(() =>
    stop(new GatewayError('cancelled'), 'cancelled by the caller'),
  )
  try {
    return await wait()
  } finally {
    clearTimeout(timer)
    forget()
  }
}

function withDeadline(starting: Promise<Sent>, timeoutMs: number): Promise<Sent> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new GatewayError('server_timeout', { detail: `not connected in ${timeoutMs} ms` }))
      // It may still connect; nobody waits for that call any more.
      starting.then((sent) => sent.cancel('deadline')).catch(() => undefined)
    }, timeoutMs)
    starting.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
