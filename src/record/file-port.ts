/** The system calls of the journal's hot path; a test puts a failing disk in their place. */
import { closeSync, fdatasync, ftruncateSync, openSync, rmSync, writeSync } from 'node:fs'

export interface FilePort {
  /** Creates a file that must not exist, for reading and writing. */
  create(path: string): number
  /** Writes at a position; returns how many bytes were taken. */
  write(fd: number, bytes: Buffer, offset: number, length: number, position: number): number
  truncate(fd: number, length: number): void
  sync(fd: number, done: (error: Error | null) => void): void
  close(fd: number): void
  remove(path: string): void
}

export const systemFiles: FilePort = {
  create: (path) => openSync(path, 'wx+', 0o600),
  write: writeSync,
  truncate: ftruncateSync,
  sync: fdatasync,
  close: closeSync,
  remove: (path) => rmSync(path, { force: true }),
}
