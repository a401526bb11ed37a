import { type Glob, globMatches, parseGlob } from '../../../kit/glob.ts'
import { spelled } from '../../../kit/spelled.ts'
import type { SqlCatalog, SqlSpec } from '../../../model/kinds/sql.ts'

/** Tables of one database that are looked at; more are counted and left out. */
export const tablesMax = 2_000
/** Characters of a comment, a default or a check that are kept. */
const textMax = 1_000

export type Shown = (schema: string, table: string) => boolean

/** Which tables the configuration shows. What is excluded is so in every spelling: to most databases letter case is none. */
export function shownTables({
  schemas,
  include,
  exclude,
}: Pick<SqlSpec, 'schemas' | 'include' | 'exclude'>): Shown {
  const [inSchemas, included, excluded] = [schemas, include, exclude.map(spelled)].map((list) =>
    list.map(parseGlob),
  )
  return (schema, table) => {
    const names = [table, `${schema}.${table}`]
    const among = (globs: readonly Glob[] = [], texts = names): boolean =>
      globs.some((glob) => texts.some((name) => globMatches(glob, name)))
    return (
      (schemas.length === 0 || inSchemas?.some((glob) => globMatches(glob, schema)) === true) &&
      (include.length === 0 || among(included)) &&
      !among(excluded, names.map(spelled))
    )
  }
}

/** Whether the configuration leaves out anything that the account may read. */
export function hidesSome({
  schemas,
  include,
  exclude,
}: Pick<SqlSpec, 'schemas' | 'include' | 'exclude'>): boolean {
  return schemas.length + include.length + exclude.length > 0
}

/** A catalog without the references to tables that are not shown, whose names they would tell. */
export function withoutHiddenReferences(catalog: SqlCatalog, shown: Shown): SqlCatalog {
  const tables = catalog.tables.map((table) => ({
    ...table,
    foreignKeys: table.foreignKeys.filter(({ schema, table: name }) => shown(schema, name)),
  }))
  return { ...catalog, tables }
}

/** An estimate of rows to one digit: it is for people and must not change with every insert. */
export function roughly(rows: number): number {
  if (!(rows >= 10)) return Math.max(0, Math.round(rows) || 0)
  const unit = 10 ** Math.floor(Math.log10(rows))
  return Math.round(rows / unit) * unit
}

export function shortened(text: string | null | undefined): string | undefined {
  if (text === null || text === undefined || text === '') return undefined
  return text.length > textMax ? `${text.slice(0, textMax)} ...` : text
}
