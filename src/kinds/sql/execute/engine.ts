/**
 * What the executor needs of a database. Three files implement it, one for each protocol; `engine.test.ts` runs the
 * same table of tests against each.
 */
import type { SqlCatalog, SqlSpec } from '../../../model/kinds/sql.ts'
import type { ExecutorOptions } from '../../api/executor.ts'
import type { JsonValue } from './arguments.ts'

/** A parameter; bytes only for a binary column. */
export type SqlValue = JsonValue | Uint8Array

export interface Statement {
  readonly sql: string
  readonly values: readonly SqlValue[]
  /** `read`: in a transaction that the database itself holds to reading, and rolled back. */
  readonly access: 'read' | 'write'
  /**
   * Who wrote it: `caller` may hold anything, and its session is never used again; `gateway` is made here or by the
   * operator.
   */
  readonly author: 'caller' | 'gateway'
  /** Rows of the result to pass over, for a later page. */
  readonly skip: number
  readonly rowsMax: number
  readonly bytesMax: number
  readonly timeoutMs: number
  /** A write that touches another number of rows is rolled back. */
  readonly affectedMax: number | undefined
  readonly signal: AbortSignal
}

export interface ResultColumn {
  /** Unique in the result. */
  readonly name: string
  /** As the database calls it. */
  readonly type: string
}

export interface Rows {
  readonly columns: readonly ResultColumn[]
  /** A JSON object each. */
  readonly rows: readonly string[]
  /** There are more rows. */
  readonly truncated: boolean
  /** Rows that a write touched. */
  readonly affected: number | undefined
}

export interface Engine {
  /** @throws GatewayError server_*, egress_refused */
  introspect(signal: AbortSignal): Promise<SqlCatalog>
  /** @throws StatementFault when the database says no; GatewayError server_*, role_too_wide, cancelled, egress_refused */
  execute(statement: Statement): Promise<Rows>
  close(): Promise<void>
}

export type EngineOptions = Pick<
  ExecutorOptions<SqlSpec>,
  'server' | 'spec' | 'egress' | 'credential' | 'timeoutMs' | 'now'
>
