/** Servers that were never seen are waited for, so that the first question after a start is answered in full. */
import type { Endpoint } from '../model/action.ts'
import type { Principal } from '../model/principal.ts'
import { GatewayError } from '../model/refusal.ts'
import type { Snapshot } from '../snapshot/compile.ts'
import type { Rooms } from './rooms.ts'
import { assertStillValid } from './still-valid.ts'

/**
 * Those behind an endpoint that the principal may use something of. Of others the wait would tell that they are there.
 * @throws GatewayError endpoint_unknown
 */
export function unseenServers(
  snapshot: Snapshot,
  endpoint: Endpoint,
  principal: Principal,
): readonly string[] {
  const scope = snapshot.scopes.of(endpoint)
  if (scope === undefined) throw new GatewayError('endpoint_unknown')
  if (!snapshot.catalog.hasUnseen) return []
  return scope.servers.filter(
    (server) =>
      snapshot.catalog.listings.get(server)?.listedAt === 0 &&
      snapshot.engine.couldAllow(principal, server),
  )
}

/**
 * The Snapshot after `servers` were seen, or after `waitMs`.
 * @throws GatewayError key_invalid when the principal is not valid any more then
 */
export async function seenSnapshot(
  rooms: Rooms,
  principal: Principal,
  held: Snapshot,
  servers: readonly string[],
  waitMs: number,
): Promise<Snapshot> {
  if (servers.length === 0) return held
  await rooms.seen(servers, waitMs)
  assertStillValid(rooms, principal)
  return rooms.snapshot()
}
