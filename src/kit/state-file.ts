/** Reads files of our own, where anything may lie by now: what is no regular file could keep its reader for ever. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'

/** A pipe that nobody writes to opens at once. Windows has no such pipes. */
const readFlags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)

/** Opens for reading, whatever it is. Rejects with the system's error. */
export function openAtOnce(path: string): Promise<FileHandle> {
  return open(path, readFlags)
}

/** The text of a file, or undefined when there is none. Rejects with a sentence when something else lies there. */
export async function readStateFile(path: string): Promise<string | undefined> {
  let file: FileHandle
  try {
    file = await openAtOnce(path)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
  try {
    if (!(await file.stat()).isFile()) throw notRegular(path)
    return await file.readFile('utf8')
  } finally {
    await file.close()
  }
}

/** The same for what cannot wait. @throws also when there is none */
export function readStateFileSync(path: string): string {
  const fd = openSync(path, readFlags)
  try {
    if (!fstatSync(fd).isFile()) throw notRegular(path)
    return readFileSync(fd, 'utf8')
  } finally {
    closeSync(fd)
  }
}

function notRegular(path: string): Error {
  return new Error(
    `${path} is no regular file. Put back the file that belongs there, or move away what is there.`,
  )
}
