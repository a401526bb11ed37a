/** `tools/call` through every gateway, interleaved: one cycle visits all, medians over cycles. */

import type { Outcome } from './messages.ts'
import { descendants } from './proc.ts'
import type { LoadGenerator } from './processes.ts'
import type { Context, Live, Target } from './targets.ts'

export interface CallRow {
  readonly name: string
  readonly label: string
  readonly connections: number
  readonly outcome: Outcome | undefined
  /** CPU of one call over that of the bare proxy: median, lowest and highest of the cycles' ratios. */
  readonly cpuRatio: Spread | undefined
  readonly speedRatio: Spread | undefined
  readonly problem: string | undefined
}

export interface Spread {
  readonly middle: number
  readonly low: number
  readonly high: number
}

export interface CallPlan {
  readonly connections: readonly number[]
  readonly cycles: number
  readonly warmMs: number
  readonly measureMs: number
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2
}

export function spread(values: readonly number[]): Spread | undefined {
  const real = values.filter(Number.isFinite)
  if (real.length === 0) return undefined
  return { middle: median(real), low: Math.min(...real), high: Math.max(...real) }
}

interface Entry {
  readonly target: Target
  live: Live | undefined
  problem: string | undefined
  readonly outcomes: Map<number, (Outcome | undefined)[]>
}

function text(fault: unknown): string {
  return fault instanceof Error ? fault.message : String(fault)
}

async function begin(target: Target, context: Context): Promise<Entry> {
  const entry = { target, live: undefined, problem: undefined, outcomes: new Map() }
  try {
    return { ...entry, live: await target.start(context) }
  } catch (fault) {
    return { ...entry, problem: text(fault) }
  }
}

async function measure(
  entry: Entry,
  plan: { connections: number; warmMs: number; measureMs: number },
  load: LoadGenerator,
): Promise<Outcome | undefined> {
  const { live } = entry
  if (live === undefined || entry.problem !== undefined) return undefined
  // Of the children only Sallyport's database works for a call; a stdio child is the upstream itself.
  const others = entry.target.name.startsWith('sallyport') ? descendants(live.pid) : []
  const job = { ...plan, request: live.request, rate: undefined, pid: live.pid, others }
  const outcome = await load.run({ ...job, family: process.pid })
  if (outcome.calls === 0 || outcome.errors > outcome.calls / 100)
    entry.problem = `${outcome.errors} errors in ${outcome.calls} calls: ${outcome.firstError ?? 'no answer'}`
  return outcome
}

export async function measureCalls(
  chosen: readonly Target[],
  context: Context,
  plan: CallPlan,
  load: LoadGenerator,
  say: (text: string) => void,
): Promise<CallRow[]> {
  const entries: Entry[] = []
  for (const target of chosen) {
    const entry = await begin(target, context)
    say(`  ${target.label}: ${entry.problem ?? 'up'}`)
    entries.push(entry)
    const { warmMs } = plan
    await measure(entry, { connections: 16, warmMs, measureMs: warmMs * 2 }, load)
  }
  for (let cycle = 0; cycle < plan.cycles; cycle++) {
    for (const connections of plan.connections) {
      for (const entry of entries) {
        const outcome = await measure(entry, { ...plan, connections }, load)
        const list = entry.outcomes.get(connections) ?? []
        list.push(outcome)
        entry.outcomes.set(connections, list)
      }
    }
    say(`  cycle ${cycle + 1} of ${plan.cycles}`)
  }
  const bare = entries.find((entry) => entry.target.name === 'bare')
  return plan.connections.flatMap((connections) =>
    entries.map((entry) => rowOf(entry, bare, connections)),
  )
}

function rowOf(entry: Entry, bare: Entry | undefined, connections: number): CallRow {
  const { name, label } = entry.target
  const outcomes = entry.outcomes.get(connections) ?? []
  const reference = bare?.outcomes.get(connections) ?? []
  const ratios = (of: (outcome: Outcome) => number): Spread | undefined =>
    spread(
      outcomes.map((outcome, cycle) => {
        const base = reference[cycle]
        return outcome === undefined || base === undefined ? Number.NaN : of(outcome) / of(base)
      }),
    )
  return {
    name,
    label,
    connections,
    outcome: entry.problem === undefined ? medians(outcomes) : undefined,
    cpuRatio: ratios((outcome) => outcome.cpuUs),
    speedRatio: ratios((outcome) => outcome.perSecond),
    problem: entry.problem,
  }
}

/** Each figure is its own median over the cycles. */
export function medians(outcomes: readonly (Outcome | undefined)[]): Outcome | undefined {
  const real = outcomes.filter((outcome) => outcome !== undefined)
  if (real.length === 0) return undefined
  const middle = (of: (outcome: Outcome) => number): number => median(real.map(of))
  return {
    calls: middle((outcome) => outcome.calls),
    errors: real.reduce((sum, outcome) => sum + outcome.errors, 0),
    firstError: real.find((outcome) => outcome.firstError !== undefined)?.firstError,
    perSecond: middle((outcome) => outcome.perSecond),
    p50Ms: middle((outcome) => outcome.p50Ms),
    p99Ms: middle((outcome) => outcome.p99Ms),
    cpuUs: middle((outcome) => outcome.cpuUs),
    othersCpuUs: middle((outcome) => outcome.othersCpuUs),
    loadCpuUs: middle((outcome) => outcome.loadCpuUs),
    foreignCores: middle((outcome) => outcome.foreignCores),
  }
}
