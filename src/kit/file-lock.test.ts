import { mkdtemp, readdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { isLocked, lockText, withFileLock } from './file-lock.ts'
import { identityOf, isAlive } from './process-identity.ts'

const newFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'sallyport-lock-'))

test('one at a time, and nothing stays behind', async () => {
  const folder = await newFolder()
  let inside = 0
  let most = 0
  const work = async (): Promise<void> => {
    most = Math.max(most, ++inside)
    await sleep(2)
    inside--
  }
  const path = join(folder, 'lock')
  await Promise.all(Array.from({ length: 10 }, () => withFileLock(path, work)))
  expect(most).toBe(1)
  await expect(withFileLock(path, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(await readdir(folder)).toEqual([])
})

test('the lock of a dead process is taken over, that of a live one is not', async () => {
  const path = join(await newFolder(), 'lock')
  await writeFile(path, JSON.stringify({ pid: process.pid, start: 'an earlier process' }))
  expect(await isLocked(path)).toBe(false)
  expect(await withFileLock(path, async () => isLocked(path))).toBe(true)
  await writeFile(path, lockText())
  await expect(withFileLock(path, async () => 1, 20)).rejects.toThrow('held by another process')
})

test('a process is told from a later one of the same number', () => {
  const own = identityOf(process.pid)
  expect(own !== undefined && isAlive(own)).toBe(true)
  expect(isAlive({ pid: 2 ** 30, start: '' })).toBe(false)
})
