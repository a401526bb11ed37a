/** All rules of one combination of roles: the unit that decides. */
import { type Glob, globCovers, globMatches, globsMeet } from '../kit/glob.ts'
import { Lru } from '../kit/lru.ts'
import type { Decision } from './engine.ts'
import { type RuleKind, subjectOf, templateGlob } from './pattern.ts'
import { type Rule, RuleIndex } from './rule-index.ts'

/** Callers choose names; long ones are judged anew each time instead of being remembered. */
const rememberedCharsMax = 256
const nothingAllows: Decision = { allowed: false, rule: 'no rule allows it' }
const otherwiseRead: Decision = {
  allowed: false,
  rule: 'no rule allows what servers may read in this URI',
}

export class RoleSet {
  readonly key: string
  readonly roles: readonly string[]
  readonly rules: readonly Rule[]
  private readonly allows: RuleIndex
  private readonly allowedReadings: RuleIndex
  private readonly denies: RuleIndex
  private readonly deniedNames: RuleIndex
  private readonly deniedUris: RuleIndex
  private readonly verdicts: Lru<string, Decision>
  private readonly templates: Lru<string, boolean>

  constructor(roles: readonly string[], rules: readonly Rule[], verdictsMax: number) {
    this.key = roles.join(',')
    this.roles = roles
    this.rules = rules
    const allows = rules.filter((rule) => rule.effect === 'allow')
    const denies = rules.filter((rule) => rule.effect === 'deny')
    this.allows = new RuleIndex(allows, ({ name }) => [name])
    this.allowedReadings = new RuleIndex(allows, ({ readings }) => readings)
    this.denies = new RuleIndex(denies, ({ name }) => [name])
    this.deniedNames = new RuleIndex(denies, ({ folded }) => [folded.name])
    this.deniedUris = new RuleIndex(denies, ({ folded }) => [folded.uri])
    this.verdicts = new Lru({ countMax: verdictsMax })
    this.templates = new Lru({ countMax: verdictsMax })
  }

  /** A deny wins over every allow; what no rule allows is denied. */
  decide(kind: RuleKind, server: string, name: string): Decision {
    const key = `${kind} ${server}/${name}`
    const known = this.verdicts.get(key)
    if (known !== undefined) return known
    const decision = this.judge(kind, server, name)
    if (key.length <= rememberedCharsMax) this.verdicts.set(key, decision)
    return decision
  }

  /** Asked of servers that were not seen yet: some allow speaks of it that no single deny takes away. */
  couldAllow(server: string): boolean {
    const rules = this.rules.filter(({ pattern }) => globMatches(pattern.server, server))
    const denies = rules.filter(({ effect }) => effect === 'deny')
    return rules.some(
      ({ effect, pattern: { kind, name } }) =>
        effect === 'allow' &&
        !denies.some(
          ({ pattern }) =>
            (pattern.kind === undefined || pattern.kind === kind) && globCovers(pattern.name, name),
        ),
    )
  }

  couldAllowTemplate(server: string, template: string): boolean {
    const key = `${server}/${template}`
    const known = this.templates.get(key)
    if (known !== undefined) return known
    const possible = this.judgeTemplate(server, template)
    if (key.length <= rememberedCharsMax) this.templates.set(key, possible)
    return possible
  }

  /**
   * A deny is of everything that a server may read in a name, whatever its spelling; an allow must be of the name as it
   * is written, and of everything that a server may read in it.
   */
  private judge(kind: RuleKind, server: string, name: string): Decision {
    const { readings, folded } = subjectOf(kind, server, name)
    const others = kind === 'resource' ? this.deniedUris : this.deniedNames
    let deny = this.denies.first(kind, server, name)
    for (const text of folded) {
      const other = others.first(kind, server, text)
      if (other !== undefined && (deny === undefined || other.order < deny.order)) deny = other
    }
    if (deny !== undefined) return { allowed: false, rule: deny.text }
    const allow = this.allows.first(kind, server, name)
    if (allow === undefined) return nothingAllows
    const agrees = readings?.every(
      (text) => this.allowedReadings.first(kind, server, text) !== undefined,
    )
    return agrees === true ? { allowed: true, rule: allow.text } : otherwiseRead
  }

  /**
   * Allowed when an allow meets the template and no single deny takes away all of either. Several
   * denies that only together leave nothing are not seen: the template is listed, its reads are denied.
   */
  private judgeTemplate(server: string, template: string): boolean {
    const glob = templateGlob(template)
    const rules = this.rules.filter((rule) => touches(rule, server, glob))
    const denied = rules.filter((rule) => rule.effect === 'deny').map((rule) => rule.pattern.name)
    if (denied.some((name) => globCovers(name, glob))) return false
    return rules.some(
      ({ effect, pattern }) =>
        effect === 'allow' && !denied.some((name) => globCovers(name, pattern.name)),
    )
  }
}

/** Whether a rule speaks of some expansion of the template. */
function touches({ pattern }: Rule, server: string, template: Glob): boolean {
  return (
    (pattern.kind === undefined || pattern.kind === 'resource') &&
    globMatches(pattern.server, server) &&
    globsMeet(pattern.name, template)
  )
}
