/**
 * The text of journal entries, from templates: about 1 us a line, a third of JSON.stringify.
 * Every line begins with its kind, and those of calls go on with the call id; `callOf` relies on it.
 */
import type {
  AnonymousEntry,
  ChangeEntry,
  Entry,
  IntentEntry,
  NoteEntry,
  OutcomeEntry,
  RefusalEntry,
  SuppressedEntry,
} from '../model/record.ts'

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must be escaped
const special = /[\u0000-\u001f"\\\ud800-\udfff]/

function quoted(text: string): string {
  return special.test(text) ? JSON.stringify(text) : `"${text}"`
}

function number(value: number): number {
  return Number.isFinite(value) ? value : 0
}

/** One line, without newline, that JSON.parse turns back into the entry. */
export function intentLine(entry: IntentEntry): string {
  return `{"kind":"intent","call":${quoted(entry.call)},"at":${number(entry.at)},"principal":${quoted(entry.principal)},"principalId":${quoted(entry.principalId)},"environment":${quoted(entry.environment)},"endpoint":${quoted(entry.endpoint)},"method":${quoted(entry.method)},"server":${quoted(entry.server)},"name":${quoted(entry.name)},"revision":${quoted(entry.revision)},"argsDigest":${quoted(entry.argsDigest)},"itemDigest":${quoted(entry.itemDigest)},"rule":${quoted(entry.rule)},"snapshot":${number(entry.snapshot)}}`
}

/** One line, without newline, that JSON.parse turns back into the entry. */
export function outcomeLine(entry: OutcomeEntry): string {
  return `{"kind":"outcome","call":${quoted(entry.call)},"at":${number(entry.at)},"status":"${entry.status}","ms":${number(entry.ms)},"bytes":${number(entry.bytes)},"code":${quoted(entry.code)}}`
}

/** One line, without newline, that JSON.parse turns back into the entry. */
export function refusalLine(entry: RefusalEntry): string {
  return `{"kind":"refusal","call":${quoted(entry.call)},"at":${number(entry.at)},"principal":${quoted(entry.principal)},"principalId":${quoted(entry.principalId)},"environment":${quoted(entry.environment)},"endpoint":${quoted(entry.endpoint)},"method":${quoted(entry.method)},"server":${quoted(entry.server)},"name":${quoted(entry.name)},"code":${quoted(entry.code)},"detail":${quoted(entry.detail)}}`
}

/** One line, without newline, that JSON.parse turns back into the entry. */
export function noteLine(entry: NoteEntry): string {
  return `{"kind":"${entry.kind}","at":${number(entry.at)},"principal":${quoted(entry.principal)},"principalId":${quoted(entry.principalId)},"environment":${quoted(entry.environment)},"endpoint":${quoted(entry.endpoint)},"method":${quoted(entry.method)},"detail":${quoted(entry.detail)}}`
}

/** One line, without newline, that JSON.parse turns back into the entry. */
export function anonymousLine(entry: AnonymousEntry): string {
  return `{"kind":"anonymous","at":${number(entry.at)},"source":${quoted(entry.source)},"code":${quoted(entry.code)},"count":${number(entry.count)}}`
}

/** One line, without newline, that JSON.parse turns back into the entry. */
export function suppressedLine(entry: SuppressedEntry): string {
  return `{"kind":"suppressed","at":${number(entry.at)},"principal":${quoted(entry.principal)},"principalId":${quoted(entry.principalId)},"environment":${quoted(entry.environment)},"count":${number(entry.count)},"detail":${quoted(entry.detail)}}`
}

/** One line, without newline, that JSON.parse turns back into the entry. */
export function changeLine({ kind, call, ...rest }: ChangeEntry): string {
  return JSON.stringify({ kind, call, ...rest })
}

/** The entry of a line, or undefined when the line is none. */
export function entryOf(line: string): Entry | undefined {
  if (!line.startsWith('{"kind":"')) return undefined
  try {
    const entry: Entry = JSON.parse(line)
    return entry
  } catch {
    return undefined
  }
}

/** The outcome of a call or change whose end nobody saw. `call` is the raw id as it stands in the journal. */
export function unknownOutcome(call: string, at: number): string {
  return outcomeLine({ kind: 'outcome', call, at, status: 'unknown', ms: 0, bytes: 0, code: '' })
}

const intentStart = '{"kind":"intent","call":"'
const changeStart = '{"kind":"change","call":"'
const outcomeStart = '{"kind":"outcome","call":"'

/** Whether the line says what is about to be done, a call or a change; an outcome follows it. */
export function isIntent(line: string): boolean {
  return line.startsWith(intentStart) || line.startsWith(changeStart)
}

/** Above it the oldest are forgotten, and would get no outcome after a crash. */
const openMax = 100_000

/** Keeps `open`, the raw ids of calls and changes without an outcome, in step with one more line. */
export function trackOpen(open: Set<string>, line: string): void {
  if (line.startsWith(outcomeStart)) open.delete(rawId(line, outcomeStart.length))
  else if (isIntent(line)) {
    open.add(rawId(line, intentStart.length))
    if (open.size > openMax) dropOldest(open)
  }
}

/** Forgets the call of an intent that was taken back. */
export function untrackIntent(open: Set<string>, line: string): void {
  open.delete(rawId(line, intentStart.length))
}

/** Call ids are ours and hold no quote; the raw text up to the next quote is the id. Both beginnings are as long. */
function rawId(line: string, start: number): string {
  return line.slice(start, line.indexOf('"', start))
}

function dropOldest(open: Set<string>): void {
  for (const call of open) {
    open.delete(call)
    return
  }
}
