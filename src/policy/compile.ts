/** Turns roles and access entries into one immutable policy, or into a list of what is wrong with them. */

import { Lru } from '../kit/lru.ts'
import { nearest } from '../kit/nearest.ts'
import type { AccessSpec, Issue, KeyRow, RoleSpec } from '../model/desired-state.ts'
import type { Principal } from '../model/principal.ts'
import type { PolicyEngine } from './engine.ts'
import { parsePattern } from './pattern.ts'
import { RoleSet } from './role-set.ts'
import type { Rule } from './rule-index.ts'

const roleSetsMax = 1_000
const verdictsMax = 20_000

export interface PolicyInput {
  readonly roles: Readonly<Record<string, RoleSpec>>
  readonly access: readonly AccessSpec[]
  /** Their roles are checked too. A key that an access entry names need not exist. */
  readonly keys?: readonly Pick<KeyRow, 'name' | 'roles'>[]
  /** Of the snapshot that this becomes a part of. */
  readonly version?: number
}

/** How a role came to a principal. */
export interface RoleGrant {
  readonly role: string
  /** Index in `access`; undefined when the role is bound to the key itself. */
  readonly access: number | undefined
}

/** A compiled policy: decides, and can be asked why (explain.ts). */
export interface Policy extends PolicyEngine {
  readonly access: readonly AccessSpec[]
  grantsOf(principal: Principal): readonly RoleGrant[]
  rulesOf(principal: Principal): readonly Rule[]
  isRole(name: string): boolean
}

/** `owner` administers and allows no tool by itself; `all-tools` allows everything that servers offer. */
export const builtIn: Readonly<
  Record<string, { allow: readonly string[]; deny: readonly string[] }>
> = {
  owner: { allow: [], deny: [] },
  'all-tools': { allow: ['*/*'], deny: [] },
}

/** Compiles a policy; with issues there is none. */
export function compilePolicy(
  input: PolicyInput,
): { readonly policy: Policy } | { readonly issues: readonly Issue[] } {
  const issues: Issue[] = []
  const report = (path: string, message: string) =>
    issues.push({ path, message, file: undefined, line: undefined, column: undefined })
  const rules = compileRoles(input.roles, report)
  const checkRole = (role: string, path: string) => {
    if (rules.has(role)) return
    const near = nearest(role, rules.keys())
    report(
      path,
      `there is no role "${role}"${near === undefined ? '' : `; did you mean "${near}"?`}`,
    )
  }
  for (const [index, entry] of input.access.entries())
    for (const [at, role] of entry.roles.entries()) checkRole(role, `access.${index}.roles.${at}`)
  for (const key of input.keys ?? [])
    for (const [at, role] of key.roles.entries()) checkRole(role, `keys.${key.name}.roles.${at}`)
  if (issues.length > 0) return { issues }
  return { policy: new CompiledPolicy(rules, input.access, input.version ?? 0) }
}

function compileRoles(
  roles: PolicyInput['roles'],
  report: (path: string, message: string) => void,
): Map<string, readonly Rule[]> {
  const compiled = new Map<string, readonly Rule[]>()
  let order = 0
  const add = (role: string, spec: { allow: readonly string[]; deny: readonly string[] }) => {
    const rules: Rule[] = []
    for (const effect of ['deny', 'allow'] as const)
      for (const [index, text] of spec[effect].entries()) {
        const pattern = parsePattern(text)
        if (pattern === undefined)
          report(`roles.${role}.${effect}.${index}`, 'not a pattern such as crm/* or prompt:crm/*')
        else
          rules.push({ role, effect, pattern, text: `${role}: ${effect} ${text}`, order: order++ })
      }
    compiled.set(role, rules)
  }
  for (const [role, spec] of Object.entries(builtIn)) add(role, spec)
  for (const [role, spec] of Object.entries(roles)) {
    if (Object.hasOwn(builtIn, role))
      report(`roles.${role}`, 'this role is built in; choose another name')
    else add(role, spec)
  }
  return compiled
}

class CompiledPolicy implements Policy {
  readonly version: number
  readonly access: readonly AccessSpec[]
  private readonly rules: ReadonlyMap<string, readonly Rule[]>
  private readonly sets = new Lru<string, RoleSet>({ countMax: roleSetsMax })
  private readonly byPrincipal = new WeakMap<Principal, RoleSet>()

  constructor(
    rules: ReadonlyMap<string, readonly Rule[]>,
    access: readonly AccessSpec[],
    version: number,
  ) {
    this.rules = rules
    this.access = access
    this.version = version
  }

  decide(...[principal, kind, server, name]: Parameters<PolicyEngine['decide']>) {
    return this.setOf(principal).decide(kind, server, name)
  }

  couldAllow(principal: Principal, server: string): boolean {
    return this.setOf(principal).couldAllow(server)
  }

  couldAllowTemplate(principal: Principal, server: string, template: string): boolean {
    return this.setOf(principal).couldAllowTemplate(server, template)
  }

  roleSetOf(principal: Principal): string {
    return this.setOf(principal).key
  }

  hasRole(principal: Principal, role: string): boolean {
    return this.setOf(principal).roles.includes(role)
  }

  rulesOf(principal: Principal): readonly Rule[] {
    return this.setOf(principal).rules
  }

  isRole(name: string): boolean {
    return this.rules.has(name)
  }

  grantsOf(principal: Principal): readonly RoleGrant[] {
    const own = principal.roles.map((role) => ({ role, access: undefined }))
    const granted = this.access.flatMap((entry, access) =>
      applies(entry, principal) ? entry.roles.map((role) => ({ role, access })) : [],
    )
    return [...own, ...granted]
  }

  private setOf(principal: Principal): RoleSet {
    const known = this.byPrincipal.get(principal)
    if (known !== undefined) return known
    // A role that is gone since the key was made allows nothing.
    const names = this.grantsOf(principal).map((grant) => grant.role)
    const roles = [...new Set(names)].filter((role) => this.rules.has(role)).sort()
    const key = roles.join(',')
    const set = this.sets.get(key) ?? this.makeSet(roles)
    this.sets.set(key, set)
    this.byPrincipal.set(principal, set)
    return set
  }

  private makeSet(roles: readonly string[]): RoleSet {
    const rules = roles.flatMap((role) => this.rules.get(role) ?? [])
    return new RoleSet(roles, rules, verdictsMax)
  }
}

/** An entry applies when everything that it says of the principal is so. */
function applies(entry: AccessSpec, principal: Principal): boolean {
  if (entry.key !== undefined && principal.label !== `key:${entry.key}`) return false
  if (entry.user !== undefined && entry.user !== principal.user) return false
  if (entry.team !== undefined && !principal.teams.includes(entry.team)) return false
  return entry.environments === undefined || entry.environments.includes(principal.environment)
}
