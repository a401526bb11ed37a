import { randomUUID } from 'node:crypto'
import { type Account, messageWeight } from '../model/account.ts'
import type { RecordedCall } from '../model/call.ts'
import { GatewayError } from '../model/refusal.ts'
import type { OpenCall } from './round.ts'

/** What a parked call costs beside its message. */
const parkedBytes = 16_000

interface Parked {
  readonly open: OpenCall
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

/** Open calls of legacy servers that wait for their callers' answers: bounded in all, per principal and in time. */
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

  /** Parks the open call of a recorded one. A full lot abandons it at once, so the server gets a clean answer. Returns its id. */
  park(open: OpenCall, { action: call }: RecordedCall): string {
    const id = randomUUID()
    const principal = call.principal.id
    const mine = this.perPrincipal.get(principal) ?? 0
    const { countMax, perPrincipalMax, lifeMs } = this.bounds()
    const { account } = call
    const bytes = parkedBytes + call.bytes * messageWeight
    if (this.spots.size >= countMax || mine >= perPrincipalMax || !account.tryTake(bytes)) {
      queueMicrotask(() => open.abandon('Too many calls wait for answers.'))
      return id
    }
    const timer = setTimeout(() => {
      this.forget(id)
      open.abandon('Nobody answered in time.')
    }, lifeMs)
    timer.unref()
    this.spots.set(id, { open, principal, account, bytes, timer })
    this.perPrincipal.set(principal, mine + 1)
    return id
  }

  /** Takes a parked call out; each can be taken once. @throws GatewayError state_invalid */
  take(id: string): OpenCall {
    const parked = this.forget(id)
    if (parked === undefined || parked.open.done)
      throw new GatewayError('state_invalid', { detail: 'no such parked call' })
    return parked.open
  }

  /** Gives one up for which nobody will come back. */
  abandon(id: string, reason: string): void {
    this.forget(id)?.open.abandon(reason)
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
