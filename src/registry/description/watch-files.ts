/** Notices changes of the files of a description. */
import { watchFile } from '../../kit/watch-file.ts'

/** Network folders and bind mounts bring no events; looking at a few files costs next to nothing. */
const pollMs = 3_000

/**
 * Calls `changed` after one of the files was changed, replaced, removed or made. Which files they are is asked again
 * after each change, and at every look. Returns the way to stop.
 */
export function watchFiles(files: () => readonly string[], changed: () => void): () => void {
  const watched = new Map<string, () => void>()
  const follow = (): boolean => {
    const wanted = new Set(files())
    for (const [file, stop] of watched)
      if (!wanted.has(file)) {
        stop()
        watched.delete(file)
      }
    const added = [...wanted].filter((file) => !watched.has(file))
    for (const file of added) watched.set(file, watchFile(file, changed, { pollMs }))
    return added.length > 0
  }
  follow()
  const timer = setInterval(() => {
    // What was read a while ago may have changed before it was watched.
    if (follow()) changed()
  }, pollMs)
  timer.unref()
  return () => {
    clearInterval(timer)
    for (const stop of watched.values()) stop()
    watched.clear()
  }
}
