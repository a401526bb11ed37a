import type { FilePort } from './file-port.ts'

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
  #filled = 0
  #mustCut = false

  /** Throws the system's error when the file exists or cannot be made. */
  constructor(path: string, files: FilePort) {
    this.path = path
    this.#files = files
    this.#fd = files.create(path)
  }

  /** Appends, visible to other processes on return. Throws the system's error; nothing is then appended. */
  write(bytes: Buffer): void {
    if (this.#mustCut) this.cut()
    try {
      while (this.#filled < this.offset + bytes.length) {
        this.#put(zeros, this.#filled)
        this.#filled += growBytes
      }
      this.#put(bytes, this.offset)
    } catch (error) {
      this.back(this.offset)
      throw error
    }
    this.offset += bytes.length
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
