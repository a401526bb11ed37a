/** Names of tools: readable, legal in every client, and the same at each conversion. */
import { createHash } from 'node:crypto'

/** What clients take (`[A-Za-z0-9_-]{1,64}`). */
const lengthMax = 64
const hashLength = 6

/** An operation that wants a name. */
export interface Unnamed {
  /** Its identity in the description, e.g. `GET /pets/{id}`; unique. */
  readonly operation: string
  /** What it may be called, best first, e.g. its operationId, then method and path. */
  readonly wishes: readonly string[]
}

/**
 * Lower-case words with `_` between them, at most 64 characters: `listPetsByHTTPStatus` and `list-pets/byHttpStatus`
 * become `list_pets_by_http_status`. What is too long is cut between words and ends in a hash of the whole, so that the
 * name depends on nothing but its words. Undefined when no letter or digit is left.
 */
export function toolName(words: string): string | undefined {
  const name = snakeCase(words)
  if (name === '') return undefined
  return name.length <= lengthMax ? name : withHash(name, words)
}

function snakeCase(words: string): string {
  return (
    words
      // Letters with marks become plain ones; what has no plain form is left out.
      .normalize('NFKD')
      .replace(/\p{M}+/gu, '')
      .replace(/OAuth/g, 'Oauth')
      .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
      .replace(/([A-Z]+)([A-Z][a-z])/g, '$1_$2')
      .replace(/[^A-Za-z0-9]+/g, '_')
      .replace(/^_+|_+$/g, '')
      .toLowerCase()
  )
}

function hashOf(text: string, length: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, length)
}

/** `name` cut between words, where that keeps most of it, with a hash of `of` behind. */
function withHash(name: string, of: string, length = hashLength): string {
  const room = lengthMax - 1 - length
  const cut = name.slice(0, room)
  const word = name[room] === '_' || name.length <= room ? cut.length : cut.lastIndexOf('_')
  return `${cut.slice(0, word > room / 2 ? word : room).replace(/_+$/, '')}_${hashOf(of, length)}`
}

/**
 * A name for each operation, unique among them. Which operation gets its first wish does not depend on the order of
 * the description, and an operation that collides with no other keeps its name whatever is added or removed.
 */
export function toolNames(operations: readonly Unnamed[]): ReadonlyMap<string, string> {
  const sorted = [...operations].sort((a, b) => (a.operation < b.operation ? -1 : 1))
  const taken = new Set<string>()
  const names = new Map<string, string>()
  const claim = (operation: string, name: string | undefined): boolean => {
    if (name === undefined || taken.has(name)) return false
    taken.add(name)
    names.set(operation, name)
    return true
  }
  const wishesOf = ({ wishes }: Unnamed): string[] => wishes.flatMap((wish) => toolName(wish) ?? [])
  // First wishes before all others: nobody's second wish takes somebody's first.
  const late = sorted.filter((one) => !claim(one.operation, wishesOf(one)[0]))
  for (const one of late) {
    const [first = 'operation', ...others] = wishesOf(one)
    if (others.some((name) => claim(one.operation, name))) continue
    for (let length = hashLength; !claim(one.operation, withHash(first, one.operation, length)); )
      length++
  }
  return names
}
