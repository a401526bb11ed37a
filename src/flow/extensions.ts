/** Extensions of MCP on their way through: which an endpoint relays, and whether a caller may use their methods. */
import { extensionsOf, type RelaysExtension } from '../catalog/discover.ts'
import type { Call, Endpoint } from '../model/call.ts'
import { allowedExtensions } from '../model/desired-state.ts'
import {
  isSkillMethod,
  isTaskMethod,
  skillsExtension,
  tasksExtension,
} from '../model/extensions.ts'
import { GatewayError } from '../model/refusal.ts'
import type { Snapshot } from '../snapshot/compile.ts'

/** What the operator lets through, as the desired state says it. */
export function relaysOf(snapshot: Snapshot): RelaysExtension {
  const { servers } = snapshot.state
  return {
    allowed: (server, extension) => {
      const spec = servers[server]
      return spec !== undefined && allowedExtensions(spec).has(extension)
    },
    appsJoined: (server) => servers[server]?.apps === 'joined',
  }
}

const nothing: ReadonlySet<string> = new Set()

/** Methods of further extensions that an endpoint relays: those that the operator named for extensions that the server has. */
export function relayedMethods(snapshot: Snapshot, endpoint: Endpoint): ReadonlySet<string> {
  if (endpoint.kind !== 'server') return nothing
  const named = snapshot.state.servers[endpoint.server]?.extensions.filter(
    (entry) => typeof entry !== 'string',
  )
  if (named === undefined || named.length === 0) return nothing
  const offered = offeredIds(snapshot, endpoint)
  return new Set(named.filter(({ id }) => offered.has(id)).flatMap(({ methods }) => methods))
}

function offeredIds(snapshot: Snapshot, endpoint: Endpoint): ReadonlySet<string> {
  const scope = snapshot.scopes.of(endpoint)
  if (scope === undefined) return nothing
  const relays = relaysOf(snapshot)
  return new Set(
    scope.servers.flatMap((server) => {
      const listing = snapshot.catalog.listings.get(server)
      return listing === undefined ? [] : extensionsOf(listing, scope, relays).map(([id]) => id)
    }),
  )
}

/**
 * Lets calls of an extension's methods pass only where it was declared: by a server behind the endpoint, and for tasks
 * by the caller, too (tasks extension, "Capability Negotiation").
 * @throws GatewayError method_unknown, capability_missing
 */
export function requireExtension(snapshot: Snapshot, call: Call): void {
  const { method } = call
  const task = isTaskMethod(method)
  if (!task && !isSkillMethod(method) && method !== 'skills/list') return
  if (task && call.era === 'legacy') {
    requireCoreTasks(snapshot, call)
    return
  }
  const id = task ? tasksExtension : skillsExtension
  if (!offeredIds(snapshot, call.endpoint).has(id)) throw new GatewayError('method_unknown')
  if (task) requireDeclared(call, id)
}

/** @throws GatewayError capability_missing when the caller did not declare the extension */
export function requireDeclared(call: Call, extension: string): void {
  if (call.capabilities.extensions.has(extension)) return
  throw new GatewayError('capability_missing', {
    data: { requiredCapabilities: { extensions: { [extension]: {} } } },
  })
}

/** Core tasks exist between a client of 2025-11-25 and a legacy server that has them. */
function requireCoreTasks(snapshot: Snapshot, call: Call): void {
  const facts =
    call.endpoint.kind === 'server'
      ? snapshot.catalog.listings.get(call.endpoint.server)?.facts
      : undefined
  const has = facts?.era === 'legacy' && facts.capabilities.includes('"tasks"')
  if (call.revision !== '2025-11-25' || !has) throw new GatewayError('method_unknown')
}
