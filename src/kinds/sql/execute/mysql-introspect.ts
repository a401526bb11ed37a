/** What an account of MySQL or MariaDB can see, from information_schema, which shows only what it may use. */
import type { Connection } from 'mysql2/promise'
import type { SqlCatalog, SqlColumn, SqlTable, SqlValueKind } from '../../../model/kinds/sql.ts'
import { grantsOf, mysqlRemedy } from './mysql-account.ts'
import { systemSchemas } from './mysql-shown.ts'
import { roughly, type Shown, shortened, tablesMax } from './visible.ts'

const rowsReadMax = 200_000

type Row = Readonly<Record<string, string | number | null>>

/** The driver's row, of which only texts and numbers are asked for. */
function plainRow(row: object): Row {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]: [string, unknown]) => [
      name,
      typeof value === 'string' || typeof value === 'number' ? value : null,
    ]),
  )
}

const text = (value: string | number | null | undefined): string =>
  value === null || value === undefined ? '' : String(value)

const kinds: Readonly<Record<string, SqlValueKind>> = {
  tinyint: 'integer',
  smallint: 'integer',
  mediumint: 'integer',
  int: 'integer',
  year: 'integer',
  bigint: 'bigint',
  decimal: 'numeric',
  float: 'float',
  double: 'float',
  bit: 'other',
  char: 'text',
  varchar: 'text',
  tinytext: 'text',
  text: 'text',
  mediumtext: 'text',
  longtext: 'text',
  enum: 'text',
  set: 'text',
  binary: 'bytes',
  varbinary: 'bytes',
  tinyblob: 'bytes',
  blob: 'bytes',
  mediumblob: 'bytes',
  longblob: 'bytes',
  date: 'date',
  time: 'time',
  datetime: 'timestamp',
  timestamp: 'timestamptz',
  json: 'json',
  uuid: 'uuid',
}

/** The words of `enum('a','b''c')`. */
export function enumValues(type: string): string[] | undefined {
  if (!type.startsWith('enum(')) return undefined
  return [...type.slice(5, -1).matchAll(/'((?:[^']|'')*)'/g)].map((match) =>
    (match[1] ?? '').replaceAll("''", "'"),
  )
}

function columnOf(row: Row, jsonColumns: ReadonlySet<string>): SqlColumn {
  const type = text(row['column_type'])
  const name = text(row['column_name'])
  const values = enumValues(type)
  const comment = shortened(text(row['column_comment']))
  const extra = text(row['extra']).toLowerCase()
  const automatic = extra.includes('auto_increment')
  const standard = shortened(automatic ? 'auto_increment' : text(row['column_default']))
  const json = jsonColumns.has(`${text(row['table_schema'])}.${text(row['table_name'])}.${name}`)
  return {
    name,
    type: json ? 'json' : type,
    kind: json ? 'json' : (kinds[text(row['data_type']).toLowerCase()] ?? 'other'),
    nullable: row['is_nullable'] === 'YES',
    ...(standard === undefined || standard === 'NULL' ? {} : { default: standard }),
    // DEFAULT_GENERATED of MySQL 8 only says that the default is an expression.
    generated:
      /\b(virtual|stored|persistent) generated|generated always/.test(extra) ||
      /^(virtual|stored|persistent)/.test(extra),
    ...(comment === undefined ? {} : { comment }),
    ...(values === undefined ? {} : { values }),
  }
}

