/** Reads CPU time and memory of processes from /proc. */
import { readdirSync, readFileSync } from 'node:fs'

/** USER_HZ is 100 on every Linux that Node runs on. */
const microsPerTick = 10_000

function stat(pid: number): readonly string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}

/** User and system time of a process with all its threads, in microseconds. */
export function cpuUs(pid: number): number {
  const fields = stat(pid)
  return fields === undefined ? 0 : (Number(fields[11]) + Number(fields[12])) * microsPerTick
}

/** Every process below `pid`. */
export function descendants(pid: number): number[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const fields = stat(Number(name))
    if (fields !== undefined) parents.set(Number(name), Number(fields[1]))
  }
  const found = new Set<number>([pid])
  for (let grown = true; grown; ) {
    grown = false
    for (const [child, parent] of parents) {
      if (found.has(child) || !found.has(parent)) continue
      found.add(child)
      grown = true
    }
  }
  found.delete(pid)
  return [...found]
}

/** Resident kilobytes of a process. */
export function residentKb(pid: number): number {
  return statusKb(pid, 'VmRSS')
}

/** The most that a process ever had resident, in kilobytes. */
export function peakKb(pid: number): number {
  return statusKb(pid, 'VmHWM')
}

function statusKb(pid: number, field: string): number {
  const match = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(
    readFileSync(`/proc/${pid}/status`, 'latin1'),
  )
  return Number(match?.[1] ?? 0)
}

/** Busy microseconds of all cores so far. */
export function machineBusyUs(): number {
  const fields = (readFileSync('/proc/stat', 'latin1').split('\n')[0] ?? '')
    .split(/\s+/)
    .slice(1)
    .map(Number)
  const idle = (fields[3] ?? 0) + (fields[4] ?? 0)
  const total = fields.slice(0, 8).reduce((sum, value) => sum + value, 0)
  return (total - idle) * microsPerTick
}
