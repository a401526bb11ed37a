// Child processes with a bounded life, a bounded output, and no descendants left behind.
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { connect, createServer } from 'node:net'

const OUTPUT_CHARS_MAX = 8_000_000
const KILL_MS = 5000

export interface Finished {
  readonly code: number | null
  readonly timedOut: boolean
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  readonly timeoutMs: number
  readonly stdin?: string
  /** Where stdout goes instead of into the result. */
  readonly stdoutFile?: string
}

/** The variables that a program needs to start at all; nothing else of ours reaches it. */
export function baseEnvironment(): Record<string, string> {
  // biome-ignore lint/style/noProcessEnv: the one place where a run reads its environment
  const { PATH, TMPDIR, SystemRoot } = process.env
  return {
    ...(PATH === undefined ? {} : { PATH }),
    ...(TMPDIR === undefined ? {} : { TMPDIR }),
    ...(SystemRoot === undefined ? {} : { SystemRoot }),
  }
}

/** Starts a program on this Node, as the leader of its own process group. */
export function start(
  args: readonly string[],
  options: Pick<RunOptions, 'env' | 'cwd' | 'stdoutFile'>,
): ChildProcess {
  const stdout = options.stdoutFile === undefined ? undefined : openSync(options.stdoutFile, 'w')
  try {
    return spawn(process.execPath, [...args], {
      cwd: options.cwd,
      env: { ...baseEnvironment(), ...options.env },
      stdio: ['pipe', stdout ?? 'pipe', 'pipe'],
      detached: process.platform !== 'win32',
    })
  } finally {
    if (stdout !== undefined) closeSync(stdout)
  }
}

function signal(child: ChildProcess, name: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    if (process.platform === 'win32') child.kill(name)
    else process.kill(-child.pid, name)
  } catch {
    // The group has ended already.
  }
}

/** SIGTERM to the process group, SIGKILL to what is left of it. */
export async function stop(child: ChildProcess, graceMs = KILL_MS): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    child.kill('SIGTERM')
    const timer = setTimeout(() => signal(child, 'SIGKILL'), graceMs)
    await ended
    clearTimeout(timer)
  }
  signal(child, 'SIGKILL')
}

/** Runs a program to its end, or to the end of its time. */
export async function run(args: readonly string[], options: RunOptions): Promise<Finished> {
  const child = start(args, options)
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      if (output[name].length < OUTPUT_CHARS_MAX) output[name] += text
    })
  }
  child.stdin?.on('error', () => undefined)
  child.stdin?.end(options.stdin ?? '')
  let timedOut = false
  const timer = setTimeout(() => {
    timedOut = true
    signal(child, 'SIGKILL')
  }, options.timeoutMs)
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (status) => resolve(status))
  })
  clearTimeout(timer)
  signal(child, 'SIGKILL')
  return { code, timedOut, ...output }
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise<void>((resolve) => server.close(() => resolve()))
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}

/** Waits until something listens on a local port. */
export async function listening(port: number, timeoutMs: number): Promise<void> {
  const end = Date.now() + timeoutMs
  while (!(await answers(port))) {
    if (Date.now() > end) throw new Error(`nothing listens on port ${port} after ${timeoutMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: 'localhost' })
    const done = (open: boolean) => {
      socket.destroy()
      resolve(open)
    }
    socket.once('connect', () => done(true)).once('error', () => done(false))
  })
}
