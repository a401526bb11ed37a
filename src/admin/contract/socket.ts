/** Where the administration of a data folder listens, and whether that place is its owner's alone. */
import { createHash } from 'node:crypto'
import { lstat, realpath } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { AdminError } from './errors.ts'

/** `sun_path` holds 104 bytes on macOS and 108 on Linux (unix(7)). */
const pathBytesMax = 100

export interface SocketPlace {
  readonly path: string
  /** Must be the owner's alone; undefined for a named pipe, which Windows guards itself. */
  readonly folder: string | undefined
}

/** The place is a function of the data folder alone, so that gateway and commands agree on it. */
export async function socketPlace(dataDir: string): Promise<SocketPlace> {
  const folder = await realpath(dataDir).catch(() => resolve(dataDir))
  const digest = createHash('sha256').update(folder).digest('hex').slice(0, 16)
  if (process.platform === 'win32')
    return { path: `\\\\.\\pipe\\sallyport-${digest}`, folder: undefined }
  const path = join(folder, 'admin.sock')
  if (Buffer.byteLength(path) <= pathBytesMax) return { path, folder }
  const short = join(tmpdir(), `sallyport-${process.getuid?.() ?? 0}-${digest}`, 'admin.sock')
  return { path: short, folder: dirname(short) }
}

/** Where stdio clients are served, beside the administration. */
export async function stdioPlace(dataDir: string): Promise<SocketPlace> {
  const { path, folder } = await socketPlace(dataDir)
  return {
    path: folder === undefined ? `${path}-stdio` : join(dirname(path), 'stdio.sock'),
    folder,
  }
}

/**
 * What a data folder gives others: nothing. Root runs its database as another account, which must walk through the
 * folder: it may be entered then, but neither listed nor written; what lies in it is closed by itself.
 */
export function privateMode(mode: number): number {
  return mode & (process.getuid?.() === 0 ? 0o711 : 0o700)
}

/**
 * A folder that others can write to could hold somebody else's socket.
 * @throws AdminError when the folder is not this user's alone
 */
export async function assertPrivate(folder: string): Promise<void> {
  const found = await lstat(folder)
  const isOurs = found.isDirectory() && found.uid === process.getuid?.()
  if (isOurs && privateMode(found.mode) === (found.mode & 0o777)) return
  throw new AdminError(
    'not_private',
    `${folder} ${isOurs ? 'can be entered by other users' : 'is not a folder of this user'}.`,
    isOurs ? `Run "chmod 700 ${folder}".` : 'Run the command as the user who runs the gateway.',
  )
}
