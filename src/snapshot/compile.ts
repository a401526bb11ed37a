/** Desired state to one frozen Snapshot, or to a list of issues; the running Snapshot stays in that case. */
import { hash } from 'node:crypto'
import { buildCatalog, type Catalog, type Listing } from '../catalog/catalog.ts'
import type { Scope } from '../catalog/resolve.ts'
import { Identities } from '../identity/identities.ts'
import { compileKeys } from '../identity/keys.ts'
import { compileLimits, type Limits, type PatternTest } from '../limits/admit.ts'
import type { Endpoint } from '../model/action.ts'
import type { DesiredState, Issue, KeyRow } from '../model/desired-state.ts'
import type { Principal } from '../model/principal.ts'
import { compilePolicy, type Policy } from '../policy/compile.ts'
import { compilePattern, subjectOf } from '../policy/pattern.ts'

/** Everything that a call needs to know, fixed from door to reply. Holds no secret: references stay references. */
export interface Snapshot {
  readonly version: number
  readonly state: DesiredState
  /** Digest of state and keys; equal digests mean equal rules. */
  readonly digest: string
  readonly identities: Identities
  readonly engine: Policy
  readonly limits: Limits
  readonly catalog: Catalog
  readonly scopes: Scopes
}

/** The endpoints of the desired state. */
export interface Scopes {
  /** Undefined when there is no such server or toolset. */
  of(endpoint: Endpoint): Scope | undefined
}

export interface CompileInput {
  readonly state: DesiredState
  readonly keys: readonly KeyRow[]
  readonly listings: readonly Listing[]
  /** Of --insecure-local. */
  readonly local: Principal | undefined
  readonly previous: Snapshot | undefined
  /** Roles of rules beside those of the state, which nobody can name. */
  readonly denials?: DesiredState['roles'] | undefined
}

export type Compiled =
  | { readonly ok: true; readonly snapshot: Snapshot }
  | { readonly ok: false; readonly issues: readonly Issue[] }

/** Compiles everything. Parts whose input did not change are taken over from the previous Snapshot. */
export function compileSnapshot(input: CompileInput): Compiled {
  const { state, keys, previous } = input
  const digest = hash('sha256', JSON.stringify([state, keys, input.local ?? null]), 'hex')
  const same = previous?.digest === digest ? previous : undefined
  const catalog = buildCatalog(input.listings)
  const version = (previous?.version ?? 0) + 1
  if (same !== undefined)
    return { ok: true, snapshot: Object.freeze({ ...same, version, catalog }) }
  const policy = compilePolicy({
    roles: { ...state.roles, ...input.denials },
    access: state.access,
  })
  if ('issues' in policy) return { ok: false, issues: policy.issues }
  return {
    ok: true,
    snapshot: Object.freeze({
      version,
      state,
      digest,
      identities: new Identities(compileKeys(keys, state.environment), input.local),
      engine: policy.policy,
      limits: compileLimits(state.limits, limitPattern, previous?.limits),
      catalog,
      scopes: compileScopes(state),
    }),
  }
}

/** A Snapshot with another listing of one server and all else as before. */
export function withListings(snapshot: Snapshot, listings: readonly Listing[]): Snapshot {
  return Object.freeze({
    ...snapshot,
    version: snapshot.version + 1,
    catalog: buildCatalog(listings),
  })
}

/** What a limit covers: however somebody writes it. */
export const limitPattern: PatternTest = (text) => {
  const test = compilePattern(text, 'any')
  return (kind, server, name) => test(subjectOf(kind, server, name))
}

function compileScopes(state: DesiredState): Scopes {
  const servers = Object.keys(state.servers)
    .filter((name) => state.servers[name]?.enabled !== false)
    .sort()
  const appServers = servers.filter((name) => state.servers[name]?.apps === 'joined')
  const all: Scope = { endpoint: { kind: 'all' }, servers, appServers, has: () => true }
  const own = new Map<string, Scope>(
    servers.map((server) => [
      server,
      {
        endpoint: { kind: 'server', server },
        servers: [server],
        appServers: [],
        has: (_kind, of) => of === server,
      },
    ]),
  )
  const toolsets = new Map<string, Scope>()
  for (const [toolset, spec] of Object.entries(state.toolsets)) {
    const include = spec.include.map((text) => compilePattern(text, 'all'))
    const exclude = spec.exclude.map((text) => compilePattern(text, 'any'))
    const has: Scope['has'] = (kind, server, name) => {
      const subject = subjectOf(kind, server, name)
      return include.some((test) => test(subject)) && !exclude.some((test) => test(subject))
    }
    toolsets.set(toolset, { endpoint: { kind: 'toolset', toolset }, servers, appServers, has })
  }
  return {
    of(endpoint) {
      if (endpoint.kind === 'all') return all
      return endpoint.kind === 'server' ? own.get(endpoint.server) : toolsets.get(endpoint.toolset)
    },
  }
}
