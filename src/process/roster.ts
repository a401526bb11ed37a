import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readStateFileSync } from '../kit/state-file.ts'
import { endFamily, markerName, type ProcessId, startTimeOf } from './family.ts'

/**
 * The list of our children on disk, one file per run of a gateway: what a next start ends when
 * gateway and guardian have both been killed.
 */
interface Entry {
  /** Which start of the machine this was; process ids of another one say nothing. */
  readonly machine: string
  readonly gateway: ProcessId
  readonly children: readonly ProcessId[]
}

export class Roster {
  readonly #file: string
  readonly #children = new Map<number, ProcessId>()

  /** Throws when the folder cannot be written: a child that is recorded nowhere must not start. */
  constructor(folder: string, boot: string) {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    this.#file = join(folder, boot)
    this.#write()
  }

  add(child: ProcessId): void {
    this.#children.set(child.pid, child)
    this.#tryWrite()
  }

  remove(child: ProcessId): void {
    this.#children.delete(child.pid)
    this.#tryWrite()
  }

  /** Takes the file away when every child has ended. */
  close(): void {
    if (this.#children.size === 0) rmSync(this.#file, { force: true })
  }

  #tryWrite(): void {
    try {
      this.#write()
    } catch {
      // A full disk: the file says a little less, marker and guardian still find every child.
    }
  }

  #write(): void {
    const gateway = { pid: process.pid, startTime: startTimeOf(process.pid) }
    const entry: Entry = {
      machine: machineStart(),
      gateway,
      children: [...this.#children.values()],
    }
    writeFileSync(`${this.#file}.new`, JSON.stringify(entry), { mode: 0o600 })
    renameSync(`${this.#file}.new`, this.#file)
  }
}

/** Ends what earlier gateways have left behind; returns how many of their runs that concerned. */
export async function endLeftovers(folder: string): Promise<number> {
  let runs = 0
  for (const boot of listRuns(folder)) {
    const entry = readEntry(join(folder, boot))
    if (entry !== undefined && isAlive(entry.gateway)) continue
    if (entry === undefined || (await endRun(entry, boot))) {
      rmSync(join(folder, boot), { force: true })
      rmSync(join(folder, `${boot}.new`), { force: true })
    }
    runs++
  }
  return runs
}

function endRun(entry: Entry, boot: string): Promise<boolean> {
  // A group whose leader is gone may be somebody else's by now; the marker finds its members.
  const groups = entry.machine === machineStart() ? entry.children.filter(isAlive) : []
  return endFamily({ groups, marker: `${markerName}=${boot}.` }, 0)
}

function isAlive({ pid, startTime }: ProcessId): boolean {
  return startTime !== undefined && startTimeOf(pid) === startTime
}

function listRuns(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => /^[0-9a-f]{32}$/.test(name))
  } catch {
    return []
  }
}

function readEntry(file: string): Entry | undefined {
  try {
    const read: unknown = JSON.parse(readStateFileSync(file))
    return isEntry(read) ? read : undefined
  } catch {
    return undefined
  }
}

function isEntry(value: unknown): value is Entry {
  if (typeof value !== 'object' || value === null) return false
  if (!('machine' in value && 'gateway' in value && 'children' in value)) return false
  const { machine, gateway, children } = value
  if (typeof machine !== 'string' || !isProcessId(gateway)) return false
  return Array.isArray(children) && children.every((child) => isProcessId(child) && child.pid > 1)
}

function isProcessId(value: unknown): value is ProcessId {
  if (typeof value !== 'object' || value === null || !('pid' in value)) return false
  return typeof value.pid === 'number' && value.pid > 0
}

function machineStart(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return ''
  }
}
