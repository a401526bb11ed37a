/** Which operations become tools, and under which names: the `operations` of a server's entry, for every kind. */
import { type Glob, globMatches, parseGlob } from '../kit/glob.ts'
import { nearest } from '../kit/nearest.ts'
import type { ConversionReport, Selection } from '../model/conversion.ts'

/** An operation that could become a tool. */
export interface Candidate {
  /** In the description's own words, e.g. `GET /pets/{id}`. */
  readonly operation: string
  /** The name that the converter gave. */
  readonly name: string
  readonly place: string
}

export interface Selected<C extends Candidate> {
  /** In the order given; `name` is the final one. */
  readonly kept: readonly C[]
  /** One report for each operation that is left out: `excluded`, or `description_too_large` beyond the limit. */
  readonly skipped: readonly ConversionReport[]
  /** Patterns and names of the selection that fit nothing, and new names that are taken. */
  readonly notes: readonly ConversionReport[]
}

/** What helps where a limit of size is met: what is not selected costs next to nothing. */
export const leaveOut =
  'take a part of its operations with operations.include or operations.exclude (--include, --exclude)'

/** Of one server. The limit is on what is selected: of a larger description a part can always be taken. */
const operationsMax = 40_000

/** Candidates have different names. */
export function select<C extends Candidate>(
  candidates: readonly C[],
  selection: Selection,
): Selected<C> {
  const include = selection.include.map(parseGlob)
  const exclude = selection.exclude.map(parseGlob)
  const kept: C[] = []
  const skipped: ConversionReport[] = []
  for (const candidate of candidates) {
    const reason =
      include.length > 0 && !include.some((glob) => fits(glob, candidate))
        ? 'no pattern of operations.include fits it'
        : exclude.find((glob) => fits(glob, candidate))
    const { operation, place } = candidate
    if (reason !== undefined)
      skipped.push({
        operation,
        code: 'excluded',
        reason: typeof reason === 'string' ? reason : `operations.exclude has "${reason.text}"`,
        place,
      })
    else if (kept.length < operationsMax) kept.push(candidate)
    else
      skipped.push({
        operation,
        code: 'description_too_large',
        reason: `more than ${operationsMax} operations; ${leaveOut}`,
        place,
      })
  }
  const notes = [
    ...unused(include, 'include', candidates),
    ...unused(exclude, 'exclude', candidates),
    ...lostRenames(selection, candidates),
  ]
  return { ...renamed(kept, selection.rename, notes), skipped }
}

function fits(glob: Glob, { operation, name }: Candidate): boolean {
  return globMatches(glob, operation) || globMatches(glob, name)
}

function unused(
  globs: readonly Glob[],
  member: 'include' | 'exclude',
  candidates: readonly Candidate[],
): ConversionReport[] {
  return globs
    .filter((glob) => !candidates.some((candidate) => fits(glob, candidate)))
    .map(({ text }) => lost(text, `operations.${member}`, candidates))
}

function lostRenames({ rename }: Selection, candidates: readonly Candidate[]): ConversionReport[] {
  const known = new Set(candidates.flatMap(({ operation, name }) => [operation, name]))
  return Object.keys(rename)
    .filter((from) => !known.has(from))
    .map((from) => lost(from, 'operations.rename', candidates))
}

function lost(text: string, place: string, candidates: readonly Candidate[]): ConversionReport {
  const known = candidates.flatMap(({ operation, name }) => [operation, name])
  const meant = text.includes('*') ? undefined : nearest(text, known)
  const hint = meant === undefined ? '' : `; did you mean "${meant}"?`
  return {
    operation: text,
    code: 'reference_unresolved',
    reason: `no operation and no tool fits "${text}"${hint}`,
    place,
  }
}

/** A new name that another tool has is not given: both would be lost to callers. */
function renamed<C extends Candidate>(
  kept: readonly C[],
  rename: Selection['rename'],
  notes: readonly ConversionReport[],
): Pick<Selected<C>, 'kept' | 'notes'> {
  const wished = kept.map(({ operation, name }) => own(rename, operation) ?? own(rename, name))
  const taken = new Map<string, number>()
  for (const [at, { name }] of kept.entries()) {
    const final = wished[at] ?? name
    taken.set(final, (taken.get(final) ?? 0) + 1)
  }
  const refused: ConversionReport[] = []
  const isFree = (name: string): boolean => (taken.get(name) ?? 0) <= 1
  const names = kept.map(({ operation, name, place }, at) => {
    const wish = wished[at]
    if (wish === undefined || isFree(wish)) return wish ?? name
    const reason = `the name "${wish}" is another tool's, so it stays ${name}`
    refused.push({ operation, code: 'duplicate', reason, place })
    return name
  })
  // A tool that keeps its name may stand where another was renamed to; then nobody is renamed.
  const unique = new Set(names).size === names.length
  return {
    kept: kept.map((candidate, at) => ({
      ...candidate,
      name: (unique ? names[at] : undefined) ?? candidate.name,
    })),
    notes: [
      ...notes,
      ...(unique
        ? refused
        : [
            {
              operation: '',
              code: 'duplicate' as const,
              reason: 'the new names collide with each other, so no tool is renamed',
              place: 'operations.rename',
            },
          ]),
    ],
  }
}

function own(rename: Selection['rename'], key: string): string | undefined {
  return Object.hasOwn(rename, key) ? rename[key] : undefined
}
