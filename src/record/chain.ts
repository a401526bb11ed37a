/** One writer's chain on disk: groups in segments, each linked to what came before. */

import { join } from 'node:path'
import { syncFolder } from '../kit/durable-file.ts'
import { errorOf } from '../kit/thrown.ts'
import type { FilePort } from './file-port.ts'
import { type ChainPoint, encodeGroup, firstHash, segmentName } from './segment.ts'
import { SegmentFile, type SegmentLost } from './segment-file.ts'

export interface ChainOptions {
  readonly folder: string
  readonly writer: string
  readonly node: string
  readonly segmentBytesMax: number
  readonly files: FilePort
  readonly now: () => number
  /** Calls with an intent and no outcome, for the header of a segment. */
  readonly open: ReadonlySet<string>
}

/** A place to which `back` can return. */
export interface Mark extends ChainPoint {
  readonly file: SegmentFile
  readonly offset: number
  /** Offset behind the header of the segment. */
  readonly begin: number
}

export class Chain {
  readonly #options: ChainOptions
  /** Left by a rotation, not synced yet; closed by the next sync. */
  #retired: SegmentFile[] = []
  #mark: Mark
  #folderChanged = true
  #begun: ChainPoint | undefined

  /** Throws the system's error when the first segment cannot be made. */
  constructor(options: ChainOptions) {
    this.#options = options
    this.#mark = this.#begin({ segment: 0, group: 0, sequence: 0, hash: firstHash })
  }

  /** Where the chain ends now. */
  get mark(): Mark {
    return this.#mark
  }

  /** The place behind the header of the newest segment; undefined when it was taken back. */
  get begun(): ChainPoint | undefined {
    return this.#begun
  }

  /**
   * Appends one group of `count` lines (`text` ends in a newline or is empty), visible on return.
   * Throws the system's error; the chain then holds what it held before.
   */
  write(text: string, count: number): void {
    let group = encodeGroup(this.#mark, text, count)
    if (this.#isFull(group.bytes.length)) {
      this.#rotate()
      group = encodeGroup(this.#mark, text, count)
    }
    const { file, begin, segment, group: number, sequence } = this.#mark
    file.write(group.bytes)
    this.#mark = {
      segment,
      group: number + 1,
      sequence: sequence + count,
      hash: group.hash,
      file,
      offset: file.offset,
      begin,
    }
  }

  /** Takes back every group behind `mark`, and the segments that began behind it. */
  back(mark: Mark): void {
    if (this.#mark.file !== mark.file) {
      const at = this.#retired.indexOf(mark.file)
      for (const later of [...this.#retired.slice(at + 1), this.#mark.file]) {
        later.close()
        this.#options.files.remove(later.path)
      }
      this.#retired = this.#retired.slice(0, at)
      this.#folderChanged = true
      this.#begun = undefined
    }
    mark.file.back(mark.offset)
    this.#mark = mark
  }

  /** What became of the newest segment at its place. */
  lost(): SegmentLost | undefined {
    return this.#mark.file.look()
  }

  /** Makes everything that was written so far durable: segments, and their names when they are new. Fails with SegmentLost when one is not at its place. */
  sync(done: (error: Error | null) => void): void {
    const retired = this.#retired
    const folder = this.#folderChanged
    const current = this.#mark.file
    if (retired.length === 0 && !folder) {
      current.sync((error) => done(error ?? current.lost() ?? null))
      return
    }
    const all = [...retired, current].map(synced)
    if (folder) all.push(syncFolder(this.#options.folder))
    void Promise.allSettled(all).then((results) => {
      const failed = results.find((result) => result.status === 'rejected')
      if (failed !== undefined) return done(errorOf(failed.reason))
      const lost = [...retired, current].map((file) => file.lost()).find((found) => found)
      if (lost !== undefined) return done(lost)
      for (const file of retired) file.close()
      this.#retired = this.#retired.filter((file) => !retired.includes(file))
      if (folder) this.#folderChanged = false
      done(null)
    })
  }

  /** Cuts the space kept ready and closes the files. */
  close(): void {
    this.#mark.file.back(this.#mark.offset)
    this.abandon()
  }

  /** Closes the files as they are. */
  abandon(): void {
    for (const file of this.#retired) file.close()
    this.#mark.file.close()
  }

  #isFull(bytes: number): boolean {
    const { file, begin } = this.#mark
    return file.offset > begin && file.offset + bytes > this.#options.segmentBytesMax
  }

  #rotate(): void {
    const { segment, group, sequence, hash, file } = this.#mark
    this.#mark = this.#begin({ segment, group, sequence, hash })
    file.back(file.offset)
    this.#retired.push(file)
    this.#folderChanged = true
  }

  /** A new segment whose first group, the header, links it to `before`. */
  #begin(before: ChainPoint): Mark {
    const { folder, writer, node, files, now, open } = this.#options
    const segment = before.segment + 1
    const header = `${JSON.stringify({
      segment,
      writer,
      node,
      group: before.group,
      sequence: before.sequence,
      previous: before.hash,
      at: now(),
      open: [...open],
    })}\n`
    const { bytes, hash } = encodeGroup(before, header, 0)
    const file = new SegmentFile(join(folder, segmentName(segment)), files)
    try {
      file.write(bytes)
    } catch (error) {
      file.close()
      files.remove(file.path)
      throw error
    }
    const { group, sequence } = before
    this.#begun = { segment, group: group + 1, sequence, hash }
    const begin = file.offset
    return { ...this.#begun, file, offset: begin, begin }
  }
}

function synced(file: SegmentFile): Promise<void> {
  return new Promise((resolve, reject) => {
    file.sync((error) => (error === null ? resolve() : reject(error)))
  })
}
