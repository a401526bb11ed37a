import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { basename } from 'node:path/win32'
import { GatewayError } from '../model/refusal.ts'
import { type Channel, type ChannelLimits, ProcessChannel } from './channel.ts'
import { windowsInvocation } from './command.ts'
import { markerName, type ProcessId, startTimeOf } from './family.ts'
import { Guardian } from './guardian.ts'
import { endLeftovers, Roster } from './roster.ts'
import { StderrLog, secretsOf } from './stderr.ts'

/** A process to start. */
export interface ProcessSpec {
  /** The server's name, for logs and records. */
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  /** The complete environment, resolved. Its values are taken for secrets, except plain ones such as PATH. */
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string | undefined
  /** Further values that its stderr must not show, such as secrets among the arguments. */
  readonly secrets?: readonly string[]
}

/** What happens to processes; arguments and environments never appear in it. */
export type ProcessEvent =
  | {
      readonly kind: 'started'
      readonly server: string
      readonly pid: number
      readonly command: string
      readonly argumentCount: number
    }
  | {
      readonly kind: 'stderr'
      readonly server: string
      readonly pid: number
      readonly line: string
    }
  | {
      readonly kind: 'stderr_dropped'
      readonly server: string
      readonly pid: number
      readonly lines: number
    }
  | {
      readonly kind: 'ended'
      readonly server: string
      readonly pid: number
      readonly reason: string
    }
  /** Some descendant could not be ended. */
  | { readonly kind: 'stuck'; readonly server: string; readonly pid: number }
  /** What earlier runs of a gateway had left behind was ended. */
  | { readonly kind: 'leftovers_ended'; readonly runs: number }
  /** For a moment nothing watches over the children. */
  | { readonly kind: 'guardian_lost'; readonly detail: string }

export interface ProcessManagerOptions extends Partial<ChannelLimits> {
  readonly dataDir: string
  readonly processesMax: number
  readonly log: (event: ProcessEvent) => void
  readonly stderrLinesPerSecondMax?: number
}

export interface ProcessManager {
  /** Starts a process. Throws `server_busy` at the cap, `server_unavailable` when it does not start. */
  start(spec: ProcessSpec): Promise<Channel>
  /** Processes that are starting, running or not yet gone with all their descendants. */
  readonly count: number
  /** Ends every process and everything that they started. */
  close(): Promise<void>
}

/** A process that ends this soon has failed to start. */
const earlyEndMs = 25

/** Makes a manager, after it has ended what an earlier gateway with this data folder left behind. */
export async function createProcessManager(
  options: ProcessManagerOptions,
): Promise<ProcessManager> {
  const folder = join(options.dataDir, 'children')
  const runs = await endLeftovers(folder)
  if (runs > 0) options.log({ kind: 'leftovers_ended', runs })
  return new Processes(options, folder, randomBytes(16).toString('hex'))
}

class Processes implements ProcessManager {
  readonly #options: ProcessManagerOptions
  readonly #limits: ChannelLimits
  readonly #boot: string
  readonly #roster: Roster
  readonly #guardian: Guardian | undefined
  readonly #channels = new Set<ProcessChannel>()
  readonly #starting = new Set<Promise<Channel>>()
  #count = 0
  #started = 0
  #closing: Promise<void> | undefined

