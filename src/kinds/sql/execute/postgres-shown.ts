/**
 * Holds a statement of a caller to the relations that are shown, by what the server itself makes of it: while it
 * analyses a statement it locks what the statement names, and while it runs it locks whatever is read, by views and
 * functions as well, and keeps those locks to the end of the transaction (PostgreSQL 13.3.1, 54.12 "pg_locks").
 */
import type { Client, Connection, Submittable } from 'pg'
import { StatementFault } from './fault.ts'
import type { Shown } from './visible.ts'

/** What is shown, and what reading that comes to. */
export interface ShownRelations {
  /** By oid: what a statement may name. */
  readonly named: ReadonlyMap<number, string>
  /** Names of what it may not name. */
  readonly hidden: ReadonlyMap<number, string>
  /** What the server locks beside a relation: its indexes and the like, partitions, and what a view reads. */
  readonly below: ReadonlyMap<number, readonly number[]>
  readonly ofViews: ReadonlyMap<number, readonly number[]>
}

const relationsSql = `
select c.oid::int8::text as oid, n.nspname::text as schema, c.relname::text as name,
  n.nspname ~ '^pg_' or n.nspname = 'information_schema' as system
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and n.nspname !~ '^pg_toast'`

const belowSql = `
select indrelid::int8::text as of, indexrelid::int8::text as oid, false as view from pg_catalog.pg_index
union all select oid::int8::text, reltoastrelid::int8::text, false from pg_catalog.pg_class where reltoastrelid <> 0
union all select inhparent::int8::text, inhrelid::int8::text, false from pg_catalog.pg_inherits
union all select distinct r.ev_class::int8::text, d.refobjid::int8::text, true
  from pg_catalog.pg_depend d join pg_catalog.pg_rewrite r on r.oid = d.objid
  where d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
    and d.refobjid <> r.ev_class`

/** Read outside of the transaction of the statement: it locks the tables of the system that it reads. */
export async function shownRelations(client: Client, shown: Shown): Promise<ShownRelations> {
  const { rows } = await client.query<{
    oid: string
    schema: string
    name: string
    system: boolean
  }>(relationsSql)
  const named = new Map<number, string>()
  const hidden = new Map<number, string>()
  for (const { oid, schema, name, system } of rows)
    (!system && shown(schema, name) ? named : hidden).set(Number(oid), name)
  const { rows: edges } = await client.query<{ of: string; oid: string; view: boolean }>(belowSql)
  const grouped = (view: boolean): Map<number, number[]> => {
    const groups = new Map<number, number[]>()
    for (const edge of edges) {
      if (edge.view !== view) continue
      const list = groups.get(Number(edge.of)) ?? []
      list.push(Number(edge.oid))
      groups.set(Number(edge.of), list)
    }
    return groups
  }
  return { named, hidden, below: grouped(false), ofViews: grouped(true) }
}

/** Functions that run SQL which is given to them as text; what that names, nobody has looked at. */
const runsText =
  /\b(?:(?:query|table|schema|database|cursor)_to_xml\w*|ts_stat|ts_rewrite|crosstab\w*|connectby|xpath_table|dblink\w*)\b/i
/** Functions and types that tell of relations by name or number; they read what the server remembers, and lock nothing. */
const tellsOfRelations =
  /regclass|regtype|\b(?:_?pg_(?!(?:catalog|typeof|column_size|size_pretty|sleep)\b)\w+|has_\w+_privilege|row_security_active|format_type|currtid2?|satisfies_hash_partition)\b/i
/** An identifier by the numbers of its characters; there is no other way to write one without its letters. */
const escapedName = /u&"/i

/** @throws StatementFault */
function refuseWords(sql: string): void {
  const word = [runsText, tellsOfRelations, escapedName]
    .map((pattern) => pattern.exec(sql)?.[0])
    .find((found) => found !== undefined)
  if (word === undefined) return
  throw new StatementFault(
    'hidden',
    `Not everything is shown here, so ${word} is not taken: neither functions that run SQL given as text, nor what tells of tables by name, nor names in U&"...".`,
    { hint: 'A text that has the word in it can be given as a parameter.' },
  )
}

