import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { replaceFile } from '../kit/durable-file.ts'
import { newRingKey, parseRing, type RingFile, rotateRing } from '../kit/key-ring.ts'
import { readStateFile } from '../kit/state-file.ts'

/** The key ring from `SALLYPORT_KEYS` or from its file (0600), which is made on the first start. */
export async function loadRing(
  path: string,
  fromEnvironment: string | undefined,
  now: number,
): Promise<RingFile> {
  if (fromEnvironment !== undefined && fromEnvironment !== '') {
    const ring = parseRing(fromEnvironment)
    if (ring === undefined)
      throw new Error(
        'SALLYPORT_KEYS is not a key ring. Copy the content of the file "keys" of a data folder.',
      )
    return ring
  }
  const text = await readStateFile(path)
  if (text !== undefined) {
    const ring = parseRing(text)
    if (ring === undefined)
      throw new Error(
        `${path} is damaged. Restore it from a backup, or remove it: sessions and cursors that are open then end.`,
      )
    return ring
  }
  const ring = { keys: [newRingKey(now)] }
  await saveRing(path, ring)
  return ring
}

export async function saveRing(path: string, ring: RingFile): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await replaceFile(path, `${JSON.stringify(ring, undefined, 2)}\n`)
}

/** The ring of the file, and one with a new current key; earlier ones stay valid until what they sealed has expired. */
export async function rotatedRing(
  path: string,
  now: number,
): Promise<{ readonly before: RingFile; readonly next: RingFile }> {
  const before = parseRing((await readStateFile(path)) ?? '')
  if (before === undefined) throw new Error(`${path} is damaged.`)
  return { before, next: rotateRing(before, now) }
}
