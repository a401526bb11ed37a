import { spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

/**
 * A child process and everything that it started: found by process group and, on Linux, also by
 * a marker variable in the environment, which descendants that left the group still carry.
 */
export const markerName = 'SALLYPORT_CHILD'

/** A process that cannot be mistaken for a later one with the same id. */
export interface ProcessId {
  readonly pid: number
  /** When it started, in the system's own words; undefined when the system does not say. */
  readonly startTime: string | undefined
}

export interface Family {
  /** The leaders of the process groups. They may be gone already. */
  readonly groups: readonly ProcessId[]
  /** `NAME=value` as it stands in the environment of the members, or a start of that. */
  readonly marker: string
}

const linux = process.platform === 'linux'
const windows = process.platform === 'win32'
const pollMs = 20
const killMsMax = 5000

/** The fields of /proc/PID/stat from the third, the state, on. The second may hold spaces and brackets. */
function statFields(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

/** When a process started, or undefined when there is none with this id or the system does not say. */
export function startTimeOf(pid: number): string | undefined {
  if (windows) return undefined
  if (linux) {
    try {
      return statFields(readFileSync(`/proc/${pid}/stat`, 'latin1'))[19]
    } catch {
      return undefined
    }
  }
  const env = { PATH: '/bin:/usr/bin', LC_ALL: 'C', TZ: 'UTC' }
  const ps = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { env, encoding: 'utf8' })
  return ps.stdout?.trim() || undefined
}

/** Sends a signal; false when there is nothing (left) that we may send it to. Negative: a group. */
function signalOne(target: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(target, signal)
  } catch {
    return false
  }
}

/** Signals the whole group of a leader that is known to be alive. Windows: its process tree (untested). */
export function signalGroup(leader: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  if (!windows) {
    signalOne(-leader, signal)
    return
  }
  const force = signal === 'SIGKILL' ? ['/F'] : []
  spawn('taskkill', ['/PID', String(leader), '/T', ...force], {
    stdio: 'ignore',
    windowsHide: true,
  })
    .once('error', () => signalOne(leader, signal))
    .unref()
}

/** What must be signalled to reach every living member: process ids, and negative group ids. */
async function membersOf(family: Family): Promise<number[]> {
  if (windows) return []
  const names = linux ? await readdir('/proc').catch(() => []) : []
  if (names.length === 0) {
    return family.groups.map(({ pid }) => -pid).filter((group) => signalOne(group, 0))
  }
  const startTimes = new Map(family.groups.map(({ pid, startTime }) => [pid, startTime]))
  const found = new Set<number>()
  for (const name of names) {
    const pid = Number(name)
    if (!Number.isInteger(pid) || pid === process.pid) continue
    const stat = await readFile(`/proc/${name}/stat`, 'latin1').catch(() => '')
    const fields = statFields(stat)
    // A zombie cannot be ended, only its parent can take it away.
    if (stat === '' || fields[0] === 'Z' || fields[0] === 'X') continue
    const group = Number(fields[2])
    if (startTimes.has(pid) && startTimes.get(pid) !== fields[19]) {
      // The id of a leader now belongs to somebody else, and so does the group.
      startTimes.delete(pid)
      found.delete(-pid)
    }
    if (startTimes.has(group)) found.add(-group)
    else if (await isMarked(name, family.marker)) found.add(pid)
  }
  return [...found]
}

async function isMarked(name: string, marker: string): Promise<boolean> {
  const environ = await readFile(`/proc/${name}/environ`, 'latin1').catch(() => '')
  return `\0${environ}`.includes(`\0${marker}`)
}

/**
 * Ends every member: SIGTERM, `graceMs` to follow it, then SIGKILL until none is left.
 * False when some still live after a bounded time (a process that hangs in the kernel, another user's).
 */
export async function endFamily(family: Family, graceMs: number): Promise<boolean> {
  const startedMs = performance.now()
  const passedMs = () => performance.now() - startedMs
  let members = await membersOf(family)
  if (graceMs > 0) for (const member of members) signalOne(member, 'SIGTERM')
  while (members.length > 0 && passedMs() < graceMs + killMsMax) {
    if (passedMs() >= graceMs) for (const member of members) signalOne(member, 'SIGKILL')
    await delay(pollMs)
    members = await membersOf(family)
  }
  return members.length === 0
}