/** A statement that the server reads only when it runs, e.g. DO and COPY: even its error could tell what it read. */
export function unreadFault(): StatementFault {
  return new StatementFault(
    'hidden',
    'Not everything is shown here, so only SELECT, VALUES, TABLE, INSERT, UPDATE, DELETE, MERGE, SHOW and EXPLAIN are taken.',
    { hint: 'Nothing was run.' },
  )
}

async function locked(client: Client): Promise<number[]> {
  const { rows } = await client.query<{ oid: string }>(
    `select distinct relation::int8::text as oid from pg_catalog.pg_lock_status()
    where locktype = 'relation' and pid = pg_catalog.pg_backend_pid()`,
  )
  return rows.map(({ oid }) => Number(oid))
}

/** Has the server analyse a statement, and nothing more. */
class Analysed implements Submittable {
  readonly result: Promise<void>
  private readonly sql: string
  private readonly settle: (fault: unknown) => void
  private fault: unknown

  constructor(sql: string) {
    this.sql = sql
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.result = promise
    this.settle = (fault) => (fault === undefined ? resolve() : reject(fault))
  }

  submit(connection: Connection): void {
    connection.parse({ name: '', text: this.sql, types: [] }, true)
    connection.sync()
  }

  handleError(fault: unknown): void {
    this.fault = fault
    this.settle(fault)
  }

  handleReadyForQuery(): void {
    if (this.fault === undefined) this.settle(undefined)
  }
}

async function analyse(client: Client, sql: string): Promise<void> {
  const analysed = new Analysed(sql)
  client.query(analysed)
  await analysed.result
}

/** What was found of a statement that names only what is shown. */
export interface Judged {
  /** What it may lock while it runs. */
  readonly allowed: ReadonlySet<number>
  /** Whether the server has read all of it: what EXPLAIN takes. */
  readonly isRead: boolean
}

/**
 * Refuses a statement that names what is not shown. `begin` starts the
 * transaction, anew when a first look ended it. @throws StatementFault, or the server's error for a statement that is wrong
 */
export async function judgeNames(
  client: Client,
  sql: string,
  shown: ShownRelations,
  begin: () => Promise<void>,
): Promise<Judged> {
  refuseWords(sql)
  let isQuery = true
  try {
    // What is explained is analysed, but its views are not opened yet: only what it names itself is locked.
    await analyse(client, `explain ${sql}`)
  } catch {
    isQuery = false
    await client.query('rollback')
    await begin()
    await analyse(client, sql)
  }
  const names = await locked(client)
  const wrong = names.find((oid) => !shown.named.has(oid))
  if (wrong !== undefined) throw unknownRelation(sql, shown.hidden.get(wrong))
  return { allowed: reached(names, shown, isQuery), isRead: isQuery }
}

/** EXPLAIN and SHOW tell what is below a view, so there they may not go. */
function reached(
  names: readonly number[],
  { below, ofViews }: ShownRelations,
  throughViews: boolean,
): ReadonlySet<number> {
  const all = new Set(names)
  for (const oid of all) {
    for (const next of below.get(oid) ?? []) all.add(next)
    if (throughViews) for (const next of ofViews.get(oid) ?? []) all.add(next)
  }
  return all
}

/** After it ran, before anything of it is given away. @throws StatementFault */
export async function judgeReads(client: Client, allowed: ReadonlySet<number>): Promise<void> {
  const wrong = (await locked(client)).some((oid) => !allowed.has(oid))
  if (wrong)
    throw new StatementFault('hidden', 'It reads, by a view or a function, what is not shown here.')
}

/** How far before a name its schema may begin. */
const qualifierMax = 200

/** In the words of the server for a relation that is not there. */
function unknownRelation(sql: string, name: string | undefined): StatementFault {
  if (name === undefined) return new StatementFault('hidden', 'It reads what is not shown here.')
  const at = sql.toLowerCase().indexOf(name.toLowerCase())
  const before = at < 0 ? '' : sql.slice(Math.max(0, at - qualifierMax), at)
  const qualifier = /(\w+)"?\s*\.\s*"?$/.exec(before)
  const written = qualifier === null ? name : `${qualifier[1]?.toLowerCase()}.${name}`
  return new StatementFault('42P01', `relation "${written}" does not exist`, {
    position:
      at < 0 ? undefined : at + 1 - (qualifier?.[0].length ?? (before.endsWith('"') ? 1 : 0)),
  })
}
