import { closeSync, readdirSync, readFileSync } from 'node:fs'

const closeOnExec = 0o2_000_000

/**
 * Closes what whoever started this process left open in it, beside 0 to 2: it would reach every child process. What node
 * opens is closed in children by itself (O_CLOEXEC, which nothing inherited can have). Descriptors that the command line
 * names (`/dev/fd/63`) stay. On Linux; elsewhere nothing tells the two apart.
 */
export function closeInherited(commandLine: readonly string[]): void {
  const named = commandLine.flatMap((word) =>
    [...word.matchAll(/\/fd\/(\d+)/g)].map(([, fd]) => fd),
  )
  for (const fd of descriptors()) {
    if (Number(fd) <= 2 || named.includes(fd)) continue
    try {
      const flags = /^flags:\s*([0-7]+)$/m.exec(
        readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'),
      )?.[1]
      if (flags !== undefined && (Number.parseInt(flags, 8) & closeOnExec) === 0)
        closeSync(Number(fd))
    } catch {
      // It was the one with which the list was read.
    }
  }
}

function descriptors(): readonly string[] {
  try {
    return readdirSync('/proc/self/fd')
  } catch {
    return []
  }
}
