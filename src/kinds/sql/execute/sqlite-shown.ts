/**
 * What is shown of a SQLite file, as a schema of its own. SQLite's authorizer names the view that a table is read for,
 * but a WITH can take the same name, so it cannot say who asked. A statement of a caller is therefore compiled against
 * a copy of the schema that has only what is shown, views as tables without rows: what compiles there names nothing
 * else, and what is not shown cannot be told from what is not there.
 */
import { DatabaseSync } from 'node:sqlite'
import type { Shown } from './visible.ts'

interface SchemaRow {
  readonly type: string
  readonly name: string
  readonly table: string
  readonly sql: string | null
}

export interface ShownSchema {
  /** @throws SQLite's error for a statement that names what is not shown, or is wrong otherwise */
  compile(sql: string): void
  /** Whether a pragma with this argument tells of nothing but what is shown. */
  tells(pragma: string, argument: string | null): boolean
  /** Tables that a shown virtual table keeps for itself. */
  isShadow(table: string): boolean
  /** Whether a text names something that is not shown. */
  names(text: string): boolean
}

/** Without an argument they would tell of all tables; with one they tell of a table, or of an index. */
const ofTable: ReadonlySet<string> = new Set([
  'table_info',
  'table_xinfo',
  'table_list',
  'index_list',
])
const ofIndex: ReadonlySet<string> = new Set(['index_info', 'index_xinfo'])

const key = (name: string): string => name.toLowerCase()
const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

let last: { readonly of: string; readonly schema: ShownSchema } | undefined

/** `what` stands for `shown` in the memory of the last one. */
export function shownSchema(database: DatabaseSync, shown: Shown, what: string): ShownSchema {
  const rows = rowsOf(database)
  const shadows = namesOf(database, "select name from pragma_table_list where type = 'shadow'")
  const of = JSON.stringify([what, rows, shadows])
  if (last?.of !== of) last = { of, schema: build(database, { rows, shadows, shown }) }
  return last.schema
}

function rowsOf(database: DatabaseSync): SchemaRow[] {
  return database
    .prepare('select type, name, tbl_name as "table", sql from sqlite_schema order by rowid')
    .all()
    .map(({ type, name, table, sql }) => ({
      type: String(type),
      name: String(name),
      table: String(table),
      sql: typeof sql === 'string' ? sql : null,
    }))
}

function namesOf(database: DatabaseSync, sql: string, ...values: string[]): string[] {
  return database
    .prepare(sql)
    .all(...values)
    .map((row) => String(Object.values(row)[0]))
}

interface Source {
  readonly rows: readonly SchemaRow[]
  readonly shadows: readonly string[]
  readonly shown: Shown
}

function build(database: DatabaseSync, { rows, shadows, shown }: Source): ShownSchema {
  const isVirtual = ({ sql }: SchemaRow): boolean => /^\s*create\s+virtual\b/i.test(sql ?? '')
  const shadowOf = new Set(shadows.map(key))
  const objects = rows.filter(
    ({ type, name }) => /^(table|view)$/.test(type) && !/^sqlite_/i.test(name),
  )
  const visible = objects.filter(({ name }) => !shadowOf.has(key(name)) && shown('main', name))
  const tables = new Set(visible.map(({ name }) => key(name)))
  const virtual = visible.filter(isVirtual).map(({ name }) => `${key(name)}_`)
  const ownShadows = new Set(
    [...shadowOf].filter((name) => virtual.some((one) => name.startsWith(one))),
  )
  const indexes = rows.filter(({ type, table }) => type === 'index' && tables.has(key(table)))
  const hidden = objects
    .map(({ name }) => key(name))
    .filter((name) => !tables.has(name) && !ownShadows.has(name))
  const references = (table: string): boolean =>
    namesOf(database, 'select "table" from pragma_foreign_key_list(?)', table).every((name) =>
      tables.has(key(name)),
    )
  const open = new Set(visible.filter(({ name }) => references(name)).map(({ name }) => key(name)))
  const indexNames = new Set(indexes.map(({ name }) => key(name)))
  const copy = copyOf(database, [...visible, ...indexes.filter(({ sql }) => sql !== null)])
  return {
    compile: (sql) => void copy.prepare(sql),
    tells: (pragma, argument) => {
      if (argument === null) return false
      const name = key(argument)
      if (ofIndex.has(pragma)) return indexNames.has(name)
      return ofTable.has(pragma)
        ? tables.has(name)
        : pragma === 'foreign_key_list' && open.has(name)
    },
    isShadow: (table) => ownShadows.has(key(table)),
    names: (text) => {
      const words = new Set(key(text).match(/[\p{L}\p{N}_$]+/gu) ?? [])
      return hidden.some((name) => words.has(name) || (/\W/.test(name) && key(text).includes(name)))
    },
  }
}

function copyOf(database: DatabaseSync, rows: readonly SchemaRow[]): DatabaseSync {
  const copy = new DatabaseSync(':memory:', {
    allowExtension: false,
    enableDoubleQuotedStringLiterals: false,
  })
  for (const { type, name, sql } of rows) {
    try {
      if (type !== 'view') {
        copy.exec(sql ?? '')
        continue
      }
    } catch {
      // A function, collation or module that is not here: columns are enough to compile.
    }
    if (type === 'index') continue
    const columns = namesOf(database, 'select name from pragma_table_xinfo(?)', name)
    if (columns.length > 0)
      copy.exec(`create table if not exists ${quoted(name)} (${columns.map(quoted).join(', ')})`)
  }
  return copy
}
