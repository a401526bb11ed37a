import type { Actor } from '../model/change.ts'
import { ownerId } from '../model/principal.ts'

/**
 * Whoever owns the data folder: only that account, and root, can reach the socket or run a command beside no gateway.
 * The two cannot be told apart.
 */
export function ownerBy(via: Exclude<Actor['via'], 'file'>): Actor {
  return { label: ownerId, id: ownerId, via, uid: process.getuid?.() }
}
