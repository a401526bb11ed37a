/** Which stored rules can be used: a role that one of them names may have gone with the declared file that had it. */
import type { AccessSpec, DesiredState, Issue, RoleSpec } from '../model/desired-state.ts'
import { builtIn } from './compile.ts'

type Rules = Pick<DesiredState, 'roles' | 'access'>

/**
 * Stored rules, which follow `declared` rules in `state.access`, grant nothing when a role of theirs is gone; what
 * their other roles deny is denied still. A role that is in force in `running` is not gone: whoever
 * takes it away while a rule needs it is refused.
 */
export function leaveOutGone(
  state: Rules,
  declared: number,
  running: Rules | undefined,
): {
  readonly access: AccessSpec[]
  /** Roles that only these rules have. */
  readonly denials: Rules['roles']
  readonly issues: readonly Issue[]
} {
  const issues: Issue[] = []
  const denials: Record<string, RoleSpec> = {}
  /** The role without what it allows. */
  const denyingOnly = (name: string): string[] => {
    const role = state.roles[name]
    if (role === undefined || role.deny.length === 0) return []
    if (role.allow.length === 0) return [name]
    // No role of anybody can have this name.
    const half = `${name} (denials)`
    denials[half] = { ...role, allow: [] }
    return [half]
  }
  const isThere = (role: string): boolean =>
    [builtIn, state.roles, running?.roles ?? {}].some((roles) => Object.hasOwn(roles, role))
  const access = state.access.flatMap((entry, index) => {
    const gone = entry.roles.filter((role) => !isThere(role))
    if (index < declared || gone.length === 0) return [entry]
    issues.push(goneIssue(entry, gone))
    const denying = entry.roles.flatMap(denyingOnly)
    return denying.length === 0 ? [] : [{ ...entry, roles: denying }]
  })
  return { access, denials, issues }
}

function goneIssue({ key, user, team, environments }: AccessSpec, gone: readonly string[]): Issue {
  const who = Object.entries({ key, user, team }).flatMap(([kind, name]) =>
    name === undefined ? [] : [`${kind} ${name}`],
  )
  const whom = who.join(' + ') || `everybody in ${environments?.join(', ') ?? ''}`
  const message = `the stored rule for ${whom} names ${gone.map((role) => `"${role}"`).join(', ')}, which is no role any more, so it grants nothing: declare the role again, or take the rule away ("sallyport rules ls" shows its id, "sallyport rules remove ID" removes it)`
  return { path: 'access', message, file: undefined, line: undefined, column: undefined }
}
