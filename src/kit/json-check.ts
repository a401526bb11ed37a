/**
 * Checks JSON that arrives in pieces, byte by byte and without holding it (RFC 8259), and remembers scalars near the
 * root that somebody wants. Whether the bytes are UTF-8 is for somebody else.
 */
import { pointerKey } from './json-pointer.ts'

/** What is no JSON, nested too deeply, or a number longer than any that is meant. */
export class JsonFault extends Error {}

/** Scalars are remembered to this depth, through objects only; of equal keys the last. */
const keptDepth = 4
const keptBytesMax = 2_048
const scalarBytesMax = 4_096

const scalar = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)$/
const hex = /^[\da-fA-F]$/

const quote = 0x22
const backslash = 0x5c
const escapes: ReadonlySet<number> = new Set(Buffer.from('"\\/bfnrt'))

type State =
  | 'value'
  | 'first-value'
  | 'first-key'
  | 'key'
  | 'colon'
  | 'after'
  | 'string'
  | 'escape'
  | 'unicode'
  | 'scalar'
  | 'done'

export class JsonCheck {
  private readonly depthMax: number
  private state: State = 'value'
  /** Of each open container, whether it is an array. */
  private readonly arrays: boolean[] = []
  private readonly wanted: ReadonlySet<string>
  /** JSON pointers of the open objects, outermost first, as long as only objects are open, to the depth that is looked at. */
  private readonly objects: string[] = []
  /** JSON pointer of the member that the walk is in. */
  private member = ''
  private readonly found = new Map<string, string>()
  private inKey = false
  private digits = 0
  private text: Buffer[] = []
  private textBytes = 0
  private keeps = false

  /** `wanted`: JSON pointers (RFC 6901) of scalars to remember. */
  constructor(depthMax: number, wanted: ReadonlySet<string> = new Set()) {
    this.depthMax = depthMax
    this.wanted = wanted
  }

  /** The wanted scalars that came, as raw JSON by their pointers. */
  get scalars(): ReadonlyMap<string, string> {
    return this.found
  }

