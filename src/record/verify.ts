/** Proves that nothing in a journal was changed or removed: offline, or while it is being written. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Seals } from '../kit/key-ring.ts'
import { readStored, type Stored, sealFault, type WriterRecord } from './manifest.ts'
import { completeLines } from './repair.ts'
import { type ScannedRest, scanSegment } from './scan.ts'
import { type ChainPoint, parseHeader, segmentName, segmentNumbers } from './segment.ts'
import { hasEntries } from './walk.ts'

export interface Fault {
  /** Empty when the manifest itself is meant. */
  readonly writer: string
  /** 0 when no single segment is meant. */
  readonly segment: number
  /** One-based line of the segment where the damaged group begins. */
  readonly line?: number
  readonly what: string
}

export interface VerifiedWriter {
  readonly writer: string
  readonly state: WriterRecord['state']
  readonly repaired: boolean
  readonly entries: number
  readonly groups: number
  readonly segments: number
  /** Hash of the last good group. */
  readonly head: string
}

export interface Verified {
  readonly ok: boolean
  readonly writers: readonly VerifiedWriter[]
  readonly faults: readonly Fault[]
}

/** What the process that writes the journal knows of it. */
export interface Known {
  readonly seals: Seals
  /** Version of the manifest as it left it. */
  readonly version: number
  readonly writer: string
  /** Up to where its chain was made durable. */
  readonly head: ChainPoint
  /** What became of the file that it writes, when it is not at its place. */
  readonly lost: string | undefined
}

const attempts = 3

/**
 * Checks every chain against its seals, its links and the manifest, and against what its writer knows (undefined:
 * the folder alone). What a live or dead writer has not sealed yet is no fault. A fault of a journal with a live writer
 * is looked at three times, since it may have moved on meanwhile.
 */
export async function verifyJournal(dir: string, known?: Known): Promise<Verified> {
  for (let attempt = 1; ; attempt++) {
    const verified = await verifyOnce(dir, known)
    const isLive = verified.writers.some(({ state }) => state === 'open')
    if (verified.ok || !isLive || attempt === attempts) return verified
    await sleep(50)
  }
}

async function verifyOnce(dir: string, known: Known | undefined): Promise<Verified> {
  const faults: Fault[] = []
  const writers: VerifiedWriter[] = []
  const ofAll = (what: string): void => void faults.push({ writer: '', segment: 0, what })
  try {
    const stored = await readStored(dir)
    const { manifest } = stored
    for (const { at, what } of manifest.losses)
      ofAll(`found ${new Date(at).toISOString()}: ${what}`)
    if (known !== undefined) checkKnown(stored, known, ofAll)
    for (const [writer, record] of Object.entries(manifest.writers)) {
      const heads = known?.writer === writer ? [record.head, known.head] : [record.head]
      writers.push(await verifyWriter(dir, { writer, record, heads }, faults))
    }
    const folders = await readdir(dir, { withFileTypes: true })
    for (const { name } of folders.filter((found) => found.isDirectory()))
      if (manifest.writers[name] === undefined && (await hasEntries(join(dir, name))))
        faults.push({ writer: name, segment: 0, what: 'the manifest does not know this writer' })
  } catch (error) {
    faults.push({
      writer: '',
      segment: 0,
      what: error instanceof Error ? error.message : 'unreadable',
    })
  }
  return { ok: faults.length === 0, writers, faults }
}

function checkKnown(stored: Stored, known: Known, fault: (what: string) => void): void {
  const { version, writers } = stored.manifest
  const seal = sealFault(stored, known.seals)
  if (seal !== undefined) fault(seal)
  if (version < known.version)
    fault(`manifest.json is of version ${version}, and the gateway wrote version ${known.version}`)
  if (writers[known.writer] === undefined)
    fault(`the running gateway writes ${known.writer}, which the manifest does not know`)
  if (known.lost !== undefined) fault(known.lost)
}

