// Starts the fixture MCP server as a process of its own.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { patienceMs } from '../patience.ts'

export interface FixtureOptions {
  readonly era?: 'legacy' | 'modern' | 'dual'
  /** Further arguments of the server, such as `--token` or `--page-size`. */
  readonly args?: readonly string[]
}

export interface Fixture {
  readonly url: string
  readonly pid: number
  stop(): Promise<void>
}

export const FIXTURE_SERVER = fileURLToPath(
  new URL('../fixtures/mcp-server/server.ts', import.meta.url),
)

const START_MS = patienceMs
const STOP_MS = 3000

export async function startFixture(options: FixtureOptions = {}): Promise<Fixture> {
  const args = ['--port', '0', '--era', options.era ?? 'dual', ...(options.args ?? [])]
  const child = spawn(process.execPath, [FIXTURE_SERVER, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
      await ended
      clearTimeout(timer)
    }
  }
  const lines = createInterface({ input: child.stdout })
  try {
    const [line]: unknown[] = await Promise.race([
      once(lines, 'line', { signal: AbortSignal.timeout(START_MS) }),
      ended.then(() => ['(ended)']),
    ])
    const url = /^listening (http:\/\/\S+)$/.exec(String(line))?.[1]
    if (url === undefined || child.pid === undefined)
      throw new Error(`fixture said: ${String(line)}`)
    return { url, pid: child.pid, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
