import { errorOf } from './thrown.ts'

export interface TurnsOptions {
  /** How many may wait beside the one that runs, and how many of one owner. */
  readonly waitingMax: number
  readonly ownerMax: number
  /** Why there is no room, and why nothing is begun any more. */
  readonly full: () => Error
  readonly closed: () => Error
}

interface Turn {
  readonly begin: () => Promise<void>
  readonly refuse: () => void
}

/** Runs one thing at a time. Owners take turns, so that nobody waits for all that another one asked for. */
export class Turns {
  private readonly options: TurnsOptions
  /** The owner whose turn is next comes first. */
  private readonly queues = new Map<string, Turn[]>()
  private waiting = 0
  private running = false
  private isClosed = false

  constructor(options: TurnsOptions) {
    this.options = options
  }

  /** @throws what `full` and `closed` make; whatever `work` throws */
  run<T>(owner: string, work: () => Promise<T>): Promise<T> {
    const { waitingMax, ownerMax, full, closed } = this.options
    if (this.isClosed) return Promise.reject(closed())
    const own = this.queues.get(owner) ?? []
    if (this.running && (this.waiting >= waitingMax || own.length >= ownerMax))
      return Promise.reject(full())
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const begin = async (): Promise<void> => {
      try {
        resolve(await work())
      } catch (thrown) {
        reject(errorOf(thrown))
      }
    }
    own.push({ begin, refuse: () => reject(closed()) })
    this.queues.set(owner, own)
    this.waiting++
    if (!this.running) this.next()
    return promise
  }

  /** What waits is not begun any more; what runs is for somebody else to end. */
  close(): void {
    this.isClosed = true
    for (const turn of [...this.queues.values()].flat()) turn.refuse()
    this.queues.clear()
    this.waiting = 0
  }

  private next(): void {
    const turn = this.take()
    this.running = turn !== undefined
    void turn?.begin().then(() => this.next())
  }

  private take(): Turn | undefined {
    for (const [owner, own] of this.queues) {
      const turn = own.shift()
      this.queues.delete(owner)
      if (own.length > 0) this.queues.set(owner, own)
      if (turn === undefined) continue
      this.waiting--
      return turn
    }
    return undefined
  }
}