/** `everySchema`: not only the database that the address names. */
export async function introspectMysql(
  connection: Connection,
  shown: Shown,
  everySchema: boolean,
): Promise<SqlCatalog> {
  const query = async (sql: string, values: readonly string[] = []): Promise<Row[]> => {
    const [rows] = await connection.query({ sql, rowsAsArray: false }, [...values])
    return Array.isArray(rows) ? rows.map(plainRow) : []
  }
  const [fact] = await query(
    "select version() as version, coalesce(database(), '') as db, current_user() as account",
  )
  const database = text(fact?.['db'])
  const version = text(fact?.['version'])
  const hidden = systemSchemas.map(() => '?').join(',')
  const own = database !== '' && !everySchema
  const inScope = `table_schema not in (${hidden})${own ? ' and table_schema = ?' : ''}`
  const scope = own ? [...systemSchemas, database] : systemSchemas
  const all = await query(
    `select table_schema as table_schema, table_name as table_name, table_type as table_type,
      table_rows as table_rows, table_comment as table_comment
    from information_schema.tables where ${inScope} order by table_schema, table_name limit 20000`,
    scope,
  )
  const wanted = all.filter((row) => shown(text(row['table_schema']), text(row['table_name'])))
  const kept = wanted.slice(0, tablesMax)
  const keyOf = (row: Row): string => `${text(row['table_schema'])}.${text(row['table_name'])}`
  const columns = Map.groupBy(
    await query(
      `select table_schema as table_schema, table_name as table_name, column_name as column_name,
        column_type as column_type, data_type as data_type, is_nullable as is_nullable,
        column_default as column_default, column_comment as column_comment, extra as extra
      from information_schema.columns where ${inScope} order by table_schema, table_name, ordinal_position
      limit ${rowsReadMax}`,
      scope,
    ),
    keyOf,
  )
  const keys = Map.groupBy(
    await query(
      `select k.table_schema as table_schema, k.table_name as table_name, k.constraint_name as constraint_name,
        k.column_name as column_name, k.referenced_table_schema as ref_schema,
        k.referenced_table_name as ref_table, k.referenced_column_name as ref_column
      from information_schema.key_column_usage k where ${inScope.replaceAll('table_schema', 'k.table_schema')}
      order by k.table_schema, k.table_name, k.constraint_name, k.ordinal_position limit ${rowsReadMax}`,
      scope,
    ),
    keyOf,
  )
  const mariadb = /mariadb/i.test(version)
  // Names of checks are unique in a schema of MySQL, but only in a table of MariaDB, which tells the table itself. Before
  // 8.0.16 MySQL has no checks, nor the table that would hold them.
  const checks = await query(
    `select c.constraint_schema as table_schema, ${mariadb ? 'c' : 't'}.table_name as table_name,
      c.check_clause as check_clause from information_schema.check_constraints c ${
        mariadb
          ? ''
          : 'join information_schema.table_constraints t using (constraint_schema, constraint_name)'
      }
    where c.constraint_schema not in (${hidden}) limit ${rowsReadMax}`,
    systemSchemas,
  ).catch(() => [])
  // MariaDB keeps JSON as text with a check on it.
  const jsonColumns = new Set(
    checks.flatMap((row) => {
      const column = /^json_valid\(`(.+)`\)$/.exec(text(row['check_clause']))?.[1]
      return column === undefined ? [] : [`${keyOf(row)}.${column}`]
    }),
  )
  const checksOf = Map.groupBy(checks, keyOf)
  const grants = await grantsOf(connection, mariadb)
  return {
    engine: mariadb ? 'mariadb' : 'mysql',
    version: /^[\d.]+/.exec(version)?.[0] ?? version,
    database,
    defaultSchema: database,
    account: text(fact?.['account']),
    tables: kept.map((row): SqlTable => {
      const key = keyOf(row)
      const comment = shortened(text(row['table_comment']))
      const view = row['table_type'] !== 'BASE TABLE'
      const rows = row['table_rows']
      return {
        schema: text(row['table_schema']),
        name: text(row['table_name']),
        kind: view ? 'view' : 'table',
        ...(comment === undefined || comment === 'VIEW' ? {} : { comment }),
        ...(view || rows === null || rows === undefined ? {} : { rows: roughly(Number(rows)) }),
        columns: (columns.get(key) ?? []).map((column) => columnOf(column, jsonColumns)),
        ...keysOf(keys.get(key) ?? []),
        checks: (checksOf.get(key) ?? [])
          .map((check) => shortened(text(check['check_clause'])) ?? '')
          .filter((clause) => !/^json_valid\(/.test(clause)),
      }
    }),
    omitted: wanted.length - kept.length,
    dangers: [...grants.dangers],
    writes: [...grants.writes],
    advice: [...grants.advice],
    remedy: mysqlRemedy(database),
  }
}

function keysOf(rows: readonly Row[]): Pick<SqlTable, 'primaryKey' | 'uniqueKeys' | 'foreignKeys'> {
  const groups = [...Map.groupBy(rows, (row) => text(row['constraint_name']))]
  const columnsOf = (group: readonly Row[]): string[] =>
    group.map((row) => text(row['column_name']))
  const isForeign = (group: readonly Row[]): boolean => (group[0]?.['ref_table'] ?? null) !== null
  return {
    primaryKey: groups.flatMap(([name, group]) => (name === 'PRIMARY' ? columnsOf(group) : [])),
    uniqueKeys: groups
      .filter(([name, group]) => name !== 'PRIMARY' && !isForeign(group))
      .map(([, group]) => columnsOf(group)),
    foreignKeys: groups
      .filter(([, group]) => isForeign(group))
      .map(([, group]) => ({
        columns: columnsOf(group),
        schema: text(group[0]?.['ref_schema']),
        table: text(group[0]?.['ref_table']),
        references: group.map((row) => text(row['ref_column'])),
      })),
  }
}
