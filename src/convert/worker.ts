/**
 * The worker's entry: one conversion, then the end. It has no environment and reads nothing by itself; further
 * documents come over messages from the main thread, which decides what may be read.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { ConversionFault, type Document } from '../model/conversion.ts'
import { type ConversionJob, convertJob } from './converters.ts'
import type { FromWorker, PlainFault, ToWorker } from './messages.ts'

const waiting = new Map<
  number,
  { resolve: (document: Document) => void; reject: (fault: ConversionFault) => void }
>()
let asked = 0

function post(message: FromWorker): void {
  parentPort?.postMessage(message)
}

function plainFault(thrown: unknown): PlainFault {
  if (thrown instanceof ConversionFault)
    return { code: thrown.code, message: thrown.message, place: thrown.place }
  // V8 says this of a stack that is full: the description nests more deeply than it can be followed.
  if (thrown instanceof RangeError)
    return { code: 'description_too_large', message: 'it is nested too deeply', place: '' }
  const what = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown)
  return {
    code: 'description_invalid',
    message: `the converter cannot read it (${what.slice(0, 500)})`,
    place: '',
  }
}

parentPort?.on('message', (message: ToWorker) => {
  const reader = waiting.get(message.id)
  waiting.delete(message.id)
  if ('document' in message) reader?.resolve(message.document)
  else {
    const { code, message: text, place } = message.fault
    reader?.reject(new ConversionFault(code, text, place))
  }
})

const job: ConversionJob = workerData
try {
  const conversion = await convertJob(
    job,
    (reference, from) =>
      new Promise((resolve, reject) => {
        const id = ++asked
        waiting.set(id, { resolve, reject })
        post({ kind: 'read', id, reference, from })
      }),
  )
  post({ kind: 'done', conversion })
} catch (thrown) {
  post({ kind: 'fault', fault: plainFault(thrown) })
}
// The port would keep the worker alive.
parentPort?.removeAllListeners('message')
