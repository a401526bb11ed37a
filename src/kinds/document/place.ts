/** Where in which document something stands, kept as a chain so that only what is reported is written out. */
import { pointerKey } from '../../kit/json-pointer.ts'

export interface Place {
  /** Location of the document. */
  readonly document: string
  readonly parent: Place | undefined
  readonly key: string
}

/** A value with its place. */
export interface Spot {
  readonly value: unknown
  readonly at: Place
}

export function rootPlace(document: string): Place {
  return { document, parent: undefined, key: '' }
}

export function placeIn(at: Place, key: string): Place {
  return { document: at.document, parent: at, key }
}

/** JSON pointer as a URI fragment (RFC 6901 section 6), without the percent-encoding that nobody can read. */
export function pointerOf(at: Place): string {
  const keys: string[] = []
  for (let place = at; place.parent !== undefined; place = place.parent)
    keys.push(pointerKey(place.key))
  return ['#', ...keys.reverse()].join('/')
}
