/** Keeps the anchor of the journal in the database, so that a journal that was rolled back with its folder is told apart. */
import type { Journal } from './journal.ts'

/** Where anchors of nodes are kept. */
export interface AnchorStore {
  anchor(node: string): Promise<string | undefined>
  putAnchor(node: string, box: string): Promise<void>
  /** Why it could not be used when it was last asked. */
  fault(): unknown
}

export interface AnchorOptions {
  readonly journal: Journal
  readonly node: string
  readonly store: AnchorStore
  /** Told of what the journal lacks. */
  readonly onLoss: (what: string) => Promise<void>
  readonly onFault: (fault: unknown) => void
}

const anchorEveryMs = 1_000

/**
 * Holds the journal against the anchor that the store has of this node, then keeps it there, once a second while anything
 * is recorded. Returns the way to stop, which writes the last one.
 */
export function keepAnchors(options: AnchorOptions): () => Promise<void> {
  const { journal, node, store } = options
  let isCompared = false
  let kept = -1
  let running: Promise<void> | undefined
  const keep = async (always: boolean): Promise<void> => {
    if (!isCompared) {
      const box = await store.anchor(node)
      const what =
        box === undefined ? undefined : await journal.compare(box, 'the anchor in the database')
      isCompared = true
      if (what !== undefined) await options.onLoss(what)
    }
    const { durable } = journal
    if (!always && durable === kept) return
    await store.putAnchor(node, journal.anchor())
    kept = durable
  }
  const inTurn = (always: boolean): Promise<void> => {
    running ??= keep(always)
      .catch(options.onFault)
      .finally(() => {
        running = undefined
      })
    return running
  }
  // While the store is away, it is also what finds that it takes writes again.
  const timer = setInterval(() => void inTurn(store.fault() !== undefined), anchorEveryMs).unref()
  void inTurn(true)
  return async () => {
    clearInterval(timer)
    await running
    await inTurn(true)
  }
}
