/**
 * What a statement may do, by SQLite's own reading of it (sqlite3_set_authorizer): for reading a list of what is
 * allowed, so that whatever SQLite learns one day is refused first.
 */
import { constants } from 'node:sqlite'
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
  /** Every table is shown, so the list of all tables hides nothing. */
  readonly everything: boolean
}

export function authorizer({ access, shown, everything }: Rules): Authorizer {
  const allow = (yes: boolean): number => (yes ? constants.SQLITE_OK : constants.SQLITE_DENY)
  const isShown = (name: string | null): boolean => name !== null && shown('main', name)
  const readable = (table: string | null, within: string | null): boolean => {
    if (table === null || table === '') return true
    // What a view or a trigger that is shown does is its maker's word.
    if (within !== null && within !== '') return true
    if (tellingTables.has(table.toLowerCase())) return false
    if (/^sqlite_/i.test(table)) return everything
    if (table.startsWith('pragma_')) return tellingPragmas.has(table.slice('pragma_'.length))
    return tableFunctions.has(table) || isShown(table)
  }
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
        return allow(first !== null && tellingPragmas.has(first.toLowerCase()))
      case constants.SQLITE_INSERT:
      case constants.SQLITE_UPDATE:
      case constants.SQLITE_DELETE:
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
