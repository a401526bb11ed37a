/** Added latency in an open loop at half of what the bare proxy sustains. */
import { join } from 'node:path'
import { median } from './calls.ts'
import { diskTimes, fdatasyncTimes } from './disk.ts'
import type { Outcome } from './messages.ts'
import { descendants } from './proc.ts'
import { fixed, type Row } from './rows.ts'
import { type Live, type Target, targets } from './targets.ts'

function named(name: string): Target {
  const target = targets.find((candidate) => candidate.name === name)
  if (target === undefined) throw new Error(`no target ${name}`)
  return target
}

export const latencyRow: Row = {
  name: 'latency',
  limitMs: 6 * 60_000,
  async run({ context, load, quick, say }) {
    const bare = await named('bare').start(context)
    const own = await named('sallyport-modern').start(context)
    const run = (live: Live, rate: number | undefined, measureMs: number): Promise<Outcome> =>
      load.run({
        request: live.request,
        connections: rate === undefined ? 16 : 64,
        warmMs: 1_000,
        measureMs,
        rate,
        pid: live.pid,
        others: descendants(live.pid),
        family: process.pid,
      })
    const measureMs = quick ? 1_500 : 5_000
    await run(own, undefined, measureMs)
    const sustained: number[] = []
    for (let round = 0; round < 3; round++)
      sustained.push((await run(bare, undefined, measureMs)).perSecond)
    const rate = Math.round(median(sustained) / 2)
    say(`  ${rate} requests/s`)
    const disk: number[] = []
    const bares: Outcome[] = []
    const owns: Outcome[] = []
    for (let cycle = 0; cycle < (quick ? 3 : 7); cycle++) {
      bares.push(await run(bare, rate, measureMs))
      owns.push(await run(own, rate, measureMs))
      disk.push(...fdatasyncTimes(join(context.work, 'shared/data/journal'), 100))
    }
    const of = (outcomes: readonly Outcome[], key: 'p50Ms' | 'p99Ms' | 'perSecond'): number =>
      median(outcomes.map((outcome) => outcome[key]))
    const added = (key: 'p50Ms' | 'p99Ms'): number =>
      median(owns.map((outcome, cycle) => outcome[key] - (bares[cycle]?.[key] ?? Number.NaN)))
    const { p50Ms, p99Ms } = diskTimes(disk)
    const reached = of(owns, 'perSecond') > rate * 0.98
    const note = reached ? '' : `; it answered ${fixed(of(owns, 'perSecond'), 0)}/s only`
    return {
      figures: [
        {
          what: `added latency p50 at ${rate} requests/s (bare ${fixed(of(bares, 'p50Ms'), 2)} ms, Sallyport ${fixed(of(owns, 'p50Ms'), 2)} ms${note})`,
          value: `${fixed(added('p50Ms'), 2)} ms`,
          goal: '<= 0.5 ms',
          reached: reached && added('p50Ms') <= 0.5,
        },
        {
          what: `added latency p99 at the same rate (bare ${fixed(of(bares, 'p99Ms'), 2)} ms, Sallyport ${fixed(of(owns, 'p99Ms'), 2)} ms)`,
          value: `${fixed(added('p99Ms'), 2)} ms`,
          goal: '<= 3 ms',
          reached: reached && added('p99Ms') <= 3,
        },
        {
          what: "fdatasync of 400 bytes in the journal's folder, p50 / p99",
          value: `${fixed(p50Ms, 2)} / ${fixed(p99Ms, 2)} ms`,
          goal: '',
          reached: undefined,
        },
      ],
    }
  },
}
