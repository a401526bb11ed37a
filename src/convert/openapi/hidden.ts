/** Properties that only one direction has. */
import type { Documents } from './documents.ts'
import { flagAt, memberOf } from './json.ts'
import type { Spot } from './place.ts'

export type Direction = 'input' | 'output'

/** `readOnly` is no argument, `writeOnly` in no answer (OpenAPI 3.0 section 4.7.24.2). */
export function isHidden(spot: Spot, direction: Direction, documents: Documents): boolean {
  const keyword = direction === 'input' ? 'readOnly' : 'writeOnly'
  if (flagAt(spot.value, keyword) === true) return true
  if (typeof memberOf(spot.value, '$ref') !== 'string') return false
  const found = documents.target(spot)
  return found.kind === 'found' && flagAt(found.spot.value, keyword) === true
}
