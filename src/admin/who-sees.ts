/** Which keys may use something at a server, and what to run so that one more may. */
import type { Principal } from '../model/principal.ts'
import type { Snapshot } from '../snapshot/compile.ts'
import type { VisibilityView } from './contract/servers.ts'

/** Stands for the tools of a server that has not listed any: `server/*` and wider rules match it. */
const anyTool = ['*']

/** The first rule by which a principal may use one of the tools; undefined when there is none. */
function ruleFor(
  snapshot: Snapshot,
  principal: Principal,
  server: string,
  tools: readonly string[],
): string | undefined {
  for (const tool of tools.length === 0 ? anyTool : tools) {
    const decision = snapshot.engine.decide(principal, 'tool', server, tool)
    if (decision.allowed) return decision.rule
  }
  return undefined
}

/** Names of the tools that a server listed. */
export function toolsOf(snapshot: Snapshot, server: string): readonly string[] {
  return snapshot.catalog.listings.get(server)?.items.tool.map((item) => item.name) ?? []
}

export function whoSees(
  snapshot: Snapshot,
  server: string,
  tools: readonly string[],
  now: number,
): VisibilityView {
  const keys = snapshot.identities
    .principals()
    .filter(({ expiresAt }) => expiresAt === undefined || expiresAt > now)
    .flatMap((principal) => {
      const rule = ruleFor(snapshot, principal, server, tools)
      return rule === undefined ? [] : [{ name: principal.name, rule }]
    })
  const grant = [
    `sallyport roles set ${server}-user --allow '${server}/*'`,
    `sallyport rules grant --key KEY --role ${server}-user`,
  ]
  return { keys, grant }
}

/** Servers at which a principal may use something. */
export function seenBy(snapshot: Snapshot, principal: Principal): string[] {
  return Object.keys(snapshot.state.servers).filter(
    (server) => ruleFor(snapshot, principal, server, toolsOf(snapshot, server)) !== undefined,
  )
}
