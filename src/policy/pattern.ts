/** The patterns of rules: `[tool:|prompt:|resource:]server/name`, with `*` for any run of characters. */
import { type Glob, globMatches, globsMeet, parseGlob } from '../kit/glob.ts'

/** What rules speak of. A template is judged as the resources that it can expand to. */
export type RuleKind = 'tool' | 'prompt' | 'resource'

export interface Pattern {
  readonly text: string
  /** Undefined: every kind. */
  readonly kind: RuleKind | undefined
  readonly server: Glob
  /** May match across `/`: the name of a resource is its URI. */
  readonly name: Glob
}

const form = /^(?:(tool|prompt|resource):)?([^/]+)\/(.+)$/s

/** The pattern, or undefined when the text is none. Split at the first `/`. */
export function parsePattern(text: string): Pattern | undefined {
  const match = form.exec(text)
  if (match?.[2] === undefined || match[3] === undefined) return undefined
  const kind = match[1]
  return {
    text,
    kind: kind === 'tool' || kind === 'prompt' || kind === 'resource' ? kind : undefined,
    server: parseGlob(match[2]),
    name: parseGlob(match[3]),
  }
}

/** Whether a pattern speaks of this thing. */
export function patternMatches(
  pattern: Pattern,
  kind: RuleKind,
  server: string,
  name: string,
): boolean {
  return (
    (pattern.kind === undefined || pattern.kind === kind) &&
    globMatches(pattern.server, server) &&
    globMatches(pattern.name, name)
  )
}

/**
 * A pattern as a test, for what selects by patterns beside rules: toolsets and limits. A template
 * is meant when some expansion is. Throws when the text is no pattern.
 */
export function compilePattern(
  text: string,
): (kind: string, server: string, name: string) => boolean {
  const pattern = parsePattern(text)
  if (pattern === undefined) throw new Error(`not a pattern: ${text}`)
  const { kind: only, server: servers, name: names } = pattern
  return (kind, server, name) => {
    const template = kind === 'template'
    if (only !== undefined && only !== (template ? 'resource' : kind)) return false
    if (!globMatches(servers, server)) return false
    return template ? globsMeet(names, templateGlob(name)) : globMatches(names, name)
  }
}

/** A URI template as the form of all that it can expand to. */
export function templateGlob(template: string): Glob {
  return parseGlob(template.replaceAll(/\{[^{}]*\}/g, '*'))
}
