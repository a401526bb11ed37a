/** Extensions of MCP on their way through: which an endpoint relays, and whether a caller may use their methods. */
import { extensionsOf, type RelaysExtension } from '../catalog/discover.ts'
import type { Endpoint } from '../model/action.ts'
import type { Call } from '../model/call.ts'
import { allowedExtensions } from '../model/desired-state.ts'
import { skillsExtension, tasksExtension } from '../model/extensions.ts'
import { methodOf } from '../model/methods.ts'
import { GatewayError } from '../model/refusal.ts'
import type { Snapshot } from '../snapshot/compile.ts'
import { mayUseSomething } from './visible.ts'

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
  const offered = offeredBy(snapshot, endpoint, endpoint.server)
  return new Set(named.filter(({ id }) => offered.has(id)).flatMap(({ methods }) => methods))
}

/** Only of servers that the caller may know of. */
function offeredIds(snapshot: Snapshot, { endpoint, principal }: Call): ReadonlySet<string> {
  const servers = snapshot.scopes.of(endpoint)?.servers ?? []
  return new Set(
    servers
      .filter((server) => mayUseSomething(snapshot, principal, server))
      .flatMap((server) => [...offeredBy(snapshot, endpoint, server)]),
  )
}

/** The extensions of one server that an endpoint relays. */
function offeredBy(snapshot: Snapshot, endpoint: Endpoint, server: string): ReadonlySet<string> {
  const scope = snapshot.scopes.of(endpoint)
  const listing = snapshot.catalog.listings.get(server)
  if (scope === undefined || listing === undefined) return nothing
  return new Set(extensionsOf(listing, scope, relaysOf(snapshot)).map(([id]) => id))
}

/** Whether the skills of a server are shown at an endpoint. */
export function showsSkills(snapshot: Snapshot, endpoint: Endpoint, server: string): boolean {
  return offeredBy(snapshot, endpoint, server).has(skillsExtension)
}

/** The extension that a method belongs to; undefined for methods of the protocol itself, and for core tasks. */
function extensionOf({ method, era }: Call): string | undefined {
  return methodOf(method).extension?.[era]
}

/**
 * Lets calls of an extension's methods pass only where it was declared: by a server behind the endpoint, and for tasks
 * by the caller, too (tasks extension, "Capability Negotiation").
 * @throws GatewayError method_unknown, capability_missing
 */
export function requireExtension(snapshot: Snapshot, call: Call): void {
  if (call.era === 'legacy' && methodOf(call.method).subject?.kind === 'task')
    requireCoreTasks(snapshot, call)
  const id = extensionOf(call)
  if (id === undefined) return
  if (!offeredIds(snapshot, call).has(id)) throw new GatewayError('method_unknown')
  if (id === tasksExtension) requireDeclared(call, id)
}

/** Whether the very server of a target has the extension that the call needs, and may use it. */
export function servesExtension(snapshot: Snapshot, call: Call, server: string): boolean {
  const id = extensionOf(call)
  return id === undefined || offeredBy(snapshot, call.endpoint, server).has(id)
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
  const has =
    call.endpoint.kind === 'server' &&
    relaysOf(snapshot).allowed(call.endpoint.server, tasksExtension) &&
    facts?.era === 'legacy' &&
    facts.declared.names.has('tasks')
  if (call.revision !== '2025-11-25' || !has) throw new GatewayError('method_unknown')
}
