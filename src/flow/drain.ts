import { setTimeout as delay } from 'node:timers/promises'
import type { AtWork } from '../model/at-work.ts'

const lookMs = 25
/** How long what was cancelled may take to say so to its caller. */
const lastWordsMs = 1_000

/** Lets all finish what they have in hand, for `drainMs` at most and no longer than `hurry` allows; then cancels the rest. */
export async function drain(
  all: ReadonlySet<AtWork>,
  drainMs: number,
  hurry: AbortSignal,
): Promise<void> {
  const isBusy = (): boolean => {
    for (const one of [...all]) one.settle()
    return [...all].some((one) => one.busy())
  }
  const isDone = async (waitMs: number, signal: AbortSignal | undefined): Promise<boolean> => {
    const until = performance.now() + waitMs
    while (isBusy()) {
      if (performance.now() >= until || signal?.aborted === true) return false
      await delay(lookMs)
    }
    return true
  }
  if (await isDone(drainMs, hurry)) return
  for (const one of [...all]) one.cancel()
  await isDone(lastWordsMs, undefined)
}