  constructor(options: ProcessManagerOptions, folder: string, boot: string) {
    this.#options = options
    this.#limits = {
      messageBytesMax: options.messageBytesMax ?? 64 * 1024 * 1024,
      pendingBytesMax: options.pendingBytesMax ?? 8 * 1024 * 1024,
      graceMs: options.graceMs ?? 2000,
    }
    this.#boot = boot
    this.#roster = new Roster(folder, boot)
    // Windows ends the children itself when the gateway has gone: they share its job object.
    if (process.platform === 'win32') return
    this.#guardian = new Guardian(boot, (detail) => options.log({ kind: 'guardian_lost', detail }))
    this.#guardian.start()
  }

  get count(): number {
    return this.#count
  }

  start(spec: ProcessSpec): Promise<Channel> {
    if (this.#closing !== undefined) return Promise.reject(new GatewayError('shutting_down'))
    if (this.#count >= this.#options.processesMax) {
      const detail = `${this.#count} processes are running, the most that are allowed`
      return Promise.reject(new GatewayError('server_busy', { detail }))
    }
    this.#count++
    const starting = this.#launch(spec)
    this.#starting.add(starting)
    const settled = () => this.#starting.delete(starting)
    starting.then(settled, settled)
    return starting
  }

  close(): Promise<void> {
    this.#closing ??= this.#shut()
    return this.#closing
  }

  async #shut(): Promise<void> {
    await Promise.allSettled([...this.#channels].map((channel) => channel.close()))
    await Promise.allSettled(this.#starting)
    await this.#guardian?.close()
    this.#roster.close()
  }

  async #launch(spec: ProcessSpec): Promise<Channel> {
    const marker = `${markerName}=${this.#boot}.${++this.#started}`
    const channel = await this.#spawn(spec, marker).catch((error: unknown) => {
      this.#count--
      throw error
    })
    const ended = await channel.exitsWithin(earlyEndMs)
    if (this.#closing !== undefined) {
      await channel.close()
      throw new GatewayError('shutting_down')
    }
    if (ended) {
      void channel.close()
      const reason = await channel.ended
      throw unavailable(spec, reason, channel.isProgramMissing)
    }
    return channel
  }

  async #spawn(spec: ProcessSpec, marker: string): Promise<ProcessChannel> {
    const child = spawnOrCode(spec, marker)
    if (typeof child === 'string') throw unavailable(spec, child, child === missing)
    if (child.pid === undefined) {
      // Its spawnargs hold the arguments, so the error itself must not travel on.
      const [error]: unknown[] = await once(child, 'error')
      const code = codeOf(error)
      throw unavailable(spec, startFailure(spec, code), code === missing)
    }
    const leader = { pid: child.pid, startTime: startTimeOf(child.pid) }
    this.#guardian?.add(leader)
    this.#roster.add(leader)
    return this.#adopt(spec, child, leader, marker)
  }

  #adopt(
    spec: ProcessSpec,
    child: ChildProcessWithoutNullStreams,
    leader: ProcessId,
    marker: string,
  ): ProcessChannel {
    const { log, stderrLinesPerSecondMax = 200 } = this.#options
    const origin = { server: spec.name, pid: leader.pid }
    const stderr = new StderrLog({
      secrets: secretsOf(spec),
      linesPerSecondMax: stderrLinesPerSecondMax,
      onLine: (line) => log({ kind: 'stderr', ...origin, line }),
      onDropped: (lines) => log({ kind: 'stderr_dropped', ...origin, lines }),
    })
    const channel = new ProcessChannel({ child, leader, marker, stderr, limits: this.#limits })
    this.#channels.add(channel)
    const command = basename(spec.command)
    log({ kind: 'started', ...origin, command, argumentCount: spec.args.length })
    void channel.ended.then((reason) => log({ kind: 'ended', ...origin, reason }))
    void channel.gone.then((gone) => {
      // What could not be ended stays counted and stays the guardian's.
      if (!gone) return log({ kind: 'stuck', ...origin })
      this.#channels.delete(channel)
      this.#guardian?.remove(leader)
      this.#roster.remove(leader)
      this.#count--
    })
    return channel
  }
}

function spawnOrCode(spec: ProcessSpec, marker: string): ChildProcessWithoutNullStreams | string {
  const windows = process.platform === 'win32'
  const plain = { file: spec.command, args: spec.args, verbatim: false }
  const { file, args, verbatim } = windows ? windowsInvocation(spec) : plain
  const [name, value] = marker.split('=')
  try {
    return spawn(file, args, {
      cwd: spec.cwd,
      env: { ...spec.env, [name ?? markerName]: value },
      detached: !windows,
      windowsHide: true,
      windowsVerbatimArguments: verbatim,
    })
  } catch (error) {
    return codeOf(error)
  }
}

const missing = 'ENOENT'

function unavailable(spec: ProcessSpec, why: string, isMissing: boolean): GatewayError {
  const detail = `${spec.name}: ${basename(spec.command)} did not start: ${why}`
  const reason = isMissing ? 'program-missing' : undefined
  return new GatewayError('server_unavailable', { detail, reason })
}

/** The system says ENOENT of the command also when it is the folder that is missing. */
function startFailure(spec: ProcessSpec, code: string): string {
  const missing = spec.cwd !== undefined && !isFolder(spec.cwd)
  return missing ? `${code}, its working directory is missing` : code
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}

function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : 'unknown reason'
}
