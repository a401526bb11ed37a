/** The patterns of rules: `[tool:|prompt:|resource:]server/name`, with `*` for any run of characters. */
import { type Glob, globMatches, parseGlob } from '../kit/glob.ts'
import { spelled } from '../kit/spelled.ts'
import { foldedReading, patternReadings, uriReadings } from '../kit/uri-readings.ts'

/** What rules speak of. A template is judged as the resources that it can expand to. */
export type RuleKind = 'tool' | 'prompt' | 'resource'

export interface Pattern {
  readonly text: string
  /** Undefined: every kind. */
  readonly kind: RuleKind | undefined
  readonly server: Glob
  /** May match across `/`: the name of a resource is its URI. */
  readonly name: Glob
  /** What an allow must match of a URI as servers may read it, beside the text. */
  readonly readings: readonly Glob[]
  /** What a deny also matches: names, and URIs as servers may read them, in one spelling. */
  readonly folded: { readonly name: Glob; readonly uri: Glob }
}

const form = /^(?:(tool|prompt|resource):)?([^/]+)\/(.+)$/s

/** The pattern, or undefined when the text is none. Split at the first `/`. */
export function parsePattern(text: string): Pattern | undefined {
  const match = form.exec(text)
  if (match?.[2] === undefined || match[3] === undefined) return undefined
  const kind = match[1]
  const readings = patternReadings(match[3])
  return {
    text,
    kind: kind === 'tool' || kind === 'prompt' || kind === 'resource' ? kind : undefined,
    server: parseGlob(match[2]),
    name: parseGlob(match[3]),
    readings: readings.map(parseGlob),
    folded: {
      name: parseGlob(spelled(match[3])),
      uri: parseGlob(foldedReading(readings[0] ?? match[3])),
    },
  }
}

/** A thing that is judged, with all that servers may read in its name. */
export interface Subject {
  readonly kind: RuleKind
  readonly server: string
  readonly name: string
  /** Of a resource: the paths that servers may take its URI for. Undefined: nobody can tell. */
  readonly readings: readonly string[] | undefined
  readonly folded: readonly string[]
}

export function subjectOf(kind: RuleKind, server: string, name: string): Subject {
  if (kind !== 'resource') return { kind, server, name, readings: [], folded: [spelled(name)] }
  const readings = uriReadings(name)
  return { kind, server, name, readings, folded: [...new Set(readings?.map(foldedReading))] }
}

/** Whether a deny speaks of the thing: of its name, or of anything that a server may read in it. */
export function patternTouches(pattern: Pattern, subject: Subject): boolean {
  const { kind, server, name, folded } = subject
  const other = kind === 'resource' ? pattern.folded.uri : pattern.folded.name
  return (
    isOf(pattern, kind, server) &&
    (globMatches(pattern.name, name) || folded.some((text) => globMatches(other, text)))
  )
}

/** Whether an allow speaks of the name of the thing; what servers may read in it is judged by all allows together. */
export function patternMatches(pattern: Pattern, { kind, server, name }: Subject): boolean {
  return isOf(pattern, kind, server) && globMatches(pattern.name, name)
}

function isOf(pattern: Pattern, kind: RuleKind, server: string): boolean {
  return (
    (pattern.kind === undefined || pattern.kind === kind) && globMatches(pattern.server, server)
  )
}

/** How a pattern is meant: `all` that a server may read must match to be let in, `any` of it is enough to be kept out. */
export type PatternReach = 'all' | 'any'

/** A pattern as a test, for what selects by patterns beside rules: toolsets and limits. Throws when the text is no pattern. */
export function compilePattern(text: string, reach: PatternReach): (subject: Subject) => boolean {
  const pattern = parsePattern(text)
  if (pattern === undefined) throw new Error(`not a pattern: ${text}`)
  if (reach === 'any') return (subject) => patternTouches(pattern, subject)
  const reads = (text: string) => pattern.readings.some((glob) => globMatches(glob, text))
  return (subject) => patternMatches(pattern, subject) && subject.readings?.every(reads) === true
}

/** A URI template as the form of all that it can expand to. */
export function templateGlob(template: string): Glob {
  return parseGlob(template.replaceAll(/\{[^{}]*\}/g, '*'))
}
