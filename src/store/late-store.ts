import { away, awayBecause } from './failure.ts'
import type { Store } from './store.ts'

/** A store that is still opening, or cannot be had: every method rejects with `database_unavailable` and says why. */
export function lateStore(opening: Promise<Store>, openingFault: () => unknown): Store {
  let opened: Store | undefined
  opening.then(
    (store) => {
      opened = store
    },
    () => undefined,
  )
  const notOpen = () => {
    const fault = openingFault()
    return fault === undefined ? away('it is still starting') : awayBecause(fault)
  }
  const store = (): Store => {
    if (opened === undefined) throw notOpen()
    return opened
  }
  return {
    fault: () => (opened === undefined ? notOpen() : opened.fault()),
    load: async () => store().load(),
    list: async (kind) => store().list(kind),
    put: async (kind, name, value) => store().put(kind, name, value),
    remove: async (kind, name) => store().remove(kind, name),
    putKey: async (row) => store().putKey(row),
    revokeKey: async (name, at) => store().revokeKey(name, at),
    revokeHash: async (hash, at) => store().revokeHash(hash, at),
    watch: (listener) => later(opening, (there) => there.watch(listener)),
    beat: async (own) => store().beat(own),
    leave: async (node, boot) => store().leave(node, boot),
    watchNodes: (listener) => later(opening, (there) => there.watchNodes(listener)),
    anchor: async (node) => store().anchor(node),
    putAnchor: async (node, box) => store().putAnchor(node, box),
    index: async (entries) => store().index(entries),
    indexedUpTo: async (writer) => store().indexedUpTo(writer),
    records: async (query) => store().records(query),
    dropRecordsBefore: async (at) => store().dropRecordsBefore(at),
    close: async () => opened?.close(),
  }
}

function later(opening: Promise<Store>, watch: (store: Store) => () => void): () => void {
  let stop = (): void => undefined
  opening.then(
    (there) => {
      stop = watch(there)
    },
    () => undefined,
  )
  return () => stop()
}
