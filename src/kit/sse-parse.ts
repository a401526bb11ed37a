/**
 * Incremental parser of server-sent events (WHATWG HTML, section 9.2) on bytes.
 * Bounded: an event larger than `eventBytesMax` makes `feed` throw, unless large events are taken in pieces.
 */
export interface SseEvent {
  readonly event: string
  readonly data: Buffer
  readonly id: string | undefined
  readonly retryMs: number | undefined
}

export class SseTooLarge extends Error {}

/** Takes the data of one event that is too large to hold, piece by piece. */
export interface LargeEvent {
  feed(part: Buffer): void
  end(): void
}

export interface SseParserOptions {
  readonly eventBytesMax: number
  /** Events larger than this go to `onLarge` in pieces, where it is given. */
  readonly largeBytes?: number
  readonly onLarge?: () => LargeEvent
}

const lineFeed = 0x0a
const carriageReturn = 0x0d
const lineBreak = Buffer.from('\n')

export class SseParser {
  private readonly onEvent: (event: SseEvent) => void
  private readonly options: SseParserOptions
  private large: LargeEvent | undefined
  /** The rest of the current line goes to `large` as it comes. */
  private passing = false
  private rest: Buffer[] = []
  private restBytes = 0
  private data: Buffer[] = []
  private dataBytes = 0
  private event = ''
  private id: string | undefined
  private retryMs: number | undefined
  private skipLineFeed = false
  private first = true

  constructor(onEvent: (event: SseEvent) => void, options: SseParserOptions) {
    this.onEvent = onEvent
    this.options = options
  }

  /** Takes the next bytes of the stream. @throws SseTooLarge */
  feed(chunk: Buffer): void {
    let from = 0
    if (this.skipLineFeed) {
      if (chunk.length === 0) return
      this.skipLineFeed = false
      if (chunk[0] === lineFeed) from = 1
    }
    for (;;) {
      const lf = chunk.indexOf(lineFeed, from)
      let end = lf
      // A lone CR also ends a line; servers that use it are rare, so look for it only inside the line found.
      const cr = chunk.subarray(from, lf < 0 ? chunk.length : lf).indexOf(carriageReturn)
      if (cr >= 0) end = from + cr
      if (end < 0) break
      if (this.passing) {
        this.passing = false
        this.large?.feed(chunk.subarray(from, end))
      } else this.line(this.takeRest(chunk.subarray(from, end)))
      from = end + 1
      if (cr >= 0) {
        if (from === chunk.length) {
          this.skipLineFeed = true
          return
        }
        if (chunk[from] === lineFeed) from++
      }
    }
    if (from < chunk.length) {
      const tail = chunk.subarray(from)
      if (this.passing) this.large?.feed(tail)
      else {
        this.rest.push(tail)
        this.restBytes += tail.length
        this.check()
      }
    }
  }

  private takeRest(tail: Buffer): Buffer {
    if (this.rest.length === 0) return tail
    this.rest.push(tail)
    const line = Buffer.concat(this.rest)
    this.rest = []
    this.restBytes = 0
    return line
  }

  private check(): void {
    const { largeBytes, onLarge, eventBytesMax } = this.options
    const bytes = this.restBytes + this.dataBytes
    if (
      bytes > (largeBytes ?? eventBytesMax) &&
      onLarge !== undefined &&
      (this.event === '' || this.event === 'message')
    )
      this.begin(onLarge)
    else if (bytes > eventBytesMax) throw new SseTooLarge('event too large')
  }

  /** Hands over what was held of an event; the rest follows as it comes. */
  private begin(onLarge: () => LargeEvent): void {
    const line = this.rest.length === 0 ? undefined : Buffer.concat(this.rest)
    // Only data may be large; nothing else is held beyond this size.
    if (line !== undefined && line.toString('latin1', 0, 5) !== 'data:')
      throw new SseTooLarge('line too large')
    this.large ??= onLarge()
    for (const [index, held] of this.data.entries()) this.feedLine(held, index === 0)
    if (line !== undefined) {
      this.feedLine(line.subarray(line[5] === 0x20 ? 6 : 5), this.data.length === 0)
      this.passing = true
      this.rest = []
      this.restBytes = 0
    }
    this.data = []
    this.dataBytes = 0
  }

  private feedLine(line: Buffer, first: boolean): void {
    if (!first) this.large?.feed(lineBreak)
    this.large?.feed(line)
  }

  private line(raw: Buffer): void {
    let line = raw
    if (this.first) {
      this.first = false
      if (line.length >= 3 && line[0] === 0xef && line[1] === 0xbb && line[2] === 0xbf)
        line = line.subarray(3)
    }
    if (line.length === 0) {
      this.dispatch()
      return
    }
    if (line[0] === 0x3a) return
    const colon = line.indexOf(0x3a)
    const field = line.toString('latin1', 0, colon < 0 ? line.length : colon)
    const value =
      colon < 0
        ? line.subarray(line.length)
        : line.subarray(line[colon + 1] === 0x20 ? colon + 2 : colon + 1)
    if (field === 'data') {
      if (this.large !== undefined) this.feedLine(value, false)
      else {
        this.data.push(value)
        this.dataBytes += value.length + 1
        this.check()
      }
    } else if (field === 'event') this.event = value.toString('utf8')
    else if (field === 'id') {
      if (!value.includes(0)) this.id = value.toString('utf8')
    } else if (field === 'retry' && /^\d{1,9}$/.test(value.toString('latin1')))
      this.retryMs = Number(value.toString('latin1'))
  }

  private dispatch(): void {
    if (this.large !== undefined) {
      this.large.end()
      this.large = undefined
      this.event = ''
      this.id = undefined
      return
    }
    const data = this.data.length === 1 ? (this.data[0] ?? Buffer.alloc(0)) : joinLines(this.data)
    const had = this.data.length > 0
    const event = this.event === '' ? 'message' : this.event
    this.data = []
    this.dataBytes = 0
    this.event = ''
    if (had || this.id !== undefined || this.retryMs !== undefined) {
      this.onEvent({ event, data, id: this.id, retryMs: this.retryMs })
    }
    this.id = undefined
    this.retryMs = undefined
  }
}

function joinLines(lines: readonly Buffer[]): Buffer {
  const parts: Buffer[] = []
  for (const [index, line] of lines.entries()) {
    if (index > 0) parts.push(Buffer.from('\n'))
    parts.push(line)
  }
  return Buffer.concat(parts)
}
