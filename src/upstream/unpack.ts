/** Undoes content codings (RFC 9110 section 8.4): whole where the answer is small, in pieces where it is not. */
import { Readable, type Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
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
import { type Arriving, brokenOff } from '../kit/arriving.ts'
import { GatewayError } from '../model/refusal.ts'

/** What `unpack` can undo; for `Accept-Encoding`. */
export const acceptedEncodings = 'gzip, br, deflate'

/** More codings on top of each other than this are an attack, not an answer. */
const codingsMax = 2

interface Unpacker {
  whole(body: Buffer, options: { maxOutputLength: number }): Promise<Buffer>
  /** `first` is the first byte of what is packed, where it is known. */
  stream(first: number | undefined): Transform
}

/** Of what a layer gives at once; each piece costs a turn of the thread pool. */
const options = { chunkSize: 262_144 }

const gzip: Unpacker = { whole: promisify(gunzip), stream: () => createGunzip(options) }

/** RFC 9110 section 8.4.1.2: zlib; some servers send it raw. */
const isZlib = (first: number | undefined): boolean => ((first ?? 8) & 0x0f) === 8

const unpackers: Readonly<Record<string, Unpacker>> = {
  gzip,
  'x-gzip': gzip,
  br: { whole: promisify(brotliDecompress), stream: () => createBrotliDecompress(options) },
  deflate: {
    whole: (body, options) =>
      isZlib(body[0] ?? 0)
        ? promisify(inflate)(body, options)
        : promisify(inflateRaw)(body, options),
    stream: (first) => (isZlib(first) ? createInflate(options) : createInflateRaw(options)),
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

/** Undoes the codings piece by piece, each layer after the one before; `first` is the first byte of what is packed. */
export function layersOf(codings: readonly string[], first: number | undefined): Transform[] {
  return codings.flatMap((name, index) => {
    const layer = unpackers[name]?.stream(index === 0 ? first : undefined)
    return layer === undefined ? [] : [layer]
  })
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

export interface UnpackBounds {
  readonly signal: AbortSignal
  /** Of what any one of the layers gives; small layers may hold large ones. */
  readonly bytesMax: number
}

/**
 * `first` is the first byte of what is packed. Whoever breaks the iteration off also stops `packed`, which may be waited
 * for. @throws GatewayError while it is read: server_broken, answer_too_large, cancelled, or what `packed` throws
 */
export async function* unpackPieces(
  packed: Arriving,
  codings: readonly string[],
  first: number | undefined,
  { signal, bytesMax }: UnpackBounds,
): AsyncGenerator<Buffer> {
  let own: GatewayError | undefined
  const fails = (fault: unknown): unknown => {
    if (fault instanceof GatewayError) own ??= fault
    return fault
  }
  packed.onStop(fails)
  async function* source(): AsyncGenerator<Buffer> {
    try {
      yield* packed
    } catch (fault) {
      throw fails(fault)
    }
  }
  const counted = async function* (pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    let bytes = 0
    for await (const piece of pieces) {
      bytes += piece.length
      if (bytes > bytesMax) throw fails(answerTooLarge(bytesMax))
      yield piece
    }
  }
  let pieces = Readable.from(source(), { objectMode: false })
  const running: Promise<void>[] = []
  for (const layer of layersOf(codings, first)) {
    running.push(pipeline(pieces, layer, { signal }))
    pieces = Readable.from(counted(layer), { objectMode: false })
  }
  // What goes wrong in a layer shows at the last one, which is read here.
  for (const one of running) one.catch(() => undefined)
  let error: Error | undefined = brokenOff
  try {
    for await (const piece of pieces) yield piece
    error = undefined
  } catch (fault) {
    const known = own ?? (signal.aborted ? new GatewayError('cancelled') : undefined)
    error = known ?? broken(`the answer is no valid ${codings.join(' of ')}`, fault)
    throw error
  } finally {
    if (error !== undefined) packed.stop(error)
    pieces.destroy()
  }
}

/** The refusal of an answer of which more than `bytesMax` bytes came. */
export function answerTooLarge(bytesMax: number): GatewayError {
  return new GatewayError('answer_too_large', {
    detail: `more than ${bytesMax} bytes`,
    hint: `The answer is larger than ${Math.floor(bytesMax / 1_000_000)} MB; narrow it with filters or a smaller page.`,
  })
}

function broken(detail: string, cause?: unknown): GatewayError {
  return new GatewayError('server_broken', { detail, ...(cause === undefined ? {} : { cause }) })
}
