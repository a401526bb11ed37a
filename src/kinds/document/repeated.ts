/**
 * Operations that stand twice under the same keys. Parsers keep the last of equal keys, so what stood there before
 * would be lost without a word.
 */
import { type JsonMember, scanObject } from '../../kit/json-scan.ts'

export interface Repeated {
  readonly path: string
  readonly method: string
}

const repeatedMax = 1_000
const depthMax = 2_000

/** A key of a mapping, with those of its value as far as they are wanted. */
export interface Entry {
  readonly key: string
  readonly entries: readonly Entry[]
}

/** Of a JSON text that could be parsed; none when it is too deep to be looked at. */
export function repeatedInJson(text: string): readonly Repeated[] {
  try {
    const collect = { paths: { '*': { '*': {} } } }
    const members = scanObject(text, collect, { depthMax, refuseDuplicates: false })
    return repeatedIn(entriesOf(members.findLast(({ key }) => key === 'paths')?.members))
  } catch {
    return []
  }
}

function entriesOf(members: readonly JsonMember[] | undefined): readonly Entry[] {
  return (members ?? []).map(({ key, members: inner }) => ({ key, entries: entriesOf(inner) }))
}

/** Of a YAML document, by its keys. */
export function repeatedInYaml(entries: readonly Entry[]): readonly Repeated[] {
  return repeatedIn(entries.findLast(({ key }) => key === 'paths')?.entries ?? [])
}

function repeatedIn(paths: readonly Entry[]): readonly Repeated[] {
  const found: Repeated[] = []
  const seen = new Set<string>()
  // From the end: the last of equal keys is the one that counts.
  for (const { key: path, entries } of [...paths].reverse()) {
    const methods = new Set<string>()
    for (const { key: method } of [...entries].reverse()) {
      if (seen.has(path) || methods.has(method)) found.push({ path, method })
      methods.add(method)
      if (found.length >= repeatedMax) return found
    }
    seen.add(path)
  }
  return found.reverse()
}
