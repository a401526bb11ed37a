/**
 * `manifest.json`: which writers there are and where their chains ended when last noted. Without it,
 * a chain that lost its end, or a writer that is gone, would look whole. Its digest finds damage;
 * against someone who may write the whole folder, copy it elsewhere.
 */
import { hash } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { replaceFile } from '../kit/durable-file.ts'
import { withFileLock } from '../kit/file-lock.ts'
import { type ChainPoint, firstHash } from './segment.ts'

export interface WriterRecord {
  readonly node: string
  /** `closed`: nothing follows `head`. `pruned`: all its segments were removed. */
  readonly state: 'open' | 'closed' | 'pruned'
  /** The end of the chain; while open, the place behind the header of its newest segment. */
  readonly head: ChainPoint
  /** Where the remaining segments begin: the end of what was pruned. */
  readonly cut: ChainPoint
  /** Whether a later start had to close it. */
  readonly repaired: boolean
  /** Epoch milliseconds; undefined while open. */
  readonly closedAt: number | undefined
}

export interface Manifest {
  /** Grows by one with every change. */
  readonly version: number
  readonly writers: Readonly<Record<string, WriterRecord>>
  /** Writers that were pruned wholly: how many, and the hash over their records. */
  readonly pruned: { readonly writers: number; readonly hash: string }
}

export const beginning: ChainPoint = { segment: 0, group: 0, sequence: 0, hash: firstHash }

const empty: Manifest = { version: 0, writers: {}, pruned: { writers: 0, hash: firstHash } }

/** The manifest of a journal folder; an empty one when there is none. Rejects when it is damaged. */
export async function readManifest(dir: string): Promise<Manifest> {
  const text = await readFile(join(dir, 'manifest.json'), 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  })
  if (text === undefined) return empty
  const { digest, ...manifest }: Manifest & { digest?: string } = JSON.parse(text)
  if (text !== manifestText(manifest)) throw new Error(`manifest.json is damaged (${digest})`)
  return manifest
}

/**
 * Changes the manifest alone among all processes: `change` gets the present one and returns the next,
 * durable when this resolves, or undefined to leave it. Rejects with what `change` or the disk throws.
 */
export async function changeManifest(
  dir: string,
  change: (manifest: Manifest) => Promise<Manifest | undefined> | Manifest | undefined,
): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  await withFileLock(join(dir, 'manifest.lock'), async () => {
    const present = await readManifest(dir)
    const next = await change(present)
    if (next === undefined) return
    const text = manifestText({ ...next, version: present.version + 1 })
    await replaceFile(join(dir, 'manifest.json'), text)
  })
}

/** The manifest with some fields of one writer changed. */
export function withWriter(
  manifest: Manifest,
  writer: string,
  fields: Partial<WriterRecord>,
): Manifest {
  const record = manifest.writers[writer]
  if (record === undefined) throw new Error(`the manifest does not know the writer ${writer}`)
  return { ...manifest, writers: { ...manifest.writers, [writer]: { ...record, ...fields } } }
}

function manifestText(manifest: Manifest): string {
  const { version, writers, pruned } = manifest
  const content = { version, writers, pruned }
  const digest = hash('sha256', JSON.stringify(content))
  return `${JSON.stringify({ ...content, digest }, undefined, 2)}\n`
}
