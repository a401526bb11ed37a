/**
 * The entry of the process that converts: one conversion, then the end. It has no environment, and may read nothing
 * but the program itself; further documents come over messages from the gateway, which decides what may be read.
 */
import { serialize } from 'node:v8'
import { ConversionFault, type Document } from '../model/conversion.ts'
import { convertJob } from './converters.ts'
import { type FromWorker, type PlainFault, plainOf, type ToWorker } from './messages.ts'
import { leaveOut } from './selection.ts'

/** The gateway holds this much of every server of an API kind, and as much of its tools as lists show. */
const conversionBytesMax = 100_000_000

const waiting = new Map<
  number,
  { resolve: (document: Document) => void; reject: (fault: ConversionFault) => void }
>()
let asked = 0

function post(message: FromWorker): void {
  process.send?.(message)
}

function plainFault(thrown: unknown): PlainFault {
  if (thrown instanceof ConversionFault) return plainOf(thrown)
  // V8 says this of a stack that is full: the description nests more deeply than it can be followed.
  if (thrown instanceof RangeError)
    return {
      code: 'description_too_large',
      message: 'it is nested too deeply',
      place: '',
      byEgress: false,
    }
  const what = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown)
  return {
    code: 'description_invalid',
    message: `the converter cannot read it (${what.slice(0, 500)})`,
    place: '',
    byEgress: false,
  }
}

function tooLarge(): ConversionFault {
  return new ConversionFault(
    'description_too_large',
    `its tools are larger than ${conversionBytesMax / 1_000_000} MB together; ${leaveOut}`,
  )
}

async function run({ job }: Extract<ToWorker, { kind: 'job' }>): Promise<void> {
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
    const bytes = serialize(conversion)
    if (bytes.length > conversionBytesMax) throw tooLarge()
    // Schemas that tools share are written out for each of them.
    let chars = 0
    for (const { definition } of conversion.tools) {
      chars += JSON.stringify(definition).length
      if (chars > conversionBytesMax) throw tooLarge()
    }
    post({ kind: 'done', conversion: bytes })
  } catch (thrown) {
    post({ kind: 'fault', fault: plainFault(thrown) })
  }
}

process.on('message', (message: ToWorker) => {
  if (message.kind === 'job') {
    void run(message)
    return
  }
  const reader = waiting.get(message.id)
  waiting.delete(message.id)
  if (message.kind === 'document') reader?.resolve(message.document)
  else {
    const { code, message: text, place, byEgress } = message.fault
    reader?.reject(new ConversionFault(code, text, place, byEgress))
  }
})
// Whoever asked is gone.
process.on('disconnect', () => process.exit())
