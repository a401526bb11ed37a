/** The JSON object that a few scalars of a larger one make, so that what reads an answer can read it, too. */
import { namedBy } from '../../../kit/json-pointer.ts'

interface Outline {
  [key: string]: Outline | string
}

/** `scalars`: raw JSON by JSON pointer (RFC 6901). A scalar in the way of a deeper one is left out. */
export function outlineOf(scalars: ReadonlyMap<string, string>): string {
  const root: Outline = Object.create(null)
  for (const [pointer, raw] of scalars) {
    const keys = pointer.split('/').slice(1).map(namedBy)
    const last = keys.pop()
    let at = root
    for (const key of keys) {
      const inner = at[key]
      const next: Outline = typeof inner === 'object' ? inner : Object.create(null)
      at[key] = next
      at = next
    }
    if (last !== undefined && typeof at[last] !== 'object') at[last] = raw
  }
  return textOf(root)
}

function textOf(outline: Outline): string {
  const members = Object.entries(outline).map(
    ([key, inner]) => `${JSON.stringify(key)}:${typeof inner === 'string' ? inner : textOf(inner)}`,
  )
  return `{${members.join(',')}}`
}
