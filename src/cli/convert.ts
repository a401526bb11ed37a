import type { Command } from 'commander'
import { ask } from '../admin/contract/client.ts'
import {
  type ConversionAccount,
  type ConversionView,
  convertServer,
} from '../admin/contract/convert.ts'
import { define, type Run, UsageError } from './command.ts'
import { counted, type Output } from './output.ts'
import { detectFrom, kindNamed, sourceOptions, sourceValues, sourceWords } from './source.ts'

/** Reports that are printed; `--json` has all. */
const reportsMax = 40

export function convertCommand(program: Command, run: Run): void {
  define(program, run, {
    name: 'convert <kind-or-source> [source]',
    summary: 'Show which tools a description becomes, and what it loses; stores nothing',
    examples: [
      'sallyport convert openapi.yaml',
      'sallyport convert openapi https://api.example.com/openapi.json --json',
      "sallyport convert shop.graphql --base-url https://shop.example.com/graphql --include 'query *'",
    ],
    options: sourceOptions(),
    values: sourceValues,
    words: sourceWords,
    run: async (session, args, options) => {
      const { out, ports } = session
      const [first = '', second] = args
      if (args.length > 2) throw new UsageError('There is more than one source.', 'Give one.')
      const kind = second === undefined ? undefined : kindNamed(first)
      if (kind === 'http')
        throw new UsageError('An MCP server is not converted.', 'sallyport add NAME URL')
      const client = await session.conversions()
      const source = second ?? first
      const detected = await out.during(
        `reading ${source}`,
        detectFrom(client, { source, kind, cwd: ports.cwd, options }),
      )
      if (detected.kind === 'http' || detected.kind === 'stdio')
        throw new UsageError(
          `${source} is no description of an API.`,
          'For an MCP server: sallyport add NAME URL. Else say what it is: sallyport convert KIND SOURCE.',
        )
      const { schemas } = options
      const spec = { ...(schemas === undefined ? {} : { schemas }), ...detected.spec }
      const view = await out.during(`converting ${source}`, ask(client, convertServer, { spec }))
      out.result(view, () => showConversion(out, view, detected.what))
      return view.tools.length > 0 ? 0 : 1
    },
  })
}

function showConversion(out: Output, view: ConversionView, what: string): void {
  out.line(`${view.title} ${view.version}: ${what}`)
  showRoot(out, view)
  out.line()
  out.table(
    ['TOOL', 'OPERATION', 'WHAT IT DOES'],
    view.tools.map(({ name, operation, description = '' }) => [
      name,
      operation,
      firstLine(description),
    ]),
    'No tool.',
  )
  out.line()
  showAccount(out, view)
}

/** Says which folder was taken for the root of a description's files. */
export function showRoot(out: Output, { root }: Pick<ConversionView, 'root'>): void {
  if (root !== undefined)
    out.remark(`Files are read in ${root}, where its references lead; --root says another folder.`)
}

/** Says what a description lost on its way. */
export function showAccount(out: Output, account: ConversionAccount): void {
  const { operations, converted, skipped, notes, targets } = account
  const excluded = skipped.filter(({ code }) => code === 'excluded').length
  const parts = [
    `${converted} of ${operations} operations became tools`,
    ...(excluded === 0 ? [] : [`${excluded} left out by the selection`]),
    ...(skipped.length === excluded ? [] : [`${skipped.length - excluded} could not be converted`]),
    ...(notes.length === 0 ? [] : [counted(notes.length, 'note')]),
  ]
  out.line(`${parts.join(', ')}.`)
  showReports(
    out,
    'Not converted:',
    skipped.filter(({ code }) => code !== 'excluded'),
  )
  showReports(out, 'Converted with a loss:', notes)
  for (const { url, fault } of targets)
    out.line(
      fault === undefined
        ? `Calls go to ${url}`
        : `Calls${url === '' ? '' : ` to ${url}`} cannot be made: ${fault}`,
    )
}

function showReports(out: Output, head: string, reports: ConversionAccount['notes']): void {
  if (reports.length === 0) return
  out.line(head)
  for (const { operation, code, reason, place } of reports.slice(0, reportsMax))
    out.line(
      `  ${operation === '' ? '' : `${operation}: `}${code}: ${reason}${place === '' ? '' : ` (${place})`}`,
    )
  if (reports.length > reportsMax)
    out.line(`  and ${reports.length - reportsMax} more; --json shows all`)
}

function firstLine(text: string): string {
  const [line = ''] = text.split('\n')
  return line.length > 80 ? `${line.slice(0, 77)}...` : line
}
