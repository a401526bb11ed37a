import { withoutHidden } from '../kit/hidden-text.ts'
import { type Era, modernRevisions, type Revision } from '../model/call.ts'
import {
  appsExtension,
  extensionsText,
  knownExtensions,
  tasksExtension,
} from '../model/extensions.ts'
import type { Catalog, Listing } from './catalog.ts'
import type { Scope } from './resolve.ts'

const known = ['tools', 'prompts', 'resources', 'completions', 'logging'] as const

/** What an endpoint offers: the union over its servers, so that no era falls to the intersection. */
export interface Offer {
  /** Raw `capabilities` object. */
  readonly capabilities: string
  readonly instructions: string | undefined
}

const instructionsMax = 16_384

/** Merged capabilities and instructions of the servers in `scope` that `visible` lets through. */
export function offerOf(
  catalog: Catalog,
  scope: Scope,
  era: Era,
  visible: (server: string) => boolean,
  relays: RelaysExtension,
): Offer {
  const listings = scope.servers
    .filter(visible)
    .map((server) => catalog.listings.get(server))
    .filter((listing) => listing !== undefined)
  const flags = new Map<string, Set<string>>()
  for (const listing of listings) collectFlags(listing, flags)
  // Servers not seen yet may turn out to have tools; say so, and that lists change.
  if (scope.endpoint.kind !== 'server' || listings.every((listing) => listing.facts === undefined))
    addFlag(flags, 'tools', 'listChanged')
  for (const kind of ['tools', 'prompts', 'resources'])
    if (flags.has(kind)) addFlag(flags, kind, 'listChanged')
  if (era === 'legacy' && listings.some((listing) => listing.facts?.era === 'modern'))
    addFlag(flags, 'logging')
  const parts = known
    .filter((kind) => flags.has(kind))
    .map(
      (kind) =>
        `"${kind}":{${[...(flags.get(kind) ?? [])].map((flag) => `"${flag}":true`).join(',')}}`,
    )
  const offered = offeredExtensions(listings, scope, relays)
  const extensions = extensionsText(
    // A legacy caller could not drive the tasks of a modern server (protocol.md section 5, core tasks).
    [...offered].filter(([id]) => era === 'modern' || id !== tasksExtension),
  )
  const tasks = era === 'legacy' ? coreTasks(listings, scope) : undefined
  if (tasks !== undefined) parts.push(`"tasks":${tasks}`)
  if (extensions !== '') parts.push(extensions)
  return { capabilities: `{${parts.join(',')}}`, instructions: joinInstructions(listings, scope) }
}

/**
 * Core tasks (MCP 2025-11-25 basic/utilities/tasks) of a legacy server, on its own endpoint: tool calls and cancellation.
 * A list of tasks would show those of everybody whose calls share the server's session.
 */
function coreTasks(listings: readonly Listing[], scope: Scope): string | undefined {
  const facts = scope.endpoint.kind === 'server' ? listings[0]?.facts : undefined
  if (facts?.era !== 'legacy' || !facts.declared.tasks.ofTools) return undefined
  return `{${facts.declared.tasks.cancel ? '"cancel":{},' : ''}"requests":{"tools":{"call":{}}}}`
}

/** Whether the operator lets an extension of a server through, and its apps to the endpoints that join several. */
export interface RelaysExtension {
  allowed(server: string, extension: string): boolean
  appsJoined(server: string): boolean
}

/** Extensions that some server behind the endpoint has and that are relayed; settings of the first that has one. */
function offeredExtensions(
  listings: readonly Listing[],
  scope: Scope,
  relays: RelaysExtension,
): ReadonlyMap<string, string> {
  const offered = new Map<string, string>()
  for (const listing of listings)
    for (const [id, settings] of extensionsOf(listing, scope, relays))
      if (!offered.has(id)) offered.set(id, settings)
  return offered
}

/** The extensions of one server that an endpoint relays. */
export function extensionsOf(
  listing: Listing,
  scope: Scope,
  relays: RelaysExtension,
): readonly (readonly [string, string])[] {
  const joined = scope.endpoint.kind !== 'server'
  return [...(listing.facts?.declared.extensions ?? [])].filter(([id]) => {
    if (!relays.allowed(listing.server, id)) return false
    if (!joined) return true
    // What is not known cannot be rewritten, so it stays on the server's own endpoint.
    return id === appsExtension
      ? relays.appsJoined(listing.server)
      : knownExtensions.some((known) => known === id)
  })
}

function addFlag(flags: Map<string, Set<string>>, kind: string, flag?: string): void {
  const set = flags.get(kind) ?? new Set<string>()
  if (flag !== undefined) set.add(flag)
  flags.set(kind, set)
}

/** Flags have no more than a word for a name; anything else is not passed on. */
const flagName = /^[A-Za-z]{1,32}$/

function collectFlags({ facts }: Listing, flags: Map<string, Set<string>>): void {
  for (const kind of known) {
    const own = facts?.declared.flags.get(kind)
    if (own === undefined) continue
    addFlag(flags, kind)
    for (const flag of own) if (flagName.test(flag)) addFlag(flags, kind, flag)
  }
}

function joinInstructions(listings: readonly Listing[], scope: Scope): string | undefined {
  const parts = listings.filter((listing) => listing.facts?.instructions !== undefined)
  if (scope.endpoint.kind === 'server') {
    const own = parts[0]?.facts?.instructions
    return own === undefined ? undefined : withoutHidden(own)
  }
  const text = parts
    .map((listing) => `# ${listing.server}\n${listing.facts?.instructions ?? ''}`)
    .join('\n\n')
  return text === '' ? undefined : withoutHidden(text).slice(0, instructionsMax)
}

/** Raw result of `server/discover` (MCP 2026-07-28 server/discover). */
export function discoverResult(offer: Offer, serverInfo: string, ttlMs: number): string {
  const instructions =
    offer.instructions === undefined ? '' : `,"instructions":${JSON.stringify(offer.instructions)}`
  return `{"resultType":"complete","supportedVersions":${JSON.stringify(modernRevisions)},"capabilities":${offer.capabilities}${instructions},"ttlMs":${ttlMs},"cacheScope":"private","_meta":{"io.modelcontextprotocol/serverInfo":${serverInfo}}}`
}

/** Raw result of `initialize`. */
export function initializeResult(offer: Offer, serverInfo: string, revision: Revision): string {
  const instructions =
    offer.instructions === undefined ? '' : `,"instructions":${JSON.stringify(offer.instructions)}`
  return `{"protocolVersion":"${revision}","capabilities":${offer.capabilities},"serverInfo":${serverInfo}${instructions}}`
}
