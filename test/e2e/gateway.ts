// Starts the gateway as users do, as a process of its own on a free port with a data folder of its own.

import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { hashKey } from '../../src/identity/keys.ts'
import type { DesiredStateInput, KeyRow } from '../../src/model/desired-state.ts'
import { writeLastGood } from '../../src/store/last-good.ts'
import { builtProgram } from '../built.ts'
import { patienceMs, until } from '../patience.ts'
import { leaksBelow, leaksIn, secret, secretsGiven } from './secret-scan.ts'

export interface TestKey {
  readonly roles: readonly string[]
  readonly expiresAt?: number
}

export interface GatewayOptions {
  /** Content of the declared file: an object, or text as it is. */
  readonly config: DesiredStateInput | string
  readonly args?: readonly string[]
  /** Default: the built product. */
  readonly program?: string
  readonly env?: Readonly<Record<string, string>>
  /** Descriptors from 3 on that it finds open. */
  readonly inherits?: readonly (number | 'ignore')[]
  /**
   * Keys that exist before the start. They are read from the last good state, with no database there;
   * without them the gateway brings its own database and makes a first key.
   */
  readonly keys?: Readonly<Record<string, TestKey>>
  /** A database that is there already, with the keys in it by their names. */
  readonly shared?: { readonly url: string; readonly keys: ReadonlyMap<string, string> }
}

export interface TestGateway {
  /** Of `/mcp`. Changes with a restart. */
  readonly url: string
  /** The first key, or the key named `first`. */
  readonly key: string
  readonly dataDir: string
  readonly configFile: string
  readonly pid: number
  /** What it wrote to stderr since the last start, the end of it. */
  readonly log: string
  /** Resolves once the log says so: what it wrote arrives later than its answers. */
  logged(what: string | RegExp): Promise<void>
  keyOf(name: string): string
  /** `/mcp/s/<server>`. */
  server(name: string): string
  /** Replaces the declared file. */
  configure(config: DesiredStateInput | string): Promise<void>
  /** Stops it in order and removes its folders. */
  stop(): Promise<void>
  /** Ends the process where it stands. */
  kill9(): Promise<void>
  /** Resolves when its process has ended by itself, with its exit code; null: a signal ended it. */
  ended(): Promise<number | null>
  /** Stops its process where it stands, as a machine that hangs does, or lets it go on. */
  freeze(frozen: boolean): void
  /** Starts it again on the same data; stops it in order first when it runs. */
  /** `args` in place of those that it had, from now on. */
  restart(args?: readonly string[]): Promise<void>
}

const startMs = patienceMs
const stopMs = 20_000
const logMax = 65_536

/** A database address at which nobody answers: the gateway then serves from its last good state. */
const nobody = 'postgres://127.0.0.1:9/nobody'

/** The role of a key that may use everything. */
export const everything: TestKey = { roles: ['all-tools'] }

class Running implements TestGateway {
  readonly dataDir: string
  url = ''
  key = ''
  log = ''
  /** Secrets that were found in its logs. */
  private readonly leaks: string[] = []
  private readonly folder: string
  private readonly options: GatewayOptions
  private readonly keys: ReadonlyMap<string, string>
  private args: readonly string[]
  private child: ChildProcess | undefined

  constructor(folder: string, options: GatewayOptions) {
    this.folder = folder
    this.dataDir = join(folder, 'data')
    this.options = options
    const made = Object.keys(options.keys ?? {}).map((name): [string, string] => [name, newKey()])
    this.args = options.args ?? []
    this.keys = options.shared?.keys ?? new Map(made)
    this.key = this.keys.get('first') ?? ''
  }

  get configFile(): string {
    return join(this.folder, 'sallyport.yaml')
  }

  get pid(): number {
    return this.child?.pid ?? 0
  }

  logged(what: string | RegExp): Promise<void> {
    return until(() => (typeof what === 'string' ? this.log.includes(what) : what.test(this.log)))
  }

  keyOf(name: string): string {
    const key = this.keys.get(name)
    if (key === undefined) throw new Error(`no key ${name}`)
    return key
  }

  server(name: string): string {
    return `${this.url}/s/${name}`
  }

  async configure(config: DesiredStateInput | string): Promise<void> {
    secretsGiven(config, this.options.env ?? {})
    const text = typeof config === 'string' ? config : JSON.stringify(quickToStop(config))
    await writeFile(this.configFile, text)
  }

