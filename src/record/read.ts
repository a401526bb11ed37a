/** Reads entries in the order of each writer, for the index in the store and for `audit tail`. */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Entry } from '../model/record.ts'
import { entryOf } from './lines.ts'
import { readManifest } from './manifest.ts'
import { scanSegment } from './scan.ts'
import { segmentName, segmentNumbers } from './segment.ts'
import { readHeader } from './walk.ts'

export interface ReadEntry {
  readonly writer: string
  /** Position in the writer's chain, from 0. */
  readonly sequence: number
  readonly entry: Entry
}

export interface ReadOptions {
  /** The first sequence wanted of a writer; 0 when undefined. Asked once a writer. */
  readonly from?: (writer: string) => number | undefined | Promise<number | undefined>
  /** Entries of a writer from this sequence on wait; give `journal.durable` for the own writer. */
  readonly below?: (writer: string) => number | undefined
  /** Go on with what is written later, looking every `pollMs`, until the signal aborts. */
  readonly follow?: { readonly pollMs: number; readonly signal: AbortSignal }
  /** Told of what cannot be read; its writer is skipped until it can. */
  readonly onFault: (error: Error) => void
}

interface Cursor {
  segment: number
  offset: number
  /** Sequence at `offset`. */
  sequence: number
  /** The first sequence still wanted. */
  next: number
}

/**
 * Sealed entries of all writers, live ones included; without `follow` up to the present end.
 * Entries that retention removed are passed over. Rejects when the manifest is damaged.
 */
export async function* readJournal(
  dir: string,
  options: ReadOptions,
): AsyncGenerator<ReadEntry, void> {
  const cursors = new Map<string, Cursor>()
  do {
    let count = 0
    const { writers } = await readManifest(dir)
    for (const writer of cursors.keys()) if (writers[writer] === undefined) cursors.delete(writer)
    for (const [writer, { state, head }] of Object.entries(writers)) {
      let cursor = cursors.get(writer)
      if (cursor === undefined) {
        const next = (await options.from?.(writer)) ?? 0
        cursor = { segment: 0, offset: 0, sequence: 0, next }
        cursors.set(writer, cursor)
      }
      if (state !== 'open' && cursor.next >= head.sequence) continue
      try {
        for await (const found of readWriter(dir, writer, cursor, options)) {
          count++
          yield found
        }
      } catch (cause) {
        cursor.segment = 0
        options.onFault(new Error(`the journal of ${writer} cannot be read`, { cause }))
      }
    }
    const { follow } = options
    if (follow !== undefined && count === 0)
      await sleep(follow.pollMs, undefined, { signal: follow.signal }).catch(() => undefined)
  } while (options.follow?.signal.aborted === false)
}

async function* readWriter(
  dir: string,
  writer: string,
  cursor: Cursor,
  options: ReadOptions,
): AsyncGenerator<ReadEntry> {
  const folder = join(dir, writer)
  if (cursor.segment === 0 && !(await place(folder, cursor))) return
  for (;;) {
    // Looked up before the scan: only a segment that was full by then is read to its end.
    const later = (await segmentNumbers(folder)).find((segment) => segment > cursor.segment)
    yield* readSegment(folder, writer, cursor, options)
    if (later === undefined) return
    const header = await readHeader(folder, later)
    if (header === undefined || header.sequence !== cursor.sequence) return
    cursor.segment = later
    cursor.offset = 0
  }
}

async function* readSegment(
  folder: string,
  writer: string,
  cursor: Cursor,
  options: ReadOptions,
): AsyncGenerator<ReadEntry> {
  const path = join(folder, segmentName(cursor.segment))
  const below = options.below?.(writer) ?? Number.POSITIVE_INFINITY
  for await (const found of scanSegment(path, { offset: cursor.offset, chain: undefined })) {
    if (found.kind === 'rest') {
      if (found.what !== undefined) throw new Error(found.what)
      return
    }
    if (cursor.sequence + found.count > below) return
    const entries = found.start === 0 ? found.lines.slice(1) : found.lines
    for (const [i, line] of entries.entries()) {
      const sequence = cursor.sequence + i
      if (sequence < cursor.next) continue
      const entry = entryOf(line)
      if (entry === undefined) throw new Error(`entry ${sequence} is damaged`)
      cursor.next = sequence + 1
      yield { writer, sequence, entry }
    }
    cursor.sequence += found.count
    cursor.next = Math.max(cursor.next, cursor.sequence)
    cursor.offset = found.end
  }
}

/** Puts the cursor at the last segment that begins at or before the wanted sequence. */
async function place(folder: string, cursor: Cursor): Promise<boolean> {
  for (const segment of (await segmentNumbers(folder)).reverse()) {
    const header = await readHeader(folder, segment)
    if (header === undefined) continue
    Object.assign(cursor, { segment, offset: 0, sequence: header.sequence })
    if (header.sequence <= cursor.next) break
  }
  return cursor.segment > 0
}
