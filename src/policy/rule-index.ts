/** Rules by what they name literally, so that a question meets only rules that may answer it. */
import { type Glob, globMatches } from '../kit/glob.ts'
import type { Pattern, RuleKind } from './pattern.ts'

export interface Rule {
  readonly role: string
  readonly effect: 'allow' | 'deny'
  readonly pattern: Pattern
  /** As answers and records show it, e.g. `support: deny crm/delete_*`. */
  readonly text: string
  /** Place among the rules of a role set; the first that matches is named. */
  readonly order: number
}

/** Which forms of its name pattern a rule is found by. */
export type GlobsOf = (pattern: Pattern) => readonly Glob[]

interface Entry {
  readonly rule: Rule
  readonly name: Glob
}

/** Rules over names, found by the literal start of their name pattern. */
class NameTable {
  private readonly exact = new Map<string, Entry[]>()
  private readonly byPrefix = new Map<string, Entry[]>()
  private readonly prefixLengths: number[] = []

  add(entry: Entry): void {
    const { name } = entry
    push(name.exact ? this.exact : this.byPrefix, name.prefix, entry)
    if (!name.exact && !this.prefixLengths.includes(name.prefix.length))
      this.prefixLengths.push(name.prefix.length)
  }

  first(best: Rule | undefined, kind: RuleKind, server: string, name: string): Rule | undefined {
    let found = best
    const exact = this.exact.get(name)
    if (exact !== undefined) found = earliest(found, exact, kind, server, name)
    for (const length of this.prefixLengths) {
      if (length > name.length) continue
      const entries = this.byPrefix.get(name.slice(0, length))
      if (entries !== undefined) found = earliest(found, entries, kind, server, name)
    }
    return found
  }
}

export class RuleIndex {
  private readonly byServer = new Map<string, NameTable>()
  private readonly anyServer = new NameTable()

  constructor(rules: readonly Rule[], globsOf: GlobsOf) {
    for (const rule of rules)
      for (const name of globsOf(rule.pattern)) this.tableOf(rule).add({ rule, name })
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
  entries: readonly Entry[],
  kind: RuleKind,
  server: string,
  text: string,
): Rule | undefined {
  let found = best
  for (const { rule, name } of entries) {
    if (found !== undefined && rule.order >= found.order) continue
    const { pattern } = rule
    if (
      (pattern.kind === undefined || pattern.kind === kind) &&
      globMatches(pattern.server, server) &&
      globMatches(name, text)
    )
      found = rule
  }
  return found
}

function push(map: Map<string, Entry[]>, key: string, entry: Entry): void {
  const entries = map.get(key)
  if (entries === undefined) map.set(key, [entry])
  else entries.push(entry)
}
