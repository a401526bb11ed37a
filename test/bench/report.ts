/** The table on the terminal and docs/benchmarks.md. */
import { cpus, release } from 'node:os'
import type { CallRow, Spread } from './calls.ts'
import { type Figure, fixed, type RowResult } from './rows.ts'
import { versionOf } from './targets.ts'

export interface Report {
  readonly date: string
  readonly machine: string
  readonly versions: string
  readonly quick: boolean
  readonly calls: readonly CallRow[]
  readonly figures: readonly Figure[]
  /** Rows that gave nothing, with the reason. */
  readonly problems: readonly string[]
}

export function makeReport(
  results: readonly RowResult[],
  problems: readonly string[],
  quick: boolean,
): Report {
  const rivals = ['mcp-proxy', 'supergateway', 'mcp-hub', '@civic/passthrough-mcp-server']
  const sdk = ['@modelcontextprotocol/server', '@modelcontextprotocol/sdk', 'undici']
  const [cpu] = cpus()
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpu?.model ?? 'unknown'}, ${cpus().length} cores, Linux ${release()}`,
    versions: [
      `Node ${process.versions.node}`,
      ...[...rivals, ...sdk].map((name) => `${name} ${versionOf(name)}`),
    ].join(', '),
    quick,
    calls: results.flatMap((result) => result.calls ?? []),
    figures: results.flatMap((result) => result.figures),
    problems,
  }
}

function range(of: Spread | undefined): string {
  return of === undefined
    ? '-'
    : `${fixed(of.middle, 2)} (${fixed(of.low, 2)}-${fixed(of.high, 2)})`
}

function callCells(row: CallRow): string[] {
  const { outcome } = row
  if (outcome === undefined)
    return [
      row.label,
      `not measured: ${oneLine(row.problem ?? 'no answer')}`,
      '',
      '',
      '',
      '',
      '',
      '',
      '',
    ]
  return [
    row.label,
    fixed(outcome.perSecond, 0),
    range(row.speedRatio),
    fixed(outcome.p50Ms, 2),
    fixed(outcome.p99Ms, 1),
    fixed(outcome.cpuUs, 0),
    range(row.cpuRatio),
    !row.name.startsWith('sallyport') ? '' : fixed(outcome.othersCpuUs, 0),
    fixed(outcome.foreignCores, 2),
  ]
}

const oneLine = (text: string): string =>
  text.replaceAll(/\s+/g, ' ').replaceAll('|', '/').slice(0, 160)

const callHead = [
  '',
  'req/s',
  'ratio',
  'p50 ms',
  'p99 ms',
  'CPU us/call',
  'ratio',
  'database us/call',
  'foreign cores',
]

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, column) =>
    Math.max(cell.length, 3, ...rows.map((row) => Math.min(row[column]?.length ?? 0, 48))),
  )
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  return [
    line(head),
    `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`,
    ...rows.map(line),
  ].join('\n')
}

export function tables(report: Report): string {
  const parts: string[] = []
  for (const connections of new Set(report.calls.map((row) => row.connections))) {
    const rows = report.calls.filter((row) => row.connections === connections)
    const load = rows.find((row) => row.name === 'bare')?.outcome?.loadCpuUs
    const cost =
      load === undefined ? '' : ` (the load generator itself: ${fixed(load, 0)} us a call)`
    parts.push(
      `### tools/call, ${connections} connections${cost}\n\n${table(callHead, rows.map(callCells))}`,
    )
  }
  if (report.figures.length > 0) {
    const rows = report.figures.map((figure) => [
      figure.what,
      figure.value,
      figure.goal,
      figure.reached === undefined ? '' : figure.reached ? 'yes' : '**no**',
    ])
    parts.push(`### Goals\n\n${table(['what', 'measured', 'goal', 'reached'], rows)}`)
  }
  for (const problem of report.problems) parts.push(`Not measured: ${oneLine(problem)}`)
  return parts.join('\n\n')
}

export function markdown(report: Report): string {
  const busy = report.calls.map((row) => row.outcome?.foreignCores ?? 0)
  const most = Math.max(0, ...busy)
  return `# Benchmarks

Written by \`npm run bench\` on ${report.date}${report.quick ? ' with `--quick` (short runs: read it as a smoke test)' : ''}. Do not edit by hand.

Machine: ${report.machine}. Loopback only.
Versions: ${report.versions}.

${tables(report)}

## How it is measured

- All gateways are up at once; a cycle visits each in turn, and the figures are medians over the cycles. Every ratio is
  taken against the **bare Node proxy** of the same cycle (\`test/bench/bare-proxy.mjs\`: node:http and undici, body buffered,
  no parse, no check); lowest and highest cycle stand in brackets. Its own ratio to the direct upstream shows whether the reference is slow.
- CPU is user and system time of the gateway's own process with all its threads, divided by calls. PostgreSQL below
  Sallyport, which indexes the journal, stands in a column of its own. Children that are the upstream itself (stdio) are not counted.
- Sallyport runs with everything on: a key, a role with allow and deny, a calls-per-minute limit, the schema check, and the journal in
  \`required\` mode on the real disk: each call's intent is durable before the upstream hears of it. The others check and record nothing.
- A modern client is stateless (request body 232 to 240 bytes); a legacy client speaks 2025-11-25, and all its connections share one
  session (184 bytes). The answer is about 0.2 KB. mcp-proxy and supergateway only take stdio servers, so theirs is a stdio child.
- The open loop sends at a fixed rate; a request that finds no free connection waits, and its wait counts.
- "Foreign cores" is how much of the machine was taken by work outside the benchmark. ${
    most > 0.3
      ? `**The machine was busy: up to ${fixed(most, 1)} cores were taken by others, so absolute figures are too low and only ratios within a cycle mean something.**`
      : 'The machine was quiet.'
  }
`
}