  async prepare(): Promise<void> {
    // A folder that others may enter keeps the embedded database below it, also for root.
    await chmod(this.folder, 0o755)
    await mkdir(this.dataDir, { mode: 0o755 })
    await this.configure(this.options.config)
    const { keys } = this.options
    if (keys === undefined) return
    const rows = Object.entries(keys).map(([name, key]) => this.row(name, key))
    const nothing = { servers: {}, toolsets: {}, roles: {}, access: [], limits: [] }
    await writeLastGood(join(this.dataDir, 'last-good.json'), {
      ...nothing,
      keys: rows,
      version: 1,
    })
  }

  private row(name: string, key: TestKey): KeyRow {
    const text = this.keyOf(name)
    return {
      name,
      hash: hashKey(text),
      hint: text.slice(0, 9),
      roles: key.roles,
      user: undefined,
      teams: [],
      environment: undefined,
      createdAt: Date.now(),
      expiresAt: key.expiresAt,
      revokedAt: undefined,
    }
  }

  async start(): Promise<void> {
    const { options } = this
    const args = ['up', '--config', this.configFile, '--data', this.dataDir, '--port', '0']
    const program = options.program ?? builtProgram
    const child = spawn(process.execPath, [program, ...args, ...this.args], {
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe', ...(options.inherits ?? [])],
      env: {
        PATH: '/usr/local/bin:/usr/bin:/bin',
        NODE_NO_WARNINGS: '1',
        SALLYPORT_LOG: 'warn',
        ...(options.keys === undefined ? {} : { DATABASE_URL: nobody }),
        ...(options.shared === undefined ? {} : { DATABASE_URL: options.shared.url }),
        ...options.env,
      },
    })
    this.child = child
    this.log = ''
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      this.leaks.push(...leaksIn(chunk, 'log'))
      this.log = (this.log + chunk).slice(-logMax)
    })
    try {
      await this.untilReady(child)
    } catch (fault) {
      await this.kill9()
      throw fault
    }
  }

  private async untilReady(child: ChildProcess): Promise<void> {
    let output = ''
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      output = (output + chunk).slice(-logMax)
    })
    const deadline = Date.now() + startMs
    while (Date.now() < deadline) {
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`the gateway ended at its start: ${this.log}`)
      const url = /http:\/\/[^\s/]+\/mcp\b/.exec(output)?.[0]
      const first = /\bsp_[A-Za-z0-9_-]{43}\b/.exec(output)?.[0]
      if (url !== undefined && (first !== undefined || this.needsNoKey())) {
        this.url = url
        this.key = secret(first ?? this.key)
        return
      }
      await delay(10)
    }
    throw new Error(`the gateway did not start in time: ${output} ${this.log}`)
  }

  private needsNoKey(): boolean {
    const insecure = this.args.includes('--insecure-local')
    const { keys, shared } = this.options
    return this.key !== '' || keys !== undefined || shared !== undefined || insecure
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const { child } = this
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const closed = once(child, 'close')
    child.kill(signal)
    const timer = setTimeout(() => child.kill('SIGKILL'), stopMs)
    await closed
    clearTimeout(timer)
  }

  kill9(): Promise<void> {
    return this.end('SIGKILL')
  }

  async ended(): Promise<number | null> {
    const { child } = this
    await until(() => child === undefined || child.exitCode !== null || child.signalCode !== null)
    return child?.exitCode ?? null
  }

  freeze(frozen: boolean): void {
    this.child?.kill(frozen ? 'SIGSTOP' : 'SIGCONT')
  }

  async restart(args = this.args): Promise<void> {
    this.args = args
    await this.end('SIGTERM')
    await this.start()
  }

  async stop(): Promise<void> {
    // What a killed gateway left behind, its database for one, is ended by the next one in order.
    if (this.child?.signalCode === 'SIGKILL') await this.start()
    await this.end('SIGTERM')
    // A test may have taken the folder away.
    const leaks = [...this.leaks, ...(existsSync(this.dataDir) ? leaksBelow(this.dataDir) : [])]
    await rm(this.folder, { recursive: true, force: true })
    if (leaks.length > 0) throw new Error(`secrets were kept or logged: ${leaks.join('; ')}`)
  }
}

/** Tests that leave calls running do not wait for them at the end. */
function quickToStop(config: DesiredStateInput): DesiredStateInput {
  return { ...config, listen: { drain: '1s', ...config.listen } }
}

export function newKey(): string {
  return secret(`sp_${randomBytes(32).toString('base64url')}`)
}

export async function startGateway(options: GatewayOptions): Promise<TestGateway> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-e2e-'))
  const running = new Running(folder, options)
  try {
    await running.prepare()
    await running.start()
  } catch (fault) {
    await rm(folder, { recursive: true, force: true })
    throw fault
  }
  return running
}
