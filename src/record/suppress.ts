import type { Principal } from '../model/principal.ts'
import { suppressedLine } from './lines.ts'

export interface SuppressOptions {
  /** Takes the text of one entry; must not throw. */
  readonly append: (line: string) => void
  /** For one principal, and for all together, in a minute. */
  readonly principalBytesMax: number
  readonly bytesMax: number
  /** Epoch milliseconds. */
  readonly now: () => number
}

/**
 * Entries that a caller can bring about without any right: its refusals, lists, listens and sign-ins. Beyond a budget
 * they are counted and summed up, so that nobody fills the disk and all are told of.
 */
export interface Suppression {
  /** Whether the line may be written. When not, it is counted under `what`, which is one of few words. */
  admits(holder: Holder, what: string, line: string): boolean
  /** Writes the sums; a timer does it at the end of each minute in which something was asked. */
  flush(): void
}

export interface Holder extends Pick<Principal, 'environment'> {
  /** As records say it, e.g. `key:ci`. */
  readonly principal: string
  readonly principalId: string
}

interface Tally {
  readonly holder: Holder
  bytes: number
  count: number
  readonly kinds: Map<string, number>
}

const minuteMs = 60_000

/** Counts what one principal, and all together, have brought about in the running minute. */
export function createSuppression(options: SuppressOptions): Suppression {
  const { append, principalBytesMax, bytesMax, now } = options
  let tallies = new Map<string, Tally>()
  let bytes = 0
  let timer: NodeJS.Timeout | undefined

  const flush = (): void => {
    clearTimeout(timer)
    timer = undefined
    const over = tallies
    tallies = new Map()
    bytes = 0
    for (const { holder, count, kinds } of over.values()) {
      if (count === 0) continue
      const detail = [...kinds].map(([kind, times]) => `${kind} ${times}`).join(', ')
      append(suppressedLine({ kind: 'suppressed', at: now(), ...holder, count, detail }))
    }
  }
  return {
    admits(holder, what, line) {
      timer ??= setTimeout(flush, minuteMs).unref()
      const { principalId } = holder
      let tally = tallies.get(principalId)
      if (tally === undefined) {
        tally = { holder, bytes: 0, count: 0, kinds: new Map() }
        tallies.set(principalId, tally)
      }
      const size = Buffer.byteLength(line) + 1
      if (tally.bytes + size <= principalBytesMax && bytes + size <= bytesMax) {
        tally.bytes += size
        bytes += size
        return true
      }
      tally.count++
      tally.kinds.set(what, (tally.kinds.get(what) ?? 0) + 1)
      return false
    },
    flush,
  }
}
