import { type Command, Option } from 'commander'
import { z } from 'zod'
import { type AuditLine, auditFilter, readAudit, verifyAudit } from '../admin/contract/audit.ts'
import { ask, askLines } from '../admin/contract/client.ts'
import { timeOf } from '../admin/contract/time.ts'
import { terminalValue } from '../kit/terminal-text.ts'
import { entryKinds, outcomeStatuses } from '../model/record.ts'
import { define, type Run, UsageError } from './command.ts'

export function auditCommands(program: Command, run: Run): void {
  const group = program.command('audit').description('The journal: tail, verify, export')
  tailCommand(group, run)
  verifyCommand(group, run)
  exportCommand(group, run)
}

/** Of tail and export: entries that are like all of these. */
function filterOptions(): Option[] {
  return [
    new Option('--principal <who>', 'key:NAME, owner, local, file, or a principalId'),
    new Option('--server <name>', 'calls of the server, and changes of its entry'),
    new Option('--tool <name>', 'calls of the tool, by the name that its server gives it'),
    new Option('--kind <kinds>', `of ${entryKinds.join(', ')}; several with commas`),
    new Option(
      '--status <statuses>',
      `calls and changes that ended so, and their outcomes: ${outcomeStatuses.join(', ')}; or refused`,
    ),
    new Option(
      '--since <time>',
      'a date in UTC (2026-11-23, 2026-11-23T10:00), or so long ago (15m, 2h, 7d)',
    ),
    new Option('--until <time>', 'a date, or so long ago'),
  ]
}

const filterValues = {
  ...auditFilter,
  since: z.string().optional(),
  until: z.string().optional(),
}

function tailCommand(group: Command, run: Run): void {
  define(group, run, {
    name: 'tail',
    summary: 'Show the newest entries; with --json one a line',
    examples: [
      'sallyport audit tail -f -n 5',
      'sallyport audit tail --principal key:ci --status error,tool-error --since 2h',
      'sallyport audit tail --kind change',
    ],
    options: [
      new Option('-f, --follow', 'go on with what is written later'),
      new Option('-n, --limit <count>', 'how many entries, the newest').default('20'),
      ...filterOptions(),
    ],
    values: z.object({
      follow: z.boolean().default(false),
      limit: z.coerce.number('must be a number').int().min(0).max(100_000),
      ...filterValues,
    }),
    run: async ({ ports, out, admin }, _args, { follow, limit, ...given }) => {
      const filter = filterOf(given, ports.now())
      const input = { ...filter, last: limit, follow: follow ? 'true' : 'false' }
      const lines = askLines(await admin(), readAudit, input, ports.signal)
      for await (const line of lines) {
        if (out.json) out.raw(`${JSON.stringify(line)}\n`)
        else out.line(sentenceOf(line))
        await out.drained(ports.signal)
      }
      return undefined
    },
  })
}

/** Time and kind, then what the entry has of these, in this order. Callers and servers choose some of the values. */
const shown = [
  'principal',
  'via',
  'action',
  'method',
  'object',
  'server',
  'name',
  'before',
  'after',
  'status',
  'code',
  'rule',
  'detail',
  'source',
  'count',
  'ms',
  'call',
  'principalId',
]

function sentenceOf({ entry }: AuditLine): string {
  const members: Readonly<Record<string, unknown>> = entry
  const rest = shown.flatMap((name) => {
    const value = members[name]
    return value === undefined || value === '' ? [] : [`${name}=${terminalValue(value)}`]
  })
  return [new Date(entry.at).toISOString(), entry.kind.padEnd(9), ...rest].join(' ')
}

