// What the clients that are command lines share.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Finished, run } from '../processes.ts'

const SHOWN_CHARS_MAX = 600

/** The folder and the environment of this process, for the commands that it starts. */
export function inherited(): { cwd: string; env: Record<string, string> } {
  const env: Record<string, string> = {}
  // biome-ignore lint/style/noProcessEnv: the commands run in the same quiet environment as this process
  for (const [name, value] of Object.entries(process.env))
    if (value !== undefined) env[name] = value
  return { cwd: process.cwd(), env }
}

/** Runs a command; its stdout goes to a file, since some end before a pipe has taken all of it. */
export async function runCommand(args: readonly string[], timeoutMs: number): Promise<unknown> {
  const where = inherited()
  const folder = await mkdtemp(join(where.cwd, 'command-'))
  try {
    const stdoutFile = join(folder, 'stdout')
    const done = await run(args, { ...where, timeoutMs, stdoutFile })
    return parsedOutput({ ...done, stdout: await readFile(stdoutFile, 'utf8') })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The JSON that a command printed. @throws Error with what it said when it failed or printed none */
function parsedOutput(done: Finished): unknown {
  const said = `${done.stderr.trim()} ${done.stdout.trim()}`.trim().slice(-SHOWN_CHARS_MAX)
  if (done.timedOut) throw new Error(`timed out: ${said}`)
  const value = jsonOf(done.stdout)
  if (value !== undefined && !('error' in value)) {
    const result = 'result' in value ? value.result : value
    if (done.code === 0 || isToolError(result)) return result
  }
  throw new Error(`status ${done.code}: ${said}`)
}

function jsonOf(stdout: string): object | undefined {
  try {
    const value: unknown = JSON.parse(stdout.slice(Math.max(0, stdout.indexOf('{'))))
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

function isToolError(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'isError' in value && value.isError === true
}
