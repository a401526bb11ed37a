/** Reads the groups of one segment, in windows, so that memory stays small whatever its size. */
import type { FileHandle } from 'node:fs/promises'
import { openAtOnce } from '../kit/state-file.ts'
import { groupHash, sealEnd, sealHead } from './segment.ts'

export interface ScannedGroup {
  readonly kind: 'group'
  /** The lines before the seal, without newlines; the header line too, in the first group. */
  readonly lines: readonly string[]
  readonly start: number
  /** Offset behind the seal's newline. */
  readonly end: number
  readonly group: number
  /** Entries; the header is none. */
  readonly count: number
  readonly hash: string
  readonly repaired: number | undefined
}

/** What follows the last good group. Zeros at the end are space kept ready, and left out. */
export interface ScannedRest {
  readonly kind: 'rest'
  readonly start: number
  readonly bytes: Buffer
  /** What is wrong with the group that begins here; undefined when it is only not sealed yet. */
  readonly what: string | undefined
}

export interface ScanFrom {
  readonly offset: number
  /** Number and hash of the group before; undefined: read without checking the chain. */
  readonly chain: { readonly group: number; readonly hash: string } | undefined
}

const windowBytes = 1024 * 1024
const newline = 10
const sealStart = Buffer.from('{"seal":')
const sealForm =
  /^\{"seal":(\d+),"count":(\d+),(?:"repaired":(\d+),)?"previous":"([0-9a-f]{64})","hash":"([0-9a-f]{64})"\}$/

/** The groups of a segment from an offset on, then the rest, exactly once. Rejects when the file cannot be read. */
export async function* scanSegment(
  path: string,
  from: ScanFrom,
): AsyncGenerator<ScannedGroup | ScannedRest> {
  const file = await openAtOnce(path)
  try {
    let { offset, chain } = from
    let size = windowBytes
    for (;;) {
      const window = await readAt(file, offset, size)
      let used = 0
      let what: string | undefined
      for (;;) {
        const found = groupAt(window, used, offset, chain)
        if (found === undefined) break
        if (typeof found === 'string') {
          what = found
          break
        }
        used = found.end - offset
        chain = chain === undefined ? undefined : found
        yield found
      }
      offset += used
      if (what !== undefined || window.length < size) {
        // A live file has grown since: what is not sealed yet is judged by the bytes already read.
        const rest = what === undefined ? window.subarray(used) : await restOf(file, offset)
        yield { kind: 'rest', start: offset, bytes: withoutZeros(rest), what }
        return
      }
      size = used === 0 ? size * 2 : windowBytes
    }
  } finally {
    await file.close()
  }
}

/** The group at a place of the window; undefined when it is not complete; a sentence when it is wrong. */
function groupAt(
  window: Buffer,
  at: number,
  base: number,
  chain: ScanFrom['chain'],
): ScannedGroup | string | undefined {
  const lines: string[] = []
  for (let start = at; ; ) {
    const end = window.indexOf(newline, start)
    if (end === -1) return undefined
    if (window.compare(sealStart, 0, sealStart.length, start, start + sealStart.length) === 0)
      return sealed(window, { at, start, end, base }, lines, chain)
    lines.push(window.toString('utf8', start, end))
    start = end + 1
  }
}

interface Place {
  readonly at: number
  readonly start: number
  readonly end: number
  readonly base: number
}

function sealed(
  window: Buffer,
  place: Place,
  lines: readonly string[],
  chain: ScanFrom['chain'],
): ScannedGroup | string {
  const text = window.toString('latin1', place.start, place.end)
  const match = sealForm.exec(text)
  if (match === null) return 'a seal line is malformed'
  const repaired = match[3] === undefined ? undefined : Number(match[3])
  const headers = place.base + place.at === 0 ? 1 : 0
  const found: ScannedGroup = {
    kind: 'group',
    lines,
    start: place.base + place.at,
    end: place.base + place.end + 1,
    group: Number(match[1]),
    count: lines.length - headers,
    hash: match[5] ?? '',
    repaired,
  }
  if (chain === undefined) return found
  const head = sealHead(chain.group + 1, found.count, repaired)
  if (!text.startsWith(head)) return 'a seal has another number or count than its group'
  const covered = window.subarray(place.at, place.start + head.length)
  const digest = groupHash(chain.hash, covered)
  return text === head + sealEnd(chain.hash, digest) ? found : 'a group does not match its seal'
}

async function readAt(file: FileHandle, offset: number, size: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(size)
  let length = 0
  while (length < size) {
    const { bytesRead } = await file.read(buffer, length, size - length, offset + length)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return buffer.subarray(0, length)
}

async function restOf(file: FileHandle, offset: number): Promise<Buffer> {
  const { size } = await file.stat()
  return readAt(file, offset, Math.max(0, size - offset))
}

function withoutZeros(bytes: Buffer): Buffer {
  let end = bytes.length
  while (end > 0 && bytes[end - 1] === 0) end--
  return bytes.subarray(0, end)
}
