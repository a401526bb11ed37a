/** Makes API keys: the text goes to its owner once, the row to the store. */
import { createHash, randomBytes } from 'node:crypto'
import type { KeyRow } from '../model/desired-state.ts'

const keyBytes = 32
const hintLength = 9

/** A key's text, and the row that stands for it. */
export function newKey(
  given: Pick<KeyRow, 'name' | 'roles' | 'user' | 'teams' | 'environment' | 'expiresAt'>,
  now: number,
): { readonly key: string; readonly row: KeyRow } {
  const key = `sp_${randomBytes(keyBytes).toString('base64url')}`
  const hash = createHash('sha256').update(key).digest('hex')
  const hint = key.slice(0, hintLength)
  return { key, row: { ...given, hash, hint, createdAt: now, revokedAt: undefined } }
}
