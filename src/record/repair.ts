/**
 * Ends the chains of writers that died. What was complete stays, a torn end is cut off (and kept
 * beside the segment when it held anything), calls without an outcome get `unknown`, and a seal
 * marked `repaired` closes it, all in the dead writer's own chain. Dying in the middle of it leaves
 * another torn end, which the next start repairs the same way.
 */

import { open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { syncFolder, writeDurably } from '../kit/durable-file.ts'
import { isLocked } from '../kit/file-lock.ts'
import { messageOf } from '../kit/thrown.ts'
import { textOf } from './batch.ts'
import { entryOf, trackOpen, unknownOutcome } from './lines.ts'
import { type Manifest, withLoss, withWriter } from './manifest.ts'
import { scanSegment } from './scan.ts'
import {
  type ChainPoint,
  encodeGroup,
  type SegmentHeader,
  segmentName,
  segmentNumbers,
} from './segment.ts'
import { readHeader } from './walk.ts'

export interface RepairOptions {
  readonly dir: string
  readonly nodes: readonly string[]
  readonly onFault: (error: Error) => void
  readonly now: () => number
}

/** Repairs every dead writer of the node, under any of its names; returns the manifest that says so. The caller holds its lock. */
export async function repairWriters(options: RepairOptions, manifest: Manifest): Promise<Manifest> {
  let next = manifest
  for (const [writer, record] of Object.entries(manifest.writers)) {
    const folder = join(options.dir, writer)
    if (!options.nodes.includes(record.node) || record.state !== 'open') continue
    if (await isLocked(join(folder, 'lock'))) continue
    try {
      const head = await repairWriter(folder, options)
      const closedAt = options.now()
      next = withWriter(next, writer, { head, state: 'closed', repaired: true, closedAt })
      await rm(join(folder, 'lock'), { force: true })
    } catch (cause) {
      // It stays as it is, and no later start tries again: it is evidence.
      const reason = messageOf(cause)
      const what = `the journal of ${writer} cannot be repaired: ${reason}`
      const closedAt = options.now()
      next = withLoss(next, closedAt, what)
      next = withWriter(next, writer, { state: 'closed', repaired: true, closedAt })
    }
  }
  return next
}

/** What a segment holds up to its end, torn or not. */
interface Tail {
  readonly head: ChainPoint
  /** Behind the last seal. */
  readonly offset: number
  /** Complete entries without a seal, and the bytes that are none. */
  readonly lines: readonly string[]
  readonly lineBytes: number
  readonly torn: Buffer
  readonly open: Set<string>
}

async function repairWriter(folder: string, options: RepairOptions): Promise<ChainPoint> {
  const segment = (await segmentNumbers(folder)).at(-1)
  if (segment === undefined) throw new Error('its segments are gone')
  const path = join(folder, segmentName(segment))
  const header = await readHeader(folder, segment)
  if (header === undefined) {
    if (segment === 1 || (await sealsIn(path)) > 1)
      throw new Error(`the header of ${path} is damaged`)
    await rename(path, `${path}.cut`)
    await syncFolder(folder)
    return repairWriter(folder, options)
  }
  const tail = await readTail(path, header)
  if (tail.torn.includes('{"seal":'))
    options.onFault(new Error(`${path}: sealed groups at its end are damaged; see ${path}.cut`))
  const outcomes = [...tail.open].map((call) => unknownOutcome(call, options.now()))
  const lines = [...tail.lines, ...outcomes]
  if (tail.torn.length > 0) {
    await writeDurably(`${path}.cut`, tail.torn)
    await syncFolder(folder)
  }
  const isTorn = lines.length > 0 || tail.torn.length > 0
  return closeSegment(path, tail, isTorn ? textOf(lines) : undefined, lines.length)
}

/** A rotation that was cut short left at most the one seal of the header. */
async function sealsIn(path: string): Promise<number> {
  return (await readFile(path, 'latin1')).split('{"seal":').length - 1
}

async function closeSegment(
  path: string,
  tail: Tail,
  text: string | undefined,
  count: number,
): Promise<ChainPoint> {
  const file = await open(path, 'r+')
  try {
    await file.truncate(tail.offset + tail.lineBytes)
    if (text === undefined) {
      await file.sync()
      return tail.head
    }
    const { bytes, hash } = encodeGroup(tail.head, text, count, tail.torn.length)
    const group = Buffer.from(bytes)
    await file.write(
      group,
      tail.lineBytes,
      group.length - tail.lineBytes,
      tail.offset + tail.lineBytes,
    )
    await file.sync()
    const { segment, sequence } = tail.head
    return { segment, group: tail.head.group + 1, sequence: sequence + count, hash }
  } finally {
    await file.close()
  }
}

async function readTail(path: string, header: SegmentHeader): Promise<Tail> {
  const { segment, group, sequence, previous } = header
  let head: ChainPoint = { segment, group, sequence, hash: previous }
  const calls = new Set(header.open)
  const chain = { group, hash: previous }
  for await (const found of scanSegment(path, { offset: 0, chain })) {
    if (found.kind === 'group') {
      const entries = found.start === 0 ? found.lines.slice(1) : found.lines
      for (const line of entries) trackOpen(calls, line)
      head = {
        segment,
        group: found.group,
        sequence: head.sequence + found.count,
        hash: found.hash,
      }
      continue
    }
    if (found.start === 0) throw new Error(found.what ?? 'the header is not sealed')
    const { lines, bytes } = completeLines(found.bytes)
    for (const line of lines) trackOpen(calls, line)
    const torn = Buffer.from(found.bytes.subarray(bytes))
    return { head, offset: found.start, lines, lineBytes: bytes, torn, open: calls }
  }
  throw new Error('the segment cannot be read')
}

/** The entries at the start of what no seal covers, up to the first line that is none. */
export function completeLines(rest: Buffer): { lines: string[]; bytes: number } {
  const lines: string[] = []
  let bytes = 0
  for (;;) {
    const end = rest.indexOf(10, bytes)
    if (end === -1) break
    const line = rest.toString('utf8', bytes, end)
    if (entryOf(line) === undefined) break
    lines.push(line)
    bytes = end + 1
  }
  return { lines, bytes }
}
