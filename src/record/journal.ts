/**
 * The journal: a local, hash-chained, group-committed log of what agents did.
 * Lines of one turn of the event loop go out as one group in one write; one sync at a time makes
 * durable what was written before it. A call waits for the sync of its intent, never for its outcome's.
 * Folder: `<dir>/manifest.json`, `<dir>/<writer>/000001.journal` and so on, one writer a process start.
 * When the file that is being written is not at its place any more, nothing is taken until the next start.
 */

import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { syncFolder, writeDurably } from '../kit/durable-file.ts'
import { isLocked, lockText } from '../kit/file-lock.ts'
import type { Seals } from '../kit/key-ring.ts'
import { messageOf } from '../kit/thrown.ts'
import { GatewayError } from '../model/refusal.ts'
import { Chain } from './chain.ts'
import { type FilePort, systemFiles } from './file-port.ts'
import { Keeper } from './keeper.ts'
import type { LineWriter } from './line-writer.ts'
import { beginning, type Loss, type Manifest, withWriter } from './manifest.ts'
import { type Pruned, pruneJournal } from './prune.ts'
import { repairWriters } from './repair.ts'
import { type ChainPoint, pointOf } from './segment.ts'
import { type Verified, verifyJournal } from './verify.ts'
import { hasEntries } from './walk.ts'
import { JournalWriter } from './writer.ts'

export interface JournalOptions {
  /** Folder of the journal, on a local disk; made when it is not there. */
  readonly dir: string
  /** File of the anchor, outside of `dir`. */
  readonly anchorPath: string
  /** The key ring that proves what this gateway wrote. */
  readonly seals: Seals
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

export interface Journal extends LineWriter {
  /** What was found to be gone or changed, and is told for as long as it would have been kept. */
  losses(): readonly Loss[]
  /** Milliseconds that the clock went forward with nobody there, as far as retention still leaves them out. */
  jumpedMs(): number
  /** Where the journal stands, sealed, to be kept elsewhere. */
  anchor(): string
  /** Holds the journal, as this start found it, against an anchor that was kept at `place`. Resolves with what is missing, which is a loss then. */
  compare(box: string, place: string): Promise<string | undefined>
  /** Checks the whole folder against what this process knows of it. */
  verify(): Promise<Verified>
  /** Removes segments whose last entry is older than `before`, but not by a clock that jumped. */
  prune(before: number): Promise<Pruned>
  /** Seals the manifest anew, after the key ring was rotated. */
  reseal(): Promise<void>
}

const tickMs = 1_000

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
    const detail = messageOf(cause)
    throw new GatewayError('journal_unavailable', { detail, cause })
  }
}

async function begin(options: JournalOptions): Promise<Journal> {
  const { dir, anchorPath, seals, node, mode, onFault, now = Date.now } = options
  const writer = `${node}_${now().toString(36)}${randomBytes(4).toString('hex')}`
  const folder = join(dir, writer)
  const open = new Set<string>()
  const keeper = new Keeper({ dir, anchorPath, seals, now, onFault })
  let chain: Chain | undefined
  await keeper.begin(async (manifest) => {
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
    const head = pointOf(chain.mark)
    keeper.began(writer, head)
    const record = { node, state: 'open', head, cut: beginning } as const
    const fresh = { ...record, repaired: false, closedAt: undefined }
    return { ...repaired, writers: { ...repaired.writers, [writer]: fresh } }
  })
  if (chain === undefined) throw new Error('the chain did not begin')
  const bytesFreeMin = options.bytesFreeMin ?? 16 * 1024 * 1024
  let noted: Promise<unknown> = Promise.resolve()
  const onBegun = (head: ChainPoint): void => {
    noted = noted
      .then(() => keeper.change((manifest) => withWriter(manifest, writer, { head })))
      .catch(onFault)
  }
  const onEnded = async (head: ChainPoint | undefined): Promise<void> => {
    clearInterval(ticking)
    await noted
    const ended = { state: 'closed', closedAt: now() } as const
    if (head !== undefined) {
      await keeper.change((manifest) => withWriter(manifest, writer, { ...ended, head }))
      await keeper.end(head)
    }
    await rm(join(folder, 'lock'), { force: true })
  }
  const onReached = (head: ChainPoint): void => keeper.reached(head)
  const shared = { writer, mode, onFault, now, folder, bytesFreeMin, chain, open }
  const lines = new JournalWriter({ ...shared, onBegun, onReached, onEnded })
  const ticking = setInterval(() => {
    lines.state()
    noted = noted.then(() => keeper.tick()).catch(onFault)
  }, tickMs).unref()
  return provable(lines, keeper)
}

/** A writer of lines with all that proves them. */
function provable(lines: JournalWriter, keeper: Keeper): Journal {
  const { dir } = keeper.options
  return {
    writer: lines.writer,
    intent: (line) => lines.intent(line),
    append: (line) => lines.append(line),
    get durable() {
      return lines.durable
    },
    get dropped() {
      return lines.dropped
    },
    state: () => lines.state(),
    close: () => lines.close(),
    losses: () => keeper.manifest?.losses ?? [],
    jumpedMs: () => keeper.jumpedMs(),
    anchor: () => keeper.anchor(),
    compare: (box, place) => keeper.compare(box, place),
    verify: () => verifyJournal(dir, keeper.known(lines.state())),
    prune: (before) => pruneJournal(keeper, before),
    reseal: async () => {
      await keeper.change((manifest) => manifest)
    },
  }
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
