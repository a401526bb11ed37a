/** A postmaster as the operating system shows it: its lock file, its process and its end. */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { codeOf } from './failure.ts'

const run = promisify(execFile)

/** The lines of `postmaster.pid` that we need. */
export interface Postmaster {
  readonly pid: number
  readonly port: number
  /** Empty on Windows. */
  readonly socketFolder: string
  readonly status: string
}

/** Reads the lock file of a cluster; undefined: there is none, or it is still being written. */
export async function readPostmaster(cluster: string): Promise<Postmaster | undefined> {
  const text = await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => '')
  const [pid, , , port, socketFolder, , , status] = text.split('\n')
  if (!Number(pid) || !Number(port) || status === undefined) return undefined
  return {
    pid: Math.abs(Number(pid)),
    port: Number(port),
    socketFolder: socketFolder ?? '',
    status: status.trim(),
  }
}

/** Is there a process of this id that we may signal? */
export function lives(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) === 'EPERM'
  }
}

/** Does this process serve this cluster? Ids are used again, after a restart of a container above all. */
export async function serves(pid: number, cluster: string): Promise<boolean> {
  if (!lives(pid)) return false
  if (process.platform === 'win32') return true
  const command =
    process.platform === 'linux'
      ? await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
      : (
          await run('ps', ['-ww', '-o', 'command=', '-p', String(pid)]).catch(() => ({
            stdout: '',
          }))
        ).stdout
  return command.includes(cluster)
}

/** Does somebody accept connections on the postmaster's socket? */
export function accepts(postmaster: Postmaster): Promise<boolean> {
  const { port, socketFolder } = postmaster
  const socket =
    socketFolder === ''
      ? connect({ host: '127.0.0.1', port })
      : connect({ path: join(socketFolder, `.s.PGSQL.${port}`) })
  return new Promise((resolve) => {
    const end = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => end(true))
    socket.once('error', () => end(false))
    socket.setTimeout(2_000, () => end(false))
  })
}

/** Waits until a postmaster says that it is ready. Undefined: it ended, or took longer than `waitMs`. */
export async function untilReady(
  cluster: string,
  pid: number,
  ended: () => boolean,
  waitMs: number,
): Promise<Postmaster | undefined> {
  const deadline = performance.now() + waitMs
  while (!ended() && performance.now() < deadline) {
    const found = await readPostmaster(cluster)
    if (found?.pid === pid && found.status === 'ready') return found
    await sleep(10)
  }
  return undefined
}

/** Fast shutdown: running statements are cancelled, everything is written; after 6 s an immediate one. */
export async function stop(pid: number, cluster: string, bin: string): Promise<void> {
  if (process.platform === 'win32') {
    await run(join(bin, 'pg_ctl'), ['stop', '-D', cluster, '-m', 'fast', '-w', '-t', '30'])
    return
  }
  for (const [signal, waitMs] of endings) {
    if (!(await serves(pid, cluster))) return
    process.kill(pid, signal)
    if (await untilGone(pid, waitMs)) return
  }
}

/** In order, at once, and at last without asking: what was committed is on disk, and the next start recovers it. */
const endings = [
  ['SIGINT', 6_000],
  ['SIGQUIT', 1_000],
  ['SIGKILL', 1_000],
] as const

/** Waits until a process is gone; false: it is still there after `waitMs`. */
export async function untilGone(pid: number, waitMs: number): Promise<boolean> {
  const deadline = performance.now() + waitMs
  while (lives(pid)) {
    if (performance.now() > deadline) return false
    await sleep(10)
  }
  return true
}
