/** Rules by what they name literally, so that a question meets only rules that may answer it. */
import { type Pattern, patternMatches, type RuleKind } from './pattern.ts'

export interface Rule {
  readonly role: string
  readonly effect: 'allow' | 'deny'
  readonly pattern: Pattern
  /** As answers and records show it, e.g. `support: deny crm/delete_*`. */
  readonly text: string
  /** Place among the rules of a role set; the first that matches is named. */
  readonly order: number
}

/** Rules over names, found by the literal start of their name pattern. */
class NameTable {
  private readonly exact = new Map<string, Rule[]>()
  private readonly byPrefix = new Map<string, Rule[]>()
  private readonly prefixLengths: number[] = []

  add(rule: Rule): void {
    const { name } = rule.pattern
    push(name.exact ? this.exact : this.byPrefix, name.prefix, rule)
    if (!name.exact && !this.prefixLengths.includes(name.prefix.length))
      this.prefixLengths.push(name.prefix.length)
  }

  first(best: Rule | undefined, kind: RuleKind, server: string, name: string): Rule | undefined {
    let found = best
    const exact = this.exact.get(name)
    if (exact !== undefined) found = earliest(found, exact, kind, server, name)
    for (const length of this.prefixLengths) {
      if (length > name.length) continue
      const rules = this.byPrefix.get(name.slice(0, length))
      if (rules !== undefined) found = earliest(found, rules, kind, server, name)
    }
    return found
  }
}

export class RuleIndex {
  private readonly byServer = new Map<string, NameTable>()
  private readonly anyServer = new NameTable()

  constructor(rules: readonly Rule[]) {
    for (const rule of rules) this.tableOf(rule).add(rule)
  }

  /** The first rule in their order that matches. */
  first(kind: RuleKind, server: string, name: string): Rule | undefined {
    const own = this.byServer.get(server)?.first(undefined, kind, server, name)
    return this.anyServer.first(own, kind, server, name)
  }

  private tableOf(rule: Rule): NameTable {
    const { server } = rule.pattern
    if (!server.exact) return this.anyServer
    const known = this.byServer.get(server.text)
    if (known !== undefined) return known
    const made = new NameTable()
    this.byServer.set(server.text, made)
    return made
  }
}

function earliest(
  best: Rule | undefined,
  rules: readonly Rule[],
  kind: RuleKind,
  server: string,
  name: string,
): Rule | undefined {
  let found = best
  for (const rule of rules) {
    if (found !== undefined && rule.order >= found.order) continue
    if (patternMatches(rule.pattern, kind, server, name)) found = rule
  }
  return found
}

function push(map: Map<string, Rule[]>, key: string, rule: Rule): void {
  const rules = map.get(key)
  if (rules === undefined) map.set(key, [rule])
  else rules.push(rule)
}
