/** The comparison: every gateway, the same call. */
import { type CallRow, measureCalls } from './calls.ts'
import { type Figure, fixed, type Row } from './rows.ts'
import { type Target, targets } from './targets.ts'

const rivals = ['mcp-proxy', 'supergateway', 'mcp-hub', 'civic']
const sdks = ['sdk-v1', 'sdk-v2']

function goals(rows: readonly CallRow[]): Figure[] {
  const at = (name: string, connections: number): CallRow | undefined =>
    rows.find((row) => row.name === name && row.connections === connections)
  const figures: Figure[] = []
  for (const name of ['sallyport-modern', 'sallyport-legacy']) {
    const ratio = at(name, 16)?.cpuRatio
    if (ratio === undefined) continue
    figures.push({
      what: `CPU of a call over the bare proxy, ${at(name, 16)?.label ?? name}`,
      value: `${fixed(ratio.middle, 2)} x (cycles ${fixed(ratio.low, 2)} to ${fixed(ratio.high, 2)})`,
      goal: '<= 1.3 x',
      reached: ratio.middle <= 1.3,
    })
  }
  const rest = at('sallyport-rest', 16)?.outcome?.cpuUs
  const mcp = at('sallyport-modern', 16)?.outcome?.cpuUs
  if (rest !== undefined && mcp !== undefined)
    figures.push({
      what: 'CPU of a call of a REST tool over the same call of an MCP server',
      value: `${fixed(rest / mcp, 2)} x`,
      goal: '<= 1.3 x',
      reached: rest / mcp <= 1.3,
    })
  for (const connections of [16, 64]) {
    const own = at('sallyport-modern', connections)?.outcome?.perSecond
    if (own === undefined) continue
    const best = (names: readonly string[]): number =>
      Math.max(...names.map((name) => at(name, connections)?.outcome?.perSecond ?? 0))
    for (const [what, names, factor] of [
      ['the fastest npm gateway', rivals, 4],
      ['the faster SDK gateway', sdks, 8],
    ] as const) {
      const fastest = best(names)
      if (fastest === 0) continue
      figures.push({
        what: `requests/s over ${what}, ${connections} connections`,
        value: `${fixed(own / fastest, 1)} x`,
        goal: `>= ${factor} x`,
        reached: own / fastest >= factor,
      })
    }
  }
  return figures
}

/** The row for some of the targets. */
export function callsRow(chosen: readonly Target[] = targets): Row {
  return {
    name: 'calls',
    limitMs: 40 * 60_000,
    async run({ context, load, quick, say }) {
      const plan = quick
        ? { connections: [16], cycles: 3, warmMs: 300, measureMs: 1_000 }
        : { connections: [16, 64], cycles: 5, warmMs: 500, measureMs: 2_000 }
      const calls = await measureCalls(chosen, context, plan, load, say)
      return { calls, figures: goals(calls) }
    },
  }
}
