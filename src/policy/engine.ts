import type { Principal } from '../model/principal.ts'
import type { RuleKind } from './pattern.ts'

export interface Decision {
  readonly allowed: boolean
  /** Which rule decided, e.g. `support: deny crm/delete_*`, or `no rule allows it`. */
  readonly rule: string
}

/** What the rest of the gateway asks a policy; one version of it, immutable. */
export interface PolicyEngine {
  readonly version: number
  /** Judges one thing. A read through a template is judged as a resource by the concrete URI. */
  decide(principal: Principal, kind: RuleKind, server: string, name: string): Decision
  /** Whether anything of a server could be allowed, whatever it turns out to have. */
  couldAllow(principal: Principal, server: string): boolean
  /** Whether some expansion of a URI template could be allowed, so that it may be listed. */
  couldAllowTemplate(principal: Principal, server: string, template: string): boolean
  /** Equal for principals that may do the same; a key for cached lists, valid within one version. */
  roleSetOf(principal: Principal): string
  hasRole(principal: Principal, role: string): boolean
}

/** Whether the principal may administer the gateway. */
export function isOwner(engine: PolicyEngine, principal: Principal): boolean {
  return engine.hasRole(principal, 'owner')
}
