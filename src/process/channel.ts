import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { LineSplitter } from '../kit/line-splitter.ts'
import { GatewayError } from '../model/refusal.ts'
import { endFamily, type Family, type ProcessId, signalGroup } from './family.ts'
import type { StderrLog } from './stderr.ts'

/** A line-framed, bidirectional message channel to a child process. */
export interface Channel {
  /**
   * Sends one JSON message. Throws `server_unavailable` when the process has gone, `server_busy`
   * when it would leave more than `pendingBytesMax` waiting in the child's stdin.
   */
  send(text: string): void
  /** Receives one message each, without its line end. Nothing is read before this is set. */
  onMessage: (message: Buffer) => void
  /** Told exactly once, also when it is set too late, how the process ended. Private detail. */
  onClose: (reason: string) => void
  readonly pid: number
  /** Closes stdin, then SIGTERM, then SIGKILL to the group; done when no descendant is left. */
  close(): Promise<void>
}

export interface ChannelLimits {
  readonly messageBytesMax: number
  readonly pendingBytesMax: number
  /** How long a process may take to follow the end of its stdin, and again to follow SIGTERM. */
  readonly graceMs: number
}

export interface ChannelParts {
  readonly child: ChildProcessWithoutNullStreams
  readonly leader: ProcessId
  readonly marker: string
  readonly stderr: StderrLog
  readonly limits: ChannelLimits
}

/** How long the last output may take to arrive after the end, or the end after a stream was closed. */
const drainMs = 500
const lastLineCharactersMax = 300

export class ProcessChannel implements Channel {
  readonly pid: number
  /** Settles when the process and all its descendants are gone; false when some could not be ended. */
  readonly gone: Promise<boolean>
  /** Settles with the reason when the process has ended and its output is read. */
  readonly ended: Promise<string>
  readonly #parts: ChannelParts
  readonly #family: Family
  #onMessage: ((message: Buffer) => void) | undefined
  #onClose: ((reason: string) => void) | undefined
  #reason: string | undefined
  /** Why we end it, when it is we. */
  #cause: string | undefined
  #exit: string | undefined
  #code: number | null = null
  #closing: Promise<void> | undefined

  constructor(parts: ChannelParts) {
    const { child, leader, stderr } = parts
    this.#parts = parts
    this.pid = leader.pid
    this.#family = { groups: [leader], marker: `${parts.marker}\0` }
    child.on('error', () => undefined)
    child.stdin.on('error', () => this.#failSoon('it closed its input'))
    child.stdout.on('error', () => undefined)
    child.stdout.once('end', () => this.#failSoon('it closed its output'))
    child.stderr.on('error', () => undefined)
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
    this.gone = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#code = code
        this.#exit = signal === null ? `exited with code ${code}` : `was ended by ${signal}`
        setTimeout(() => this.#stopReading(), drainMs).unref()
        resolve(endFamily(this.#family, parts.limits.graceMs))
      })
    })
    this.ended = new Promise((resolve) => child.once('close', () => resolve(this.#end())))
  }

  get onMessage(): (message: Buffer) => void {
    return this.#onMessage ?? (() => undefined)
  }

  set onMessage(receive: (message: Buffer) => void) {
    const first = this.#onMessage === undefined
    this.#onMessage = receive
    if (!first) return
    const { child, limits } = this.#parts
    const splitter = new LineSplitter({
      lineBytesMax: limits.messageBytesMax,
      onLine: (line) => this.#onMessage?.(line),
      onOverflow: () => this.#fail(`it sent more than ${limits.messageBytesMax} bytes in a line`),
    })
    child.stdout.on('data', (chunk: Buffer) => splitter.push(chunk))
  }

  get onClose(): (reason: string) => void {
    return this.#onClose ?? (() => undefined)
  }

  set onClose(receive: (reason: string) => void) {
    const first = this.#onClose === undefined
    this.#onClose = receive
    const reason = this.#reason
    if (first && reason !== undefined) queueMicrotask(() => this.#onClose?.(reason))
  }

  send(text: string): void {
    const { stdin } = this.#parts.child
    if (this.#exit !== undefined || this.#cause !== undefined || !stdin.writable) {
      const detail = this.#reason ?? this.#cause ?? this.#exit ?? 'it closed its input'
      throw new GatewayError('server_unavailable', { detail })
    }
    // In JSON a raw line break can only stand between tokens, where a space means the same.
    const framed = /[\r\n]/.test(text) ? text.replace(/[\r\n]/g, ' ') : text
    const bytes = Buffer.from(`${framed}\n`)
    const waiting = stdin.writableLength
    if (waiting > 0 && waiting + bytes.length > this.#parts.limits.pendingBytesMax) {
      const detail = `${waiting} bytes are waiting to be read by the process`
      throw new GatewayError('server_busy', { detail })
    }
    stdin.write(bytes)
  }

  close(): Promise<void> {
    this.#closing ??= this.#shut()
    return this.#closing
  }

  async #shut(): Promise<void> {
    const { child, limits } = this.#parts
    this.#cause ??= 'closed by the gateway'
    child.stdout.resume()
    child.stdin.end()
    if (!(await this.exitsWithin(limits.graceMs))) await this.#kill()
    // Not even SIGKILL ends a process that hangs in the kernel; nobody must wait for it.
    if (!(await this.exitsWithin(limits.graceMs))) return
    await this.gone
    await this.ended
  }

  /** Whether the process ends within this time. */
  exitsWithin(waitMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), waitMs)
      const exited = () => {
        clearTimeout(timer)
        resolve(true)
      }
      if (this.#exit === undefined) this.#parts.child.once('exit', exited)
      else exited()
    })
  }

  /** SIGTERM, a time to follow it, SIGKILL. */
  async #kill(): Promise<void> {
    if (this.#exit === undefined) signalGroup(this.pid, 'SIGTERM')
    if (!(await this.exitsWithin(this.#parts.limits.graceMs))) signalGroup(this.pid, 'SIGKILL')
  }

  /** Ends a process that is of no more use. */
  #fail(cause: string): void {
    this.#cause ??= cause
    this.#stopReading()
    void this.#kill()
  }

  /** A stream that closes is usually the first sign of an end, which tells more about its reason. */
  #failSoon(cause: string): void {
    setTimeout(() => {
      if (this.#exit === undefined && this.#closing === undefined) this.#fail(cause)
    }, drainMs).unref()
  }

  #stopReading(): void {
    const { stdin, stdout, stderr } = this.#parts.child
    for (const stream of [stdin, stdout, stderr]) stream.destroy()
  }

  /** Its shell or launcher found no such program (POSIX sh, "Exit Status for Commands"). */
  get isProgramMissing(): boolean {
    return this.#code === 127
  }

  #end(): string {
    const { stderr } = this.#parts
    stderr.end()
    const lastLine = stderr.lastLine(lastLineCharactersMax)
    const parts = [this.#cause, this.#exit, lastLine && `last line of stderr: ${lastLine}`]
    const reason = parts.filter(Boolean).join('; ')
    this.#reason = reason
    this.#onClose?.(reason)
    return reason
  }
}
