/** The log on standard error: sentences at a terminal, JSON lines for programs. */
import { createColors } from 'picocolors'
import pino, { type Logger } from 'pino'
import { terminalLine, terminalValue } from '../kit/terminal-text.ts'
import type { LogSettings } from './log-settings.ts'

export interface LogOptions {
  readonly level: NonNullable<LogSettings['level']>
  readonly format: NonNullable<LogSettings['format']>
  readonly colors: boolean
  /** Standard error. */
  readonly write: (line: string) => void
}

export function openLog({ level, format, colors, write }: LogOptions): Logger {
  const paths = ['*.authorization', '*.headers', '*.env']
  const options = { level, redact: { paths, censor: '[redacted]' } }
  if (format === 'json') return pino(options, pino.destination({ fd: 2, sync: true }))
  return pino(options, { write: (line: string) => write(`${sentenceOf(line, colors)}\n`) })
}

/** Members that say nothing to people. */
const unsaid: ReadonlySet<string> = new Set(['level', 'time', 'pid', 'hostname', 'msg', 'kind'])

function sentenceOf(line: string, colors: boolean): string {
  const entry: Readonly<Record<string, unknown>> = JSON.parse(line)
  const { dim, red, yellow } = createColors(colors)
  const { level, time, msg } = entry
  const label = pino.levels.labels[Number(level)] ?? ''
  const colour = Number(level) >= 50 ? red : label === 'warn' ? yellow : (text: string) => text
  const members = Object.entries(entry).flatMap(([name, value]) =>
    unsaid.has(name) ? [] : [`${name}=${terminalValue(wordsOf(value))}`],
  )
  const at = dim(new Date(Number(time)).toTimeString().slice(0, 8))
  const rest = members.length === 0 ? '' : `  ${dim(members.join(' '))}`
  return `${at} ${colour(label.padEnd(5))} ${terminalLine(String(msg ?? ''))}${rest}`
}

/** Of an error its message. */
function wordsOf(value: unknown): unknown {
  const isError = typeof value === 'object' && value !== null && 'message' in value
  return isError ? String(value.message) : value
}
