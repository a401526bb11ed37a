/**
 * The main thread's side of the compile worker. Schemas come from strangers and ajv is not made to be
 * interrupted, so compiling happens where it can be killed: one worker, started when first needed,
 * one schema at a time, under a cap of time and memory.
 */
import { Worker } from 'node:worker_threads'
import { GatewayError } from '../model/refusal.ts'
import type { Verdict } from './compile.ts'

const startMsMax = 15_000
const heapMbMax = 192

export interface Compiler {
  /** Compiles one schema. A schema that breaks a cap is a fault; a worker that cannot run is a refusal. */
  compile(schema: string): Promise<CompileVerdict>
  close(): Promise<void>
}

/** `capped`: a cap was broken, which a busy machine can bring about too, so it is worth another try later. */
export type CompileVerdict = Verdict | { readonly kind: 'capped'; readonly fault: string }

interface Job {
  readonly schema: string
  readonly done: (verdict: CompileVerdict) => void
  readonly failed: (error: GatewayError) => void
}

export function createCompiler(caps: { compileMsMax: number; queueMax: number }): Compiler {
  return new WorkerCompiler(caps)
}

class WorkerCompiler implements Compiler {
  private readonly caps: { compileMsMax: number; queueMax: number }
  private readonly queue: Job[] = []
  private worker: Worker | undefined
  private ready = false
  private running: Job | undefined
  private timer: NodeJS.Timeout | undefined
  private closed = false

  constructor(caps: { compileMsMax: number; queueMax: number }) {
    this.caps = caps
  }

  compile(schema: string): Promise<CompileVerdict> {
    if (this.closed) return Promise.reject(new GatewayError('shutting_down'))
    if (this.queue.length >= this.caps.queueMax)
      return Promise.reject(new GatewayError('busy', { detail: 'too many schemas wait' }))
    return new Promise((done, failed) => {
      this.queue.push({ schema, done, failed })
      this.next()
    })
  }

  async close(): Promise<void> {
    this.closed = true
    const jobs = [...(this.running === undefined ? [] : [this.running]), ...this.queue.splice(0)]
    this.running = undefined
    for (const job of jobs) job.failed(new GatewayError('shutting_down'))
    await this.stop()
  }

  private next(): void {
    if (this.running !== undefined || this.closed) return
    const job = this.queue.shift()
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

  private post(worker: Worker, job: Job): void {
    this.arm(this.caps.compileMsMax, () => {
      this.settle({ kind: 'capped', fault: 'it takes too long to compile' })
    })
    worker.postMessage(job.schema)
  }

  private start(): Worker {
    // Bundled, the worker lies beside the program; run from source, it is the file beside this one.
    const name = import.meta.url.endsWith('.ts') ? './compile-worker.ts' : './compile-worker.mjs'
    const worker = new Worker(new URL(name, import.meta.url), {
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: heapMbMax },
    })
    this.worker = worker
    this.ready = false
    this.arm(startMsMax, () => this.fail(new Error('the compile worker does not start')))
    worker.on('message', (message: 'ready' | Verdict) => {
      if (worker !== this.worker) return
      if (message !== 'ready') return this.settle(message)
      this.ready = true
      clearTimeout(this.timer)
      if (this.running !== undefined) this.post(worker, this.running)
    })
    worker.on('error', (error: Error) => {
      if (worker !== this.worker) return
      const outOfMemory = 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY'
      if (outOfMemory) this.settle({ kind: 'capped', fault: 'it takes too much memory to compile' })
      else this.fail(error)
    })
    return worker
  }

  private arm(ms: number, expired: () => void): void {
    clearTimeout(this.timer)
    this.timer = setTimeout(expired, ms)
  }

  private settle(verdict: CompileVerdict): void {
    const job = this.running
    clearTimeout(this.timer)
    this.running = undefined
    if (verdict.kind === 'capped') void this.stop()
    job?.done(verdict)
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
