import type { Offer } from '../catalog/discover.ts'
import { discoverResult, initializeResult, offerOf } from '../catalog/discover.ts'
import type { Endpoint } from '../model/action.ts'
import type { Era, Revision } from '../model/call.ts'
import type { Principal } from '../model/principal.ts'
import { productInfo } from '../model/product.ts'
import { GatewayError } from '../model/refusal.ts'
import type { Snapshot } from '../snapshot/compile.ts'
import { relaysOf } from './extensions.ts'
import type { Rooms } from './rooms.ts'
import { seenSnapshot, unseenServers } from './unseen.ts'
import { mayUseSomething } from './visible.ts'

const discoverTtlMs = 60_000
const firstSeenMs = 1_000

/** Raw result of `server/discover` for this principal at this endpoint. */
export async function runDiscover(
  rooms: Rooms,
  endpoint: Endpoint,
  principal: Principal,
): Promise<string> {
  const snapshot = await waitedFor(rooms, endpoint, principal)
  const isComplete = unseenServers(snapshot, endpoint, principal).length === 0
  return discoverResult(
    offer(snapshot, endpoint, principal, 'modern'),
    productInfo,
    isComplete ? discoverTtlMs : 0,
  )
}

/** Raw result of `initialize` in the revision that was settled on. */
export async function runInitialize(
  rooms: Rooms,
  endpoint: Endpoint,
  principal: Principal,
  revision: Revision,
): Promise<string> {
  const snapshot = await waitedFor(rooms, endpoint, principal)
  return initializeResult(offer(snapshot, endpoint, principal, 'legacy'), productInfo, revision)
}

function waitedFor(rooms: Rooms, endpoint: Endpoint, principal: Principal): Promise<Snapshot> {
  const held = rooms.snapshot()
  const unseen = unseenServers(held, endpoint, principal)
  return seenSnapshot(rooms, principal, held, unseen, firstSeenMs)
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
