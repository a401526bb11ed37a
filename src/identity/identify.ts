import { hash } from 'node:crypto'
import type { KeyRow } from '../model/desired-state.ts'
import { keyId, ownerId, type Principal } from '../model/principal.ts'
import { GatewayError } from '../model/refusal.ts'

/** Valid keys by the sha256 of their text. Rebuilt with every snapshot. */
export interface KeyIndex {
  readonly byHash: ReadonlyMap<string, Principal>
  /** The same by the id of their holders. */
  readonly byId: ReadonlyMap<string, Principal>
  /** The principal of every request when the gateway runs with --insecure-local. */
  readonly local: Principal | undefined
  /** Verified key texts, so that a warm call hashes nothing. Bounded; dropped with the snapshot. */
  readonly seen: Map<string, Principal>
}

const seenMax = 4_096
const keyLengthMax = 512

export function compileKeys(
  rows: readonly KeyRow[],
  environment: string,
  local: Principal | undefined,
): KeyIndex {
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
  return keyIndex(byHash, local)
}

function keyIndex(byHash: KeyIndex['byHash'], local: Principal | undefined): KeyIndex {
  const byId = new Map([...byHash.values()].map((principal) => [principal.id, principal]))
  return { byHash, byId, local, seen: new Map() }
}

/** The index without the keys whose hash is not among these. */
export function onlyKeys({ byHash, local }: KeyIndex, hashes: ReadonlySet<string>): KeyIndex {
  return keyIndex(new Map([...byHash].filter(([hash]) => hashes.has(hash))), local)
}

/**
 * Whether a principal is one that `identify` would give now. A request takes a while to arrive, and to get where it is
 * carried out; meanwhile its key may have been revoked, or have expired.
 */
export function isStillValid(keys: KeyIndex, { id }: Pick<Principal, 'id'>, now: number): boolean {
  const principal = keys.byId.get(id)
  if (principal === undefined) return id === keys.local?.id || id === ownerId
  return principal.expiresAt === undefined || principal.expiresAt > now
}

/** sha256 of a key's text, hex: all that is stored of it. */
export function hashKey(key: string): string {
  return hash('sha256', key, 'hex')
}

/**
 * Who calls, from the head of the request alone: `Authorization: Bearer sp_...` or `x-api-key`.
 * @throws GatewayError key_missing, key_invalid
 */
export function identify(
  keys: KeyIndex,
  authorization: string | undefined,
  apiKey: string | undefined,
  now: number,
): Principal {
  // A warm call costs one look-up by the whole header.
  const warm = authorization === undefined ? undefined : keys.seen.get(authorization)
  if (warm !== undefined && (warm.expiresAt === undefined || warm.expiresAt > now)) return warm
  const key = keyOf(authorization, apiKey)
  if (key === undefined) {
    if (keys.local !== undefined) return keys.local
    throw new GatewayError('key_missing')
  }
  let principal = keys.seen.get(authorization ?? key)
  if (principal === undefined) {
    // Looking a digest up does not tell how close a guess was, so no constant-time comparison is needed.
    principal = key.length > keyLengthMax ? undefined : keys.byHash.get(hashKey(key))
    if (principal === undefined) throw new GatewayError('key_invalid')
    // A caller chooses how many blanks it sends.
    const seen = authorization ?? key
    if (seen.length <= keyLengthMax) {
      if (keys.seen.size >= seenMax) keys.seen.clear()
      keys.seen.set(seen, principal)
    }
  }
  if (principal.expiresAt !== undefined && principal.expiresAt <= now)
    throw new GatewayError('key_invalid', { detail: 'expired' })
  return principal
}

function keyOf(authorization: string | undefined, apiKey: string | undefined): string | undefined {
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
