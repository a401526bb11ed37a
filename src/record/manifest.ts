/**
 * `manifest.json`: which writers there are and where their chains ended when last noted. Without it,
 * a chain that lost its end, or a writer that is gone, would look whole. Its digest finds damage, its
 * seal by the key ring whoever wrote it without the ring.
 */
import { hash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { replaceFile } from '../kit/durable-file.ts'
import { withFileLock } from '../kit/file-lock.ts'
import type { Seals } from '../kit/key-ring.ts'
import { readStateFile } from '../kit/state-file.ts'
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

/** Evidence that was found to be gone or changed. It stays as long as what it tells of would have. */
export interface Loss {
  /** Epoch milliseconds. */
  readonly at: number
  readonly what: string
}

/** The clock went forward with nobody there to see the time pass. */
export interface ClockJump {
  readonly from: number
  readonly to: number
}

export interface Manifest {
  /** Grows with every change. */
  readonly version: number
  readonly writers: Readonly<Record<string, WriterRecord>>
  /** Writers that were pruned wholly: how many, and the hash over their records. */
  readonly pruned: { readonly writers: number; readonly hash: string }
  readonly losses: readonly Loss[]
  readonly jumps: readonly ClockJump[]
}

export const beginning: ChainPoint = { segment: 0, group: 0, sequence: 0, hash: firstHash }

const empty: Manifest = {
  version: 0,
  writers: {},
  pruned: { writers: 0, hash: firstHash },
  losses: [],
  jumps: [],
}

const purpose = 'journal-manifest'
const lossesMax = 64

/** The manifest with its proof. */
export interface Stored {
  readonly manifest: Manifest
  readonly digest: string
  /** Undefined: there is no manifest, or it is from before manifests had seals. */
  readonly seal: string | undefined
}

/** The manifest of a journal folder; an empty one when there is none. Rejects when it is damaged. */
export async function readManifest(dir: string): Promise<Manifest> {
  return (await readStored(dir)).manifest
}

/** With its proof. Rejects when it is damaged. */
export async function readStored(dir: string): Promise<Stored> {
  const text = await readStateFile(join(dir, 'manifest.json'))
  if (text === undefined) return { manifest: empty, digest: '', seal: undefined }
  const parsed: Partial<Manifest> & { digest?: string; seal?: string } = JSON.parse(text)
  const { digest, seal, ...content } = parsed
  const expected = digestOf(content)
  if (text !== textOf(content, expected, seal))
    throw new Error(`manifest.json is damaged (${digest})`)
  return { manifest: { ...empty, ...content }, digest: expected, seal }
}

/** What is wrong with the seal of a manifest, in a sentence; undefined: nothing is. */
export function sealFault({ digest, seal }: Stored, seals: Seals): string | undefined {
  if (digest === '') return undefined
  if (seal === undefined) return 'manifest.json has no seal: this gateway did not write it'
  if (seals.open(purpose, seal) === digest) return undefined
  return 'manifest.json has another seal: it was changed by somebody else, or the key ring was replaced'
}

export interface ManifestPlace {
  readonly dir: string
  readonly seals: Seals
  readonly now: () => number
}

/**
 * Changes the manifest alone among all processes: `change` gets the present one and returns the next,
 * durable when this resolves, or undefined to leave it. The next version is above `floor`. A manifest that we did
 * not seal leaves a loss in the next; `unsealed`: one without a seal is from before there were seals.
 * Resolves with what is there then. Rejects with what `change` or the disk throws.
 */
export async function changeManifest(
  { dir, seals, now }: ManifestPlace,
  change: (manifest: Manifest) => Promise<Manifest | undefined> | Manifest | undefined,
  { floor = 0, unsealed = false }: { floor?: number; unsealed?: boolean } = {},
): Promise<Manifest> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  return withFileLock(join(dir, 'manifest.lock'), async () => {
    const stored = await readStored(dir)
    const isOld = unsealed && stored.seal === undefined
    const fault = isOld ? undefined : sealFault(stored, seals)
    const present = fault === undefined ? stored.manifest : withLoss(stored.manifest, now(), fault)
    const changed = await change(present)
    if (changed === undefined) return present
    const next = { ...changed, version: Math.max(present.version, floor) + 1 }
    const digest = digestOf(next)
    const text = textOf(next, digest, seals.seal(purpose, digest))
    await replaceFile(join(dir, 'manifest.json'), text)
    return next
  })
}

/** The manifest with one more loss; of too many the first stay. */
export function withLoss(manifest: Manifest, at: number, what: string): Manifest {
  const { losses } = manifest
  if (losses.length >= lossesMax || losses.some((loss) => loss.what === what)) return manifest
  return { ...manifest, losses: [...losses, { at, what }] }
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

/** The members in their order; those of manifests from before there were losses and jumps, too. */
function contentOf({ version, writers, pruned, losses, jumps }: Partial<Manifest>): object {
  return { version, writers, pruned, ...(losses === undefined ? {} : { losses, jumps }) }
}

function digestOf(manifest: Partial<Manifest>): string {
  return hash('sha256', JSON.stringify(contentOf(manifest)))
}

function textOf(manifest: Partial<Manifest>, digest: string, seal: string | undefined): string {
  const proof = seal === undefined ? { digest } : { digest, seal }
  return `${JSON.stringify({ ...contentOf(manifest), ...proof }, undefined, 2)}\n`
}
