/**
 * One bounded pass over JSON text: validates it strictly (RFC 8259), refuses duplicate keys where asked,
 * and yields the spans of the members that the caller wants, so that values are spliced, never re-serialised.
 * Works on a UTF-16 string, or on a latin1 view of UTF-8 bytes, where spans are byte offsets.
 */

export type JsonFaultKind = 'invalid' | 'duplicate' | 'deep'

export class JsonFault extends Error {
  readonly kind: JsonFaultKind
  /** Offset of the fault. */
  readonly at: number
  constructor(kind: JsonFaultKind, at: number, what: string) {
    super(`${what} at ${at}`)
    this.name = 'JsonFault'
    this.kind = kind
    this.at = at
  }
}

/**
 * Which objects to collect members of: by key from the root. `'*'` stands for any key, `'[]'` for the
 * elements of an array, which are then given as members with the key `[]`.
 */
export interface Collect {
  readonly [key: string]: Collect
}

export interface JsonMember {
  readonly key: string
  /** Where the key's literal begins; for elements of an array, where the element does. */
  readonly keyStart: number
  readonly start: number
  readonly end: number
  /** Present when the value is an object that was collected. */
  readonly members: readonly JsonMember[] | undefined
}

export interface ScanOptions {
  readonly depthMax: number
  /**
   * Refuse two equal keys in one object at any depth, and keys that differ only in case in collected objects; `exact`
   * leaves those, where names are the data of somebody who means them so.
   */
  readonly refuseDuplicates: boolean | 'exact'
}

/**
 * Members of the object that `text` is.
 * @throws JsonFault when the text is not exactly one JSON object, is too deep or has a duplicate key.
 */
export function scanObject(
  text: string,
  collect: Collect,
  options: ScanOptions,
): readonly JsonMember[] {
  const scanner = new Scanner(text, options)
  scanner.blank()
  if (text.charCodeAt(scanner.pos) !== 0x7b)
    throw new JsonFault('invalid', scanner.pos, 'expected an object')
  const members: JsonMember[] = []
  scanner.object(1, collect, members)
  scanner.finish()
  return members
}

/**
 * Spans of the elements of the array that `text` is.
 * @throws JsonFault as `scanObject`; more than `countMax` elements is `deep`.
 */
export function scanArray(
  text: string,
  countMax: number,
  options: ScanOptions,
): readonly JsonMember[] {
  const scanner = new Scanner(text, options)
  scanner.blank()
  const spans: JsonMember[] = []
  scanner.array(1, spans, countMax)
  scanner.finish()
  return spans
}

const backslash = 0x5c
const quote = 0x22

class Scanner {
  readonly text: string
  readonly depthMax: number
  readonly refuseDuplicates: ScanOptions['refuseDuplicates']
  pos = 0
  escaped = false

  constructor(text: string, options: ScanOptions) {
    this.text = text
    this.depthMax = options.depthMax
    this.refuseDuplicates = options.refuseDuplicates
  }

  fail(what: string): never {
    throw new JsonFault('invalid', this.pos, what)
  }

