/** Runs commands of the built product as processes of their own. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { builtProgram } from '../built.ts'

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
}

const environment = (options: RunOptions): Record<string, string> => ({
  PATH: '/usr/local/bin:/usr/bin:/bin',
  HOME: options.cwd,
  NODE_NO_WARNINGS: '1',
  ...options.env,
})

/** Starts a command and leaves its streams to the caller. */
export function startCommand(args: readonly string[], options: RunOptions) {
  return spawn(process.execPath, [builtProgram, ...args], {
    cwd: options.cwd,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: environment(options),
  })
}

/** Runs a command to its end. */
export async function runCommand(args: readonly string[], options: RunOptions): Promise<Ran> {
  const child = startCommand(args, options)
  const closed = once(child, 'close')
  child.stdin.on('error', () => undefined)
  child.stdin.end(options.input ?? '')
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  await closed
  return { code: child.exitCode ?? -1, stdout, stderr }
}

/** All commands that `--help` names, e.g. `up` and `keys create`. */
export function commandNames(): string[] {
  const below = (words: readonly string[]): string[] => {
    const { stdout } = spawnSync(process.execPath, [builtProgram, ...words, '--help'], {
      encoding: 'utf8',
    })
    const listed = /^Commands:\n([\s\S]*?)(?:\n\n|$(?![\s\S]))/m.exec(stdout)?.[1]
    const names = [...(listed ?? '').matchAll(/^ {2}([a-z][a-z-]*)/gm)].map(
      (match) => match[1] ?? '',
    )
    const own = names.filter((name) => name !== 'help')
    return own.length === 0 ? [words.join(' ')] : own.flatMap((name) => below([...words, name]))
  }
  return below([])
}
