/** What is done to the bytes of a large answer on their way: each stage takes pieces and gives pieces, holding little. */
import { isUtf8 } from 'node:buffer'
import { JsonCheck, JsonFault } from '../kit/json-check.ts'
import { GatewayError } from '../model/refusal.ts'

export interface Stage {
  /** @throws GatewayError server_broken */
  push(piece: Buffer): Buffer
  /** What was still held. @throws GatewayError server_broken */
  end(): Buffer
}

const nothing = Buffer.alloc(0)

/** One piece through all stages. */
export function pushThrough(stages: readonly Stage[], piece: Buffer): Buffer {
  let bytes = piece
  for (const stage of stages) if (bytes.length > 0) bytes = stage.push(bytes)
  return bytes
}

/** What the stages still hold, in order. */
export function endThrough(stages: readonly Stage[]): Buffer {
  const rest: Buffer[] = []
  for (const [index, stage] of stages.entries())
    rest.push(pushThrough(stages.slice(index + 1), stage.end()))
  return Buffer.concat(rest)
}

/**
 * Text as UTF-8 without a byte order mark; what is UTF-8 already passes as it is. Unknown charsets are read as UTF-8,
 * and what is not valid becomes U+FFFD.
 */
export function utf8Stage(charset: string | undefined): Stage {
  const isPlain = charset === undefined || /^utf-?8$/.test(charset)
  const decoder = isPlain ? undefined : decoderOf(charset)
  return decoder === undefined ? new Utf8Stage() : new DecoderStage(decoder)
}

type Decoder = InstanceType<typeof TextDecoder>

function decoderOf(charset: string): Decoder | undefined {
  try {
    return new TextDecoder(charset)
  } catch {
    return undefined
  }
}

class DecoderStage implements Stage {
  private readonly decoder: Decoder

  constructor(decoder: Decoder) {
    this.decoder = decoder
  }

  push(piece: Buffer): Buffer {
    return Buffer.from(this.decoder.decode(piece, { stream: true }))
  }

  end(): Buffer {
    return Buffer.from(this.decoder.decode())
  }
}

const mark = Buffer.from([0xef, 0xbb, 0xbf])

class Utf8Stage implements Stage {
  /** Bytes of a character that is not whole yet, or of a byte order mark. */
  private held = nothing
  private started = false

  push(piece: Buffer): Buffer {
    let bytes = this.held.length === 0 ? piece : Buffer.concat([this.held, piece])
    if (!this.started) {
      if (bytes.length < mark.length && mark.subarray(0, bytes.length).equals(bytes)) {
        this.held = Buffer.from(bytes)
        return nothing
      }
      this.started = true
      if (bytes.subarray(0, mark.length).equals(mark)) bytes = bytes.subarray(mark.length)
    }
    const whole = wholeCharacters(bytes)
    this.held = Buffer.from(bytes.subarray(whole))
    return valid(bytes.subarray(0, whole))
  }

  end(): Buffer {
    return this.started || this.held.length < mark.length ? valid(this.held) : nothing
  }
}

/** Up to where `bytes` do not end within a character (RFC 3629 section 3). */
export function wholeCharacters(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0
    if (byte >= 0xc0) return byteCount(byte) > back ? bytes.length - back : bytes.length
    if (byte < 0x80) break
  }
  return bytes.length
}

function byteCount(first: number): number {
  return first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2
}

function valid(bytes: Buffer): Buffer {
  return isUtf8(bytes) ? bytes : Buffer.from(bytes.toString('utf8'))
}

/** Passes JSON on as it is, and breaks off where it turns out to be none. */
export class JsonStage implements Stage {
  private readonly check: JsonCheck

  /** As `JsonCheck`. */
  constructor(depthMax: number, wanted?: ReadonlySet<string>) {
    this.check = new JsonCheck(depthMax, wanted)
  }

  get scalars(): ReadonlyMap<string, string> {
    return this.check.scalars
  }

  push(piece: Buffer): Buffer {
    this.judged(() => this.check.check(piece))
    return piece
  }

  end(): Buffer {
    this.judged(() => this.check.end())
    return nothing
  }

  private judged(check: () => void): void {
    try {
      check()
    } catch (fault) {
      if (!(fault instanceof JsonFault)) throw fault
      throw new GatewayError('server_broken', {
        detail: `the answer is no JSON: ${fault.message}`,
        cause: fault,
      })
    }
  }
}

const named: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
}

/** UTF-8 as the inside of a JSON string (RFC 8259 section 7). */
export const jsonTextStage: Stage = {
  push(piece) {
    // Bytes of longer characters are none of these signs, so they can be looked at one by one.
    const text = piece.toString('latin1')
    const escaped = text.replace(
      // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what a JSON string may not hold
      /["\\\u0000-\u001f]/g,
      (sign) => named[sign] ?? `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`,
    )
    return escaped.length === text.length ? piece : Buffer.from(escaped, 'latin1')
  },
  end: () => nothing,
}

/** Bytes as base64 (RFC 4648 section 4). */
export class Base64Stage implements Stage {
  private held = nothing

  push(piece: Buffer): Buffer {
    const bytes = this.held.length === 0 ? piece : Buffer.concat([this.held, piece])
    const whole = bytes.length - (bytes.length % 3)
    this.held = Buffer.from(bytes.subarray(whole))
    return Buffer.from(bytes.toString('base64', 0, whole), 'latin1')
  }

  end(): Buffer {
    return Buffer.from(this.held.toString('base64'), 'latin1')
  }
}
