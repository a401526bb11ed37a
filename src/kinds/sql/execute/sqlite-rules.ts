/**
 * What a statement may do, by SQLite's own reading of it (sqlite3_set_authorizer): for reading a list of what is
 * allowed, so that whatever SQLite learns one day is refused first. What it may read is decided by `sqlite-shown.ts`
 * before that, for statements of callers.
 */
import { constants } from 'node:sqlite'
import type { ShownSchema } from './sqlite-shown.ts'
import type { Shown } from './visible.ts'

/** Pragmas that only tell of tables. They can stand in a SELECT too, as `pragma_table_info('t')`. */
const tellingPragmas: ReadonlySet<string> = new Set([
  'table_info',
  'table_xinfo',
  'table_list',
  'index_list',
  'index_info',
  'index_xinfo',
  'foreign_key_list',
])
/** Asked by full-text search itself; it tells a number. */
const harmlessPragmas: ReadonlySet<string> = new Set(['data_version'])
/** Functions that reach beyond the database; most are not in this build, and a rule costs nothing. */
const reachingFunctions: ReadonlySet<string> = new Set([
  'load_extension',
  'fts3_tokenizer',
  'readfile',
  'writefile',
  'edit',
  'lsdir',
  'fsdir',
  'sqlite_log',
])
/** Tells of every table, whatever is shown. */
const tellingTables: ReadonlySet<string> = new Set(['dbstat'])
const tableFunctions: ReadonlySet<string> = new Set(['json_each', 'json_tree'])

type Authorizer = (
  action: number,
  first: string | null,
  second: string | null,
  database: string | null,
  within: string | null,
) => number

export interface Rules {
  readonly access: 'read' | 'write'
  readonly shown: Shown
  /** Undefined: every table is shown, so that a list of all tables hides nothing. */
  readonly schema: ShownSchema | undefined
  /** It compiles where there is nothing but what is shown, so what else it reads is read by views and virtual tables. */
  readonly compiled: boolean
  /** Told that a table is read or changed that is not shown. */
  readonly onHidden: () => void
}

export function authorizer({ access, shown, schema, compiled, onHidden }: Rules): Authorizer {
  const allow = (yes: boolean): number => (yes ? constants.SQLITE_OK : constants.SQLITE_DENY)
  const isShown = (name: string | null): boolean =>
    name !== null && (shown('main', name) || schema?.isShadow(name) === true)
  const readable = (table: string | null, within: string | null): boolean => {
    if (table === null || table === '') return true
    const name = table.toLowerCase()
    if (tellingTables.has(name)) return false
    if (name.startsWith('sqlite_')) return schema === undefined
    if (name.startsWith('pragma_')) return tellingPragmas.has(name.slice('pragma_'.length))
    if (tableFunctions.has(name) || isShown(table)) return true
    onHidden()
    // What a view or a trigger that is shown does is its maker's word.
    return compiled || (within !== null && within !== '')
  }
  const tells = (pragma: string, argument: string | null): boolean =>
    harmlessPragmas.has(pragma) ||
    (tellingPragmas.has(pragma) && (schema === undefined || schema.tells(pragma, argument)))
  return (action, first, second, database, within) => {
    switch (action) {
      case constants.SQLITE_SELECT:
      case constants.SQLITE_RECURSIVE:
        return constants.SQLITE_OK
      case constants.SQLITE_READ:
        return allow(readable(first, within))
      case constants.SQLITE_FUNCTION:
        return allow(second === null || !reachingFunctions.has(second.toLowerCase()))
      case constants.SQLITE_PRAGMA:
        return allow(first !== null && tells(first.toLowerCase(), second))
      case constants.SQLITE_INSERT:
      case constants.SQLITE_UPDATE:
      case constants.SQLITE_DELETE:
        if (!isShown(first)) onHidden()
        return allow(
          access === 'write' &&
            database !== 'temp' &&
            (isShown(first) || (within !== null && within !== '')) &&
            !/^sqlite_/i.test(first ?? ''),
        )
      default:
        return constants.SQLITE_DENY
    }
  }
}
