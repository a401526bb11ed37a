/**
 * The main thread's side of a worker thread of the guard. Schemas and arguments come from strangers, and neither ajv
 * nor JSON.parse can be interrupted, so what may take long happens where it can be killed: one worker, started when
 * first needed, one job at a time, under a cap of time and memory. Owners take turns, so that nobody waits for all
 * that another one asked for.
 */
import { Worker } from 'node:worker_threads'
import { Turns } from '../kit/turns.ts'
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

interface Running<Job, Answer> {
  readonly job: Job
  readonly done: (answer: Answer | Capped) => void
  readonly failed: (error: GatewayError) => void
}

export class WorkerQueue<Job, Answer> {
  private readonly options: WorkerQueueOptions
  private readonly turns: Turns
  private worker: Worker | undefined
  private ready = false
  private running: Running<Job, Answer> | undefined
  private timer: NodeJS.Timeout | undefined

  constructor(options: WorkerQueueOptions) {
    this.options = options
    this.turns = new Turns({
      waitingMax: options.queueMax,
      ownerMax: options.ownerMax,
      full: () => new GatewayError('busy', { detail: 'too much waits for the guard' }),
      closed: () => new GatewayError('shutting_down'),
    })
  }

  /** Runs one job. @throws GatewayError busy, shutting_down, internal */
  run(owner: string, job: Job): Promise<Answer | Capped> {
    return this.turns.run(owner, () => this.begin(job))
  }

  async close(): Promise<void> {
    this.turns.close()
    this.running?.failed(new GatewayError('shutting_down'))
    this.running = undefined
    await this.stop()
  }

  private begin(job: Job): Promise<Answer | Capped> {
    return new Promise((done, failed) => {
      this.running = { job, done, failed }
      const worker = this.worker ?? this.start()
      // An idle worker must not keep the process alive; a waiting call must.
      worker.ref()
      if (this.ready) this.post(worker, this.running)
    })
  }

  private post(worker: Worker, { job }: Running<Job, Answer>): void {
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
    else this.worker?.unref()
    job?.done(answer)
  }

  private fail(error: Error): void {
    const job = this.running
    this.running = undefined
    void this.stop()
    job?.failed(new GatewayError('internal', { detail: error.message, cause: error }))
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
