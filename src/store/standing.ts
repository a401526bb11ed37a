/** How it stands with the database and with what must be kept, in sentences for anybody. */
import type { KeyRow } from '../model/desired-state.ts'
import { causeOf } from './failure.ts'
import type { Revocations } from './revocations.ts'
import type { Store } from './store.ts'

export interface DatabaseStanding {
  readonly database: 'starting' | 'ready' | 'away'
  /** Why it is away. */
  readonly cause?: string
}

export class Standing {
  readonly #revocations: Pick<Revocations, 'missingIn' | 'fault'>
  #store: Pick<Store, 'fault'> | undefined
  /** Why the database could not be opened so far. */
  openingFault: unknown
  /** Why the last good state cannot be written. */
  lastGoodFault: unknown

  constructor(revocations: Pick<Revocations, 'missingIn' | 'fault'>) {
    this.#revocations = revocations
  }

  /** From now on it is this one that is asked. */
  opened(store: Pick<Store, 'fault'>): void {
    this.#store = store
  }

  /** As it answered when it was last asked. */
  database(): DatabaseStanding {
    const fault = this.#store === undefined ? this.openingFault : this.#store.fault()
    if (fault !== undefined) return { database: 'away', cause: causeOf(fault) }
    return { database: this.#store === undefined ? 'starting' : 'ready' }
  }

  /** What of the desired state is in force here, but is not yet wherever it must be. `keys`: as the database has them. */
  notKept(keys: readonly KeyRow[]): readonly string[] {
    const missing = this.#revocations.missingIn(keys).length
    return [
      ...(missing === 0
        ? []
        : [
            `${missing === 1 ? 'A revocation is' : `${missing} revocations are`} not in the database yet: refused here, but other nodes may take the key.`,
          ]),
      ...(this.#revocations.fault === undefined
        ? []
        : [
            'The data folder does not take a revocation: a start without the database would take the key.',
          ]),
      ...(this.lastGoodFault === undefined
        ? []
        : [
            'The last good state cannot be written: a start without the database would begin with an older one.',
          ]),
    ]
  }
}
