/**
 * What the declared file said when its changes were recorded last, so that a change is known as such also when it was
 * made while no gateway ran. Kept in the data folder, sealed: the file may hold secrets as they are.
 */
import { z } from 'zod'
import { replaceFile } from '../kit/durable-file.ts'
import type { KeyRing } from '../kit/key-ring.ts'
import { readStateFile } from '../kit/state-file.ts'
import type { Change } from '../model/change.ts'
import { changesOf, type Digest } from './describe-change.ts'
import { contentId } from './stored-kinds.ts'

const purpose = 'declared'
const named = { servers: 'server', toolsets: 'toolset', roles: 'role' } as const
const listed = { access: 'access', limits: 'limit' } as const
const file = z.record(z.string(), z.unknown())

/** Beside the parts of the file, which cannot have this name: the role of callers without a key at the last start. */
const localPart = 'insecure-local'

type Given = z.output<typeof file>

export class DeclaredMemory {
  readonly #path: string
  readonly #ring: KeyRing
  #given: Given
  #localRole: string | undefined

  private constructor(path: string, ring: KeyRing, kept: Given) {
    const { [localPart]: role, ...given } = kept
    this.#path = path
    this.#ring = ring
    this.#given = given
    this.#localRole = typeof role === 'string' ? role : undefined
  }

  /** What the key ring does not open is not known: all that is declared is new then. */
  static async load(path: string, ring: KeyRing): Promise<DeclaredMemory> {
    const text = ring.open(purpose, (await readStateFile(path)) ?? '')
    return new DeclaredMemory(path, ring, text === undefined ? {} : file.parse(JSON.parse(text)))
  }

  /** What must be recorded before a file that says this is used. */
  changesTo(given: unknown): Change[] {
    const [before, after] = [this.#given, file.parse(given)]
    return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((part) =>
      changesOfPart(part, before[part], after[part], digestBy(this.#ring)),
    )
  }

  /** What must be recorded before callers without a key act in this role; undefined: there are none any more. */
  changesToLocalRole(role: string | undefined): Change[] {
    const shown = (one: string | undefined) => (one === undefined ? undefined : { role: one })
    return [...changesOf('setting', localPart, shown(this.#localRole), shown(role))]
  }

  /** Keeps what was recorded. Rejects with the system's error. */
  async keep(given: unknown): Promise<void> {
    this.#given = file.parse(given)
    await this.reseal()
  }

  /** The same for the role of callers without a key. */
  async keepLocalRole(role: string | undefined): Promise<void> {
    this.#localRole = role
    await this.reseal()
  }

  /** Seals it by the present key of the ring. */
  async reseal(): Promise<void> {
    const kept = { ...this.#given, [localPart]: this.#localRole }
    await replaceFile(this.#path, this.#ring.seal(purpose, JSON.stringify(kept)))
  }
}

/** What tells masked values apart in evidence. */
function digestBy(ring: KeyRing): Digest {
  return (value) => ring.digest('changes', value)
}

function changesOfPart(part: string, before: unknown, after: unknown, digest: Digest): Change[] {
  const between = (
    object: Change['object'],
    was: ReadonlyMap<string, unknown>,
    is: ReadonlyMap<string, unknown>,
  ): Change[] =>
    [...new Set([...was.keys(), ...is.keys()])].flatMap((name) =>
      changesOf(object, name, was.get(name), is.get(name), digest),
    )
  if (isOneOf(named, part)) return between(named[part], members(before), members(after))
  if (isOneOf(listed, part)) return between(listed[part], entries(before), entries(after))
  return [...changesOf('setting', part, asObject(before), asObject(after), digest)]
}

/** A setting without members is shown as the value that it is. */
function asObject(value: unknown): unknown {
  return value === undefined || typeof value === 'object' ? value : { value }
}

function isOneOf<T extends object>(parts: T, part: string): part is Extract<keyof T, string> {
  return Object.hasOwn(parts, part)
}

function members(value: unknown): ReadonlyMap<string, unknown> {
  return new Map(Object.entries(value ?? {}))
}

/** Entries without a name go by the id that stored ones have. */
function entries(value: unknown): ReadonlyMap<string, unknown> {
  const list: readonly unknown[] = Array.isArray(value) ? value : []
  return new Map(list.map((entry) => [contentId(entry), entry]))
}
