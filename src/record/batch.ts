/** The lines of one turn of the event loop, and who waits for them. */
import { GatewayError } from '../model/refusal.ts'
import type { Mark } from './chain.ts'
import { SegmentLost } from './segment-file.ts'

export interface Signal {
  readonly promise: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

export interface Batch {
  readonly lines: string[]
  /** Waited for by intents: the batch is on disk. */
  durable: Signal | undefined
  /** Waited for by everything else: the batch is written. */
  written: Signal | undefined
  /** Where the chain ended before the batch; undefined until it is written. */
  before: Mark | undefined
}

export function newBatch(lines: string[] = []): Batch {
  return { lines, durable: undefined, written: undefined, before: undefined }
}

/** The bytes of a group's lines. */
export function textOf(lines: readonly string[]): string {
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`
}

export function signal(): Signal {
  let resolve: () => void = () => undefined
  let reject: (error: Error) => void = () => undefined
  const promise = new Promise<void>((done, failed) => {
    resolve = done
    reject = failed
  })
  return { promise, resolve, reject }
}

/** The refusal of an intent that could not be made durable. */
export function unavailable(cause: Error | undefined): GatewayError {
  return new GatewayError('journal_unavailable', {
    detail: cause?.message ?? 'the journal takes nothing at the moment',
    ...(cause instanceof SegmentLost
      ? {
          hint: 'The file of the journal was removed, replaced or cut; the gateway must be started again.',
        }
      : {}),
    cause,
  })
}
