/** Who calls. Made by `identity`, read everywhere after it. */
export interface Principal {
  /** Stable subject, e.g. `key:ci` or `local`. Used in rules, records and pool keys; never shown upstream. */
  readonly id: string
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
