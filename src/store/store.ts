import type { KeyRow, StoredState } from '../model/desired-state.ts'
import type { Entry } from '../model/record.ts'
import type { GatewayError } from '../model/refusal.ts'

/** Names of the stored collections that `put` and `remove` take. */
export type StoredKind = 'server' | 'toolset' | 'role' | 'access' | 'limit'

/** Where a journal entry lies; with it the index can be filled again without doubles. */
export interface Indexed {
  readonly writer: string
  /** Position of the entry in its writer's chain, from 0. */
  readonly sequence: number
  readonly entry: Entry
}

export interface RecordQuery {
  readonly principal?: string
  readonly server?: string
  readonly name?: string
  readonly status?: string
  readonly since?: number
  readonly until?: number
  readonly limit: number
}

export interface RecordRow {
  readonly call: string
  readonly at: number
  /** Kind of the journal entry that made the row. */
  readonly kind: string
  readonly principal: string
  readonly environment: string
  readonly endpoint: string
  readonly method: string
  readonly server: string
  readonly name: string
  /** Of the outcome; `open` while there is none, `refused`, or `noted` for what is no call. */
  readonly status: string
  readonly code: string
  /** Private detail of a refusal or note; the source of an unauthenticated refusal. */
  readonly detail: string
  /** 1, or how many unauthenticated refusals the row stands for. */
  readonly count: number
  readonly ms: number | undefined
  readonly bytes: number | undefined
}

/** One stored object as the administration lists it. `name` is what `remove` takes. */
export interface StoredRow {
  readonly name: string
  readonly value: unknown
  /** Epoch milliseconds. */
  readonly updatedAt: number
}

/** One node of the gateway as its row says. */
export interface NodeRow {
  readonly node: string
  /** New with every start. */
  readonly boot: string
  readonly address: string
  /** Proves that a holder of the key ring wrote the row. */
  readonly seal: string
  /** It ends what runs and takes nothing new. */
  readonly leaving: boolean
}

export interface NodeBeat extends NodeRow {
  /** The first beat of a start, which takes the row of an earlier start over. */
  readonly first: boolean
  /** After so long without a beat a node counts as dead. */
  readonly deadAfterMs: number
}

/**
 * Desired state, secrets and the index of calls, in PostgreSQL: embedded or by `DATABASE_URL`.
 * Every method rejects with GatewayError('database_unavailable') while the database is away; nothing on a call's way waits for it.
 */
export interface Store {
  /** Why the database could not be used when it was last asked; undefined: it could, and has this build's schema. */
  fault(): GatewayError | undefined
  load(): Promise<StoredState>
  /** The stored objects of a kind with their names; `load` has no ids of access and limit entries. */
  list(kind: StoredKind): Promise<readonly StoredRow[]>
  /**
   * Writes one stored object; returns the new version. An access or limit entry has an id for a name;
   * with an empty name its content gives the id, so that the same entry is never stored twice.
   */
  put(kind: StoredKind, name: string, value: unknown): Promise<number>
  /** Returns false when there was none of that name. */
  remove(kind: StoredKind, name: string): Promise<boolean>
  /** Writes a key by its hash. A name is free again once its key is revoked or expired. */
  putKey(row: KeyRow): Promise<number>
  /** Returns false when no valid key has that name. */
  revokeKey(name: string, at: number): Promise<boolean>
  /** Revokes one key, also when its name is another's by now; one that is revoked or unknown stays as it is. */
  revokeHash(hash: string, at: number): Promise<void>
  /** Calls `listener` after a write by this or another node, and once the database is there after a start without it. Returns the way to stop. */
  watch(listener: () => void): () => void
  /** Says that this node lives. `accepted` is false while another start holds its name. `nodes`: all that live. */
  beat(beat: NodeBeat): Promise<{ readonly accepted: boolean; readonly nodes: readonly NodeRow[] }>
  /** Takes the row of this start away. */
  leave(node: string, boot: string): Promise<void>
  /** Calls `listener` when a node came, moved or went. Returns the way to stop. */
  watchNodes(listener: () => void): () => void
  /** The sealed anchor of a node's journal that was put last. */
  anchor(node: string): Promise<string | undefined>
  putAnchor(node: string, box: string): Promise<void>
  /** Idempotent: entries that are already there are skipped. */
  index(entries: readonly Indexed[]): Promise<void>
  /** The next sequence that the index expects of a writer. */
  indexedUpTo(writer: string): Promise<number>
  records(query: RecordQuery): Promise<readonly RecordRow[]>
  /** Drops time partitions that are older. Returns how many. */
  dropRecordsBefore(at: number): Promise<number>
  close(): Promise<void>
}
