/** What the gateway and the process that opens SQLite files say to each other. All of it is plain data. */
import type { SqlCatalog, SqlSpec } from '../../../model/kinds/sql.ts'
import type { Rows, Statement } from './engine.ts'

/** What SQLite has values of. */
export type SqliteParameter = string | number | bigint | Uint8Array | null

export interface SqliteJob {
  readonly path: string
  readonly shown: Pick<SqlSpec, 'schemas' | 'include' | 'exclude'>
  readonly task:
    | { readonly kind: 'introspect'; readonly database: string }
    | {
        readonly kind: 'execute'
        readonly sql: string
        readonly values: readonly SqliteParameter[]
        readonly access: 'read' | 'write'
        readonly author: Statement['author']
        readonly skip: number
        readonly rowsMax: number
        readonly bytesMax: number
        readonly affectedMax: number | undefined
      }
}

export type SqliteAnswer =
  | { readonly kind: 'catalog'; readonly catalog: SqlCatalog }
  | { readonly kind: 'rows'; readonly rows: Rows }
  | {
      readonly kind: 'fault'
      readonly code: string
      readonly message: string
      readonly hint: string | undefined
    }
  /** The file cannot be opened. */
  | { readonly kind: 'unavailable'; readonly message: string; readonly ofFile: boolean }

export type FromSqlite = { readonly kind: 'ready' } | SqliteAnswer
