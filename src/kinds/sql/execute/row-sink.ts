import type { ResultColumn, Rows } from './engine.ts'
import { StatementFault } from './fault.ts'

export interface SinkOptions {
  readonly skip: number
  readonly rowsMax: number
  readonly bytesMax: number
}

/** Names of columns that can be keys of one JSON object: the second `a` becomes `a_2`. */
export function uniqueNames(names: readonly string[]): string[] {
  const taken = new Set<string>()
  return names.map((name, index) => {
    const base = name === '' ? `column_${index + 1}` : name
    let unique = base
    for (let count = 2; taken.has(unique); count++) unique = `${base}_${count}`
    taken.add(unique)
    return unique
  })
}

/** Takes the rows of one result as they come, passes over what an earlier page had, and says when it is enough. */
export class RowSink {
  private readonly options: SinkOptions
  private shape: readonly ResultColumn[] = []
  private keys: readonly string[] = []
  private readonly rows: string[] = []
  private seen = 0
  private bytes = 0
  private truncated = false

  constructor(options: SinkOptions) {
    this.options = options
  }

  columns(columns: readonly ResultColumn[]): void {
    const names = uniqueNames(columns.map(({ name }) => name))
    this.shape = columns.map(({ type }, index) => ({ name: names[index] ?? '', type }))
    this.keys = names.map((name) => `${JSON.stringify(name)}:`)
  }

  /** Whether no further row is of use. */
  get isFull(): boolean {
    return this.truncated
  }

  /** Rows that are still passed over. */
  get toSkip(): number {
    return Math.max(0, this.options.skip - this.seen)
  }

  /** How many more rows are of use: one more than fit, to know whether there are more. */
  get wanted(): number {
    return this.toSkip + this.options.rowsMax + 1 - this.rows.length
  }

  /**
   * `values` gives the JSON of each value; it is not asked for a row that is passed over.
   * False: no further row is of use. @throws StatementFault when one row alone is too large
   */
  add(values: () => readonly string[]): boolean {
    if (this.truncated) return false
    this.seen++
    if (this.seen <= this.options.skip) return true
    if (this.rows.length >= this.options.rowsMax) {
      this.truncated = true
      return false
    }
    const row = `{${values()
      .map((value, index) => (this.keys[index] ?? '') + value)
      .join(',')}}`
    const bytes = Buffer.byteLength(row) + 1
    if (this.bytes + bytes > this.options.bytesMax) {
      if (this.rows.length === 0) throw tooLarge(this.options.bytesMax)
      this.truncated = true
      return false
    }
    this.bytes += bytes
    this.rows.push(row)
    return true
  }

  done(affected?: number): Rows {
    const { shape: columns, rows, truncated } = this
    return { columns, rows, truncated, affected }
  }
}

export function tooLarge(bytesMax: number): StatementFault {
  return new StatementFault('answer_too_large', `One row is larger than ${bytesMax} bytes.`, {
    hint: 'Select fewer columns, or a part of the long ones, e.g. left(column, 1000).',
  })
}
