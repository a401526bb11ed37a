/**
 * `npm run bench`: measures, prints a table and writes docs/benchmarks.md.
 * --only NAME (a row, or a gateway of the row `calls`; may repeat) · --quick · --json FILE · --profile (see profile.ts)
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { copyBundle, workFolder } from './bundle.ts'
import { killAll, pause, stopAll } from './processes.ts'
import { makeReport, markdown, tables } from './report.ts'
import { callsRow } from './row-calls.ts'
import { hangRow } from './row-hang.ts'
import { largeRow } from './row-large.ts'
import { latencyRow } from './row-latency.ts'
import { listRow } from './row-list.ts'
import { startRow } from './row-start.ts'
import { streamsRow } from './row-streams.ts'
import { beginRow, type Row, type RowResult } from './rows.ts'
import { here, targets } from './targets.ts'

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [] },
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
})
const say = (text: string): void => {
  process.stderr.write(`${text}\n`)
}

const allRows = [callsRow(), latencyRow, listRow, startRow, streamsRow, hangRow, largeRow]

/** The rows that were asked for. The references run along with any chosen gateway. */
function chosenRows(only: readonly string[]): readonly Row[] {
  if (only.length === 0) return allRows
  const gateways = targets.filter(({ name }) => only.includes(name))
  const unknown = only.filter(
    (name) => ![...targets, ...allRows].some((known) => known.name === name),
  )
  if (unknown.length > 0)
    throw new Error(
      `No row ${unknown.join(', ')}. There are: ${[...allRows, ...targets].map(({ name }) => name).join(', ')}.`,
    )
  const rows = allRows.filter(({ name }) => only.includes(name))
  if (gateways.length === 0) return rows
  const references = ['direct', 'bare', ...gateways.map(({ name }) => name)]
  const chosen = targets.filter(({ name }) => references.includes(name))
  return [callsRow(chosen), ...rows.filter(({ name }) => name !== 'calls')]
}

/** One row within its time; whatever it started is ended. */
async function runRow(row: Row, bundle: string, work: string): Promise<RowResult> {
  say(row.name)
  let timer: NodeJS.Timeout | undefined
  try {
    const own = join(work, row.name)
    mkdirSync(own)
    const bench = await beginRow({ bundle, work: own }, values.quick, say)
    return await Promise.race([
      row.run(bench),
      new Promise<never>((_, reject) => {
        const late = new Error(`not finished in ${row.limitMs / 1_000} s`)
        timer = setTimeout(() => reject(late), row.limitMs)
      }),
    ])
  } finally {
    clearTimeout(timer)
    await stopAll()
    await pause(200)
  }
}

const root = join(here, '../..')
const rows = chosenRows(values.only)
const work = workFolder(root)
const cleanUp = (): void => {
  killAll()
  rmSync(work, { recursive: true, force: true })
}
for (const name of ['SIGINT', 'SIGTERM'] as const)
  process.once(name, () => {
    cleanUp()
    process.exit(130)
  })
process.on('exit', cleanUp)

const bundle = copyBundle(root, work)
const results: RowResult[] = []
const problems: string[] = []
for (const row of rows) {
  try {
    results.push(await runRow(row, bundle, work))
  } catch (fault) {
    problems.push(`${row.name}: ${fault instanceof Error ? fault.message : String(fault)}`)
    say(`  ${problems.at(-1)}`)
  }
}
const report = makeReport(results, problems, values.quick)
process.stdout.write(`\n${report.machine}\n\n${tables(report)}\n`)
if (values.json !== undefined)
  writeFileSync(values.json, `${JSON.stringify(report, undefined, 2)}\n`)
// A part of the rows must not replace the document of a whole run.
if (values.only.length === 0) {
  writeFileSync(join(root, 'docs/benchmarks.md'), markdown(report))
  process.stdout.write('\nwritten: docs/benchmarks.md\n')
}
process.exit(problems.length > 0 ? 1 : 0)
