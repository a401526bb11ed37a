/** The edits of `encode.ts` on a result that arrives in pieces: prefixes of URIs, the id of a task, wrapped output. */
import { JsonWalker } from '../kit/json-walker.ts'
import { appScheme as appText, isAt, taskPlaces, uriPlaces } from './places.ts'

export interface StreamEdits {
  readonly uriPrefix: string
  readonly taskId: string | undefined
  /** Structured content that is no object is wrapped; with `wrapsAlways`, an object, too. */
  readonly wrapsOutput: boolean
  readonly wrapsAlways: boolean
  /** Members that the result must have at its top, with their raw values: those that are there get the value, the rest is added. */
  readonly members: ReadonlyMap<string, string>
}

const depthMax = 512
const quote = 0x22
const brace = 0x7b
const bracket = 0x5b
const appScheme = Buffer.from(appText)
/** Bytes of a URI that must be seen before its prefix can be placed: the quote and the scheme. */
const aheadBytes = 1 + appScheme.length

export class StreamEditor {
  private readonly edits: StreamEdits
  private readonly walker: JsonWalker
  private chunk: Buffer = Buffer.alloc(0)
  /** The end of what came, held until the bytes behind it are there. */
  private held: Buffer = Buffer.alloc(0)
  private parts: Buffer[] = []
  private from = 0
  /** The value that is being left out. */
  private dropping = false
  private wrapping = false
  /** Bytes of the next piece that left already, before they were walked. */
  private skip = 0
  private empty = true
  private readonly given = new Set<string>()

  constructor(edits: StreamEdits) {
    this.edits = edits
    this.walker = new JsonWalker(
      {
        onValueStart: (offset, first) => this.start(offset, first),
        onValueEnd: (offset) => this.end(offset),
      },
      depthMax,
    )
  }

  /** The next piece as it leaves. @throws WalkFault when the server sends what is no JSON */
  rewrite(piece: Buffer): Buffer {
    const all = this.held.length === 0 ? piece : Buffer.concat([this.held, piece])
    const ahead = this.edits.uriPrefix === '' ? 0 : Math.min(aheadBytes, all.length)
    this.held = all.subarray(all.length - ahead)
    return this.walk(all, all.length - ahead)
  }

  /** What was still held, once everything came. */
  finish(): Buffer {
    const rest = this.held
    this.held = Buffer.alloc(0)
    return this.walk(rest, rest.length)
  }

  private walk(all: Buffer, length: number): Buffer {
    this.chunk = all
    this.parts = []
    this.from = this.skip
    this.walker.walk(all.subarray(0, length))
    // A prefix may stand behind what was walked; those bytes come again with the next piece.
    this.skip = this.dropping ? 0 : Math.max(0, this.from - length)
    if (!this.dropping) this.parts.push(all.subarray(Math.min(this.from, length), length))
    return this.parts.length === 1 ? (this.parts[0] ?? all) : Buffer.concat(this.parts)
  }

  private insert(offset: number, text: string): void {
    if (!this.dropping) this.parts.push(this.chunk.subarray(this.from, offset))
    this.parts.push(Buffer.from(text))
    this.from = offset
  }

  private start(offset: number, first: number): void {
    const { uriPrefix, taskId, wrapsOutput, wrapsAlways } = this.edits
    const { path } = this.walker
    /** Of a member of the result itself. */
    const key = path.length === 1 ? path[0]?.key : undefined
    if (key !== undefined) this.empty = false
    const member = key === undefined ? undefined : this.edits.members.get(key)
    if (
      key !== undefined &&
      member !== undefined &&
      !this.given.has(key) &&
      first !== brace &&
      first !== bracket
    ) {
      this.given.add(key)
      this.insert(offset, member)
      this.dropping = true
    } else if (uriPrefix !== '' && first === quote && isAt(uriPlaces, path)) {
      const inside = offset + 1
      const app = this.chunk.subarray(inside, inside + appScheme.length).equals(appScheme)
      this.insert(inside + (app ? appScheme.length : 0), uriPrefix)
    } else if (taskId !== undefined && first === quote && isAt(taskPlaces, path)) {
      this.insert(offset, JSON.stringify(taskId))
      this.dropping = true
    } else if (wrapsOutput && key === 'structuredContent' && (wrapsAlways || first !== brace)) {
      this.insert(offset, '{"result":')
      this.wrapping = true
    }
  }

  private end(offset: number): void {
    if (this.dropping) {
      this.dropping = false
      this.from = offset
    } else if (this.walker.path.length === 0) this.addMembers(offset - 1)
    else if (
      this.wrapping &&
      this.walker.path.length === 1 &&
      this.walker.path[0]?.key === 'structuredContent'
    ) {
      this.wrapping = false
      this.insert(offset, '}')
    }
  }

  /** Before the brace that ends the result. */
  private addMembers(offset: number): void {
    const missing = [...this.edits.members].filter(([key]) => !this.given.has(key))
    if (missing.length === 0) return
    const text = missing.map(([key, raw]) => `${JSON.stringify(key)}:${raw}`).join(',')
    this.insert(offset, this.empty ? text : `,${text}`)
  }
}
