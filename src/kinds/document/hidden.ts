/** Properties that only one direction has. */
import type { Documents } from './documents.ts'
import { flagAt } from './json.ts'
import type { Spot } from './place.ts'

export type Direction = 'input' | 'output'

/** `readOnly` is no argument, `writeOnly` in no answer (OpenAPI 3.0 section 4.7.24.2). */
export function isHidden(spot: Spot, direction: Direction, documents: Documents): boolean {
  const keyword = direction === 'input' ? 'readOnly' : 'writeOnly'
  return [spot, ...documents.layers(spot)].some(({ value }) => flagAt(value, keyword) === true)
}
