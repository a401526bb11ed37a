/**
 * Walks JSON that arrives in pieces, without holding it: reports where values begin and end, and under which keys.
 * It tracks structure and trusts the rest; long strings are skipped with a byte search. Bounded by `depthMax`.
 */
export interface WalkListener {
  /** A value begins at `offset` of the current chunk. `first` is its first byte. The path is the walker's. */
  onValueStart(offset: number, first: number): void
  /** A value ended just before `offset` of the current chunk. */
  onValueEnd(offset: number): void
}

interface Level {
  readonly array: boolean
  key: string
}

const quote = 0x22
const backslash = 0x5c
const keyBytesMax = 256

export class WalkFault extends Error {}

type State =
  | 'value'
  | 'key-or-end'
  | 'key'
  | 'colon'
  | 'after-value'
  | 'string'
  | 'key-string'
  | 'scalar'
  | 'done'

export class JsonWalker {
  /** Containers that are open, outermost first; `key` is the member that the walk is in. */
  readonly path: Level[] = []
  private readonly listener: WalkListener
  private readonly depthMax: number
  private state: State = 'value'
  private escaped = false
  private keyParts: Buffer[] = []
  private keyBytes = 0

  constructor(listener: WalkListener, depthMax: number) {
    this.listener = listener
    this.depthMax = depthMax
  }

  get done(): boolean {
    return this.state === 'done'
  }

  /** @throws WalkFault when the structure is broken or too deep */
  walk(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      if (this.state === 'string' || this.state === 'key-string') at = this.string(chunk, at)
      else if (this.state === 'scalar') at = this.scalar(chunk, at)
      else at = this.token(chunk, at)
    }
  }

  private token(chunk: Buffer, at: number): number {
    const byte = chunk[at] ?? 0
    if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) return at + 1
    switch (this.state) {
      case 'key-or-end':
      case 'key':
        if (byte === 0x7d && this.state === 'key-or-end') return this.close(at)
        if (byte !== quote) throw new WalkFault('expected a key')
        this.state = 'key-string'
        this.keyParts = []
        this.keyBytes = 0
        return at + 1
      case 'colon':
        if (byte !== 0x3a) throw new WalkFault('expected ":"')
        this.state = 'value'
        return at + 1
      case 'after-value':
        return this.afterValue(byte, at)
      case 'value':
        return this.valueStart(byte, at)
      default:
        throw new WalkFault('text after the value')
    }
  }

  private valueStart(byte: number, at: number): number {
    if (byte === 0x5d && this.path.at(-1)?.array === true) return this.close(at)
    this.listener.onValueStart(at, byte)
    if (byte === quote) {
      this.state = 'string'
      return at + 1
    }
    if (byte === 0x7b || byte === 0x5b) {
      if (this.path.length >= this.depthMax) throw new WalkFault('nested too deeply')
      this.path.push({ array: byte === 0x5b, key: byte === 0x5b ? '[]' : '' })
      this.state = byte === 0x7b ? 'key-or-end' : 'value'
      return at + 1
    }
    this.state = 'scalar'
    return at
  }

  private afterValue(byte: number, at: number): number {
    const level = this.path.at(-1)
    if (level === undefined) throw new WalkFault('text after the value')
    if (byte === 0x2c) {
      this.state = level.array ? 'value' : 'key'
      return at + 1
    }
    if (byte === (level.array ? 0x5d : 0x7d)) return this.close(at)
    throw new WalkFault('expected "," or the end')
  }

  private close(at: number): number {
    this.path.pop()
    this.ended(at + 1)
    return at + 1
  }

  private ended(offset: number): void {
    this.state = this.path.length === 0 ? 'done' : 'after-value'
    this.listener.onValueEnd(offset)
  }

  private scalar(chunk: Buffer, from: number): number {
    let at = from
    for (; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0
      if (byte === 0x2c || byte === 0x7d || byte === 0x5d || byte <= 0x20) {
        this.ended(at)
        return at
      }
    }
    return at
  }

  private string(chunk: Buffer, from: number): number {
    let start = from
    if (this.escaped) {
      this.escaped = false
      start++
    }
    for (;;) {
      const end = chunk.indexOf(quote, start)
      const stop = end === -1 ? chunk.length : end
      let backslashes = 0
      while (stop - 1 - backslashes >= start && chunk[stop - 1 - backslashes] === backslash)
        backslashes++
      if (end === -1) {
        if (this.state === 'key-string') this.keepKey(chunk.subarray(from))
        this.escaped = backslashes % 2 === 1
        return chunk.length
      }
      if (backslashes % 2 === 1) {
        start = end + 1
        continue
      }
      if (this.state === 'string') this.ended(end + 1)
      else {
        this.keepKey(chunk.subarray(from, end))
        const level = this.path.at(-1)
        if (level !== undefined) level.key = Buffer.concat(this.keyParts).toString('utf8')
        this.state = 'colon'
      }
      return end + 1
    }
  }

  private keepKey(part: Buffer): void {
    // A longer key is none that anybody looks for; its beginning is enough.
    if (this.keyBytes > keyBytesMax) return
    this.keyBytes += part.length
    this.keyParts.push(Buffer.from(part.subarray(0, keyBytesMax + 1)))
  }
}
