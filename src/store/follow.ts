/** Follows the store: every write by this or another node is taken over and kept as the last good state. */

import { messageOf } from '../kit/thrown.ts'
import type { InForce, StoredState } from '../model/desired-state.ts'
import { saveLastGood } from './database.ts'
import type { Revocations } from './revocations.ts'
import type { Standing } from './standing.ts'
import type { Store } from './store.ts'

export interface FollowOptions {
  readonly store: Store
  readonly dataDir: string
  readonly revocations: Revocations
  readonly standing: Standing
  /** The stored state that is used. */
  readonly stored: () => StoredState
  /** Uses another one, unless it cannot be used. */
  readonly take: (state: StoredState) => InForce
  readonly log: {
    warn(facts: object, text: string): void
    error(facts: object, text: string): void
  }
}

/** How often a load that failed, or what could not be stored, is tried again. */
const retakeEveryMs = 2_000

/** Resolves when what is stored was taken over once, or could not be read. */
export async function follow(options: FollowOptions): Promise<void> {
  const { store, revocations, standing, log } = options
  standing.opened(store)
  let version = -1
  let missed = false
  let good = options.stored()
  const take = async (): Promise<void> => {
    try {
      const state = await revocations.settle(store)
      missed = false
      if (state.version > version) {
        version = state.version
        const { inForce, issues } = options.take(state)
        if (issues.length > 0)
          log.warn(
            { issues },
            inForce
              ? 'the stored configuration is used but for what cannot be'
              : 'the stored configuration is not used; the running one stays',
          )
        // Keys are what the database says also beside rules that are older.
        good = inForce ? state : { ...good, keys: state.keys }
      } else if (standing.lastGoodFault === undefined) return
      await keepLastGood(options, good)
    } catch (fault) {
      if (!missed) log.warn({}, `The database does not answer: ${messageOf(fault)}`)
      missed = true
    }
  }
  let taking: Promise<void> | undefined
  let again = false
  /** One after the other: an older state must not replace a newer one on disk. */
  const takeInTurn = (): Promise<void> => {
    again = true
    taking ??= (async () => {
      while (again) {
        again = false
        await take()
      }
      taking = undefined
    })()
    return taking
  }
  // Watched before the first load: what is written between the two would be missed otherwise.
  store.watch(() => void takeInTurn())
  await takeInTurn()
  setInterval(() => {
    const owes = revocations.missingIn(options.stored().keys).length > 0
    if (missed || owes || standing.lastGoodFault !== undefined) void takeInTurn()
  }, retakeEveryMs).unref()
}

async function keepLastGood(
  { dataDir, revocations, standing, log }: FollowOptions,
  state: StoredState,
): Promise<void> {
  try {
    await saveLastGood(dataDir, state)
  } catch (fault) {
    if (standing.lastGoodFault === undefined)
      log.error({}, `The last good state cannot be written: ${messageOf(fault)}`)
    standing.lastGoodFault = fault
    return
  }
  standing.lastGoodFault = undefined
  await revocations.forget(state.keys)
}
