/** What a change did to an object, for evidence: before and after, without what stayed and without secrets. */
import { mask, movedSecret, plainAddress } from '../kit/plain-address.ts'
import type { Change, ChangedObject, Shown, ShownScalar, ShownValue } from '../model/change.ts'
import type { KeyRow } from '../model/desired-state.ts'
import { keyId } from '../model/principal.ts'
import { isTelling, maskedText, withReferences } from './plain-secrets.ts'

/** A value without members. A list of such values is one, too. */
interface Leaf {
  readonly steps: readonly string[]
  readonly value: ShownValue
}
/** By their dotted paths. */
type Leaves = ReadonlyMap<string, Leaf>

/** What is masked below these is so whatever it is. Nobody may see `fixed`. */
const closed: ReadonlySet<string> = new Set(['credential', 'env', 'headers', 'security', 'fixed'])

/** What one object becomes; undefined stands for none. Answers one change, or none when nothing is another. */
export function changesOf(
  object: ChangedObject,
  name: string,
  before: unknown,
  after: unknown,
): readonly Change[] {
  const [was, is] = [leavesOf(before), leavesOf(after)]
  const paths = [...new Set([...was.keys(), ...is.keys()])].filter(
    (path) => JSON.stringify(was.get(path)) !== JSON.stringify(is.get(path)),
  )
  if (paths.length === 0 && (before === undefined) === (after === undefined)) return []
  const action = before === undefined ? 'created' : after === undefined ? 'removed' : 'changed'
  const side = (spec: unknown, own: Leaves, other: Leaves): Shown => {
    const shown = leavesOf(maskedSpec(spec))
    return Object.fromEntries(
      paths.flatMap((path) => {
        const leaf = shown.get(path)
        if (leaf === undefined) return []
        const value = withoutThose(own.get(path)?.value, leaf.value, other.get(path)?.value)
        if (isList(value) && value.length === 0 && other.has(path)) return []
        return [[path, masked[object]({ steps: leaf.steps, value })]]
      }),
    )
  }
  return [{ action, object, name, before: side(before, was, is), after: side(after, is, was) }]
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

/** Secrets that only their place tells, e.g. behind `--token`, are masked before texts are looked at one by one. */
function maskedSpec(spec: unknown): unknown {
  return typeof spec === 'object' && spec !== null ? withReferences(spec, () => mask) : spec
}

/** What each kind of object shows. The facts of keys are ours, and words. */
const masked: Readonly<Record<ChangedObject, (leaf: Leaf) => ShownValue>> = {
  server: ofServer,
  setting: ofServer,
  toolset: ofRule,
  role: ofRule,
  access: ofRule,
  limit: ofRule,
  key: ({ value }) => value,
  'key-ring': ({ value }) => value,
}

function ofServer({ steps, value }: Leaf): ShownValue {
  if (steps.some((step) => closed.has(step)) || isTelling(steps.at(-1) ?? ''))
    return isList(value) ? value.map(() => mask) : mask
  return mapped(value, (text) => {
    const plain = text.replaceAll(movedSecret, mask)
    // The whole of an address may hold blanks, in a password for one.
    if (/^[a-z][a-z0-9+.-]{0,31}:\/\//i.test(plain)) return maskedText(plainAddress(plain), mask)
    return maskedText(inWords(plain, plainAddress), mask)
  })
}

/** Patterns are shown as they are written, but for user info and query. */
function ofRule({ value }: Leaf): ShownValue {
  const shown = (url: string): string => {
    const [address = '', query] = url.split('?', 2)
    const bare = address.replace(/^([^/]*:\/\/)[^/]*@/, `$1${mask}@`)
    return query === undefined ? bare : `${bare}?${mask}`
  }
  return mapped(value, (text) => maskedText(inWords(text, shown), mask))
}

/** Replaces what begins as a URL and reaches to the end of its word. */
function inWords(text: string, replaced: (url: string) => string): string {
  return text.replaceAll(/\S+/g, (word) => {
    const scheme = /[a-z][a-z0-9+.-]{0,31}$/i.exec(word.slice(0, Math.max(0, word.indexOf('://'))))
    return scheme === null ? word : word.slice(0, scheme.index) + replaced(word.slice(scheme.index))
  })
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
