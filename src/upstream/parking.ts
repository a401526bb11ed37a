import { randomUUID } from 'node:crypto'
import { type Account, messageWeight } from '../model/account.ts'
import type { Call, RecordedCall } from '../model/call.ts'
import { GatewayError } from '../model/refusal.ts'
import type { NotificationSink, Reply } from '../model/reply.ts'

/** What a parked call costs beside its message. */
const parkedBytes = 16_000

/**
 * A recorded call that waits for its caller to come back: with answers to what a server asked, or with whatever else it was
 * held back for.
 */
export interface Continuation {
  /** It ended meanwhile, so that nobody can go on with it. */
  readonly done: boolean
  /** Resolves with the end of the round that goes on. */
  resume(call: Call, sink: NotificationSink, answers: ReadonlyMap<string, string>): Promise<Reply>
  /** Resolves with the end of the current round. */
  next(): Promise<Reply>
  fail(error: GatewayError): void
  /** Nobody will come back. */
  abandon(reason: string): void
}

interface Parked {
  readonly held: Continuation
  readonly principal: string
  readonly account: Account
  readonly bytes: number
  readonly timer: NodeJS.Timeout
}

export interface ParkingBounds {
  readonly countMax: number
  readonly perPrincipalMax: number
  readonly lifeMs: number
}

/** Calls that wait for their callers to come back: bounded in all, per principal and in time. */
export class ParkingLot {
  private readonly spots = new Map<string, Parked>()
  private readonly perPrincipal = new Map<string, number>()
  private readonly bounds: () => ParkingBounds

  /** `bounds` is asked for every call, so that a changed configuration counts at once. */
  constructor(bounds: () => ParkingBounds) {
    this.bounds = bounds
  }

  /** How long a call that is parked now stays. */
  get lifeMs(): number {
    return this.bounds().lifeMs
  }

  get size(): number {
    return this.spots.size
  }

  /** Parks what a recorded call goes on with. A full lot abandons it at once, so the server gets a clean answer. Returns its id. */
  park(held: Continuation, { action: call }: RecordedCall): string {
    const id = randomUUID()
    const principal = call.principal.id
    const mine = this.perPrincipal.get(principal) ?? 0
    const { countMax, perPrincipalMax, lifeMs } = this.bounds()
    const { account } = call
    const bytes = parkedBytes + call.bytes * messageWeight
    if (this.spots.size >= countMax || mine >= perPrincipalMax || !account.tryTake(bytes)) {
      queueMicrotask(() => held.abandon('Too many calls wait for answers.'))
      return id
    }
    const timer = setTimeout(() => {
      this.forget(id)
      held.abandon('Nobody answered in time.')
    }, lifeMs)
    timer.unref()
    this.spots.set(id, { held, principal, account, bytes, timer })
    this.perPrincipal.set(principal, mine + 1)
    return id
  }

  /** Takes a parked call out; each can be taken once. @throws GatewayError state_invalid */
  take(id: string): Continuation {
    const parked = this.forget(id)
    if (parked === undefined || parked.held.done)
      throw new GatewayError('state_invalid', { detail: 'no such parked call' })
    return parked.held
  }

  /** Gives one up for which nobody will come back. */
  abandon(id: string, reason: string): void {
    this.forget(id)?.held.abandon(reason)
  }

  /** Abandons those of some principals: after their key was revoked, or all for a stop. */
  abandonWhere(gone: (principalId: string) => boolean, reason: string): void {
    for (const [id, { principal }] of [...this.spots]) if (gone(principal)) this.abandon(id, reason)
  }

  private forget(id: string): Parked | undefined {
    const parked = this.spots.get(id)
    if (parked === undefined) return undefined
    clearTimeout(parked.timer)
    this.spots.delete(id)
    parked.account.give(parked.bytes)
    const left = (this.perPrincipal.get(parked.principal) ?? 1) - 1
    if (left <= 0) this.perPrincipal.delete(parked.principal)
    else this.perPrincipal.set(parked.principal, left)
    return parked
  }
}
