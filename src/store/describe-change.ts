/** What a change did to an object, for evidence: before and after, without what stayed and without secrets. */
import { isHarmless, mask, userInfoEnd } from '../kit/plain-address.ts'
import { plainArgs, plainText, withoutKnown } from '../kit/plain-text.ts'
import { isTelling } from '../kit/telling.ts'
import type { Change, ChangedObject, Shown, ShownScalar, ShownValue } from '../model/change.ts'
import type { KeyRow } from '../model/desired-state.ts'
import { keyId } from '../model/principal.ts'
import { maskedText } from './plain-secrets.ts'

/** A value without members. A list of such values is one, too. */
interface Leaf {
  readonly steps: readonly string[]
  readonly value: ShownValue
}
/** By their dotted paths. */
type Leaves = ReadonlyMap<string, Leaf>

/** What is masked below these is so whatever it is. Nobody may see `fixed`. */
const closed: ReadonlySet<string> = new Set(['credential', 'env', 'headers', 'security', 'fixed'])

/** A short text that is the same for the same value, and tells nothing about it to whoever has not the key ring. */
export type Digest = (value: string) => string

/**
 * What one object becomes; undefined stands for none. Answers one change, or none when nothing is another. What is masked
 * carries its digest, if there is one, so that one value can be told from another.
 */
export function changesOf(
  object: ChangedObject,
  name: string,
  before: unknown,
  after: unknown,
  digest: Digest = () => '',
): readonly Change[] {
  const [was, is] = [leavesOf(before), leavesOf(after)]
  const paths = [...new Set([...was.keys(), ...is.keys()])].filter(
    (path) => JSON.stringify(was.get(path)) !== JSON.stringify(is.get(path)),
  )
  if (paths.length === 0 && (before === undefined) === (after === undefined)) return []
  const action = before === undefined ? 'created' : after === undefined ? 'removed' : 'changed'
  const side = (own: Leaves, other: Leaves): Shown => {
    const known = knownSecrets(own)
    return Object.fromEntries(
      paths.flatMap((path) => {
        const leaf = own.get(path)
        if (leaf === undefined) return []
        const shown = withDigest(leaf.value, masked[object](leaf, known), digest)
        const value = withoutThose(leaf.value, shown, other.get(path)?.value)
        if (isList(value) && value.length === 0 && other.has(path)) return []
        return [[pathOf(leaf.steps, digest), value]]
      }),
    )
  }
  return [{ action, object, name, before: side(was, is), after: side(is, was) }]
}

/** A key as evidence tells it: what it may, and never its text, its hash or its beginning. */
export function keyFacts(row: KeyRow): Readonly<Record<string, unknown>> {
  const { roles, user, teams, environment, expiresAt } = row
  const expires = expiresAt === undefined ? undefined : new Date(expiresAt).toISOString()
  return { id: keyId(row), roles, user, teams, environment, expires }
}

/** Of a list only what the other side has not, unless both have the same in another order. */
function withoutThose(
  own: ShownValue | undefined,
  shown: ShownValue,
  other: ShownValue | undefined,
): ShownValue {
  if (!isList(own) || !isList(shown) || !isList(other)) return shown
  const [mine, theirs] = [new Set(own), new Set(other)]
  if (mine.symmetricDifference(theirs).size === 0) return shown
  return shown.filter((_, index) => !theirs.has(own[index] ?? null))
}

/** What each kind of object shows. The facts of keys are ours, and words. */
const masked: Readonly<
  Record<ChangedObject, (leaf: Leaf, known: ReadonlySet<string>) => ShownValue>
> = {
  server: ofServer,
  setting: ofServer,
  toolset: ofRule,
  role: ofRule,
  access: ofRule,
  limit: ofRule,
  key: ({ value }) => value,
  'key-ring': ({ value }) => value,
}

function ofServer({ steps, value }: Leaf, known: ReadonlySet<string>): ShownValue {
  if (isClosed(steps) || steps.some(isTelling)) return isList(value) ? value.map(() => mask) : mask
  const shown = mapped(value, (text) => withoutKnown(text, known))
  // Arguments are read in a row: one names the next.
  if (isList(shown) && steps.at(-1) === 'args') return plainArgs(shown.map(String))
  return mapped(shown, plainText)
}

function isClosed(steps: readonly string[]): boolean {
  return steps.some((step) => closed.has(step))
}

/** What stands where everything is masked is masked wherever else it stands, too. */
function knownSecrets(leaves: Leaves): ReadonlySet<string> {
  return new Set(
    [...leaves.values()]
      .filter(({ steps }) => isClosed(steps))
      .flatMap(({ value }): readonly ShownScalar[] => (isList(value) ? value : [value]))
      .filter((value): value is string => typeof value === 'string' && value !== ''),
  )
}

function withDigest(given: ShownValue, shown: ShownValue, digest: Digest): ShownValue {
  const one = (plain: ShownScalar | undefined, seen: ShownScalar): ShownScalar => {
    if (plain === seen || typeof seen !== 'string') return seen
    const sum = digest(String(plain))
    return sum === '' ? seen : `${seen} #${sum}`
  }
  if (isList(shown))
    return shown.map((seen, index) => one(isList(given) ? given[index] : given, seen))
  return isList(given) ? shown : one(given, shown)
}

/** Names are chosen by people, too: one that looks like a token may be one. */
function pathOf(steps: readonly string[], digest: Digest): string {
  return steps
    .map((step) => (isHarmless(step) ? step.replaceAll('.', '\\.') : `${mask}${digest(step)}`))
    .join('.')
}

/** Patterns are shown as they are written, but for user info, query and what looks like a token. */
function ofRule({ value }: Leaf): ShownValue {
  return mapped(value, (text) => maskedText(text.replaceAll(/\S+/g, plainPattern), mask))
}

function plainPattern(word: string): string {
  const at = word.indexOf('//') + 2
  if (at < 2) return word
  const rest = word.slice(at)
  const from = userInfoEnd(rest) ?? rest.lastIndexOf('@') + 1
  const [address = '', query] = rest.slice(from).split(/[?#]/, 2)
  const user = from > 0 ? `${mask}@` : ''
  return `${word.slice(0, at)}${user}${address}${query === undefined ? '' : `?${mask}`}`
}

function mapped(value: ShownValue, show: (text: string) => string): ShownValue {
  const one = (scalar: ShownScalar): ShownScalar =>
    typeof scalar === 'string' ? show(scalar) : scalar
  return isList(value) ? value.map(one) : one(value)
}

function leavesOf(spec: unknown): Leaves {
  const leaves = new Map<string, Leaf>()
  const walk = (steps: readonly string[], value: unknown): void => {
    if (value === undefined) return
    const add = (leaf: ShownValue): unknown =>
      // A step may hold a dot itself.
      leaves.set(steps.map((step) => step.replaceAll('.', '\\.')).join('.'), { steps, value: leaf })
    if (isScalar(value) || (Array.isArray(value) && value.every(isScalar))) add(value)
    else {
      const members = Object.entries(value)
      if (members.length === 0 && steps.length > 0) add('{}')
      for (const [name, member] of members) walk([...steps, name], member)
    }
  }
  walk([], spec)
  return leaves
}

function isList(value: ShownValue | undefined): value is readonly ShownScalar[] {
  return Array.isArray(value)
}

function isScalar(value: unknown): value is ShownScalar {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value)
}
