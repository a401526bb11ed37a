/** What a PostgreSQL role can see: its tables and views with columns, keys, comments, enums and checks. */
import type { Client } from 'pg'
import type { SqlCatalog, SqlColumn, SqlTable, SqlValueKind } from '../../../model/kinds/sql.ts'
import { accountOf, postgresRemedy } from './postgres-account.ts'
import { roughly, type Shown, shortened, tablesMax } from './visible.ts'

const tablesSql = `
select c.oid::int8 as oid, n.nspname as schema, c.relname as name, c.relkind in ('v', 'm') as view,
  c.reltuples::float8 as rows, pg_catalog.obj_description(c.oid, 'pg_class') as comment
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
  and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  and pg_catalog.has_schema_privilege(n.oid, 'USAGE')
  and (pg_catalog.has_table_privilege(c.oid, 'SELECT') or pg_catalog.has_any_column_privilege(c.oid, 'SELECT'))
order by n.nspname, c.relname limit 20000`

const columnsSql = `
select a.attrelid::int8 as oid, a.attname as name, pg_catalog.format_type(a.atttypid, a.atttypmod) as type,
  b.typname as base, e.typname as element, not a.attnotnull as nullable,
  case when a.attgenerated = '' then pg_catalog.pg_get_expr(d.adbin, d.adrelid) end as "default",
  a.attgenerated <> '' or a.attidentity = 'a' as generated,
  a.attidentity <> '' as identity,
  pg_catalog.col_description(a.attrelid, a.attnum) as comment,
  case when b.typtype = 'e' then (select pg_catalog.json_agg(l.enumlabel order by l.enumsortorder)
    from (select * from pg_catalog.pg_enum where enumtypid = b.oid order by enumsortorder limit 200) l) end as values
from pg_catalog.pg_attribute a
join pg_catalog.pg_type t on t.oid = a.atttypid
join pg_catalog.pg_type b on b.oid = case when t.typtype = 'd' then t.typbasetype else t.oid end
left join pg_catalog.pg_type e on e.oid = b.typelem and b.typcategory = 'A'
left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
where a.attrelid = any($1::oid[]) and a.attnum > 0 and not a.attisdropped
  and pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'SELECT')
order by a.attrelid, a.attnum`

const constraintsSql = `
select k.conrelid::int8 as oid, k.contype as type, pg_catalog.pg_get_constraintdef(k.oid) as text,
  (select pg_catalog.json_agg(a.attname order by u.place) from unnest(k.conkey) with ordinality u(num, place)
    join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.num) as columns,
  n.nspname as schema, r.relname as "table",
  (select pg_catalog.json_agg(a.attname order by u.place) from unnest(k.confkey) with ordinality u(num, place)
    join pg_catalog.pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.num) as refs
from pg_catalog.pg_constraint k
left join pg_catalog.pg_class r on r.oid = k.confrelid
left join pg_catalog.pg_namespace n on n.oid = r.relnamespace
where k.conrelid = any($1::oid[]) and k.contype in ('p', 'u', 'f', 'c')
order by k.conrelid, k.contype, k.conname`

interface TableRow {
  oid: string
  schema: string
  name: string
  view: boolean
  rows: number
  comment: string | null
}
interface ColumnRow {
  oid: string
  name: string
  type: string
  base: string
  element: string | null
  nullable: boolean
  default: string | null
  generated: boolean
  identity: boolean
  comment: string | null
  values: string[] | null
}
interface ConstraintRow {
  oid: string
  type: string
  text: string
  columns: string[] | null
  schema: string | null
  table: string | null
  refs: string[] | null
}

const kinds: Readonly<Record<string, SqlValueKind>> = {
  int2: 'integer',
  int4: 'integer',
  oid: 'bigint',
  int8: 'bigint',
  numeric: 'numeric',
  float4: 'float',
  float8: 'float',
  bool: 'boolean',
  text: 'text',
  varchar: 'text',
  bpchar: 'text',
  name: 'text',
  citext: 'text',
  char: 'text',
  bytea: 'bytes',
  date: 'date',
  time: 'time',
  timetz: 'time',
  timestamp: 'timestamp',
  timestamptz: 'timestamptz',
  interval: 'interval',
  json: 'json',
  jsonb: 'json',
  uuid: 'uuid',
}

