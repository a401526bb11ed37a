import type { Principal } from '../model/principal.ts'
import type { Snapshot } from '../snapshot/compile.ts'

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
