/**
 * Revocations of keys, kept in the data folder from the moment they are asked for: they hold at once, also over a start
 * without the database, until both the database and the last good state have them.
 */

import { z } from 'zod'
import { replaceFile } from '../kit/durable-file.ts'
import { readStateFile } from '../kit/state-file.ts'
import { errorOf } from '../kit/thrown.ts'
import type { KeyRow, StoredState } from '../model/desired-state.ts'
import type { Store } from './store.ts'

const file = z.strictObject({
  format: z.literal(1),
  revoked: z.array(
    z.strictObject({
      hash: z.string().regex(/^[0-9a-f]{64}$/),
      name: z.string(),
      at: z.number(),
    }),
  ),
})

const retryMs = 2_000

type Held = z.output<typeof file>['revoked'][number]

export class Revocations {
  readonly #path: string
  /** By hash. No more than there are keys. */
  readonly #held: Map<string, Held>
  #last: Promise<unknown> = Promise.resolve()
  #fault: Error | undefined
  #retry: NodeJS.Timeout | undefined

  private constructor(path: string, held: readonly Held[]) {
    this.#path = path
    this.#held = new Map(held.map((one) => [one.hash, one]))
  }

  /** Rejects with a sentence when the file is damaged: keys that it names must not be valid again. */
  static async load(path: string): Promise<Revocations> {
    const text = await readStateFile(path)
    if (text === undefined) return new Revocations(path, [])
    try {
      return new Revocations(path, file.parse(JSON.parse(text)).revoked)
    } catch (cause) {
      throw new Error(
        `${path} is damaged. It names keys that were revoked while the database was away. Move it away, start with the database there, and run "sallyport keys revoke NAME" for each key in it before clients connect.`,
        { cause },
      )
    }
  }

  /** These keys, with what is revoked here. */
  over(keys: readonly KeyRow[]): readonly KeyRow[] {
    return keys.map((row) => {
      const held = row.revokedAt === undefined ? this.#held.get(row.hash) : undefined
      return held === undefined ? row : { ...row, revokedAt: held.at }
    })
  }

  /** Why the file could not be written last; what is held then ends with the process. */
  get fault(): Error | undefined {
    return this.#fault
  }

  has(hash: string): boolean {
    return this.#held.has(hash)
  }

  /** Those of which the database did not know when these keys were read from it. */
  missingIn(keys: readonly KeyRow[]): readonly Held[] {
    return keys.flatMap(({ hash, revokedAt }) =>
      revokedAt === undefined ? (this.#held.get(hash) ?? []) : [],
    )
  }

  /** Holds at once, in memory, and never rejects: once it resolves it is durable, or `fault` says why not. */
  add({ hash, name }: KeyRow, at: number): Promise<void> {
    if (!this.#held.has(hash)) this.#held.set(hash, { hash, name, at })
    return this.#save()
  }

  /** The stored state, with what is held here if the database takes it. Rejects when it cannot be read. */
  async settle(store: Pick<Store, 'load' | 'revokeHash'>): Promise<StoredState> {
    const state = await store.load()
    let stored = 0
    for (const { hash, at } of this.missingIn(state.keys))
      await store.revokeHash(hash, at).then(
        () => stored++,
        // It may be read all the same, e.g. with a full disk; `missingIn` tells what it still lacks.
        () => undefined,
      )
    return stored === 0 ? state : store.load()
  }

  /** Forgets what these keys have as revoked, which must be on disk by now. */
  async forget(keys: readonly KeyRow[]): Promise<void> {
    const known = keys.filter(
      ({ hash, revokedAt }) => revokedAt !== undefined && this.#held.has(hash),
    )
    for (const { hash } of known) this.#held.delete(hash)
    if (known.length > 0) await this.#save()
  }

  /** Writes what is held, again and again until the disk takes it. Never rejects. */
  #save(): Promise<void> {
    const turn = this.#last.then(async () => {
      clearTimeout(this.#retry)
      const text = JSON.stringify({ format: 1, revoked: [...this.#held.values()] })
      this.#fault = await replaceFile(this.#path, text).then(() => undefined, errorOf)
      if (this.#fault !== undefined)
        this.#retry = setTimeout(() => void this.#save(), retryMs).unref()
    })
    this.#last = turn
    return turn
  }
}

/** Where no keys are. */
export const noRevocations: Pick<Revocations, 'over'> = { over: (keys) => keys }
