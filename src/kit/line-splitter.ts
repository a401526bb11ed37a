/**
 * Splits a byte stream into lines, in linear time whatever the sizes of chunks and lines.
 * It works on bytes, so a UTF-8 character that two chunks share arrives whole.
 */
export interface LineSplitterOptions {
  readonly lineBytesMax: number
  /** One line without its line end; lines come in order. The bytes belong to the receiver. */
  readonly onLine: (line: Buffer) => void
  /**
   * 'cut': a longer line arrives shortened to `lineBytesMax`.
   * A function: it is called once at the first longer line, and nothing arrives after that.
   */
  readonly onOverflow: 'cut' | (() => void)
}

const lineFeed = 10
const carriageReturn = 13
const capacityBytesMin = 1024

export class LineSplitter {
  readonly #options: LineSplitterOptions
  /** The start of a line whose end has not arrived: a buffer that doubles, and how much of it is used. */
  #held: Buffer | undefined
  #heldBytes = 0
  #stopped = false

  constructor(options: LineSplitterOptions) {
    this.#options = options
  }

  /** Takes the next chunk and hands on every line that it completes. Empty lines are skipped. */
  push(chunk: Buffer): void {
    let from = 0
    while (!this.#stopped) {
      const end = chunk.indexOf(lineFeed, from)
      if (end === -1) {
        this.#hold(chunk.subarray(from))
        return
      }
      this.#complete(chunk.subarray(from, end))
      from = end + 1
    }
  }

  /** Hands on a last line that has no line end. */
  flush(): void {
    if (!this.#stopped) this.#complete(Buffer.alloc(0))
  }

  #complete(tail: Buffer): void {
    let line = tail
    if (this.#held === undefined) {
      line = this.#fit(tail)
    } else {
      this.#hold(tail)
      line = this.#held.subarray(0, this.#heldBytes)
    }
    if (this.#stopped) return
    this.#held = undefined
    this.#heldBytes = 0
    if (line.at(-1) === carriageReturn) line = line.subarray(0, -1)
    if (line.length > 0) this.#options.onLine(line)
  }

  #hold(tail: Buffer): void {
    const part = this.#fit(tail)
    if (this.#stopped || part.length === 0) return
    const needed = this.#heldBytes + part.length
    const capacity = this.#held?.length ?? 0
    if (this.#held === undefined || capacity < needed) {
      const wanted = Math.max(needed, capacity * 2, capacityBytesMin)
      const larger = Buffer.allocUnsafe(Math.min(wanted, this.#options.lineBytesMax))
      this.#held?.copy(larger, 0, 0, this.#heldBytes)
      this.#held = larger
    }
    part.copy(this.#held, this.#heldBytes)
    this.#heldBytes = needed
  }

  /** What of `part` the current line still has room for. */
  #fit(part: Buffer): Buffer {
    const room = this.#options.lineBytesMax - this.#heldBytes
    if (part.length <= room) return part
    const { onOverflow } = this.#options
    if (onOverflow !== 'cut') {
      this.#stopped = true
      onOverflow()
    }
    return part.subarray(0, room)
  }
}
