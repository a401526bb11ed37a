/**
 * The main thread's side of conversions. Descriptions come from strangers and are large, so each conversion runs in a
 * worker of its own that can be killed, under a cap of time and memory, one at a time; its memory goes with it.
 */
import { Worker } from 'node:worker_threads'
import { type Conversion, ConversionFault, type ReadDocument } from '../model/conversion.ts'
import { GatewayError } from '../model/refusal.ts'
import type { ConversionJob } from './converters.ts'
import type { FromWorker, PlainFault, ToWorker } from './messages.ts'

export interface ConversionCaps {
  /** From the start of the worker to the last tool. */
  readonly timeMsMax: number
  /** Of the worker's old generation. */
  readonly heapMbMax: number
  /** Conversions that wait for their turn. */
  readonly queueMax: number
}

export interface Conversions {
  /** @throws ConversionFault; GatewayError busy, shutting_down */
  convert(job: ConversionJob, read: ReadDocument): Promise<Conversion>
  /** Ends what runs. */
  close(): Promise<void>
}

export function createConversions(caps: ConversionCaps): Conversions {
  let last: Promise<unknown> = Promise.resolve()
  let waiting = 0
  let running: Worker | undefined
  let closed = false

  const run = (job: ConversionJob, read: ReadDocument): Promise<Conversion> => {
    if (closed) throw new GatewayError('shutting_down')
    const worker = startWorker(job, caps)
    running = worker
    return answerOf(worker, read, caps).finally(() => {
      running = undefined
      return worker.terminate()
    })
  }
  return {
    convert(job, read) {
      if (waiting >= caps.queueMax)
        return Promise.reject(new GatewayError('busy', { detail: 'too many conversions wait' }))
      waiting++
      const turn = last.then(() => run(job, read))
      last = turn
        .catch(() => undefined)
        .finally(() => {
          waiting--
        })
      return turn
    },
    async close() {
      closed = true
      await running?.terminate()
    },
  }
}

function startWorker(job: ConversionJob, caps: ConversionCaps): Worker {
  // Bundled, the worker lies beside the program; run from source, it is the file beside this one.
  const name = import.meta.url.endsWith('.ts') ? './worker.ts' : './convert-worker.mjs'
  return new Worker(new URL(name, import.meta.url), {
    env: {},
    execArgv: [],
    workerData: job,
    // Libraries that print must not write into what a command prints.
    stdout: true,
    stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: caps.heapMbMax },
  })
}

function answerOf(worker: Worker, read: ReadDocument, caps: ConversionCaps): Promise<Conversion> {
  return new Promise((resolve, reject) => {
    const tooMuch = (what: string) => reject(new ConversionFault('description_too_large', what))
    const timer = setTimeout(
      () => tooMuch(`its conversion takes longer than ${caps.timeMsMax / 1_000} s`),
      caps.timeMsMax,
    )
    const settled = (): void => clearTimeout(timer)
    worker.on('message', (message: FromWorker) => {
      if (message.kind === 'read') {
        void answerRead(worker, read, message)
        return
      }
      settled()
      if (message.kind === 'done') resolve(message.conversion)
      else {
        const { code, message: text, place } = message.fault
        reject(new ConversionFault(code, text, place))
      }
    })
    worker.once('error', (error: unknown) => {
      settled()
      if (error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY')
        tooMuch(`its conversion needs more than ${caps.heapMbMax} MB of memory`)
      else reject(new GatewayError('internal', { detail: String(error), cause: error }))
    })
    worker.once('exit', () => {
      settled()
      reject(new GatewayError('shutting_down', { detail: 'the conversion was ended' }))
    })
  })
}

async function answerRead(
  worker: Worker,
  read: ReadDocument,
  { id, reference, from }: Extract<FromWorker, { kind: 'read' }>,
): Promise<void> {
  const answer: ToWorker = await read(reference, from).then(
    (document) => ({ id, document }),
    (thrown: unknown) => ({ id, fault: faultOf(thrown, reference) }),
  )
  worker.postMessage(answer)
}

function faultOf(thrown: unknown, reference: string): PlainFault {
  if (thrown instanceof ConversionFault)
    return { code: thrown.code, message: thrown.message, place: thrown.place }
  const code =
    thrown instanceof GatewayError && thrown.code === 'egress_refused'
      ? 'document_refused'
      : 'document_unreadable'
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return { code, message, place: reference }
}
