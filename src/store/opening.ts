/** Opens the database; beside a gateway that serves already it is tried again until it is there. */
import { setTimeout as delay } from 'node:timers/promises'
import { type DatabaseOptions, type RunningDatabase, startDatabase } from './database.ts'

const againMs = 10_000

export class DatabaseOpening {
  readonly #options: DatabaseOptions
  readonly #stopping = new AbortController()

  constructor(options: DatabaseOptions) {
    this.#options = options
  }

  /** Rejects with a sentence when it cannot be had. */
  once(): Promise<RunningDatabase> {
    return startDatabase(this.#options)
  }

  /** Tells of each attempt that failed; rejects with the last fault once it is stopped. */
  async untilThere(onFault: (fault: unknown) => void): Promise<RunningDatabase> {
    for (;;) {
      try {
        return await this.once()
      } catch (fault) {
        onFault(fault)
        const { signal } = this.#stopping
        await delay(againMs, undefined, { signal, ref: false }).catch(() => undefined)
        if (signal.aborted) throw fault
      }
    }
  }

  stop(): void {
    this.#stopping.abort()
  }
}
