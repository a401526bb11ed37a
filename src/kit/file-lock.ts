import { randomBytes } from 'node:crypto'
import { link, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { identityOf, isAlive, type ProcessIdentity } from './process-identity.ts'
import { readStateFile } from './state-file.ts'

/** The end of the name of a lock that is not taken yet. */
const waiting = /^[0-9a-f]{12}(?:\.broken)?$/

/**
 * Runs `work` while this process, and this call within it, holds the lock file `path`.
 * A lock whose process is dead is taken over. Rejects when `waitMsMax` passes without the lock.
 */
export async function withFileLock<T>(
  path: string,
  work: () => Promise<T>,
  waitMsMax = 60_000,
): Promise<T> {
  const own = `${path}.${randomBytes(6).toString('hex')}`
  await writeFile(own, lockText(), { mode: 0o600 })
  try {
    await take(own, path, Date.now() + waitMsMax)
    try {
      // A process that is killed leaves the lock itself, which the next one takes over, and no other name of it.
      await rm(own, { force: true })
      await sweep(path)
      return await work()
    } finally {
      await rm(path, { force: true })
    }
  } finally {
    await rm(own, { force: true })
  }
}

/** What a lock file of this process says. */
export function lockText(): string {
  return JSON.stringify(identityOf(process.pid) ?? { pid: process.pid, start: '' })
}

/** Whether the process that wrote the lock file still runs; false when there is no such file. */
export async function isLocked(path: string): Promise<boolean> {
  const holder = await holderOf(path)
  return holder !== undefined && isAlive(holder)
}

/** `link` fails when the name exists, and the content is whole from the first moment. */
async function take(own: string, path: string, untilMs: number): Promise<void> {
  for (;;) {
    try {
      return await link(own, path)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    }
    const holder = await holderOf(path)
    if (holder !== undefined && !isAlive(holder)) await breakLock(own, path, holder)
    else if (Date.now() > untilMs) throw new Error(`the lock ${path} is held by another process`)
    else await sleep(5)
  }
}

/** Only one of several breakers can move the file away; what turns out to be a fresh lock is put back. */
async function breakLock(own: string, path: string, dead: ProcessIdentity): Promise<void> {
  const aside = `${own}.broken`
  await rename(path, aside).catch(() => undefined)
  const moved = await holderOf(aside)
  if (moved !== undefined && moved.start !== dead.start)
    await link(aside, path).catch(() => undefined)
  await rm(aside, { force: true })
}

/** Removes what processes left behind that were killed while they waited. */
async function sweep(path: string): Promise<void> {
  const start = `${basename(path)}.`
  for (const name of await readdir(dirname(path))) {
    if (!name.startsWith(start) || !waiting.test(name.slice(start.length))) continue
    const left = join(dirname(path), name)
    const holder = await holderOf(left)
    if (holder !== undefined && !isAlive(holder)) await rm(left, { force: true })
  }
}

async function holderOf(path: string): Promise<ProcessIdentity | undefined> {
  try {
    const holder: ProcessIdentity = JSON.parse((await readStateFile(path)) ?? '')
    return holder
  } catch {
    return undefined
  }
}
