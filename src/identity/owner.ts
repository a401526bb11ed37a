import type { Actor } from '../model/change.ts'
import { ownerId, type Principal } from '../model/principal.ts'

/**
 * Whoever owns the data folder: only that account, and root, can reach the socket or run a command beside no gateway.
 * The two cannot be told apart.
 */
export function ownerBy(via: Exclude<Actor['via'], 'file'>): Actor {
  return { label: ownerId, id: ownerId, via, uid: process.getuid?.() }
}

/**
 * Who calls over the socket of the administration without a key. Only the owner of the data folder can, who could make a
 * key with all rights there as well; the records tell such calls from those of keys.
 */
export function ownerPrincipal(environment: string): Principal {
  return {
    id: ownerId,
    label: ownerId,
    kind: 'user',
    name: ownerId,
    user: undefined,
    teams: [],
    environment,
    roles: ['owner', 'all-tools'],
    expiresAt: undefined,
  }
}

/** Who calls without a key where `--insecure-local` allows it. */
export function localPrincipal(role: string): Principal {
  return {
    id: 'local',
    label: 'local',
    kind: 'user',
    name: 'local',
    user: undefined,
    teams: [],
    environment: 'local',
    roles: [role],
    expiresAt: undefined,
  }
}
