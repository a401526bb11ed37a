import { stripVTControlCharacters } from 'node:util'
import { LineSplitter } from '../kit/line-splitter.ts'
import { isOrdinary } from './environment.ts'

/**
 * What a child process says on stderr: line by line, redacted, shortened and at a bounded rate.
 */
const lineCharactersMax = 4096
const secretCharactersMin = 6
const windowMs = 1000

/** Everything that must not be shown of what a process says; longest first, so that a secret that holds another goes whole. */
export function secretsOf(spec: {
  readonly env: Readonly<Record<string, string>>
  readonly secrets?: readonly string[]
}): string[] {
  const values = Object.entries(spec.env)
    .filter(([name]) => !isOrdinary(name))
    .map(([, value]) => value)
  return [...values, ...(spec.secrets ?? [])]
    .flatMap((value) => value.split(/[\r\n]+/))
    .map(plain)
    .filter((value) => value.length >= secretCharactersMin)
    .sort((a, b) => b.length - a.length)
}

/** Without control sequences, so that nothing can hide in them or act on a terminal. */
function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
  return stripVTControlCharacters(text).replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ')
}

export interface StderrOptions {
  readonly secrets: readonly string[]
  readonly linesPerSecondMax: number
  readonly onLine: (line: string) => void
  readonly onDropped: (lines: number) => void
}

/** Receives the stderr of one process. A flood is counted and dropped; the last line is always known. */
export class StderrLog {
  readonly #options: StderrOptions
  readonly #splitter: LineSplitter
  readonly #secretCharacters: number
  readonly #lineBytesMax: number
  #last: Buffer | undefined
  #lines = 0
  #timer: NodeJS.Timeout | undefined

  constructor(options: StderrOptions) {
    this.#options = options
    // Redaction comes before shortening, so a secret that lies across the cut must be held whole.
    this.#secretCharacters = options.secrets[0]?.length ?? 0
    this.#lineBytesMax = lineCharactersMax + 1 + this.#secretCharacters * 4
    this.#splitter = new LineSplitter({
      lineBytesMax: this.#lineBytesMax,
      onLine: (line) => this.#take(line),
      onOverflow: 'cut',
    })
  }

  push(chunk: Buffer): void {
    this.#splitter.push(chunk)
  }

  /** The process has ended: reports what is still held back. */
  end(): void {
    this.#splitter.flush()
    this.#closeWindow()
  }

  /** The last line, fit to be shown, or undefined when the process said nothing. */
  lastLine(charactersMax: number): string | undefined {
    return this.#last && this.#present(this.#last, charactersMax)
  }

  #take(line: Buffer): void {
    this.#last = line
    this.#timer ??= setTimeout(() => this.#closeWindow(), windowMs).unref()
    this.#lines++
    if (this.#lines > this.#options.linesPerSecondMax) return
    this.#options.onLine(this.#present(line, lineCharactersMax))
  }

  #present(line: Buffer, charactersMax: number): string {
    let text = plain(line.toString())
    for (const secret of this.#options.secrets) text = text.replaceAll(secret, '[redacted]')
    // A line that was cut may end in the start of a secret.
    if (line.length >= this.#lineBytesMax && this.#secretCharacters > 0) {
      text = text.slice(0, -this.#secretCharacters)
    }
    return text.length <= charactersMax ? text : `${text.slice(0, charactersMax)}...`
  }

  #closeWindow(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const dropped = this.#lines - this.#options.linesPerSecondMax
    this.#lines = 0
    if (dropped > 0) this.#options.onDropped(dropped)
  }
}
