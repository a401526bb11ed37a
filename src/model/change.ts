/** A change of what is wanted, as evidence tells it: who, what was done, to which object, before and after. */

/** Who changes something. Made by the way in; each operation of the administration is given one. */
export interface Actor {
  /** As records say it: `owner`, or `file` for the declared file. */
  readonly label: string
  /** Never given twice, like that of a principal. */
  readonly id: string
  readonly via: 'socket' | 'command' | 'file' | 'start'
  /** User id of the system whose way it is; undefined for a file, and where the system has none. */
  readonly uid: number | undefined
}

/** `setting`: a part of the declared file that is none of the others; `key-ring`: the sealing keys. */
export type ChangedObject =
  | 'server'
  | 'toolset'
  | 'role'
  | 'access'
  | 'limit'
  | 'key'
  | 'setting'
  | 'key-ring'

/** Members by their dotted paths. No secret: what could be one is masked. */
export type Shown = Readonly<Record<string, ShownValue>>
export type ShownScalar = string | number | boolean | null
export type ShownValue = ShownScalar | readonly ShownScalar[]

export interface Change {
  readonly action: 'created' | 'changed' | 'removed' | 'revoked'
  readonly object: ChangedObject
  readonly name: string
  /** What is not so any more, and what is so now; what stays is left out. */
  readonly before: Shown
  readonly after: Shown
}

/** Makes a change under record: it is on disk before `make` runs, and how that ended after it. */
export type UnderRecord = <T>(
  actor: Actor,
  changes: readonly Change[],
  make: () => Promise<T>,
) => Promise<T>
