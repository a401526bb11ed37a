import { hash } from 'node:crypto'
import { onlyKeys } from '../identity/identify.ts'
import type { Snapshot } from './compile.ts'

/**
 * The Snapshot without keys whose hash is not among these, and the labels of those that went. Undefined: none did.
 * For revocations, which hold also when what is stored does not compile.
 */
export function withoutKeys(
  snapshot: Snapshot,
  valid: ReadonlySet<string>,
): { readonly snapshot: Snapshot; readonly gone: readonly string[] } | undefined {
  const { keys } = snapshot
  const gone = [...keys.byHash].flatMap(([key, { label }]) => (valid.has(key) ? [] : label))
  if (gone.length === 0) return undefined
  const left = onlyKeys(keys, valid)
  return {
    gone,
    snapshot: Object.freeze({
      ...snapshot,
      version: snapshot.version + 1,
      // What is compiled next is not the same, even if it has the same rules.
      digest: hash('sha256', JSON.stringify([snapshot.digest, [...left.byHash.keys()]]), 'hex'),
      keys: left,
    }),
  }
}
