import type { FilePort } from './file-port.ts'

/** The file that is being written is not at its place any more, or not as it was written. */
export class SegmentLost extends Error {
  constructor(path: string, what: string) {
    super(`${path} was ${what} by somebody else while it was being written`)
    this.name = 'SegmentLost'
  }
}

const growBytes = 256 * 1024
const zeros = Buffer.alloc(growBytes)

/**
 * One segment that is being written. Space is filled with zeros ahead of the data: a sync that
 * changes no file size is a quarter cheaper. After a failed write the file is cut back before the next.
 */
export class SegmentFile {
  /** Bytes of data. */
  offset = 0
  readonly path: string
  readonly #files: FilePort
  readonly #fd: number
  readonly #ino: number
  readonly #dev: number
  readonly #place: string | undefined
  #filled = 0
  #mustCut = false

  /** Throws the system's error when the file exists or cannot be made. */
  constructor(path: string, files: FilePort) {
    this.path = path
    this.#files = files
    this.#fd = files.create(path)
    const { ino, dev } = files.state(this.#fd) ?? { ino: 0, dev: 0 }
    this.#ino = ino
    this.#dev = dev
    this.#place = files.place(this.#fd)
  }

  /**
   * What became of the file since the last write. On the way of calls, so it asks for no times: the system would
   * write a finer one with each write after that, which costs 50 us and more.
   */
  lost(): SegmentLost | undefined {
    const { place, reaches } = this.#files
    if (this.#mustCut) return undefined
    const isThere = this.#place !== undefined && place(this.#fd) === this.#place
    return isThere && reaches(this.#fd, this.#filled) ? undefined : this.look()
  }

  /** The same, whatever it costs: what lies at the path is the file, and as long as it was written. */
  look(): SegmentLost | undefined {
    const found = this.#files.state(this.path)
    if (found === undefined) return new SegmentLost(this.path, 'removed')
    if (found.ino !== this.#ino || found.dev !== this.#dev)
      return new SegmentLost(this.path, 'replaced')
    if (found.size === this.#filled || this.#mustCut) return undefined
    return new SegmentLost(this.path, found.size < this.#filled ? 'cut' : 'written to')
  }

  /** Appends, visible to other processes on return. Throws the system's error; nothing is then appended. */
  write(bytes: Buffer): void {
    if (this.#mustCut) this.cut()
    if (this.#filled < this.offset + bytes.length) this.#grow(this.offset + bytes.length)
    try {
      this.#put(bytes, this.offset)
    } catch (error) {
      this.back(this.offset)
      throw error
    }
    this.offset += bytes.length
  }

  /** A file that was cut would look as long as before once it has grown, so it is looked at first. */
  #grow(bytes: number): void {
    const lost = this.look()
    if (lost !== undefined) throw lost
    try {
      while (this.#filled < bytes) {
        this.#put(zeros, this.#filled)
        this.#filled += growBytes
      }
    } catch (error) {
      this.back(this.offset)
      throw error
    }
  }

  /** Takes back what was appended behind `offset`; if the disk refuses, the next write tries again. */
  back(offset: number): void {
    this.offset = offset
    this.#mustCut = true
    try {
      this.cut()
    } catch {}
  }

  /** Removes everything behind the data. Throws the system's error. */
  cut(): void {
    this.#files.truncate(this.#fd, this.offset)
    this.#filled = this.offset
    this.#mustCut = false
  }

  /** Makes durable what was written before the call. */
  sync(done: (error: Error | null) => void): void {
    this.#files.sync(this.#fd, done)
  }

  close(): void {
    this.#files.close(this.#fd)
  }

  #put(bytes: Buffer, position: number): void {
    for (let done = 0; done < bytes.length; )
      done += this.#files.write(this.#fd, bytes, done, bytes.length - done, position + done)
  }
}
