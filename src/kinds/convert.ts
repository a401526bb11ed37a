/**
 * The gateway's side of conversions. Descriptions come from strangers and are large, so each conversion runs in a
 * process of its own, one at a time, under a cap of time and memory. A thread would not do: what parses JSON cannot be
 * interrupted, and a thread that runs out of memory there takes the whole process with it.
 */

import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { deserialize } from 'node:v8'
import { owned } from '../kit/owner.ts'
import { messageOf } from '../kit/thrown.ts'
import { Turns } from '../kit/turns.ts'
import { type Conversion, ConversionFault, type ReadDocument } from '../model/conversion.ts'
import { GatewayError } from '../model/refusal.ts'
import type { ConversionJob } from './converters.ts'
import { type FromWorker, type PlainFault, plainOf, type ToWorker } from './messages.ts'
import { leaveOut } from './selection.ts'

export interface ConversionCaps {
  /** From the start of the process to the last tool. */
  readonly timeMsMax: number
  /** Of its old generation. */
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
  const turns = new Turns({
    waitingMax: caps.queueMax - 1,
    ownerMax: caps.queueMax,
    full: () => new GatewayError('busy', { detail: 'too many conversions wait' }),
    closed: () => new GatewayError('shutting_down'),
  })
  let running: ChildProcess | undefined

  const run = (job: ConversionJob, read: ReadDocument): Promise<Conversion> => {
    const broken = Promise.withResolvers<never>()
    broken.promise.catch(() => undefined)
    const worker = owned({ what: 'a conversion', fail: broken.reject }, () => startWorker(caps))
    running = worker
    worker.send({ kind: 'job', job } satisfies ToWorker)
    return Promise.race([answerOf(worker, read, caps), broken.promise]).finally(() => {
      running = undefined
      worker.kill('SIGKILL')
    })
  }
  return {
    convert: (job, read) => turns.run('', async () => run(job, read)),
    async close() {
      turns.close()
      running?.kill('SIGKILL')
    },
  }
}

function startWorker({ heapMbMax }: ConversionCaps): ChildProcess {
  // Bundled, its program lies beside this one; run from source, it is the file beside this one.
  const fromSource = import.meta.url.endsWith('.ts')
  const program = new URL(fromSource ? './worker.ts' : './convert-worker.mjs', import.meta.url)
  // What it may read: the program and its libraries. No other file, no process, no native code.
  const own = fileURLToPath(new URL(fromSource ? '../../' : './', import.meta.url))
  return fork(program, [], {
    env: {},
    execArgv: [
      `--max-old-space-size=${heapMbMax}`,
      '--disable-warning=ExperimentalWarning',
      '--permission',
      `--allow-fs-read=${own}*`,
    ],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
}

function answerOf(
  worker: ChildProcess,
  read: ReadDocument,
  caps: ConversionCaps,
): Promise<Conversion> {
  return new Promise((resolve, reject) => {
    const tooMuch = (what: string) =>
      reject(new ConversionFault('description_too_large', `${what}; ${leaveOut}`))
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
      if (message.kind === 'done') resolve(deserialize(message.conversion))
      else {
        const { code, message: text, place, byEgress } = message.fault
        reject(new ConversionFault(code, text, place, byEgress))
      }
    })
    worker.once('error', (cause) => {
      settled()
      reject(new GatewayError('internal', { detail: `the converter: ${cause.message}`, cause }))
    })
    worker.once('exit', (code, signal) => {
      settled()
      // V8 aborts when its heap is full (POSIX: SIGABRT; Windows: an exit code).
      if (signal === 'SIGKILL')
        reject(new GatewayError('shutting_down', { detail: 'the conversion was ended' }))
      else if (signal === 'SIGABRT' || code === 134 || process.platform === 'win32')
        tooMuch(`its conversion needs more than ${caps.heapMbMax} MB of memory`)
      else
        reject(new GatewayError('internal', { detail: `the converter ended (${signal ?? code})` }))
    })
  })
}

async function answerRead(
  worker: ChildProcess,
  read: ReadDocument,
  { id, reference, from }: Extract<FromWorker, { kind: 'read' }>,
): Promise<void> {
  const answer: ToWorker = await read(reference, from).then(
    (document) => ({ kind: 'document', id, document }),
    (thrown: unknown) => ({ kind: 'refused', id, fault: faultOf(thrown, reference) }),
  )
  if (worker.connected) worker.send(answer)
}

function faultOf(thrown: unknown, reference: string): PlainFault {
  if (thrown instanceof ConversionFault) return plainOf(thrown)
  const byEgress = thrown instanceof GatewayError && thrown.code === 'egress_refused'
  const code = byEgress ? 'document_refused' : 'document_unreadable'
  const message = messageOf(thrown)
  return { code, message, place: reference, byEgress }
}
