import type { Principal } from '../model/principal.ts'
import { GatewayError } from '../model/refusal.ts'
import type { Rooms } from './rooms.ts'

/** @throws GatewayError key_invalid for a principal whose key was revoked, or has expired, since it was identified */
export function assertStillValid(rooms: Pick<Rooms, 'isStillValid'>, principal: Principal): void {
  if (!rooms.isStillValid(principal))
    throw new GatewayError('key_invalid', { detail: 'revoked or expired while its request ran' })
}
