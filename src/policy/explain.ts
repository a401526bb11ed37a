/** The full account of one decision, for people: which rules matched, and whence they came. */
import type { AccessSpec } from '../model/desired-state.ts'
import type { Principal } from '../model/principal.ts'
import type { Policy } from './compile.ts'
import type { Decision } from './engine.ts'
import { patternMatches, patternTouches, type RuleKind, subjectOf } from './pattern.ts'
import type { Rule } from './rule-index.ts'

export interface Explanation extends Decision {
  readonly principal: string
  /** As rules write it, e.g. `tool:crm/delete_all`. */
  readonly target: string
  readonly roles: readonly ExplainedRole[]
  /** Every rule that matched, denies first, in the order of their roles. */
  readonly matches: readonly ExplainedRule[]
}

export interface ExplainedRole {
  readonly role: string
  /** Every way by which it came, e.g. `key` or `access.2 (team support, environments prod)`. */
  readonly via: readonly string[]
  /** False when no such role is defined, so that it allows nothing. */
  readonly defined: boolean
}

export interface ExplainedRule {
  readonly role: string
  readonly effect: 'allow' | 'deny'
  readonly pattern: string
}

/** Explains what `decide` answers; both look at the same rules. */
export function explain(
  policy: Policy,
  principal: Principal,
  target: { readonly kind: RuleKind; readonly server: string; readonly name: string },
): Explanation {
  const { kind, server, name } = target
  const subject = subjectOf(kind, server, name)
  const matches = policy
    .rulesOf(principal)
    .filter(({ effect, pattern }) =>
      effect === 'deny' ? patternTouches(pattern, subject) : patternMatches(pattern, subject),
    )
  return {
    ...policy.decide(principal, kind, server, name),
    principal: principal.label,
    target: `${kind}:${server}/${name}`,
    roles: explainRoles(policy, principal),
    matches: [...of('deny', matches), ...of('allow', matches)],
  }
}

function of(effect: Rule['effect'], rules: readonly Rule[]): ExplainedRule[] {
  return rules
    .filter((rule) => rule.effect === effect)
    .map(({ role, pattern }) => ({ role, effect, pattern: pattern.text }))
}

function explainRoles(policy: Policy, principal: Principal): ExplainedRole[] {
  const ways = new Map<string, string[]>()
  for (const { role, access } of policy.grantsOf(principal)) {
    const way = access === undefined ? 'key' : entryText(policy.access[access], access)
    ways.set(role, [...(ways.get(role) ?? []), way])
  }
  return [...ways].map(([role, via]) => ({ role, via, defined: policy.isRole(role) }))
}

function entryText(entry: AccessSpec | undefined, index: number): string {
  const parts = [
    entry?.key === undefined ? undefined : `key ${entry.key}`,
    entry?.user === undefined ? undefined : `user ${entry.user}`,
    entry?.team === undefined ? undefined : `team ${entry.team}`,
    entry?.environments === undefined ? undefined : `environments ${entry.environments.join(', ')}`,
  ]
  return `access.${index} (${parts.filter((part) => part !== undefined).join(', ')})`
}
