/**
 * The journal: a local, hash-chained, group-committed log of what agents did.
 * Lines of one turn of the event loop go out as one group in one write; one sync at a time makes
 * durable what was written before it. A call waits for the sync of its intent, never for its outcome's.
 * Folder: `<dir>/manifest.json`, `<dir>/<writer>/000001.journal` and so on, one writer a process start.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { syncFolder, writeDurably } from '../kit/durable-file.ts'
import { isLocked, lockText } from '../kit/file-lock.ts'
import { GatewayError } from '../model/refusal.ts'
import { Chain } from './chain.ts'
import { type FilePort, systemFiles } from './file-port.ts'
import { beginning, changeManifest, type Manifest, withWriter } from './manifest.ts'
import { repairWriters } from './repair.ts'
import type { ChainPoint } from './segment.ts'
import { hasEntries } from './walk.ts'
import { JournalWriter } from './writer.ts'

export interface JournalOptions {
  /** Folder of the journal, on a local disk; made when it is not there. */
  readonly dir: string
  /** Name of this node, 1 to 40 of `a-z A-Z 0-9 . -`; no two machines may share a folder and a name. */
  readonly node: string
  /** Names that this node had before; what its writers left under them is repaired, too. */
  readonly formerNodes?: readonly string[]
  readonly segmentBytesMax: number
  /** required: what cannot be recorded is refused. best-effort: it is counted in `dropped`. */
  readonly mode: 'required' | 'best-effort'
  /** Told of every fault of the disk and of what a repair found; must not throw. */
  readonly onFault: (error: Error) => void
  /** Epoch milliseconds. */
  readonly now?: () => number
  /** Below so many free bytes the disk counts as full. */
  readonly bytesFreeMin?: number
  readonly files?: FilePort
}

export interface Journal {
  /** Unique for every start of a process. */
  readonly writer: string
  /**
   * Records an intent: the JSON text of one entry without newline. Resolves when it is on disk.
   * Mode required: rejects with GatewayError('journal_unavailable') while the disk takes nothing.
   * Mode best-effort: counts it in `dropped` then, and resolves.
   */
  intent(line: string): Promise<void>
  /**
   * Records anything else. Resolves at the end of this turn of the event loop, when the line is
   * visible to other processes and survives the end of this one; the next sync makes it durable.
   * Never rejects: while the disk takes nothing, lines wait (up to 4 MB) and go out first after it.
   */
  append(line: string): Promise<void>
  /** Entries of this writer that are on disk. */
  readonly durable: number
  /** Lines that were given up. */
  readonly dropped: number
  /** Whether the disk takes nothing at the moment. */
  readonly failing: boolean
  /** Ends the chain; calls still open get an outcome `unknown`. Rejects when the disk does not take it. */
  close(): Promise<void>
}

/**
 * Repairs what dead writers of this node left, then begins a new chain.
 * Rejects with GatewayError('journal_unavailable') when the folder cannot be written.
 */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  if (!/^[A-Za-z0-9.-]{1,40}$/.test(options.node))
    throw new GatewayError('internal', { detail: `not a node name: ${options.node}` })
  try {
    return await begin(options)
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause)
    throw new GatewayError('journal_unavailable', { detail, cause })
  }
}

async function begin(options: JournalOptions): Promise<Journal> {
  const { dir, node, mode, onFault, now = Date.now } = options
  const writer = `${node}_${now().toString(36)}${randomBytes(4).toString('hex')}`
  const folder = join(dir, writer)
  const open = new Set<string>()
  let chain: Chain | undefined
  await changeManifest(dir, async (manifest) => {
    await removeUnborn(dir, node, manifest)
    const nodes = [node, ...(options.formerNodes ?? [])]
    const repaired = await repairWriters({ dir, nodes, onFault, now }, manifest)
    await mkdir(folder, { mode: 0o700 })
    await writeDurably(join(folder, 'lock'), lockText())
    const { segmentBytesMax, files = systemFiles } = options
    chain = new Chain({ folder, writer, node, segmentBytesMax, files, now, open })
    await new Promise<void>((done, failed) => {
      chain?.sync((error) => (error === null ? done() : failed(error)))
    })
    await syncFolder(dir)
    const { segment, group, sequence, hash } = chain.mark
    const head = { segment, group, sequence, hash }
    const record = { node, state: 'open', head, cut: beginning } as const
    const fresh = { ...record, repaired: false, closedAt: undefined }
    return { ...repaired, writers: { ...repaired.writers, [writer]: fresh } }
  })
  if (chain === undefined) throw new Error('the chain did not begin')
  const bytesFreeMin = options.bytesFreeMin ?? 16 * 1024 * 1024
  let noted = Promise.resolve()
  const onBegun = (head: ChainPoint): void => {
    noted = noted
      .then(() => changeManifest(dir, (manifest) => withWriter(manifest, writer, { head })))
      .catch(onFault)
  }
  const onEnded = async (head: ChainPoint | undefined): Promise<void> => {
    await noted
    const ended = { head, state: 'closed', closedAt: now() } as const
    if (head !== undefined)
      await changeManifest(dir, (manifest) => withWriter(manifest, writer, { ...ended, head }))
    await rm(join(folder, 'lock'), { force: true })
  }
  const shared = { writer, mode, onFault, now, folder, bytesFreeMin, chain, open }
  return new JournalWriter({ ...shared, onBegun, onEnded })
}

/** A start that died before the manifest knew its writer left a folder without entries. */
async function removeUnborn(dir: string, node: string, manifest: Manifest): Promise<void> {
  for (const name of await readdir(dir)) {
    if (!name.startsWith(`${node}_`) || manifest.writers[name] !== undefined) continue
    const folder = join(dir, name)
    if (!(await isLocked(join(folder, 'lock'))) && !(await hasEntries(folder)))
      await rm(folder, { recursive: true })
  }
}
