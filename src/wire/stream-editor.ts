/** The edits of `encode.ts` on a result that arrives in pieces: prefixes of URIs, the id of a task, wrapped output. */
import { JsonWalker } from '../kit/json-walker.ts'

export interface StreamEdits {
  readonly uriPrefix: string
  readonly taskId: string | undefined
  /** Structured content that is no object is wrapped; with `wrapsAlways`, an object, too. */
  readonly wrapsOutput: boolean
  readonly wrapsAlways: boolean
}

const depthMax = 512
const quote = 0x22
const brace = 0x7b
const appScheme = Buffer.from('ui://')
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
    this.from = 0
    this.walker.walk(all.subarray(0, length))
    if (this.parts.length === 0 && !this.dropping) return all.subarray(this.from, length)
    if (!this.dropping) this.parts.push(all.subarray(this.from, length))
    return Buffer.concat(this.parts)
  }

  private insert(offset: number, text: string): void {
    if (!this.dropping) this.parts.push(this.chunk.subarray(this.from, offset))
    this.parts.push(Buffer.from(text))
    this.from = offset
  }

  private start(offset: number, first: number): void {
    const { uriPrefix, taskId, wrapsOutput, wrapsAlways } = this.edits
    const keys = this.walker.path.map((level) => level.key).join('.')
    if (uriPrefix !== '' && first === quote && uriPath.test(keys)) {
      const inside = offset + 1
      const app = this.chunk.subarray(inside, inside + appScheme.length).equals(appScheme)
      this.insert(inside + (app ? appScheme.length : 0), uriPrefix)
    } else if (taskId !== undefined && first === quote && taskPath.test(keys)) {
      this.insert(offset, JSON.stringify(taskId))
      this.dropping = true
    } else if (wrapsOutput && keys === 'structuredContent' && (wrapsAlways || first !== brace)) {
      this.insert(offset, '{"result":')
      this.wrapping = true
    }
  }

  private end(offset: number): void {
    if (this.dropping) {
      this.dropping = false
      this.from = offset
    } else if (
      this.wrapping &&
      this.walker.path.length === 1 &&
      this.walker.path[0]?.key === 'structuredContent'
    ) {
      this.wrapping = false
      this.insert(offset, '}')
    }
  }
}

/** content[].uri, content[].resource.uri, contents[].uri, messages[].content(.[])?(.resource)?.uri, and those of tasks and skills. */
const uriPath =
  /^(?:(?:result\.)?content\.\[\](?:\.resource)?|contents\.\[\]|messages\.\[\]\.content(?:\.\[\])?(?:\.resource)?|skill(?:\.resources\.\[\])?|resources\.\[\])\.uri$/
const taskPath = /^(?:task\.)?taskId$/
