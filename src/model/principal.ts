import { hash } from 'node:crypto'

/** Who calls. Made by `identity`, read everywhere after it. */
export interface Principal {
  /**
   * Never given twice, however often a name is: what is kept for a principal is bound to it. Of the key, `local`, or `owner`;
   * never shown upstream.
   */
  readonly id: string
  /** What people, rules and records call it: `key:ci`, `local`, `owner`. Whoever has a key of that name now. */
  readonly label: string
  readonly kind: 'user' | 'agent'
  /** The name people gave the key; `local` for --insecure-local. */
  readonly name: string
  /** The user who owns the key, when one was named. */
  readonly user: string | undefined
  readonly teams: readonly string[]
  readonly environment: string
  /** Roles bound to the key itself; `access` entries add more at compile time. */
  readonly roles: readonly string[]
  /** Epoch milliseconds; the principal is refused from then on. */
  readonly expiresAt: number | undefined
}

/** Id and label of who owns the gateway and calls a tool from its command line, without a key. No key has it. */
export const ownerId = 'owner'

/**
 * The id of a key's holder. A key is 256 random bits and its hash never changes, so that no other key ever has the id,
 * and every node finds the same without asking. The hash itself stays with the rows of keys.
 */
export function keyId(row: { readonly hash: string }): string {
  return hash('sha256', `principal ${row.hash}`, 'hex').slice(0, 32)
}
