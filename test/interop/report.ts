// A report as a table for the terminal, as Markdown for the guide, and as JSON.

import type { Report } from './interop.ts'
import type { Cell } from './judge.ts'
import { DENIED, SPOKE } from './judge.ts'
import { pinned } from './places.ts'

const MARKS = { begin: '<!-- matrix: begin -->', end: '<!-- matrix: end -->' }

const short = (cell: Cell | undefined) => {
  if (cell === undefined) return '-'
  if (cell.server === DENIED) return cell.status === 'ok' ? 'refused' : cell.status
  return cell.status === 'listed' ? `listed ${cell.listed}` : cell.status
}

function rows(report: Report): readonly (readonly string[])[] {
  const columns = [...report.servers.map((server) => server.name), DENIED]
  const of = (client: string, server: string) =>
    short(report.cells.find((cell) => cell.client === client && cell.server === server))
  const spoke = report.clients.map(({ name }) => report.spoke[name] ?? '')
  return [
    ['', ...report.clients.map((client) => client.name)],
    ...columns.map((server) => [
      server,
      ...report.clients.map((client) => of(client.name, server)),
    ]),
    [SPOKE, ...spoke],
  ]
}

/** The table, and below it what failed. */
export function asText(report: Report): string {
  const table = rows(report)
  const widths = (table[0] ?? []).map((_, at) =>
    Math.max(...table.map((row) => row[at]?.length ?? 0)),
  )
  const lines = table.map((row) =>
    row
      .map((value, at) => value.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  const problems = report.cells
    .filter((cell) => cell.problems.length > 0)
    .map((cell) => `${cell.status}: ${cell.client} x ${cell.server}: ${cell.problems.join('; ')}`)
  const stale = report.stale.map(
    (loss) => `stale: ${loss.client} x ${loss.server} works by now; remove it from known-losses.ts`,
  )
  return [...lines, '', ...problems, ...stale].join('\n')
}

export function asJson(report: Report): string {
  const { ok, cells, spoke, stale } = report
  const clients = report.clients.map(({ name, package: of, era, over }) => ({
    name,
    package: pinned(of),
    era,
    over,
  }))
  const servers = report.servers.map(({ name, package: of, over, tools, listOnly }) => ({
    name,
    package: pinned(of),
    over,
    tools,
    listOnly,
  }))
  return `${JSON.stringify({ ok, clients, servers, cells, spoke, stale }, undefined, 2)}\n`
}

const published = (of: string): string => {
  const { name, version } = pinned(of)
  return `\`${name}\` ${version}`
}

function markdown(report: Report): string {
  const table = (lines: readonly (readonly string[])[]) => {
    const [head = [], ...body] = lines.map((row) => `| ${row.join(' | ')} |`)
    const rule = `|${'---|'.repeat(lines[0]?.length ?? 0)}`
    return [head, rule, ...body].join('\n')
  }
  const clients = report.clients.map((client) => [
    client.name,
    published(client.package),
    client.over,
    client.era,
  ])
  const servers = report.servers.map((server) => [
    server.name,
    published(server.package),
    server.over,
    String(server.tools),
    server.listOnly ?? 'yes',
  ])
  return [
    table([['client', 'package', 'over', 'era'], ...clients]),
    table([['server', 'package', 'over', 'tools', 'called'], ...servers]),
    table(rows(report)),
  ].join('\n\n')
}

/** The guide with the matrix of this report between its marks. */
export function inGuide(guide: string, report: Report): string {
  const [begin, end] = [guide.indexOf(MARKS.begin), guide.indexOf(MARKS.end)]
  if (begin < 0 || end < begin) throw new Error(`The guide has no ${MARKS.begin} ... ${MARKS.end}.`)
  return `${guide.slice(0, begin)}${MARKS.begin}\n\n${markdown(report)}\n\n${guide.slice(end)}`
}
