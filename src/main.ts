/** The entry: one command line, one exit code. The composition root in parts is in `main/`. */
import { join } from 'node:path'
import { addAbortSignal } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { Logger } from 'pino'
import { openLog } from './cli/log.ts'
import { logSettings } from './cli/log-settings.ts'
import type { CliPorts } from './cli/ports.ts'
import { runCli } from './cli/program.ts'
import { standardStream } from './cli/standard-stream.ts'
import { closeInherited } from './kit/inherited-files.ts'
import { catchStrays } from './kit/owner.ts'
import { checkConfig } from './main/check.ts'
import { type CommandSettings, conversions, offline, runStdio, runUp } from './main/commands.ts'
import { productVersion } from './model/product.ts'

/** How long a gateway that failed may take to stop in order. */
const brokenStopMs = 30_000
/** How long what is being started may take to end in order. */
const startStopMs = 20_000
/** Signals so close to the first one are the same one. */
const sameSignalMs = 500

closeInherited(process.argv)
const here = fileURLToPath(new URL('.', import.meta.url))
const fromSource = import.meta.url.endsWith('.ts')
const stopping = new AbortController()
const hurrying = new AbortController()
let stopAt = Number.POSITIVE_INFINITY
/** What was begun stands, and a second wish leaves it time to end. */
let isStarted = false
let given: NodeJS.Timeout | undefined
const stop = (signal: NodeJS.Signals): void => {
  if (!stopping.signal.aborted) {
    stopAt = performance.now()
    stopping.abort()
    if (!isStarted) given = setTimeout(() => die(signal), startStopMs).unref()
    return
  }
  // A terminal tells all of a group, and who started us passes it on once more: that is one wish.
  if (performance.now() <= stopAt + sameSignalMs) return
  if (!isStarted || hurrying.signal.aborted) die(signal)
  stopAt = performance.now()
  hurrying.abort()
}
/** As if nothing caught the signal: an exit in order would wait for what hangs, a file that does not open for one. */
function die(signal: NodeJS.Signals): void {
  heed(false)
  process.kill(process.pid, signal)
  // The first process of a container takes no such signal of its own.
  setTimeout(() => process.abort(), sameSignalMs)
}
function heed(signals: boolean): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process[signals ? 'on' : 'off'](signal, stop)
}
heed(true)

let isBroken = false
const commandName = process.argv[2]
const stdout = standardStream(process.stdout, () => stopping.abort())
const stderr = standardStream(process.stderr, () => undefined)
let log: Logger | undefined
const settings: CommandSettings = {
  environment: process.env,
  cwd: process.cwd(),
  migrations: join(here, fromSource ? 'store/migrations' : 'migrations'),
  resolveFrom: import.meta.url,
  get log() {
    const { level, format } = logSettings(process.env)
    log ??= openLog({
      // Only a running gateway logs by itself; other commands say what they have to say.
      level: level ?? (commandName === 'up' ? 'info' : 'error'),
      format: format ?? (stderr.isTTY ? 'pretty' : 'json'),
      colors: stderr.isTTY && (process.env['NO_COLOR'] ?? '') === '',
      write: (line) => stderr.write(line),
    })
    return log
  },
  stdout,
  stderr,
  signal: stopping.signal,
  hurry: hurrying.signal,
  onStarted: () => {
    isStarted = true
    clearTimeout(given)
  },
}
if (commandName === 'up' || commandName === 'stdio')
  catchStrays((thrown, owner) => {
    if (owner !== undefined) {
      settings.log.error({ err: thrown }, `${owner.what} failed by itself`)
      return
    }
    // Nobody knows what it left behind: what runs ends in order, and a supervisor starts anew.
    settings.log.fatal({ err: thrown }, 'the gateway failed and stops')
    isBroken = true
    stopping.abort()
    setTimeout(() => process.exit(1), brokenStopMs).unref()
  })
const ports: CliPorts = {
  stdout: settings.stdout,
  stderr: settings.stderr,
  stdin: () => text(addAbortSignal(stopping.signal, process.stdin)),
  env: process.env,
  cwd: settings.cwd,
  version: productVersion,
  program: { command: process.execPath, args: [join(here, fromSource ? 'main.ts' : 'bin.mjs')] },
  now: Date.now,
  signal: stopping.signal,
  up: (options) => runUp(settings, options),
  stdio: (options) => runStdio(settings, options),
  offline: (place) => offline(settings, place),
  conversions: (place) => conversions(settings, place),
  checkConfig: (place) => checkConfig(settings, place),
}
process.exitCode = await runCli(process.argv.slice(2), ports)
// A pipe holds less than a command may print; whoever reads no further can still be left with Ctrl+C.
heed(false)
clearTimeout(given)
await Promise.all([ports.stdout.flushed(), ports.stderr.flushed()])
// What is left open, such as a connection that is being made, must not keep a finished command alive, nor one that failed.
if (isBroken) process.exitCode = 1
process.exit()
