/**
 * The format of a segment: lines of JSON in groups, each group closed by a seal line.
 * A seal's hash covers the previous hash, the bytes of the group and the seal's own head, so every
 * byte of a segment is covered. The first group of a segment is its header line alone.
 */
import { createHash, hash } from 'node:crypto'
import { readdir } from 'node:fs/promises'

/** The hash before the first group of a writer. */
export const firstHash = '0'.repeat(64)

/** A place between two groups of a writer's chain. */
export interface ChainPoint {
  readonly segment: number
  /** Number of the last group before the point; groups count from 1 through all segments. */
  readonly group: number
  /** How many entries lie before the point, which is also the sequence of the next entry. */
  readonly sequence: number
  readonly hash: string
}

/** The point alone, of what holds more. */
export function pointOf({ segment, group, sequence, hash }: ChainPoint): ChainPoint {
  return { segment, group, sequence, hash }
}

export interface SegmentHeader {
  readonly segment: number
  readonly writer: string
  readonly node: string
  /** The point before this segment. */
  readonly group: number
  readonly sequence: number
  readonly previous: string
  /** Epoch milliseconds. */
  readonly at: number
  /** Calls with an intent and no outcome so far; with it a repair needs only the last segment. */
  readonly open: readonly string[]
}

/** File name of a segment. */
export function segmentName(segment: number): string {
  return `${String(segment).padStart(6, '0')}.journal`
}

/** Numbers of the segments in a writer's folder, ascending; none when there is no such folder. */
export async function segmentNumbers(folder: string): Promise<number[]> {
  const names = await readdir(folder).catch((): string[] => [])
  const numbers = names.flatMap((name) => {
    const match = /^(\d{6,})\.journal$/.exec(name)
    return match?.[1] === undefined ? [] : [Number(match[1])]
  })
  return numbers.sort((a, b) => a - b)
}

/** The header of a segment whose first line this is, or undefined. */
export function parseHeader(line: string): SegmentHeader | undefined {
  if (!line.startsWith('{"segment":')) return undefined
  try {
    const header: SegmentHeader = JSON.parse(line)
    return header
  } catch {
    return undefined
  }
}

/** The part of a seal line that its hash covers. `repaired`: bytes that a repair cut off. */
export function sealHead(group: number, count: number, repaired: number | undefined): string {
  const mark = repaired === undefined ? '' : `"repaired":${repaired},`
  return `{"seal":${group},"count":${count},${mark}"previous":"`
}

/** The rest of a seal line, without newline. */
export function sealEnd(previous: string, groupHash: string): string {
  return `${previous}","hash":"${groupHash}"}`
}

/** The hash of a group, from its bytes up to the end of the seal's head. */
export function groupHash(previous: string, covered: Buffer): string {
  return createHash('sha256').update(previous).update(covered).digest('hex')
}

let scratch = Buffer.allocUnsafe(64 * 1024)

/**
 * The bytes of one group with its seal, and its hash. The bytes are valid until the next call.
 * Encoded once into one buffer behind the previous hash, so that hash and write share it.
 */
export function encodeGroup(
  before: ChainPoint,
  text: string,
  count: number,
  repaired?: number,
): { bytes: Buffer; hash: string } {
  const bytesMax = text.length * 3 + 512
  if (scratch.length < bytesMax) scratch = Buffer.allocUnsafe(bytesMax * 2)
  const buffer = scratch
  const start = buffer.write(before.hash, 0, 'latin1')
  let end = start + buffer.write(text, start, 'utf8')
  end += buffer.write(sealHead(before.group + 1, count, repaired), end, 'latin1')
  const digest = hash('sha256', buffer.subarray(0, end))
  end += buffer.write(`${sealEnd(before.hash, digest)}\n`, end, 'latin1')
  return { bytes: buffer.subarray(start, end), hash: digest }
}
