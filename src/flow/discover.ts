import type { Offer } from '../catalog/discover.ts'
import { discoverResult, initializeResult, offerOf } from '../catalog/discover.ts'
import type { Endpoint, Era, Revision } from '../model/call.ts'
import type { Principal } from '../model/principal.ts'
import { productInfo } from '../model/product.ts'
import { GatewayError } from '../model/refusal.ts'
import type { Snapshot } from '../snapshot/compile.ts'
import { relaysOf } from './extensions.ts'
import type { Rooms } from './rooms.ts'
import { mayUseSomething } from './visible.ts'

const discoverTtlMs = 60_000
const firstSeenMs = 1_000

/** Raw result of `server/discover` for this principal at this endpoint. */
export async function runDiscover(
  rooms: Rooms,
  endpoint: Endpoint,
  principal: Principal,
): Promise<string> {
  const { snapshot, complete } = await seenSnapshot(rooms, endpoint)
  return discoverResult(
    offer(snapshot, endpoint, principal, 'modern'),
    productInfo,
    complete ? discoverTtlMs : 0,
  )
}

/** Raw result of `initialize` in the revision that was settled on. */
export async function runInitialize(
  rooms: Rooms,
  endpoint: Endpoint,
  principal: Principal,
  revision: Revision,
): Promise<string> {
  const { snapshot } = await seenSnapshot(rooms, endpoint)
  return initializeResult(offer(snapshot, endpoint, principal, 'legacy'), productInfo, revision)
}

async function seenSnapshot(
  rooms: Rooms,
  endpoint: Endpoint,
): Promise<{ snapshot: Snapshot; complete: boolean }> {
  const first = rooms.snapshot()
  const scope = first.scopes.of(endpoint)
  if (scope === undefined) throw new GatewayError('endpoint_unknown')
  const unseen = (snapshot: Snapshot): string[] =>
    scope.servers.filter((server) => snapshot.catalog.listings.get(server)?.listedAt === 0)
  if (unseen(first).length > 0) await rooms.seen(unseen(first), firstSeenMs)
  const snapshot = rooms.snapshot()
  return { snapshot, complete: unseen(snapshot).length === 0 }
}

/** What is offered counts only servers of which this principal may use something. */
function offer(snapshot: Snapshot, endpoint: Endpoint, principal: Principal, era: Era): Offer {
  const scope = snapshot.scopes.of(endpoint)
  if (scope === undefined) throw new GatewayError('endpoint_unknown')
  return offerOf(
    snapshot.catalog,
    scope,
    era,
    (server) => mayUseSomething(snapshot, principal, server),
    relaysOf(snapshot),
  )
}
