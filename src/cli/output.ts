/** Everything that commands print: one JSON document, or text for people. */
import { createColors } from 'picocolors'
import { type AdminError, bodyOf } from '../admin/contract/errors.ts'
import { terminalLine, terminalText } from '../kit/terminal-text.ts'
import type { CliPorts } from './ports.ts'

type OutputPorts = Pick<CliPorts, 'stdout' | 'stderr' | 'env'>

export class Output {
  readonly json: boolean
  readonly colors: ReturnType<typeof createColors>
  private readonly ports: OutputPorts

  constructor(ports: OutputPorts, json: boolean) {
    this.ports = ports
    this.json = json
    this.colors = createColors(ports.stdout.isTTY && (ports.env.NO_COLOR ?? '') === '')
  }

  /** Prints `value` with --json, else what `text` prints. */
  result(value: unknown, text: () => void): void {
    if (this.json) this.ports.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`)
    else text()
  }

  /** One line. `mark` is ours and may be coloured; `text` may be anybody's. */
  line(text = '', mark = ''): void {
    this.ports.stdout.write(`${mark}${terminalLine(text)}\n`)
  }

  /** Text for another program: printed as it is, unless a terminal would act upon it. */
  raw(text: string): void {
    this.ports.stdout.write(this.ports.stdout.isTTY ? terminalText(text) : text)
  }

  /** Many lines wait for their reader, so that they do not pile up here; an interrupted command waits no longer. */
  async drained(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const end = (): void => resolve()
    signal.addEventListener('abort', end, { once: true })
    this.ports.stdout.flushed().then(end, end)
    await promise
    signal.removeEventListener('abort', end)
  }

  /** A line beside the result, for people alone. */
  remark(text: string): void {
    if (!this.json) this.line(text)
  }

  warn(text: string): void {
    if (!this.json) this.ports.stderr.write(`warning: ${terminalLine(text)}\n`)
  }

  /** Columns as wide as their widest cell, with more blanks between them than a cell can have. An empty table prints `none`. */
  table(header: readonly string[], rows: readonly (readonly string[])[], none: string): void {
    if (rows.length === 0) {
      this.line(none)
      return
    }
    const cells = [header, ...rows].map((row) =>
      row.map((cell) => terminalLine(cell).replace(/\s+/g, ' ')),
    )
    const widths = header.map((_, i) => Math.max(...cells.map((row) => (row[i] ?? '').length)))
    for (const [index, row] of cells.entries()) {
      const text = row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')
      this.ports.stdout.write(`${index === 0 ? this.colors.dim(text.trimEnd()) : text.trimEnd()}\n`)
    }
  }

  /** Shows that something takes a while, on a terminal only. */
  async during<T>(text: string, work: Promise<T>): Promise<T> {
    const { stderr } = this.ports
    if (!stderr.isTTY || this.json) return await work
    stderr.write(`${terminalLine(text)} ...`)
    try {
      return await work
    } finally {
      stderr.write('\r\u001b[K')
    }
  }

  /** With --json the one document on stdout is the error. */
  error(error: AdminError): void {
    const { stdout, stderr } = this.ports
    if (this.json) {
      stdout.write(`${JSON.stringify(bodyOf(error), undefined, 2)}\n`)
      return
    }
    const issues = error.issues.map((issue) => `  ${placeOf(issue)}${issue.path}: ${issue.message}`)
    const lines = [`error: ${error.message}`, ...issues, `  ${error.wayOut}`]
    // What is of several lines stays so, but none of them begins like one of ours.
    const text = lines.map((line) => line.replace(/\r?\n/g, '\n    ')).join('\n')
    stderr.write(`${terminalText(text)}\n`)
  }
}

/** `1 tool`, `2 tools`. */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

/** `file:line:column ` of an issue, or nothing when it has no place. */
export function placeOf(issue: {
  readonly file?: string | undefined
  readonly line?: number | undefined
  readonly column?: number | undefined
}): string {
  if (issue.file === undefined) return ''
  return `${[issue.file, issue.line, issue.column].filter((part) => part !== undefined).join(':')} `
}
