/** What `list_tables` and `describe_table` answer: from the last introspection, without asking the database. */

import { nearest } from '../../../kit/nearest.ts'
import type { SqlCommon, SqlTable } from '../../../model/kinds/sql.ts'
import { integerOf, type JsonObject } from './arguments.ts'
import { StatementFault } from './fault.ts'

export function listTables({ catalog }: SqlCommon, args: JsonObject, rowsMax: number): unknown {
  const { schema, search } = args
  const text = typeof search === 'string' ? search.toLowerCase() : ''
  const fitting = catalog.tables.filter(
    (table) =>
      (schema === undefined || table.schema === schema) &&
      (text === '' || `${table.name}\n${table.comment ?? ''}`.toLowerCase().includes(text)),
  )
  const offset = integerOf(args['offset']) ?? 0
  const limit = Math.min(integerOf(args['limit']) ?? rowsMax, rowsMax)
  const page = fitting.slice(offset, offset + limit)
  return {
    engine: catalog.engine,
    database: catalog.database,
    tables: page.map(({ schema: of, name, kind, comment, rows, columns }) => ({
      schema: of,
      name,
      kind,
      ...(comment === undefined ? {} : { comment: comment.slice(0, 200) }),
      ...(rows === undefined ? {} : { rows }),
      columns: columns.length,
    })),
    total: fitting.length,
    ...(offset + page.length < fitting.length ? { nextOffset: offset + page.length } : {}),
    ...(catalog.omitted === 0 ? {} : { omitted: catalog.omitted }),
  }
}

/** @throws StatementFault when there is none */
export function describeTable({ catalog }: SqlCommon, args: JsonObject): SqlTable {
  const wanted = String(args['table'])
  const { tables, defaultSchema } = catalog
  const plain = tables.filter(({ name }) => name === wanted)
  const found =
    tables.find(({ schema, name }) => `${schema}.${name}` === wanted) ??
    plain.find(({ schema }) => schema === defaultSchema) ??
    plain[0]
  if (found !== undefined) return found
  const meant = nearest(
    wanted,
    tables.flatMap(({ schema, name }) => [name, `${schema}.${name}`]),
  )
  throw new StatementFault('table', `There is no table ${wanted} here, or it is not shown.`, {
    hint: meant === undefined ? 'list_tables says what there is.' : `Did you mean ${meant}?`,
  })
}
