/** What one row of the benchmark needs and gives. */
import { join } from 'node:path'
import type { CallRow } from './calls.ts'
import { freePort, type LoadGenerator, start, startLoad } from './processes.ts'
import { type Context, here } from './targets.ts'

export interface Figure {
  readonly what: string
  readonly value: string
  /** What it must reach, in words. */
  readonly goal: string
  /** Undefined: no goal, or not measured. */
  readonly reached: boolean | undefined
}

export interface RowResult {
  readonly calls?: readonly CallRow[]
  readonly figures: readonly Figure[]
}

export interface Bench {
  readonly context: Context
  readonly load: LoadGenerator
  readonly quick: boolean
  readonly say: (text: string) => void
}

export interface Row {
  readonly name: string
  readonly limitMs: number
  run(bench: Bench): Promise<RowResult>
}

/** A fresh upstream, load generator and folder for a row. */
export async function beginRow(
  place: { bundle: string; work: string },
  quick: boolean,
  say: (text: string) => void,
): Promise<Bench> {
  const port = await freePort()
  const upstream = await start({ args: [join(here, 'upstream.mjs'), String(port)], port })
  return {
    context: { ...place, upstreamPort: port, upstreamPid: upstream.pid, shared: {} },
    load: startLoad(join(here, 'load.ts')),
    quick,
    say,
  }
}

export const fixed = (value: number, digits: number): string =>
  Number.isFinite(value) ? value.toFixed(digits) : '-'
