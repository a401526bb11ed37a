/** Starts the processes of a run, and ends exactly those. */
import { type ChildProcess, spawn } from 'node:child_process'
import { connect, createServer } from 'node:net'
import { createInterface } from 'node:readline'
import type { Job, Outcome } from './messages.ts'

export interface Running {
  readonly pid: number
  /** Everything that it has written so far (the last 20,000 characters). */
  output(): string
  /** Ends it and its children; what does not end by itself in `graceMs` is killed. */
  stop(graceMs?: number): Promise<void>
}

export interface StartOptions {
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Takes connections here when it is up. */
  readonly port?: number
  /** Says this when it is up. */
  readonly says?: RegExp
  readonly timeoutMs?: number
}

const started = new Set<ChildProcess>()

/** A port that is free now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}

export const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms))

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

function signal(child: ChildProcess, name: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    // It leads a group of its own, so its children end with it.
    process.kill(-child.pid, name)
  } catch {
    // It is gone already.
  }
}

async function end(child: ChildProcess, graceMs = 10_000): Promise<void> {
  started.delete(child)
  if (child.exitCode === null && child.signalCode === null) {
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    child.kill('SIGTERM')
    await Promise.race([gone, pause(graceMs)])
  }
  signal(child, 'SIGKILL')
}

/** Starts the running Node on a script and waits until it is up. @throws Error with the end of its output */
export async function start(options: StartOptions): Promise<Running> {
  const variables = Object.entries(options.env ?? {}).map(([name, value]) => `${name}=${value}`)
  // `env` replaces itself with Node, so the process id stays the same.
  const child = spawn('/usr/bin/env', [...variables, process.execPath, ...options.args], {
    cwd: options.cwd,
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  })
  started.add(child)
  let output = ''
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-20_000)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  child.on('error', (error) => keep(Buffer.from(error.message)))
  const until = performance.now() + (options.timeoutMs ?? 30_000)
  const up = async (): Promise<boolean> =>
    (options.says === undefined || options.says.test(output)) &&
    (options.port === undefined || (await answers(options.port)))
  while (!(await up())) {
    const dead = child.exitCode !== null || child.signalCode !== null
    if (dead || performance.now() > until) {
      await end(child)
      throw new Error(`${dead ? 'ended' : 'not up in time'}: ${output.trim().slice(-400)}`)
    }
    await pause(10)
  }
  return { pid: child.pid ?? 0, output: () => output, stop: (graceMs) => end(child, graceMs) }
}

/** Ends everything that this run started. */
export async function stopAll(): Promise<void> {
  await Promise.all([...started].map((child) => end(child)))
}

/** Last resort on a sudden end: no waiting. */
export function killAll(): void {
  for (const child of started) signal(child, 'SIGKILL')
}

export interface LoadGenerator {
  run(job: Job): Promise<Outcome>
}

export function startLoad(script: string): LoadGenerator {
  const child = spawn(process.execPath, [script], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  })
  started.add(child)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    async run(job) {
      child.stdin.write(`${JSON.stringify(job)}\n`)
      const line = await lines.next()
      if (line.done === true) throw new Error('the load generator ended')
      const outcome: Outcome = JSON.parse(line.value)
      return outcome
    },
  }
}
