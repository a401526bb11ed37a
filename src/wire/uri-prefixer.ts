import { JsonWalker } from '../kit/json-walker.ts'

const depthMax = 512
const quote = 0x22

/** Prefixes the URIs of a result that arrives in pieces, in the places where `encode.ts` does it on a whole one. */
export class UriPrefixer {
  private readonly prefix: Buffer
  private readonly walker: JsonWalker
  private inserts: number[] = []

  constructor(prefix: string) {
    this.prefix = Buffer.from(prefix)
    this.walker = new JsonWalker(
      {
        onValueStart: (offset, first) => {
          if (first === quote && this.isUri()) this.inserts.push(offset + 1)
        },
        onValueEnd: () => undefined,
      },
      depthMax,
    )
  }

  /** The next piece with its prefixes. @throws WalkFault when the server sends what is no JSON */
  rewrite(chunk: Buffer): Buffer {
    this.inserts = []
    this.walker.walk(chunk)
    if (this.inserts.length === 0) return chunk
    const parts: Buffer[] = []
    let from = 0
    for (const at of this.inserts) {
      parts.push(chunk.subarray(from, at), this.prefix)
      from = at
    }
    parts.push(chunk.subarray(from))
    return Buffer.concat(parts)
  }

  /** content[].uri, content[].resource.uri, contents[].uri, messages[].content(.[])?(.resource)?.uri */
  private isUri(): boolean {
    const keys = this.walker.path.map((level) => level.key).join('.')
    return uriPath.test(keys)
  }
}

const uriPath =
  /^(?:content\.\[\](?:\.resource)?|contents\.\[\]|messages\.\[\]\.content(?:\.\[\])?(?:\.resource)?)\.uri$/