  /** @throws JsonFault */
  check(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      if (this.state === 'string') at = this.string(chunk, at)
      else if (this.state === 'scalar') at = this.scalar(chunk, at)
      else {
        // A scalar begins with the byte itself.
        at += this.sign(chunk[at] ?? 0) === 'scalar' ? 0 : 1
      }
    }
  }

  /** Everything came. @throws JsonFault when something is missing */
  end(): void {
    if (this.state === 'scalar') this.scalarEnds(this.textKept())
    if (this.state !== 'done') throw new JsonFault('it ends too early')
  }

  /** @returns the state after it */
  private sign(byte: number): State {
    this.read(byte)
    return this.state
  }

  private read(byte: number): void {
    const { state } = this
    if (state === 'escape') {
      if (byte === 0x75) {
        this.state = 'unicode'
        this.digits = 4
      } else if (escapes.has(byte)) this.state = 'string'
      else throw new JsonFault('an unknown escape')
      this.keep(byte)
      return
    }
    if (state === 'unicode') {
      if (!hex.test(String.fromCharCode(byte))) throw new JsonFault('an unknown escape')
      if (--this.digits === 0) this.state = 'string'
      this.keep(byte)
      return
    }
    if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) return
    switch (state) {
      case 'first-value':
        if (byte === 0x5d) this.close(true)
        else this.value(byte)
        return
      case 'value':
        this.value(byte)
        return
      case 'first-key':
      case 'key':
        if (byte === 0x7d && state === 'first-key') this.close(false)
        else if (byte === quote) this.stringStarts(true)
        else throw new JsonFault('expected a key')
        return
      case 'colon':
        if (byte !== 0x3a) throw new JsonFault('expected ":"')
        this.state = 'value'
        return
      case 'after':
        this.after(byte)
        return
      default:
        throw new JsonFault('text after the value')
    }
  }

  private value(byte: number): void {
    if (byte === quote) this.stringStarts(false)
    else if (byte === 0x7b || byte === 0x5b) this.open(byte === 0x5b)
    else {
      this.state = 'scalar'
      this.text = []
      this.textBytes = 0
      this.keeps = true
    }
  }

  private open(isArray: boolean): void {
    const depth = this.arrays.length
    if (depth >= this.depthMax) throw new JsonFault('nested too deeply')
    this.arrays.push(isArray)
    this.state = isArray ? 'first-value' : 'first-key'
    if (isArray || this.objects.length !== depth || depth >= keptDepth) return
    this.objects.push(depth === 0 ? '' : this.member)
  }

  private close(isArray: boolean): void {
    if (this.arrays.pop() !== isArray) throw new JsonFault('the wrong bracket')
    if (this.objects.length > this.arrays.length) this.objects.pop()
    this.ended()
  }

  private after(byte: number): void {
    const isArray = this.arrays.at(-1) === true
    if (byte === 0x2c) this.state = isArray ? 'value' : 'key'
    else if (byte === 0x5d || byte === 0x7d) this.close(byte === 0x5d)
    else throw new JsonFault('expected "," or the end')
  }

  private ended(): void {
    this.state = this.arrays.length === 0 ? 'done' : 'after'
  }

  private stringStarts(isKey: boolean): void {
    this.state = 'string'
    this.inKey = isKey
    this.text = []
    this.textBytes = 0
    this.keeps = this.atKept && (isKey || this.wanted.has(this.member))
  }

  private string(chunk: Buffer, from: number): number {
    let at = from
    for (; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0
      if (byte === quote) {
        this.keepPart(chunk, from, at)
        this.stringEnds()
        return at + 1
      }
      if (byte === backslash) {
        this.state = 'escape'
        this.keepPart(chunk, from, at + 1)
        return at + 1
      }
      if (byte < 0x20) throw new JsonFault('a control character in a string')
    }
    this.keepPart(chunk, from, at)
    return at
  }

  private stringEnds(): void {
    if (this.inKey) {
      if (this.atKept) this.member = this.keeps ? this.pointerTo(decoded(this.textKept())) : tooLong
      this.state = 'colon'
      return
    }
    if (this.keeps) this.found.set(this.member, `"${this.textKept()}"`)
    this.ended()
  }

  private scalar(chunk: Buffer, from: number): number {
    let at = from
    for (; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0
      if (byte === 0x2c || byte === 0x7d || byte === 0x5d || byte <= 0x20) break
    }
    const isWhole = at < chunk.length
    if (isWhole && this.textBytes === 0) this.scalarEnds(chunk.toString('latin1', from, at))
    else {
      this.keepPart(chunk, from, at)
      if (this.textBytes > scalarBytesMax) throw new JsonFault('a scalar that is too long')
      if (isWhole) this.scalarEnds(this.textKept())
    }
    return at
  }

  private scalarEnds(text: string): void {
    if (!scalar.test(text)) throw new JsonFault('no JSON value')
    if (this.atKept && this.wanted.has(this.member)) this.found.set(this.member, text)
    this.ended()
  }

  /** Whether what comes stands in an object that is remembered. */
  private get atKept(): boolean {
    return this.objects.length > 0 && this.objects.length === this.arrays.length
  }

  private pointerTo(key: string): string {
    return `${this.objects.at(-1) ?? ''}/${pointerKey(key)}`
  }

  private keep(byte: number): void {
    if (this.keeps) this.keepPart(Buffer.from([byte]), 0, 1)
  }

  private keepPart(chunk: Buffer, from: number, to: number): void {
    if (!this.keeps || to === from) return
    this.textBytes += to - from
    if (this.state !== 'scalar' && this.textBytes > keptBytesMax) {
      this.keeps = false
      this.text = []
    } else if (this.textBytes <= scalarBytesMax)
      this.text.push(Buffer.from(chunk.subarray(from, to)))
  }

  private textKept(): string {
    return Buffer.concat(this.text).toString('utf8')
  }
}

/** No pointer: it does not begin with a slash. */
const tooLong = 'too long'

function decoded(text: string): string {
  return String(JSON.parse(`"${text}"`))
}