/** By the name of a type in pg_type. */
const kindOf = (name: string): SqlValueKind => kinds[name] ?? 'other'

function columnOf(row: ColumnRow): SqlColumn {
  const comment = shortened(row.comment)
  const text = shortened(row.identity ? 'identity' : row.default)
  return {
    name: row.name,
    type: row.type,
    kind: row.element !== null ? 'array' : row.values !== null ? 'text' : kindOf(row.base),
    ...(row.element === null ? {} : { element: kindOf(row.element) }),
    nullable: row.nullable,
    ...(text === undefined ? {} : { default: text }),
    generated: row.generated,
    ...(comment === undefined ? {} : { comment }),
    ...(row.values === null ? {} : { values: row.values }),
  }
}

function tableOf(
  row: TableRow,
  columns: readonly ColumnRow[],
  constraints: readonly ConstraintRow[],
): SqlTable {
  const comment = shortened(row.comment)
  const visible = new Set(columns.map(({ name }) => name))
  const keys = (type: string): string[][] =>
    constraints
      .filter((one) => one.type === type)
      .map((one) => one.columns ?? [])
      .filter((names) => names.length > 0 && names.every((name) => visible.has(name)))
  return {
    schema: row.schema,
    name: row.name,
    kind: row.view ? 'view' : 'table',
    ...(comment === undefined ? {} : { comment }),
    ...(row.rows < 0 || row.view ? {} : { rows: roughly(row.rows) }),
    columns: columns.map(columnOf),
    primaryKey: keys('p')[0] ?? [],
    uniqueKeys: keys('u'),
    foreignKeys: constraints
      .filter((one) => one.type === 'f')
      .map((one) => ({
        columns: one.columns ?? [],
        schema: one.schema ?? '',
        table: one.table ?? '',
        references: one.refs ?? [],
      })),
    checks: constraints.filter((one) => one.type === 'c').map((one) => shortened(one.text) ?? ''),
  }
}

function byTable<Row extends { oid: string }>(rows: readonly Row[]): Map<string, Row[]> {
  return Map.groupBy(rows, ({ oid }) => oid)
}

export async function introspectPostgres(client: Client, shown: Shown): Promise<SqlCatalog> {
  const { rows: facts } = await client.query<{
    version: string
    database: string
    schema: string | null
  }>(
    `select pg_catalog.current_setting('server_version') as version, pg_catalog.current_database()::text as database,
      pg_catalog.current_schema()::text as schema`,
  )
  const fact = facts[0] ?? { version: '', database: '', schema: null }
  const { rows: all } = await client.query<TableRow>(tablesSql)
  const wanted = all.filter(({ schema, name }) => shown(schema, name))
  const kept = wanted.slice(0, tablesMax)
  const oids = kept.map(({ oid }) => oid)
  const columns = byTable((await client.query<ColumnRow>(columnsSql, [oids])).rows)
  const constraints = byTable((await client.query<ConstraintRow>(constraintsSql, [oids])).rows)
  const account = await accountOf(client)
  const schemas = [...new Set(kept.map(({ schema }) => schema))]
  return {
    engine: 'postgresql',
    version: fact.version.split(' ')[0] ?? '',
    database: fact.database,
    defaultSchema: fact.schema ?? 'public',
    account: account.name,
    tables: kept.map((row) =>
      tableOf(row, columns.get(row.oid) ?? [], constraints.get(row.oid) ?? []),
    ),
    omitted: wanted.length - kept.length,
    dangers: [...account.dangers],
    writes: [...account.writes],
    advice: [...account.advice],
    remedy: postgresRemedy(fact.database, schemas),
  }
}
