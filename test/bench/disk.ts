/** How fast the disk below the journal makes 400 bytes durable. */
import { closeSync, fdatasyncSync, openSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'

export interface DiskTimes {
  readonly p50Ms: number
  readonly p99Ms: number
}

export function fdatasyncTimes(folder: string, count: number): number[] {
  const path = join(folder, 'fdatasync-probe')
  const fd = openSync(path, 'w')
  const line = Buffer.alloc(400, 'x')
  const times = Array.from({ length: count }, () => {
    writeSync(fd, line)
    const began = performance.now()
    fdatasyncSync(fd)
    return performance.now() - began
  })
  closeSync(fd)
  unlinkSync(path)
  return times
}

export function diskTimes(times: readonly number[]): DiskTimes {
  const sorted = [...times].sort((a, b) => a - b)
  const at = (part: number): number => sorted[Math.floor(sorted.length * part)] ?? Number.NaN
  return { p50Ms: at(0.5), p99Ms: at(0.99) }
}
