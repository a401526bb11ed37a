/** What the command line needs from outside. The composition root provides it; tests drive it in-process. */
import type { AdminClient } from '../admin/contract/client.ts'
import type { IssueView } from '../admin/contract/errors.ts'

export interface Writer {
  write(text: string): void
  readonly isTTY: boolean
  /** Resolves once all that was written has left, or nobody reads any more. */
  flushed(): Promise<void>
}

/** Which gateway a command is about; paths are absolute. */
export interface Place {
  readonly dataDir: string
  /** Undefined: where the gateway looks by itself. */
  readonly config: string | undefined
}

export interface UpOptions extends Place {
  readonly host: string | undefined
  readonly port: number | undefined
  /** The role that callers without a key act in. */
  readonly insecureLocal: string | undefined
  readonly json: boolean
}

export interface StdioOptions extends Place {
  readonly key: string | undefined
  /** E.g. `/mcp` or `/mcp/t/support`. */
  readonly endpoint: string
}

export interface CheckedConfig {
  /** The file that was read; undefined when there is none. */
  readonly file: string | undefined
  readonly issues: readonly IssueView[]
  /** What works, and had better be otherwise. */
  readonly warnings: readonly IssueView[]
}

/** Variables of the process; those that commands read are named. */
export interface Environment {
  readonly [name: string]: string | undefined
  readonly HOME?: string | undefined
  readonly NO_COLOR?: string | undefined
  readonly SALLYPORT_DATA?: string | undefined
  readonly SALLYPORT_KEY?: string | undefined
  readonly SALLYPORT_LOG?: string | undefined
  readonly SALLYPORT_LOG_FORMAT?: string | undefined
}

export interface CliPorts {
  readonly stdout: Writer
  readonly stderr: Writer
  /** All of standard input. */
  readonly stdin: () => Promise<string>
  readonly env: Environment
  readonly cwd: string
  readonly version: string
  /** What starts this program, for clients that know neither our PATH nor our Node. */
  readonly program: { readonly command: string; readonly args: readonly string[] }
  readonly now: () => number
  /** Aborts at Ctrl+C. */
  readonly signal: AbortSignal
  /** Starts the gateway; resolves with the exit code when it has ended. */
  up(options: UpOptions): Promise<number>
  /** Serves one client over standard input and output, through the running gateway or one of its own. */
  stdio(options: StdioOptions): Promise<number>
  /** The administration in this process, for commands that find no gateway running. Opens the store under its lock. */
  offline(place: Place): Promise<AdminClient>
  /** Looks at descriptions of APIs in this process, without a data folder. */
  conversions(place: Place): Promise<AdminClient>
  /** Reads and compiles a configuration without starting anything. */
  checkConfig(place: Place): Promise<CheckedConfig>
}
