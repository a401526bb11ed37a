/** The system calls of the journal's hot path; a test puts a failing disk in their place. */
import {
  closeSync,
  constants,
  fdatasync,
  fstatSync,
  ftruncateSync,
  openSync,
  readlinkSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'

/** Which file it is, and how long. */
export interface FileState {
  readonly dev: number
  readonly ino: number
  readonly size: number
}

export interface FilePort {
  /** Creates a file that must not exist, for reading and writing. */
  create(path: string): number
  /** Writes at a position; returns how many bytes were taken. */
  write(fd: number, bytes: Buffer, offset: number, length: number, position: number): number
  truncate(fd: number, length: number): void
  sync(fd: number, done: (error: Error | null) => void): void
  /** What lies at a path, or the open file; undefined: nothing does. */
  state(of: string | number): FileState | undefined
  /** The path that the open file has now; undefined where the system does not tell. */
  place(fd: number): string | undefined
  /** Whether the file is at least so long. */
  reaches(fd: number, length: number): boolean
  close(fd: number): void
  remove(path: string): void
}

const { O_RDWR, O_CREAT, O_EXCL, O_NOATIME = 0 } = constants
/** Without a time of the last read, which would make each write after a read dearer. */
const createFlags = O_RDWR | O_CREAT | O_EXCL | O_NOATIME
const oneByte = Buffer.alloc(1)

export const systemFiles: FilePort = {
  create: (path) => openSync(path, createFlags, 0o600),
  write: writeSync,
  truncate: ftruncateSync,
  sync: fdatasync,
  state: (of) => (typeof of === 'number' ? fstatSync(of) : statSync(of, { throwIfNoEntry: false })),
  place: (fd) => {
    if (process.platform !== 'linux') return undefined
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return undefined
    }
  },
  reaches: (fd, length) => length === 0 || readSync(fd, oneByte, 0, 1, length - 1) === 1,
  close: closeSync,
  remove: (path) => rmSync(path, { force: true }),
}
