/** Desired state as it changes: compiled, swapped in, and what ran by what is not so any more ended. */
import type { Listing } from '../catalog/catalog.ts'
import type { Actor, UnderRecord } from '../model/change.ts'
import type {
  DesiredState,
  InForce,
  Issue,
  KeyRow,
  ServerSpec,
  StoredState,
} from '../model/desired-state.ts'
import { keyId } from '../model/principal.ts'
import { GatewayError } from '../model/refusal.ts'
import type { DeclaredMemory } from '../store/declared-memory.ts'
import type { Revocations } from '../store/revocations.ts'
import { withListings } from './compile.ts'
import { type Configuration, ConfigurationError, type DeclaredFile } from './configuration.ts'
import type { SnapshotCell } from './swap.ts'
import { withoutKeys } from './without-keys.ts'

/** What runs by the Snapshot. */
export interface Running {
  /** What servers listed so far. */
  listings(): readonly Listing[]
  /** Opens, keeps and closes servers. `secrets`: what references in them were replaced by. */
  use(
    servers: Readonly<Record<string, ServerSpec>>,
    secrets: ReadonlyMap<string, readonly string[]>,
  ): void
  /** Who listens must ask again what he may hear of. */
  endSubscriptions(): void
  /** Ends what runs, is held open or is kept at servers for these principals. */
  endOf(gone: (principalId: string) => boolean): void
  /** Records that another configuration is in force. */
  note(detail: string): void
}

export interface ApplierOptions {
  readonly configuration: Configuration
  readonly cell: SnapshotCell
  readonly revocations: Revocations
  readonly memory: DeclaredMemory
  readonly underRecord: UnderRecord
  /** A command beside no gateway may run in a folder with another file, or without one: it records none of its changes. */
  readonly passive: boolean
  readonly log: {
    info(text: string): void
    warn(facts: object, text: string): void
    error(facts: object, text: string): void
  }
}

const expiryMs = 15_000
/** After so long a changed file is tried again that could not be recorded. */
const reloadAgainMs = 5_000

/** Whoever may write the declared file. */
const fileActor: Actor = { label: 'file', id: 'file', via: 'file', uid: undefined }

export class Applier {
  readonly #options: ApplierOptions
  readonly #configuration: Configuration
  readonly #cell: SnapshotCell
  readonly #running: Running
  #expiry: NodeJS.Timeout | undefined
  #reloading: Promise<unknown> = Promise.resolve()
  #reloadAgain: NodeJS.Timeout | undefined

  constructor(options: ApplierOptions, running: Running) {
    this.#options = options
    this.#configuration = options.configuration
    this.#cell = options.cell
    this.#running = running
  }

