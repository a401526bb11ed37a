import type { Action } from '../model/action.ts'
import type { LimitSpec } from '../model/desired-state.ts'
import type { Principal } from '../model/principal.ts'
import type { Admitted, Permitted } from '../model/proofs.ts'
import { GatewayError } from '../model/refusal.ts'
import type { Target } from '../model/target.ts'
import { Gcra } from './gcra.ts'

/** Says whether a pattern of the rules covers a target. Given, since rooms do not import rooms. */
export type PatternTest = (
  pattern: string,
) => (kind: Target['kind'], server: string, name: string) => boolean

interface CompiledLimit {
  readonly per: 'key' | 'user'
  readonly covers: ReturnType<PatternTest> | undefined
  readonly rate: Gcra | undefined
  readonly rateText: string
  readonly concurrentMax: number
  readonly running: Map<string, number>
}

const windowMs: Readonly<Record<string, number>> = {
  second: 1_000,
  minute: 60_000,
  hour: 3_600_000,
}
const subjectsMax = 100_000

/** The limits of one snapshot. A limit that did not change keeps its counters when the snapshot is swapped. */
export interface Limits {
  readonly limits: ReadonlyMap<string, CompiledLimit>
}

export function compileLimits(
  specs: readonly LimitSpec[],
  patternTest: PatternTest,
  previous?: Limits,
): Limits {
  const limits = new Map<string, CompiledLimit>()
  for (const spec of specs) {
    const key = JSON.stringify(spec)
    limits.set(key, previous?.limits.get(key) ?? compileLimit(spec, patternTest))
  }
  return { limits }
}

function compileLimit(spec: LimitSpec, patternTest: PatternTest): CompiledLimit {
  const [calls, unit] = (spec.calls ?? '').split('/')
  const window = unit === undefined ? undefined : windowMs[unit]
  return {
    per: spec.per,
    covers: spec.tool === undefined ? undefined : patternTest(spec.tool),
    rate: window === undefined ? undefined : new Gcra(Number(calls), window, subjectsMax),
    rateText: spec.calls ?? '',
    concurrentMax: spec.concurrent ?? Number.POSITIVE_INFINITY,
    running: new Map(),
  }
}

const nothing = (): void => undefined

/**
 * The only maker of Admitted: takes from every limit that covers the call, or from none.
 * @throws GatewayError rate_limited (data.retryAfterMs), concurrency_limited
 */
export function admit<A extends Action>(
  limits: Limits,
  permitted: Permitted<A>,
  now: number,
): Admitted<A> {
  if (limits.limits.size === 0) return { ...permitted, release: nothing } as Admitted<A>
  const { action, target } = permitted
  const { principal } = action
  const covering: CompiledLimit[] = []
  for (const limit of limits.limits.values()) {
    if (limit.covers === undefined || limit.covers(target.kind, target.server, target.name))
      covering.push(limit)
  }
  for (const limit of covering) {
    if ((limit.running.get(subjectOf(limit, principal)) ?? 0) >= limit.concurrentMax) {
      throw new GatewayError('concurrency_limited', {
        detail: `at most ${limit.concurrentMax} per ${limit.per}`,
      })
    }
  }
  for (const limit of covering) {
    const wait = limit.rate?.take(subjectOf(limit, principal), now) ?? 0
    if (wait > 0)
      throw new GatewayError('rate_limited', {
        detail: `${limit.rateText} per ${limit.per}`,
        data: { retryAfterMs: Math.ceil(wait) },
      })
  }
  return { ...permitted, release: hold(covering, principal) } as Admitted<A>
}

function hold(covering: readonly CompiledLimit[], principal: Principal): () => void {
  const held = covering.filter((limit) => limit.concurrentMax !== Number.POSITIVE_INFINITY)
  if (held.length === 0) return nothing
  for (const limit of held) {
    const subject = subjectOf(limit, principal)
    limit.running.set(subject, (limit.running.get(subject) ?? 0) + 1)
  }
  let released = false
  return () => {
    if (released) return
    released = true
    for (const limit of held) {
      const subject = subjectOf(limit, principal)
      const left = (limit.running.get(subject) ?? 1) - 1
      if (left <= 0) limit.running.delete(subject)
      else limit.running.set(subject, left)
    }
  }
}

/** A limit per user counts all keys of that user together; a key without an owner counts for itself. */
function subjectOf(limit: CompiledLimit, principal: Principal): string {
  return limit.per === 'user' ? (principal.user ?? principal.id) : principal.id
}
