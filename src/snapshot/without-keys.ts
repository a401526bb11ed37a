import { hash } from 'node:crypto'
import type { Snapshot } from './compile.ts'

/**
 * The Snapshot without keys whose holder is not among these ids, and the labels of those that went. Undefined: none did.
 * For revocations, which hold also when what is stored does not compile.
 */
export function withoutKeys(
  snapshot: Snapshot,
  valid: ReadonlySet<string>,
): { readonly snapshot: Snapshot; readonly gone: readonly string[] } | undefined {
  const { identities, version, digest } = snapshot
  const gone = identities.principals().flatMap(({ id, label }) => (valid.has(id) ? [] : label))
  if (gone.length === 0) return undefined
  const left = identities.withKeys(valid)
  const ids = left.principals().map(({ id }) => id)
  return {
    gone,
    snapshot: Object.freeze({
      ...snapshot,
      version: version + 1,
      // What is compiled next is not the same, even if it has the same rules.
      digest: hash('sha256', JSON.stringify([digest, ids]), 'hex'),
      identities: left,
    }),
  }
}
