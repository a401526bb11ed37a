import { hash } from 'node:crypto'
import type { KeyRow } from '../model/desired-state.ts'
import { keyId, type Principal } from '../model/principal.ts'
import type { Authenticator } from './authenticator.ts'

/** Keys that are not revoked, known by the sha256 of their text. Rebuilt with every Snapshot. */
export class Keys implements Authenticator {
  readonly #byHash: ReadonlyMap<string, Principal>
  readonly #byId: ReadonlyMap<string, Principal>

  constructor(byHash: ReadonlyMap<string, Principal>) {
    this.#byHash = byHash
    this.#byId = new Map([...byHash.values()].map((principal) => [principal.id, principal]))
  }

  authenticate(token: string): Principal | undefined {
    // Looking a digest up does not tell how close a guess was, so no constant-time comparison is needed.
    return this.#byHash.get(hashKey(token))
  }

  principal(id: string): Principal | undefined {
    return this.#byId.get(id)
  }

  principals(): Iterable<Principal> {
    return this.#byHash.values()
  }

  /** The same without those that are not among these ids. */
  only(ids: ReadonlySet<string>): Keys {
    return new Keys(new Map([...this.#byHash].filter(([, { id }]) => ids.has(id))))
  }
}

/** `environment`: of keys that name none. */
export function compileKeys(rows: readonly KeyRow[], environment: string): Keys {
  const byHash = new Map<string, Principal>()
  for (const row of rows) {
    if (row.revokedAt !== undefined) continue
    byHash.set(row.hash, {
      id: keyId(row),
      label: `key:${row.name}`,
      kind: 'agent',
      name: row.name,
      user: row.user,
      teams: row.teams,
      environment: row.environment ?? environment,
      roles: row.roles,
      expiresAt: row.expiresAt,
    })
  }
  return new Keys(byHash)
}

/** sha256 of a key's text, hex: all that is stored of it. */
export function hashKey(key: string): string {
  return hash('sha256', key, 'hex')
}