/** Both sides of a change are objects. */
function textOf(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function verifyCommand(group: Command, run: Run): void {
  define(group, run, {
    name: 'verify',
    summary: 'Prove that nothing in the journal was changed or removed',
    examples: ['sallyport audit verify'],
    values: z.object({}),
    run: async ({ out, admin }) => {
      const client = await admin()
      const answer = await out.during('verifying the journal', ask(client, verifyAudit, {}))
      out.result(answer, () => {
        for (const { writer, state, repaired, entries, segments, head } of answer.writers)
          out.line(
            `${writer}: ${entries} entries in ${segments} segments, ${state}${repaired ? ', repaired after a crash' : ''}, head ${head.slice(0, 16)}`,
          )
        for (const { writer, segment, line, what } of answer.faults)
          out.line(
            `fault: ${writer || 'manifest'}${segment === 0 ? '' : ` segment ${segment}`}${line === undefined ? '' : ` line ${line}`}: ${what}`,
          )
        const entries = answer.writers.reduce((sum, writer) => sum + writer.entries, 0)
        if (answer.ok) out.line(`The journal is whole: ${entries} entries.`)
        else out.line('The journal is NOT whole. Compare it with a copy.')
      })
      return answer.ok ? 0 : 1
    },
  })
}

const columns = [
  'writer',
  'sequence',
  'at',
  'kind',
  'call',
  'principal',
  'principalId',
  'environment',
  'endpoint',
  'method',
  'server',
  'name',
  'status',
  'code',
  'rule',
  'detail',
  'source',
  'count',
  'ms',
  'bytes',
  'via',
  'uid',
  'action',
  'object',
  'before',
  'after',
  'revision',
  'argsDigest',
  'itemDigest',
  'snapshot',
]

function exportCommand(group: Command, run: Run): void {
  define(group, run, {
    name: 'export',
    summary: 'Write entries of a time to standard output',
    examples: [
      'sallyport audit export --since 24h > day.jsonl',
      'sallyport audit export --since 2026-11-01 --until 2026-12-01 --format csv > november.csv',
    ],
    options: [
      ...filterOptions(),
      new Option('--format <format>', 'form of a line').choices(['jsonl', 'csv']).default('jsonl'),
    ],
    values: z.object({ format: z.enum(['jsonl', 'csv']), ...filterValues }),
    run: async ({ ports, out, admin }, _args, { format, ...given }) => {
      if (out.json && format === 'csv')
        throw new UsageError('--json and --format csv exclude each other.', 'Give one of them.')
      const filter = filterOf(given, ports.now())
      const lines = askLines(await admin(), readAudit, filter, ports.signal)
      if (format === 'csv') out.raw(`${columns.join(',')}\n`)
      for await (const line of lines) {
        out.raw(`${format === 'csv' ? csvOf(line) : JSON.stringify(line)}\n`)
        await out.drained(ports.signal)
      }
      return ports.signal.aborted ? 1 : 0
    },
  })
}

function filterOf<G extends { since?: string | undefined; until?: string | undefined }>(
  given: G,
  now: number,
) {
  const since = time('--since', given.since, now)
  const until = time('--until', given.until, now)
  if (since !== undefined && until !== undefined && until <= since)
    throw new UsageError('--until is not after --since.', 'Nothing lies between the two.')
  return { ...given, since, until }
}

function time(option: string, text: string | undefined, now: number): number | undefined {
  const at = text === undefined ? undefined : timeOf(text, now)
  if (text !== undefined && at === undefined)
    throw new UsageError(
      `${option}: "${text}" is no time.`,
      'Write 2026-11-23, 2026-11-23T10:00Z, 15m or 24h.',
    )
  return at
}

function csvOf({ writer, sequence, entry }: AuditLine): string {
  const members: Readonly<Record<string, unknown>> = {
    ...entry,
    writer,
    sequence,
    at: new Date(entry.at).toISOString(),
  }
  return columns.map((column) => cellOf(members[column])).join(',')
}

/** RFC 4180; a leading sign that spreadsheets would take for a formula is defused. */
function cellOf(value: unknown): string {
  if (value === undefined) return ''
  const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : textOf(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
