import { statfs } from 'node:fs/promises'

/** Rejects when the file system of `path` has fewer free bytes than `bytesFreeMin`. */
export async function assertFreeSpace(path: string, bytesFreeMin: number): Promise<void> {
  const { bavail, bsize } = await statfs(path)
  const bytesFree = bavail * bsize
  if (bytesFree < bytesFreeMin)
    throw new Error(`only ${bytesFree} bytes are free at ${path}, ${bytesFreeMin} are needed`)
}

/** Calls `onLow` whenever a look every two seconds finds too little space. Returns the way to stop. */
export function watchFreeSpace(
  path: string,
  bytesFreeMin: number,
  onLow: (error: Error) => void,
): () => void {
  const timer = setInterval(() => void assertFreeSpace(path, bytesFreeMin).catch(onLow), 2_000)
  timer.unref()
  return () => clearInterval(timer)
}
