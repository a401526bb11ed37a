import type { JsonSchema } from '../../../model/conversion.ts'
import type { SqlEngine, SqlTable } from '../../../model/kinds/sql.ts'

const names: Readonly<Record<SqlEngine, string>> = {
  postgresql: 'PostgreSQL',
  mysql: 'MySQL',
  mariadb: 'MariaDB',
  sqlite: 'SQLite',
}

export const engineName = (engine: SqlEngine): string => names[engine]

export function fullName({ schema, name }: Pick<SqlTable, 'schema' | 'name'>): string {
  return schema === '' || schema === 'main' ? name : `${schema}.${name}`
}

/** Arguments of every tool that answers in pages. */
export function pageMembers(rowsMax: number): Readonly<Record<string, JsonSchema>> {
  return {
    limit: { type: 'integer', minimum: 1, maximum: rowsMax, description: 'Rows of one page' },
    cursor: {
      type: 'string',
      maxLength: 2_000,
      description: 'nextCursor of the page before; everything else as in the first call',
    },
  }
}

/** Rows of one page. */
export function rowsSchema(row: JsonSchema): JsonSchema {
  return {
    type: 'object',
    properties: {
      columns: {
        type: 'array',
        items: {
          type: 'object',
          properties: { name: { type: 'string' }, type: { type: 'string' } },
          required: ['name', 'type'],
        },
      },
      rows: { type: 'array', items: row },
      truncated: { type: 'boolean', description: 'There are more rows' },
      nextCursor: { type: 'string', description: 'For the next page' },
    },
    required: ['columns', 'rows', 'truncated'],
  }
}
