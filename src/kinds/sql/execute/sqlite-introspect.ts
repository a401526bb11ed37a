import type { DatabaseSync } from 'node:sqlite'
import type { SqlCatalog, SqlColumn, SqlTable, SqlValueKind } from '../../../model/kinds/sql.ts'
import { type Shown, shortened, tablesMax } from './visible.ts'

type Row = Readonly<Record<string, unknown>>

/** By the declared type (SQLite "Datatypes", 3.1), with the names that people give to what SQLite has no type for. */
export function sqliteKind(declared: string): SqlValueKind {
  const type = declared.toUpperCase()
  if (/^BOOL/.test(type)) return 'boolean'
  if (/JSON/.test(type)) return 'json'
  if (/^(DATETIME|TIMESTAMP)/.test(type)) return 'timestamp'
  if (/^DATE/.test(type)) return 'date'
  if (/^TIME/.test(type)) return 'time'
  if (/INT/.test(type)) return 'bigint'
  if (/CHAR|CLOB|TEXT|UUID/.test(type)) return 'text'
  if (/BLOB/.test(type)) return 'bytes'
  if (/REAL|FLOA|DOUB/.test(type)) return 'float'
  if (/NUMERIC|DECIMAL/.test(type)) return 'numeric'
  return 'other'
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '')

/** Read through pragmas and `sqlite_schema`; nothing of the gateway's rules applies here, since it wrote these. */
export function introspectSqlite(
  database: DatabaseSync,
  { name, shown }: { name: string; shown: Shown },
): SqlCatalog {
  const query = (sql: string, ...values: string[]): Row[] => database.prepare(sql).all(...values)
  const all = query(
    "select name, type, sql from sqlite_schema where type in ('table', 'view') and name not like 'sqlite\\_%' escape '\\' order by name limit 20000",
  )
  // Tables that a virtual table keeps for itself.
  const shadows = new Set(
    query("select name from pragma_table_list where schema = 'main' and type = 'shadow'").map(
      (row) => row['name'],
    ),
  )
  const wanted = all.filter((row) => shown('main', text(row['name'])) && !shadows.has(row['name']))
  const kept = wanted.slice(0, tablesMax)
  const version = query('select sqlite_version() as v')[0]?.['v']
  return {
    engine: 'sqlite',
    version: text(version),
    database: name,
    defaultSchema: 'main',
    account: '',
    tables: kept.map((row) => tableOf(query, row)),
    omitted: wanted.length - kept.length,
    dangers: [],
    writes: [],
    advice: [],
    remedy: '',
  }
}

function tableOf(query: (sql: string, ...values: string[]) => Row[], row: Row): SqlTable {
  const name = text(row['name'])
  const columns = query('select * from pragma_table_xinfo(?)', name).filter(
    (one) => Number(one['hidden']) !== 1,
  )
  const primary = columns
    .filter((one) => Number(one['pk']) > 0)
    .sort((a, b) => Number(a['pk']) - Number(b['pk']))
    .map((one) => text(one['name']))
  const unique = query(
    'select name from pragma_index_list(?) where "unique" = 1 and partial = 0 and origin <> \'pk\'',
    name,
  )
    .map((one) => query('select name from pragma_index_info(?) order by seqno', text(one['name'])))
    .map((index) => index.map((one) => text(one['name'])))
    .filter((names) => names.length > 0 && !names.includes(''))
  const foreign = Map.groupBy(
    query('select * from pragma_foreign_key_list(?) order by id, seq', name),
    (one) => String(one['id']),
  )
  return {
    schema: 'main',
    name,
    kind: row['type'] === 'view' ? 'view' : 'table',
    columns: columns.map((one) => columnOf(one, primary)),
    primaryKey: primary,
    uniqueKeys: unique,
    foreignKeys: [...foreign.values()].map((group) => ({
      columns: group.map((one) => text(one['from'])),
      schema: 'main',
      table: text(group[0]?.['table']),
      references: group.flatMap((one) => (typeof one['to'] === 'string' ? [one['to']] : [])),
    })),
    checks: [],
    ...commentOf(row),
  }
}

function columnOf(row: Row, primary: readonly string[]): SqlColumn {
  const name = text(row['name'])
  const declared = text(row['type'])
  const rowId = primary.length === 1 && primary[0] === name && declared.toUpperCase() === 'INTEGER'
  const standard = rowId ? 'rowid' : shortened(text(row['dflt_value']))
  return {
    name,
    type: declared === '' ? 'any' : declared,
    kind: sqliteKind(declared),
    nullable: Number(row['notnull']) === 0 && !primary.includes(name),
    ...(standard === undefined ? {} : { default: standard }),
    generated: Number(row['hidden']) > 1,
  }
}

/** SQLite keeps no comments, but it keeps the statement that made the table, with those that stand in it. */
function commentOf(row: Row): { comment?: string } {
  const sql = text(row['sql'])
  return sql.includes('--') || sql.includes('/*') || / CHECK\b/i.test(sql)
    ? { comment: shortened(sql) ?? '' }
    : {}
}
