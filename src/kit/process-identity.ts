import { readFileSync } from 'node:fs'

/** One process for good: the number alone may be given to another process later. */
export interface ProcessIdentity {
  readonly pid: number
  /** Boot id and start tick on Linux; empty where the system does not tell. */
  readonly start: string
}

/**
 * The identity of a running process, or undefined when there is none (a zombie counts as none).
 * Source: proc(5), /proc/pid/stat fields 3 (state) and 22 (starttime).
 */
export function identityOf(pid: number): ProcessIdentity | undefined {
  if (process.platform !== 'linux') return signalable(pid) ? { pid, start: '' } : undefined
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? undefined : { pid, start: `${boot}:${fields[19] ?? ''}` }
  } catch {
    return undefined
  }
}

/** Whether exactly this process still runs. */
export function isAlive(identity: ProcessIdentity): boolean {
  return identityOf(identity.pid)?.start === identity.start
}

function signalable(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