  /** Compiles and swaps, unless it cannot be used: the running Snapshot stays then. */
  apply(): InForce {
    const applied = this.#configuration.compile(this.#running.listings(), this.#cell.current)
    if (!applied.ok) {
      this.#dropRevoked()
      return { inForce: false, issues: applied.issues }
    }
    const before = rulesOf(this.#cell.current.state)
    const changed = applied.snapshot.digest !== this.#cell.current.digest
    this.#running.use(applied.servers, applied.secrets)
    this.#cell.swap(withListings(applied.snapshot, this.#running.listings()))
    if (changed) {
      const { version } = this.#configuration.stored
      const digest = applied.snapshot.digest.slice(0, 16)
      this.#running.note(`state ${digest}, stored version ${version}`)
    }
    if (changed && before !== rulesOf(applied.snapshot.state)) this.#running.endSubscriptions()
    this.#endInvalid()
    return { inForce: true, issues: applied.leftOut }
  }

  /**
   * Ends what is kept for principals whose key was revoked or has expired: what they run and hold open here, and what
   * servers hold for them. What was sealed for them opens for nobody else. Comes again when the next key expires, and
   * now and then, for what was still being opened.
   */
  #endInvalid(): void {
    clearTimeout(this.#expiry)
    const { identities } = this.#cell.current
    const now = Date.now()
    let nextMs = expiryMs
    for (const { expiresAt } of identities.principals())
      if (expiresAt !== undefined && expiresAt > now) nextMs = Math.min(nextMs, expiresAt - now)
    this.#running.endOf((id) => !identities.isStillValid({ id }, now))
    this.#expiry = setTimeout(() => this.#endInvalid(), nextMs)
    this.#expiry.unref()
  }

  /**
   * Uses what the declared file says, once what changed in it is recorded.
   * @throws ConfigurationError when it cannot be used; what was used before stays then
   */
  async useFile(file: DeclaredFile): Promise<void> {
    const trial = this.#configuration.compile(this.#running.listings(), this.#cell.current, file)
    if (!trial.ok) throw new ConfigurationError(trial.issues)
    // A command beside no gateway may run in a folder with another file, or without one.
    const changes = this.#options.passive ? [] : this.#options.memory.changesTo(file.given)
    await this.#options.underRecord(fileActor, changes, async () => {
      const before = this.#configuration.use(file)
      const { inForce, issues } = this.apply()
      if (inForce) return
      this.#configuration.use(before)
      throw new ConfigurationError(issues)
    })
    if (changes.length === 0) return
    await this.#options.memory
      .keep(file.given)
      .catch((fault: unknown) =>
        this.#options.log.warn({ err: fault }, 'the next start records these changes once more'),
      )
  }

  /** Reads the declared file again, after those that are being read. */
  reload(): void {
    this.#reloading = this.#reloading
      .then(() => this.#reloadOnce())
      .catch((fault: unknown) =>
        this.#options.log.error({ err: fault }, 'the changed configuration could not be read'),
      )
  }

  async #reloadOnce(): Promise<void> {
    clearTimeout(this.#reloadAgain)
    const { log } = this.#options
    try {
      const file = await this.#configuration.readFile()
      if (!file.ok) throw new ConfigurationError(file.issues)
      await this.useFile(file)
      log.info('configuration reloaded')
    } catch (fault) {
      const issues = issuesOf(fault)
      this.#configuration.refuseFile(issues)
      log.warn({ issues }, 'the changed configuration is not used; the running one stays')
      if (fault instanceof ConfigurationError) return
      this.#reloadAgain = setTimeout(() => this.reload(), reloadAgainMs).unref()
    }
  }

  /** Takes stored state that came from the database or from the last good copy. */
  useStored(stored: StoredState): InForce {
    // Two loads may come back in another order than they were asked.
    if (stored.version < this.#configuration.stored.version) return { inForce: true, issues: [] }
    this.#configuration.stored = stored
    return this.apply()
  }

  /** What is stored of a key, as far as this node knows. Undefined: none of that name is valid. */
  validKey(name: string, at: number): KeyRow | undefined {
    return this.#configuration.stored.keys.find(
      (key) =>
        key.name === name &&
        key.revokedAt === undefined &&
        (key.expiresAt === undefined || key.expiresAt > at),
    )
  }

  /**
   * Refuses a key from now on, in memory and on disk, whatever becomes of the database. False: no key of that name is
   * valid here. What the disk does not take is tried again; `revocations.fault` says so.
   */
  async revoke(name: string, at: number): Promise<boolean> {
    const row = this.validKey(name, at)
    if (row === undefined) return false
    const kept = this.#options.revocations.add(row, at)
    this.#dropRevoked()
    await kept
    return true
  }

  /** Takes keys out of the running Snapshot that are valid no more, also when what is stored does not compile. */
  #dropRevoked(): void {
    const valid = this.#configuration
      .keys()
      .flatMap((row) => (row.revokedAt === undefined ? keyId(row) : []))
    const left = withoutKeys(this.#cell.current, new Set(valid))
    if (left === undefined) return
    this.#cell.swap(left.snapshot)
    this.#running.note(`revoked ${left.gone.join(', ')}`)
    this.#endInvalid()
  }

  /** Begins nothing new; resolves when a file that is being read was used. */
  async close(): Promise<void> {
    clearTimeout(this.#expiry)
    await this.#reloading
    clearTimeout(this.#reloadAgain)
  }
}

/** What decides who may hear of what. */
function rulesOf(state: DesiredState): string {
  return JSON.stringify([state.roles, state.access, state.toolsets])
}

/** What is wrong with the declared file, or keeps it from being used. */
function issuesOf(fault: unknown): readonly Issue[] {
  if (fault instanceof ConfigurationError) return fault.issues
  if (!(fault instanceof GatewayError)) throw fault
  const message = `what changed in the file cannot be recorded, so it is not used: ${fault.message}`
  return [{ path: '', message, file: undefined, line: undefined, column: undefined }]
}