  blank(): void {
    const text = this.text
    let pos = this.pos
    for (;;) {
      const code = text.charCodeAt(pos)
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) break
      pos++
    }
    this.pos = pos
  }

  finish(): void {
    this.blank()
    if (this.pos !== this.text.length) this.fail('unexpected text after the value')
  }

  value(depth: number, collect: Collect | undefined): JsonMember[] | undefined {
    const code = this.text.charCodeAt(this.pos)
    if (code === quote) this.string()
    else if (code === 0x7b) {
      const into: JsonMember[] | undefined = collect === undefined ? undefined : []
      this.object(depth, collect, into)
      return into
    } else if (code === 0x5b) {
      const elements = collect?.['[]']
      const into: JsonMember[] | undefined = elements === undefined ? undefined : []
      this.array(depth, into, Number.POSITIVE_INFINITY, elements)
      return into
    } else if (code === 0x74) this.word('true')
    else if (code === 0x66) this.word('false')
    else if (code === 0x6e) this.word('null')
    else this.number()
    return undefined
  }

  object(depth: number, collect: Collect | undefined, into: JsonMember[] | undefined): void {
    if (depth > this.depthMax) throw new JsonFault('deep', this.pos, 'nested too deeply')
    const text = this.text
    this.pos++
    this.blank()
    if (text.charCodeAt(this.pos) === 0x7d) {
      this.pos++
      return
    }
    const keys =
      this.refuseDuplicates === false
        ? undefined
        : new KeySet(into !== undefined && this.refuseDuplicates === true)
    for (;;) {
      const keyAt = this.pos
      if (text.charCodeAt(keyAt) !== quote) this.fail('expected a key')
      this.string()
      const key = this.escaped
        ? decodeString(text.slice(keyAt, this.pos))
        : text.slice(keyAt + 1, this.pos - 1)
      if (keys?.add(key) === false) throw new JsonFault('duplicate', keyAt, 'duplicate key')
      this.blank()
      if (text.charCodeAt(this.pos) !== 0x3a) this.fail('expected ":"')
      this.pos++
      this.blank()
      const start = this.pos
      const members = this.value(
        depth + 1,
        collect === undefined ? undefined : (own(collect, key) ?? collect['*']),
      )
      into?.push({ key, keyStart: keyAt, start, end: this.pos, members })
      this.blank()
      const next = text.charCodeAt(this.pos)
      this.pos++
      if (next === 0x7d) return
      if (next !== 0x2c) this.fail('expected "," or "}"')
      this.blank()
    }
  }

  array(depth: number, into: JsonMember[] | undefined, countMax: number, collect?: Collect): void {
    if (depth > this.depthMax) throw new JsonFault('deep', this.pos, 'nested too deeply')
    const text = this.text
    if (text.charCodeAt(this.pos) !== 0x5b) this.fail('expected an array')
    this.pos++
    this.blank()
    if (text.charCodeAt(this.pos) === 0x5d) {
      this.pos++
      return
    }
    for (;;) {
      const start = this.pos
      const members = this.value(depth + 1, collect)
      if (into !== undefined) {
        if (into.length >= countMax) throw new JsonFault('deep', start, 'too many elements')
        into.push({ key: '[]', keyStart: start, start, end: this.pos, members })
      }
      this.blank()
      const next = text.charCodeAt(this.pos)
      this.pos++
      if (next === 0x5d) return
      if (next !== 0x2c) this.fail('expected "," or "]"')
      this.blank()
    }
  }

  string(): void {
    const text = this.text
    let pos = this.pos + 1
    this.escaped = false
    for (;;) {
      const code = text.charCodeAt(pos)
      if (code === quote) break
      if (code === backslash) {
        this.escaped = true
        pos = this.escape(pos + 1)
      } else if (code >= 0x20) pos++
      else {
        // charCodeAt past the end is NaN, which lands here too.
        this.pos = pos
        this.fail('unterminated string or control character')
      }
    }
    this.pos = pos + 1
  }

  /** `pos` is behind the backslash; returns where the text goes on. */
  escape(pos: number): number {
    const code = this.text.charCodeAt(pos)
    if (code === 0x75) {
      for (let i = 1; i <= 4; i++)
        if (!isHex(this.text.charCodeAt(pos + i))) this.fail('bad \\u escape')
      return pos + 5
    }
    // " \ / b f n r t
    if (
      code !== 0x22 &&
      code !== 0x5c &&
      code !== 0x2f &&
      code !== 0x62 &&
      code !== 0x66 &&
      code !== 0x6e &&
      code !== 0x72 &&
      code !== 0x74
    ) {
      this.pos = pos
      this.fail('bad escape')
    }
    return pos + 1
  }

  word(word: string): void {
    if (!this.text.startsWith(word, this.pos)) this.fail('unexpected text')
    this.pos += word.length
  }

  number(): void {
    const text = this.text
    let pos = this.pos
    if (text.charCodeAt(pos) === 0x2d) pos++
    const first = text.charCodeAt(pos)
    if (first === 0x30) pos++
    else pos = this.digits(pos)
    if (text.charCodeAt(pos) === 0x2e) pos = this.digits(pos + 1)
    const exponent = text.charCodeAt(pos)
    if (exponent === 0x65 || exponent === 0x45) {
      const sign = text.charCodeAt(pos + 1)
      pos = this.digits(sign === 0x2b || sign === 0x2d ? pos + 2 : pos + 1)
    }
    this.pos = pos
  }

  digits(from: number): number {
    let pos = from
    for (;;) {
      const code = this.text.charCodeAt(pos)
      if (!(code >= 0x30 && code <= 0x39)) break
      pos++
    }
    if (pos === from) {
      this.pos = pos
      this.fail('expected a value')
    }
    return pos
  }
}

/** The keys of one object; small ones are compared in line, larger ones in a Set. */
class KeySet {
  private readonly folding: boolean
  private few: string[] = []
  private many: Set<string> | undefined

  constructor(folding: boolean) {
    this.folding = folding
  }

  /** False when the key is there already. */
  add(key: string): boolean {
    const folded = this.folding ? foldKey(key) : key
    if (this.many !== undefined) {
      if (this.many.has(folded)) return false
      this.many.add(folded)
      return true
    }
    if (this.few.includes(folded)) return false
    this.few.push(folded)
    if (this.few.length > 12) this.many = new Set(this.few)
    return true
  }
}

/** Some decoders match keys without regard to case, also U+017F for "s" and U+212A for "k". */
export function foldKey(key: string): string {
  return isFolded(key) ? key : key.toUpperCase().toLowerCase()
}

/** Whether a key is its own folding: ASCII without capitals, as nearly all are. */
function isFolded(key: string): boolean {
  for (let at = 0; at < key.length; at++) {
    const code = key.charCodeAt(at)
    if (code > 0x7f || (code >= 0x41 && code <= 0x5a)) return false
  }
  return true
}

/** The few keys of a Collect, compared as they are: a key that was just sliced would have to be hashed first. */
function own(collect: Collect, key: string): Collect | undefined {
  for (const name in collect) if (name === key && Object.hasOwn(collect, name)) return collect[name]
  return undefined
}

function isHex(code: number): boolean {
  return (
    (code >= 0x30 && code <= 0x39) ||
    (code >= 0x41 && code <= 0x46) ||
    (code >= 0x61 && code <= 0x66)
  )
}

/** The value of a JSON string literal that was scanned before. */
function decodeString(literal: string): string {
  const value: unknown = JSON.parse(literal)
  return typeof value === 'string' ? value : ''
}

/** The string that a raw JSON value is, or undefined when it is another kind of value. */
export function stringValue(raw: string | undefined): string | undefined {
  if (raw === undefined || raw.charCodeAt(0) !== quote) return undefined
  return raw.includes('\\') ? decodeString(raw) : raw.slice(1, -1)
}

/** Whether a raw JSON value is an object. */
export function isObjectText(raw: string | undefined): raw is string {
  return raw !== undefined && raw.charCodeAt(0) === 0x7b
}

/** The decoded text of one member of a raw object; undefined when it is none. @throws JsonFault for what is no object */
export function textMember(raw: string, key: string): string | undefined {
  const options = { depthMax: 512, refuseDuplicates: false }
  const member = scanObject(raw, {}, options).find((candidate) => candidate.key === key)
  return member === undefined ? undefined : stringValue(raw.slice(member.start, member.end))
}
