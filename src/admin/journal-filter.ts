/** Which lines of the journal somebody wants. An outcome says little by itself, so that it is judged with its call. */
import { methodOf } from '../model/methods.ts'
import type { JournalLine } from './ports.ts'

export interface Wanted {
  /** Epoch milliseconds. */
  readonly since?: number | undefined
  readonly until?: number | undefined
  /** Label or id. */
  readonly principal?: string | undefined
  readonly server?: string | undefined
  /** The server's own name of it. */
  readonly tool?: string | undefined
  readonly kind?: readonly string[] | undefined
  /** Of outcomes; `refused` of refusals. A call is shown with its outcome then. */
  readonly status?: readonly string[] | undefined
}

export interface JournalFilter {
  /** Whether it leaves out anything. */
  readonly narrows: boolean
  /** What is to be shown once this line was read; lines of one writer come in their order. */
  take(line: JournalLine): readonly JournalLine[]
}

/** Calls of which the outcome is awaited. Above it the oldest are forgotten, and their outcomes left out. */
const openMax = 100_000

type Members = Readonly<Record<string, unknown>>

export function createJournalFilter(wanted: Wanted): JournalFilter {
  const { principal, server, tool, status } = wanted
  const judgesCalls = [principal, server, tool, status].some((value) => value !== undefined)
  const open = new Map<string, JournalLine>()
  const isOfKind = ({ entry }: JournalLine): boolean => wanted.kind?.includes(entry.kind) ?? true
  const isInTime = ({ entry }: JournalLine): boolean =>
    entry.at >= (wanted.since ?? -Infinity) && entry.at < (wanted.until ?? Infinity)
  const own = (line: JournalLine): readonly JournalLine[] =>
    isOfKind(line) && isInTime(line) ? [line] : []

  const begun = (line: JournalLine, call: string): readonly JournalLine[] => {
    if (!isOf(line.entry, wanted)) return []
    open.set(call, line)
    if (open.size > openMax) for (const [oldest] of open.entries().take(1)) open.delete(oldest)
    return status === undefined ? own(line) : []
  }
  const ended = (line: JournalLine, call: string): readonly JournalLine[] => {
    const beginning = open.get(call)
    open.delete(call)
    if (beginning === undefined) return []
    if (status === undefined) return own(line)
    const members: Members = line.entry
    if (!status.includes(String(members['status'])) || !isInTime(line)) return []
    return [beginning, line].filter(isOfKind)
  }
  return {
    narrows: Object.values(wanted).some((value) => value !== undefined),
    take(line) {
      if (!judgesCalls) return own(line)
      const { kind } = line.entry
      const { call }: Members = line.entry
      if (kind === 'intent' || kind === 'change') return begun(line, String(call))
      if (kind === 'outcome') return ended(line, String(call))
      const isRefusal = kind === 'refusal' || kind === 'anonymous'
      const hasStatus = status === undefined || (isRefusal && status.includes('refused'))
      return hasStatus && isOf(line.entry, wanted) ? own(line) : []
    },
  }
}

const isCall = (method: unknown): boolean =>
  typeof method === 'string' && methodOf(method).subject?.kind === 'tool'

/** Who, and at which server: its own endpoint, whatever was asked for there; a change of its entry, too. */
function isOf(entry: Members, { principal, server, tool }: Wanted): boolean {
  const { object, name, method } = entry
  const at = object === 'server' ? name : entry['server']
  const isAt = at === server || entry['endpoint'] === `/mcp/s/${server}`
  return (
    (principal === undefined || [entry['principal'], entry['principalId']].includes(principal)) &&
    (server === undefined || isAt) &&
    (tool === undefined || (isCall(method) && name === tool))
  )
}
