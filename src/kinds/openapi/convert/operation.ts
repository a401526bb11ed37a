import type { Spot } from '../../document/place.ts'

export interface Operation {
  /** `GET /pets/{id}`: unique in the description. */
  readonly key: string
  /** Upper case. */
  readonly method: string
  readonly path: string
  readonly spot: Spot
  readonly pathItem: Spot
}
