/**
 * Anchors: where the journal stood, sealed by the key ring and kept outside its folder, so that a folder that was
 * emptied, rolled back or cut is told apart from one that a crash left. One lies beside the journal, in place and
 * not synced at each change: it survives the end of the process, and is never ahead of what is on disk.
 */
import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Seals } from '../kit/key-ring.ts'
import { readStateFile } from '../kit/state-file.ts'
import type { Manifest } from './manifest.ts'
import { scanSegment } from './scan.ts'
import { type ChainPoint, segmentName } from './segment.ts'

export interface Anchor {
  /** Version of the manifest that was reached. */
  readonly manifest: number
  /** The newest writer; empty before the first. */
  readonly writer: string
  /** Up to where its chain was on disk. */
  readonly head: ChainPoint
  /** Epoch milliseconds. */
  readonly at: number
}

const purpose = 'journal-anchor'
/** One sector, so that a write in place is whole or not there. */
const fileBytes = 512

export function sealAnchor(seals: Seals, anchor: Anchor): string {
  return seals.seal(purpose, JSON.stringify(anchor))
}

/** Undefined when no key of the ring has sealed it. */
export function openAnchor(seals: Seals, box: string): Anchor | undefined {
  const text = seals.open(purpose, box)
  if (text === undefined) return undefined
  const anchor: Anchor = JSON.parse(text)
  return anchor
}

/** The text of the file; undefined when there is none. */
export async function readAnchor(path: string): Promise<string | undefined> {
  return (await readStateFile(path))?.trim()
}

/** Writes the file in place, and makes it again when somebody removed it. Throws the system's error. */
export function writeAnchor(path: string, box: string): void {
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600)
  try {
    writeSync(fd, `${box.padEnd(fileBytes - 1)}\n`, 0, 'latin1')
  } finally {
    closeSync(fd)
  }
}

/** Makes what was written durable. Rejects with the system's error. */
export async function syncAnchor(path: string): Promise<void> {
  const file = await open(path, 'r+')
  try {
    await file.datasync()
  } finally {
    await file.close()
  }
}

/** What an anchor knows and the folder does not hold, in a sentence; undefined when it holds all. */
export async function missingOf(
  dir: string,
  manifest: Manifest,
  anchor: Anchor,
): Promise<string | undefined> {
  const { writer, head } = anchor
  if (manifest.version < anchor.manifest)
    return `the folder is not the newest: its manifest is of version ${manifest.version}, and version ${anchor.manifest} was reached; ${writer} had ${head.sequence} entries`
  const record = manifest.writers[writer]
  // What the manifest does not know any more was pruned; its seal proves that we wrote it.
  if (record === undefined || record.cut.segment >= head.segment) return undefined
  if (record.state !== 'open' && record.head.group >= head.group) return undefined
  const path = join(dir, writer, segmentName(head.segment))
  try {
    for await (const found of scanSegment(path, { offset: 0, chain: undefined }))
      if (found.kind === 'group' && found.group === head.group)
        return found.hash === head.hash
          ? undefined
          : `the chain of ${writer} is not the one that was written`
  } catch {}
  return `the chain of ${writer} ends too early: ${head.sequence} entries were written`
}
