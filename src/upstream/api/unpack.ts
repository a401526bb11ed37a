/** Undoes content codings (RFC 9110 section 8.4): whole where the answer is small, in pieces where it is not. */
import { pipeline, Readable, type Transform } from 'node:stream'
import { promisify } from 'node:util'
import {
  brotliDecompress,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  gunzip,
  inflate,
  inflateRaw,
} from 'node:zlib'
import { GatewayError } from '../../model/refusal.ts'

/** What `unpack` can undo; for `Accept-Encoding`. */
export const acceptedEncodings = 'gzip, br, deflate'

/** More codings on top of each other than this are an attack, not an answer. */
const codingsMax = 2

interface Unpacker {
  whole(body: Buffer, options: { maxOutputLength: number }): Promise<Buffer>
  /** `first` is the first byte of what is packed, where it is known. */
  stream(first: number | undefined): Transform
}

const gzip: Unpacker = { whole: promisify(gunzip), stream: () => createGunzip() }

/** RFC 9110 section 8.4.1.2: zlib; some servers send it raw. */
const isZlib = (first: number | undefined): boolean => ((first ?? 8) & 0x0f) === 8

const unpackers: Readonly<Record<string, Unpacker>> = {
  gzip,
  'x-gzip': gzip,
  br: { whole: promisify(brotliDecompress), stream: () => createBrotliDecompress() },
  deflate: {
    whole: (body, options) =>
      isZlib(body[0] ?? 0)
        ? promisify(inflate)(body, options)
        : promisify(inflateRaw)(body, options),
    stream: (first) => (isZlib(first) ? createInflate() : createInflateRaw()),
  },
}

/**
 * The codings of a `Content-Encoding`, the one to undo first at the front.
 * @throws GatewayError server_broken for one that was not asked for
 */
export function codingsOf(header: string): readonly string[] {
  const names = header
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'identity')
  if (names.length > codingsMax || names.some((name) => unpackers[name] === undefined))
    throw broken(`the answer has the content coding ${JSON.stringify(header.slice(0, 80))}`)
  return names.reverse()
}

/** Undefined when it is larger than `bytesMax`. @throws GatewayError server_broken */
export async function unpackWhole(
  packed: Buffer,
  codings: readonly string[],
  bytesMax: number,
): Promise<Buffer | undefined> {
  let bytes = packed
  for (const name of codings) {
    try {
      bytes = (await unpackers[name]?.whole(bytes, { maxOutputLength: bytesMax })) ?? bytes
    } catch (fault) {
      if (fault instanceof Error && 'code' in fault && fault.code === 'ERR_BUFFER_TOO_LARGE')
        return undefined
      throw broken(`the answer is no valid ${name}`, fault)
    }
  }
  return bytes
}

/** Breaking off the iteration breaks off `packed`. Throws GatewayError server_broken while it is read. */
export async function* unpackPieces(
  packed: AsyncIterable<Buffer>,
  codings: readonly string[],
  first: number | undefined,
): AsyncGenerator<Buffer> {
  let own: GatewayError | undefined
  async function* source(): AsyncGenerator<Buffer> {
    try {
      yield* packed
    } catch (fault) {
      if (fault instanceof GatewayError) own = fault
      throw fault
    }
  }
  const layers = codings.flatMap((name, index) => {
    const layer = unpackers[name]?.stream(index === 0 ? first : undefined)
    return layer === undefined ? [] : [layer]
  })
  const last = layers.at(-1)
  if (last === undefined) {
    yield* packed
    return
  }
  // What goes wrong in a layer shows at the last one, which is read here.
  pipeline([Readable.from(source(), { objectMode: false }), ...layers], () => undefined)
  try {
    for await (const piece of last) yield piece
  } catch (fault) {
    throw own ?? broken(`the answer is no valid ${codings.join(' of ')}`, fault)
  } finally {
    last.destroy()
  }
}

function broken(detail: string, cause?: unknown): GatewayError {
  return new GatewayError('server_broken', { detail, ...(cause === undefined ? {} : { cause }) })
}
