/**
 * The main thread's side of a worker thread of the guard. Schemas and arguments come from strangers, and neither ajv
 * nor JSON.parse can be interrupted, so what may take long happens where it can be killed: one worker, started when
 * first needed, one job at a time, under a cap of time and memory. Owners take turns, so that nobody waits for all
 * that another one asked for.
 */
import { Worker } from 'node:worker_threads'
import { GatewayError } from '../model/refusal.ts'

const startMsMax = 15_000

export interface WorkerQueueOptions {
  /** Name of the worker's file without its extension; bundled, it lies beside the program. */
  readonly name: 'compile-worker' | 'check-worker'
  readonly jobMsMax: number
  readonly heapMbMax: number
  /** How many jobs may wait, and how many of one owner. */
  readonly queueMax: number
  readonly ownerMax: number
}

/** A cap was broken, which a busy machine can bring about too. */
export interface Capped {
  readonly kind: 'capped'
  readonly what: 'time' | 'memory'
}

interface Waiting<Job, Answer> {
  readonly job: Job
  readonly done: (answer: Answer | Capped) => void
  readonly failed: (error: GatewayError) => void
}

export class WorkerQueue<Job, Answer> {
  private readonly options: WorkerQueueOptions
  /** The owner whose turn is next comes first. */
  private readonly queues = new Map<string, Waiting<Job, Answer>[]>()
  private waiting = 0
  private worker: Worker | undefined
  private ready = false
  private running: Waiting<Job, Answer> | undefined
  private timer: NodeJS.Timeout | undefined
  private closed = false

  constructor(options: WorkerQueueOptions) {
    this.options = options
  }

  /** Runs one job. @throws GatewayError busy, shutting_down, internal */
  run(owner: string, job: Job): Promise<Answer | Capped> {
    if (this.closed) return Promise.reject(new GatewayError('shutting_down'))
    const own = this.queues.get(owner) ?? []
    if (this.waiting >= this.options.queueMax || own.length >= this.options.ownerMax)
      return Promise.reject(new GatewayError('busy', { detail: 'too much waits for the guard' }))
    return new Promise((done, failed) => {
      own.push({ job, done, failed })
      this.queues.set(owner, own)
      this.waiting++
      this.next()
    })
  }

  async close(): Promise<void> {
    this.closed = true
    const jobs = [this.running, ...[...this.queues.values()].flat()]
    this.running = undefined
    this.queues.clear()
    for (const job of jobs) job?.failed(new GatewayError('shutting_down'))
    await this.stop()
  }

  private take(): Waiting<Job, Answer> | undefined {
    for (const [owner, own] of this.queues) {
      const job = own.shift()
      this.queues.delete(owner)
      if (own.length > 0) this.queues.set(owner, own)
      if (job === undefined) continue
      this.waiting--
      return job
    }
    return undefined
  }

  private next(): void {
    if (this.running !== undefined || this.closed) return
    const job = this.take()
    if (job === undefined) {
      // An idle worker must not keep the process alive; a waiting call must.
      this.worker?.unref()
      return
    }
    this.running = job
    const worker = this.worker ?? this.start()
    worker.ref()
    if (this.ready) this.post(worker, job)
  }

  private post(worker: Worker, { job }: Waiting<Job, Answer>): void {
    this.arm(this.options.jobMsMax, () => this.settle({ kind: 'capped', what: 'time' }))
    worker.postMessage(job)
  }

  private start(): Worker {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'mjs'
    const worker = new Worker(new URL(`./${this.options.name}.${extension}`, import.meta.url), {
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: this.options.heapMbMax },
    })
    this.worker = worker
    this.ready = false
    this.arm(startMsMax, () => this.fail(new Error('the worker of the guard does not start')))
    worker.on('message', (message: 'ready' | Answer) => {
      if (worker !== this.worker) return
      if (message !== 'ready') return this.settle(message)
      this.ready = true
      clearTimeout(this.timer)
      if (this.running !== undefined) this.post(worker, this.running)
    })
    worker.on('error', (error: Error) => {
      if (worker !== this.worker) return
      const outOfMemory = 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY'
      if (outOfMemory) this.settle({ kind: 'capped', what: 'memory' })
      else this.fail(error)
    })
    return worker
  }

  private arm(ms: number, expired: () => void): void {
    clearTimeout(this.timer)
    this.timer = setTimeout(expired, ms)
  }

  private settle(answer: Answer | Capped): void {
    const job = this.running
    clearTimeout(this.timer)
    this.running = undefined
    if (isCapped(answer)) void this.stop()
    job?.done(answer)
    this.next()
  }

  private fail(error: Error): void {
    const job = this.running
    this.running = undefined
    void this.stop()
    job?.failed(new GatewayError('internal', { detail: error.message, cause: error }))
    this.next()
  }

  private async stop(): Promise<void> {
    clearTimeout(this.timer)
    const worker = this.worker
    this.worker = undefined
    this.ready = false
    await worker?.terminate()
  }
}

/** Whether a job was ended by its cap. */
export function isCapped(answer: unknown): answer is Capped {
  return (
    typeof answer === 'object' && answer !== null && 'kind' in answer && answer.kind === 'capped'
  )
}
