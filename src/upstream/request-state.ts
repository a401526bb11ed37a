import { hash } from 'node:crypto'
import type { KeyRing } from '../kit/key-ring.ts'
import type { Call, RecordedCall } from '../model/call.ts'
import { GatewayError } from '../model/refusal.ts'

/** What a requestState of ours holds. It binds the round to its caller, its call and its node. */
interface StateBox {
  readonly principal: string
  readonly method: string
  readonly server: string
  readonly name: string
  readonly args: string
  readonly node: string
  readonly expiresAt: number
  /** The parked call, or else the server's own state. */
  readonly park?: string
  readonly state?: string
}

const purpose = 'request-state'

/** What an opened state leads to: a parked call, or the server's own requestState (undefined: it had none). */
export type OpenedState =
  | { readonly kind: 'parked'; readonly park: string }
  | { readonly kind: 'server'; readonly state: string | undefined }

/** Seals the state of one round. `lifeMs` bounds how long it may come back. */
export function sealState(
  ring: KeyRing,
  recorded: RecordedCall,
  place: { readonly node: string; readonly now: number; readonly lifeMs: number },
  content: { readonly park: string } | { readonly state: string },
): string {
  const { action: call, target } = recorded
  const box: StateBox = {
    principal: call.principal.id,
    method: call.method,
    server: target.server,
    name: target.name,
    args: argsDigest(call),
    node: place.node,
    expiresAt: place.now + place.lifeMs,
    ...content,
  }
  return ring.seal(purpose, JSON.stringify(box))
}

/**
 * The node that holds the parked call of a call's requestState, as far as the state belongs to this caller and call;
 * undefined for any other state: what must be refused is refused and recorded where it arrived. That node opens and
 * checks it again.
 */
export function parkedAt(ring: KeyRing, call: Call, now: number): string | undefined {
  const text = call.requestState === undefined ? undefined : ring.open(purpose, call.requestState)
  if (text === undefined) return undefined
  const box: StateBox = JSON.parse(text)
  const mine =
    box.park !== undefined &&
    box.principal === call.principal.id &&
    box.method === call.method &&
    box.args === argsDigest(call) &&
    box.expiresAt > now
  return mine ? box.node : undefined
}

/** @throws GatewayError state_invalid for a state that is forged, expired, or of another caller or call */
export function openState(
  ring: KeyRing,
  recorded: RecordedCall,
  sealed: string,
  now: number,
): OpenedState {
  const { action: call, target } = recorded
  const text = ring.open(purpose, sealed)
  if (text === undefined)
    throw new GatewayError('state_invalid', { detail: 'forged or of another ring' })
  const box: StateBox = JSON.parse(text)
  const same =
    box.principal === call.principal.id &&
    box.method === call.method &&
    box.server === target.server &&
    box.name === target.name &&
    box.args === argsDigest(call)
  if (!same) throw new GatewayError('state_invalid', { detail: 'bound to another caller or call' })
  if (box.expiresAt <= now) throw new GatewayError('state_invalid', { detail: 'expired' })
  return box.park === undefined
    ? { kind: 'server', state: box.state }
    : { kind: 'parked', park: box.park }
}

/** The parked call that a state of ours leads to, whoever holds it. */
export function parkedIn(ring: KeyRing, sealed: string): string | undefined {
  const text = ring.open(purpose, sealed)
  if (text === undefined) return undefined
  const box: StateBox = JSON.parse(text)
  return box.park
}

function argsDigest(call: Call): string {
  return call.args === undefined ? '' : hash('sha256', call.args, 'hex')
}
