/**
 * Holds a statement of a caller to the tables that are shown. MySQL and MariaDB do not tell what a statement names, but
 * what it names stands in it: nothing in a SELECT makes a name out of anything else. So no name of what is not shown may
 * stand in it, wherever; and it must be a query that can stand in another one, which SHOW and EXPLAIN cannot.
 */
import type { Connection } from 'mysql2'
import { StatementFault } from './fault.ts'
import type { Shown } from './visible.ts'

export const systemSchemas = ['information_schema', 'performance_schema', 'mysql', 'sys']

/** Characters of a name that is not quoted (MySQL 11.2). */
const word = /[0-9A-Za-z_$\u0080-\uffff]+/g
const isWord = /^[0-9A-Za-z_$\u0080-\uffff]+$/

export interface HiddenNames {
  readonly words: ReadonlySet<string>
  /** Those that only stand in quotes. */
  readonly quoted: readonly string[]
}

/** Names of tables and databases that the account may see, and a caller may not. `everySchema`: as in `introspectMysql`. */
export async function hiddenNames(
  connection: Connection,
  shown: Shown,
  everySchema: boolean,
): Promise<HiddenNames> {
  const [rows] = await connection
    .promise()
    .query(
      'select s.schema_name, t.table_name, database() from information_schema.schemata s left join information_schema.tables t on t.table_schema = s.schema_name',
    )
  const tables = (Array.isArray(rows) ? rows : []).map((row) => {
    const [schema, name, current]: readonly unknown[] = Array.isArray(row) ? row : []
    return {
      schema: String(schema),
      name: name === null ? '' : String(name),
      current: schema === current,
    }
  })
  const isSystem = (schema: string): boolean => systemSchemas.includes(schema.toLowerCase())
  const isNamed = tables.some(({ current }) => current)
  const isShown = ({ schema, name, current }: (typeof tables)[number]): boolean =>
    name !== '' && !isSystem(schema) && (current || everySchema || !isNamed) && shown(schema, name)
  const open = new Set(tables.filter(isShown).map(({ schema }) => schema))
  const names = tables.flatMap((table) => {
    if (isShown(table) || (table.name === '' && table.current)) return []
    // In a database of which nothing is shown, the name of the database stands before each of its tables.
    return open.has(table.schema) || table.current ? [table.name] : [table.schema]
  })
  const all = new Set([...systemSchemas, ...names].map((name) => name.toLowerCase()))
  return {
    words: new Set([...all].filter((name) => isWord.test(name))),
    quoted: [...all].filter((name) => !isWord.test(name)),
  }
}

/** @throws StatementFault for a text in which a hidden name stands */
export function refuseNames(sql: string, { words, quoted }: HiddenNames): void {
  const text = sql.toLowerCase()
  const found =
    text.match(word)?.find((one) => words.has(one)) ??
    quoted.find((name) =>
      [name, name.replaceAll('`', '``'), name.replaceAll('"', '""')].some((one) =>
        text.includes(one),
      ),
    )
  if (found !== undefined) throw unknownTable(found)
}

const nameHint =
  'list_tables says what there is. A name that is not shown cannot stand in a statement, not even as a text or an alias.'

function unknownTable(name: string): StatementFault {
  return new StatementFault('42S02', `Table ${name} doesn't exist`, { hint: nameHint })
}

/** The server's own words for a table that is not there, said like those for one that is not shown. */
export function likeHidden(message: string): StatementFault | undefined {
  const name = /^Table '(?:[^'.]*\.)?([^']*)' doesn't exist$/.exec(message)?.[1]
  return name === undefined ? undefined : unknownTable(name.toLowerCase())
}

/** The statement within another one: only a query can stand there. */
export function asSubquery(sql: string): string {
  return `select 1 from (\n${sql.replace(/[;\s]+$/, '')}\n) as sallyport_page`
}

export function noQueryFault(): StatementFault {
  return new StatementFault(
    'hidden',
    'Not everything is shown here, so only queries are run: SELECT, WITH, VALUES or TABLE, but no SHOW, DESCRIBE or EXPLAIN.',
  )
}
