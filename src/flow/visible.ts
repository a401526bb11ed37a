import { shownAs } from '../catalog/names.ts'
import type { Endpoint } from '../model/action.ts'
import type { RecordedCall } from '../model/call.ts'
import type { Principal } from '../model/principal.ts'
import type { Item } from '../model/target.ts'
import type { Snapshot } from '../snapshot/compile.ts'

/** A server of which a principal may use nothing answers like one that is not there; before it was seen nobody can tell. */
export function mayKnow(snapshot: Snapshot, endpoint: Endpoint, principal: Principal): boolean {
  if (snapshot.scopes.of(endpoint) === undefined) return false
  if (endpoint.kind !== 'server') return true
  const listing = snapshot.catalog.listings.get(endpoint.server)
  // Until a server has listed what it has, a rule that could speak of it is enough.
  return listing === undefined || listing.listedAt === 0
    ? snapshot.engine.couldAllow(principal, endpoint.server)
    : mayUseSomething(snapshot, principal, endpoint.server)
}

/** Whether anything at a server is allowed, so that its existence may be known. */
export function mayUseSomething(snapshot: Snapshot, principal: Principal, server: string): boolean {
  const listing = snapshot.catalog.listings.get(server)
  if (listing === undefined) return false
  const { engine } = snapshot
  return (
    listing.items.tool.some(
      (item) => engine.decide(principal, 'tool', server, item.name).allowed,
    ) ||
    listing.items.prompt.some(
      (item) => engine.decide(principal, 'prompt', server, item.name).allowed,
    ) ||
    listing.items.resource.some(
      (item) => engine.decide(principal, 'resource', server, item.name).allowed,
    ) ||
    listing.items.template.some((item) =>
      engine.couldAllowTemplate(principal, server, item.name),
    ) ||
    listing.items.skill.some(
      (item) => engine.decide(principal, 'resource', server, item.name).allowed,
    )
  )
}

/** Whether the caller may use a tool or a prompt. */
export function mayUse({ engine }: Snapshot, principal: Principal, item: Item): boolean {
  return (
    (item.kind === 'tool' || item.kind === 'prompt') &&
    engine.decide(principal, item.kind, item.server, item.name).allowed
  )
}

/** The name under which the caller may call another tool of the same server at its endpoint; undefined: it may not. */
export function shownName(
  { catalog, scopes, engine }: Snapshot,
  { action: { endpoint, principal }, target: { server } }: RecordedCall,
  tool: string,
): string | undefined {
  const scope = scopes.of(endpoint)
  const item = catalog.byServer.get(server)?.tool.get(tool)
  if (scope?.has('tool', server, tool) !== true || item === undefined) return undefined
  if (!engine.decide(principal, 'tool', server, tool).allowed) return undefined
  const name = catalog.publicOf.get(item)
  if (scope.endpoint.kind === 'server' || name === undefined) return tool
  return shownAs(
    name,
    (twin) =>
      scope.has('tool', server, twin.name) &&
      engine.decide(principal, 'tool', server, twin.name).allowed,
  )
}
