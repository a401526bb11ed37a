/** Takes messages of a stream until there are enough, time is up, or the stream ends. */
import { GatewayError } from '../../model/refusal.ts'

export interface TakeOptions {
  readonly limit: number
  readonly seconds: number
  /** Of all messages together. */
  readonly bytesMax: number
  readonly signal: AbortSignal
  /** Tells of each message as it comes. */
  progress(done: number, total: number | undefined, message: string | undefined): void
}

export interface Taken {
  /** Raw JSON values. */
  readonly messages: readonly string[]
  readonly ended: 'limit' | 'time' | 'completed'
}

/** Of the message that goes with a progress notification; the whole one comes with the result. */
const progressCharsMax = 4_000

export class Take {
  /** Settles once; whoever feeds this closes the stream then. */
  readonly done: Promise<Taken>
  private readonly options: TakeOptions
  private readonly messages: string[] = []
  private bytes = 0
  private readonly timer: NodeJS.Timeout
  private readonly resolve: (taken: Taken) => void
  private readonly reject: (fault: Error) => void
  private readonly onAbort = (): void => this.fail(new GatewayError('cancelled'))
  private over = false

  constructor(options: TakeOptions) {
    this.options = options
    const { promise, resolve, reject } = Promise.withResolvers<Taken>()
    this.done = promise
    this.resolve = resolve
    this.reject = reject
    this.timer = setTimeout(() => this.end('time'), options.seconds * 1_000)
    options.signal.addEventListener('abort', this.onAbort, { once: true })
    if (options.signal.aborted) this.onAbort()
  }

  /** Whether more messages are wanted. */
  get open(): boolean {
    return !this.over
  }

  /** Takes one message, raw JSON. */
  push(raw: string): void {
    if (this.over) return
    const { limit, bytesMax, progress } = this.options
    this.bytes += Buffer.byteLength(raw)
    if (this.bytes > bytesMax) {
      this.fail(
        new GatewayError('answer_too_large', { detail: `messages of more than ${bytesMax} bytes` }),
      )
      return
    }
    this.messages.push(raw)
    const words = raw.length > progressCharsMax ? `${raw.slice(0, progressCharsMax)}…` : raw
    progress(this.messages.length, limit, words)
    if (this.messages.length >= limit) this.end('limit')
  }

  end(ended: Taken['ended']): void {
    if (this.settle()) this.resolve({ messages: this.messages, ended })
  }

  fail(fault: Error): void {
    if (this.settle()) this.reject(fault)
  }

  private settle(): boolean {
    if (this.over) return false
    this.over = true
    clearTimeout(this.timer)
    this.options.signal.removeEventListener('abort', this.onAbort)
    return true
  }
}

/** The structured result of what was taken. */
export function takenJson({ messages, ended }: Taken): Buffer {
  return Buffer.from(`{"messages":[${messages.join(',')}],"ended":"${ended}"}`)
}
