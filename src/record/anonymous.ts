import { anonymousLine } from './lines.ts'

export interface AnonymousOptions {
  /** Takes the text of one entry; must not throw. */
  readonly append: (line: string) => void
  /** Sources and codes told apart within one second; the others are counted together as `*`. */
  readonly perSecondSourcesMax: number
  readonly bytesPerMinuteMax: number
  /** Epoch milliseconds. */
  readonly now: () => number
}

export interface AnonymousRefusals {
  /** Counts one refusal. `source`: where it came from, e.g. an address. */
  count(source: string, code: string): void
  /** Writes what was counted; a timer does it after every second with refusals. */
  flush(): void
  close(): void
}

/** The sum of what the budget or the number of sources left no room for. */
const others = '*'
const sourceCharsMax = 64
const minuteMs = 60_000
const othersBytes = 120

/** Counts refusals of callers that nobody knows, so that they cannot fill the disk. */
export function anonymousRefusals(options: AnonymousOptions): AnonymousRefusals {
  const { append, perSecondSourcesMax, bytesPerMinuteMax, now } = options
  let counts = new Map<string, { source: string; code: string; count: number }>()
  let uncounted = 0
  let minute = 0
  let bytesLeft = bytesPerMinuteMax
  let timer: NodeJS.Timeout | undefined

  const write = (source: string, code: string, count: number, reserve: number): boolean => {
    const line = anonymousLine({ kind: 'anonymous', at: now(), source, code, count })
    const bytes = Buffer.byteLength(line) + 1
    if (bytes > bytesLeft - reserve) return false
    bytesLeft -= bytes
    append(line)
    return true
  }
  const flush = (): void => {
    clearTimeout(timer)
    timer = undefined
    const present = Math.floor(now() / minuteMs)
    if (present !== minute) {
      minute = present
      bytesLeft = bytesPerMinuteMax
    }
    for (const { source, code, count } of counts.values())
      if (!write(source, code, count, othersBytes)) uncounted += count
    counts = new Map()
    if (uncounted > 0 && write(others, '', uncounted, 0)) uncounted = 0
  }
  return {
    count(source, code) {
      timer ??= setTimeout(flush, 1_000).unref()
      const short = source.slice(0, sourceCharsMax)
      const key = `${short}\n${code}`
      const known = counts.get(key)
      if (known !== undefined) known.count++
      else if (counts.size < perSecondSourcesMax) counts.set(key, { source: short, code, count: 1 })
      else uncounted++
    },
    flush,
    close: flush,
  }
}
