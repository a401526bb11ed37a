/** Notices changes of a file. */
import { watch } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'

export interface WatchOptions {
  /** How long the file must rest: editors write in several steps. */
  readonly settleMs?: number
  /** How often it is looked at when no event comes (network folders, bind mounts). */
  readonly pollMs?: number
}

/**
 * Calls `onChange` after the file was changed, replaced, removed or made. Watches its folder, since editors
 * and Kubernetes replace files by renaming. Returns the way to stop.
 */
export function watchFile(
  path: string,
  onChange: () => void,
  { settleMs = 150, pollMs = 3_000 }: WatchOptions = {},
): () => void {
  let stopped = false
  let settle: NodeJS.Timeout | undefined
  let seen = signature(path)

  const look = async () => {
    const [before, now] = [await seen, await signature(path)]
    if (stopped || before === now) return
    seen = Promise.resolve(now)
    onChange()
  }
  const soon = () => {
    clearTimeout(settle)
    settle = setTimeout(() => void look(), settleMs)
    settle.unref()
  }
  const poll = setInterval(() => void look(), pollMs)
  poll.unref()
  const watcher = openWatcher(dirname(path), soon)

  return () => {
    stopped = true
    clearTimeout(settle)
    clearInterval(poll)
    watcher?.close()
  }
}

/** Undefined where the system cannot watch; polling goes on. */
function openWatcher(folder: string, onEvent: () => void) {
  try {
    const watcher = watch(folder, { persistent: false }, onEvent)
    watcher.on('error', () => watcher.close())
    return watcher
  } catch {
    return undefined
  }
}

async function signature(path: string): Promise<string> {
  try {
    const { ino, size, mtimeNs } = await stat(path, { bigint: true })
    return `${ino} ${size} ${mtimeNs}`
  } catch {
    return 'none'
  }
}