/** A writer, and where its chain is known to have been. */
interface Subject {
  readonly writer: string
  readonly record: WriterRecord
  readonly heads: readonly ChainPoint[]
}

/** What of one writer was walked so far. */
interface Walk extends Subject {
  readonly folder: string
  point: ChainPoint
  readonly fault: (segment: number, what: string, line?: number) => void
}

async function verifyWriter(
  dir: string,
  { writer, record, heads }: Subject,
  faults: Fault[],
): Promise<VerifiedWriter> {
  const folder = join(dir, writer)
  const fault = (segment: number, what: string, line?: number): void => {
    faults.push({ writer, segment, what, ...(line === undefined ? {} : { line }) })
  }
  const walk: Walk = { folder, writer, record, heads, point: record.cut, fault }
  const present = await segmentNumbers(folder)
  const segments = present.filter((segment) => segment > record.cut.segment)
  for (const segment of segments) {
    if (segment !== walk.point.segment + 1) fault(walk.point.segment + 1, 'this segment is missing')
    const isLast = segment === segments.at(-1)
    if (!(await verifySegment(walk, segment, isLast))) break
  }
  checkEnd(walk)
  const { sequence, group, hash } = walk.point
  const { state, repaired, cut } = record
  const counted = { entries: sequence - cut.sequence, groups: group - cut.group }
  return { writer, state, repaired, ...counted, segments: segments.length, head: hash }
}

/** The chain must reach the heads that are known, and end at the manifest's when it is closed. */
function checkEnd({ record, heads, point, fault }: Walk): void {
  const { state, head } = record
  const missing = heads.find(({ group }) => point.group < group)
  if (missing !== undefined)
    fault(
      point.segment,
      `the chain ends too early: it has ${point.sequence} entries, and ${missing.sequence} were written`,
    )
  else if (state !== 'open' && point.group > head.group)
    fault(point.segment, 'the chain goes on behind its end')
}

async function verifySegment(walk: Walk, segment: number, isLast: boolean): Promise<boolean> {
  const path = join(walk.folder, segmentName(segment))
  const before = walk.point
  let line = 1
  for await (const found of scanSegment(path, { offset: 0, chain: before })) {
    if (found.kind === 'rest') return verifyRest(walk, { segment, line, isLast }, found)
    if (found.start === 0 && !isHeader(found.lines[0] ?? '', walk, segment)) {
      walk.fault(segment, 'the header does not belong here', 1)
      return false
    }
    const { hash, group, count } = found
    if (walk.heads.some((head) => head.group === group && head.hash !== hash))
      walk.fault(segment, 'the chain is not the one that was written', line)
    walk.point = { segment, group, hash, sequence: walk.point.sequence + count }
    line += found.lines.length + 1
  }
  return true
}

function verifyRest(
  walk: Walk,
  place: { segment: number; line: number; isLast: boolean },
  rest: ScannedRest,
): boolean {
  const { segment, line, isLast } = place
  const isOpenEnd = isLast && walk.record.state === 'open'
  const isUnsealed = isOpenEnd && rest.what === undefined
  if (rest.start === 0 && !isUnsealed) walk.fault(segment, rest.what ?? 'the segment is empty', 1)
  else if (rest.what !== undefined) walk.fault(segment, rest.what, line)
  else if (!isOpenEnd && rest.bytes.length > 0)
    walk.fault(segment, 'there is something behind the last seal', line)
  else if (completeLines(rest.bytes).bytes < rest.bytes.lastIndexOf(10) + 1)
    walk.fault(segment, 'a line is no entry', line)
  else return true
  return false
}

function isHeader(line: string, { writer, point }: Walk, segment: number): boolean {
  const header = parseHeader(line)
  return (
    header !== undefined &&
    header.segment === segment &&
    header.writer === writer &&
    header.group === point.group &&
    header.sequence === point.sequence &&
    header.previous === point.hash
  )
}
