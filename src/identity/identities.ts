/** Everybody who may call, and the ways to prove it: a chain of authenticators, fixed with a Snapshot. */
import { ownerId, type Principal } from '../model/principal.ts'
import { GatewayError } from '../model/refusal.ts'
import type { Authenticator } from './authenticator.ts'
import type { Keys } from './keys.ts'

const seenMax = 4_096
const tokenCharsMax = 512

export class Identities {
  readonly #keys: Keys
  readonly #chain: readonly Authenticator[]
  /** The principal of every request that shows nothing, with --insecure-local. */
  readonly local: Principal | undefined
  /** Verified tokens and headers, so that a warm call hashes nothing. Bounded; dropped with the Snapshot. */
  readonly #seen = new Map<string, Principal>()

  constructor(keys: Keys, local: Principal | undefined) {
    this.#keys = keys
    this.#chain = [keys]
    this.local = local
  }

  /**
   * Who calls, from the head of the request alone: `Authorization: Bearer ...` or `x-api-key`.
   * @throws GatewayError key_missing, key_invalid
   */
  identify(authorization: string | undefined, apiKey: string | undefined, now: number): Principal {
    // A warm call costs one look-up by the whole header.
    const warm = authorization === undefined ? undefined : this.#seen.get(authorization)
    if (warm !== undefined && (warm.expiresAt === undefined || warm.expiresAt > now)) return warm
    const token = tokenOf(authorization, apiKey)
    if (token === undefined) {
      if (this.local !== undefined) return this.local
      throw new GatewayError('key_missing')
    }
    const text = authorization ?? token
    const principal = this.#seen.get(text) ?? this.#authenticate(token)
    if (principal === undefined) throw new GatewayError('key_invalid')
    this.#remember(text, principal)
    if (principal.expiresAt !== undefined && principal.expiresAt <= now)
      throw new GatewayError('key_invalid', { detail: 'expired' })
    return principal
  }

  /**
   * Whether a principal is one that `identify` would give now. A request takes a while to arrive, and to get where it is
   * carried out; meanwhile its key may have been revoked, or have expired.
   */
  isStillValid({ id }: Pick<Principal, 'id'>, now: number): boolean {
    const principal = this.principal(id)
    if (principal === undefined) return id === this.local?.id || id === ownerId
    return principal.expiresAt === undefined || principal.expiresAt > now
  }

  /** By id; undefined: nobody of that id is let in by what he shows. */
  principal(id: string): Principal | undefined {
    for (const authenticator of this.#chain) {
      const principal = authenticator.principal(id)
      if (principal !== undefined) return principal
    }
    return undefined
  }

  /** All who are let in by what they show, also those whose time is over. */
  principals(): readonly Principal[] {
    return this.#chain.flatMap((authenticator) => [...authenticator.principals()])
  }

  /** The same for keys of these holders alone. */
  withKeys(ids: ReadonlySet<string>): Identities {
    return new Identities(this.#keys.only(ids), this.local)
  }

  #authenticate(token: string): Principal | undefined {
    if (token.length > tokenCharsMax) return undefined
    for (const authenticator of this.#chain) {
      const principal = authenticator.authenticate(token)
      if (principal !== undefined) return principal
    }
    return undefined
  }

  #remember(text: string, principal: Principal): void {
    // A caller chooses how many blanks it sends.
    if (text.length > tokenCharsMax || this.#seen.has(text)) return
    if (this.#seen.size >= seenMax) this.#seen.clear()
    this.#seen.set(text, principal)
  }
}

function tokenOf(
  authorization: string | undefined,
  apiKey: string | undefined,
): string | undefined {
  if (authorization !== undefined) {
    const match = /^Bearer +(\S+) *$/i.exec(authorization)
    if (match?.[1] === undefined)
      throw new GatewayError('key_invalid', {
        detail: 'the Authorization header is not a bearer token',
      })
    return match[1]
  }
  return apiKey === undefined || apiKey === '' ? undefined : apiKey.trim()
}
