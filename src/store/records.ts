/** The index of the journal: filling it without doubles, searching it, dropping what is too old. */
import { type Kysely, sql, type Transaction } from 'kysely'
import type { ChangeEntry, Entry, OutcomeEntry } from '../model/record.ts'
import type { Indexed, RecordQuery, RecordRow } from './store.ts'
import type { Tables } from './tables.ts'

const rowsMax = 1_000
const textLengthMax = 2_000
const keyLengthMax = 256
const latest = Date.UTC(2100, 0, 1)

/** Columns that an intent, a refusal, a change or a note fills, with their types in SQL. */
const columns = {
  writer: 'text',
  sequence: 'bigint',
  at: 'timestamptz',
  kind: 'text',
  call: 'text',
  principal: 'text',
  environment: 'text',
  endpoint: 'text',
  method: 'text',
  server: 'text',
  name: 'text',
  revision: 'text',
  args_digest: 'text',
  item_digest: 'text',
  rule: 'text',
  snapshot: 'bigint',
  detail: 'text',
  count: 'bigint',
  status: 'text',
  code: 'text',
  ms: 'double precision',
  bytes: 'bigint',
} as const
type Row = { [name in keyof typeof columns]?: string | number | null }

const columnList = sql.raw(Object.keys(columns).join(', '))
const columnTypes = sql.raw(
  Object.entries(columns)
    .map(([name, type]) => `${name} ${type}`)
    .join(', '),
)
const outcomeTypes = sql.raw(
  'call text, at timestamptz, status text, code text, ms double precision, bytes bigint',
)

/** Adds entries that are not there yet and moves each writer's mark, all in one transaction. */
export async function indexRecords(db: Kysely<Tables>, entries: readonly Indexed[]): Promise<void> {
  if (entries.length === 0) return
  await db.transaction().execute(async (transaction) => {
    const marks = await lockMarks(transaction, entries)
    const fresh = entries.filter(({ writer, sequence }) => sequence >= (marks.get(writer) ?? 0))
    if (fresh.length === 0) return
    const { rows, outcomes } = toRows(fresh)
    await addPartitions(transaction, rows)
    await sql`insert into records (${columnList}) select ${columnList}
      from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as r(${columnTypes})
      on conflict do nothing`.execute(transaction)
    await closeRecords(transaction, rows, outcomes)
    for (const { writer, sequence } of fresh)
      marks.set(writer, Math.max(marks.get(writer) ?? 0, sequence + 1))
    for (const [writer, next] of marks)
      await transaction.updateTable('writers').set({ next }).where('writer', '=', writer).execute()
  })
}

/** Locked in the order of names, so that two shippers wait for each other and never for ever. */
async function lockMarks(
  transaction: Transaction<Tables>,
  entries: readonly Indexed[],
): Promise<Map<string, number>> {
  const writers = [...new Set(entries.map((entry) => entry.writer))].sort()
  await transaction
    .insertInto('writers')
    .values(writers.map((writer) => ({ writer, next: 0 })))
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  const marks = await transaction
    .selectFrom('writers')
    .selectAll()
    .where('writer', 'in', writers)
    .orderBy('writer')
    .forUpdate()
    .execute()
  return new Map(marks.map(({ writer, next }) => [writer, next]))
}

/** Rows to insert, and the outcomes whose intent is not in the same batch. */
function toRows(entries: readonly Indexed[]): { rows: Row[]; outcomes: Row[] } {
  const rows: Row[] = []
  const outcomes: Row[] = []
  const open = new Map<string, Row>()
  for (const { writer, sequence, entry } of entries) {
    if (entry.kind === 'outcome') {
      const intent = open.get(entry.call)
      if (intent === undefined)
        outcomes.push({ call: entry.call, at: when(entry.at), ...ending(entry) })
      else Object.assign(intent, ending(entry))
      continue
    }
    const row = toRow(writer, sequence, entry)
    rows.push(row)
    if (entry.kind === 'intent' || entry.kind === 'change') open.set(entry.call, row)
  }
  return { rows, outcomes }
}

function ending({ status, code, ms, bytes }: OutcomeEntry): Row {
  return { status, code: text(code), ms, bytes }
}

function toRow(writer: string, sequence: number, entry: Exclude<Entry, OutcomeEntry>): Row {
  const row: Row = {
    writer,
    sequence,
    at: when(entry.at),
    kind: entry.kind,
    snapshot: null,
    count: 1,
  }
  for (const [name, type] of Object.entries(columns))
    if (type === 'text' && !(name in row)) Object.assign(row, { [name]: '' })
  if (entry.kind === 'anonymous')
    return Object.assign(row, {
      status: 'refused',
      code: text(entry.code),
      detail: text(entry.source),
      count: entry.count,
    })
  if (entry.kind === 'suppressed')
    return Object.assign(row, {
      principal: text(entry.principal, keyLengthMax),
      environment: text(entry.environment),
      status: 'noted',
      detail: text(entry.detail),
      count: entry.count,
    })
  if (entry.kind === 'change') return Object.assign(row, columnsOf(entry))
  Object.assign(row, {
    principal: text(entry.principal, keyLengthMax),
    environment: text(entry.environment),
    endpoint: text(entry.endpoint),
    method: text(entry.method),
  })
  if (entry.kind === 'intent' || entry.kind === 'refusal')
    Object.assign(row, {
      call: entry.call,
      server: text(entry.server, keyLengthMax),
      name: text(entry.name),
    })
  if (entry.kind === 'refusal')
    return Object.assign(row, { status: 'refused', code: entry.code, detail: text(entry.detail) })
  if (entry.kind !== 'intent')
    return Object.assign(row, { status: 'noted', detail: text(entry.detail) })
  return Object.assign(row, {
    status: 'open',
    revision: entry.revision,
    args_digest: entry.argsDigest,
    item_digest: entry.itemDigest,
    rule: text(entry.rule),
    snapshot: entry.snapshot,
  })
}

/** What was done to which kind of object stands for the method, e.g. `created role`. */
function columnsOf({ call, principal, via, action, object, name, ...sides }: ChangeEntry): Row {
  const { before, after } = sides
  return {
    call,
    principal: text(principal, keyLengthMax),
    endpoint: via,
    method: `${action} ${object}`,
    server: object === 'server' ? text(name, keyLengthMax) : '',
    name: text(name),
    detail: text(JSON.stringify({ before, after })),
    status: 'open',
  }
}

/** Callers choose names: what PostgreSQL cannot hold or index is replaced or cut. The journal has all of it. */
function text(value: string, lengthMax = textLengthMax): string {
  return value.slice(0, lengthMax).replace(/\0|\p{Surrogate}/gu, '\u{FFFD}')
}

function when(at: number): string {
  return new Date(Math.min(Math.max(Math.trunc(at) || 0, 0), latest)).toISOString()
}

async function closeRecords(
  transaction: Transaction<Tables>,
  rows: readonly Row[],
  outcomes: readonly Row[],
): Promise<void> {
  const close = sql.raw('status = o.status, code = o.code, ms = o.ms, bytes = o.bytes')
  const calls = rows.filter((row) => row.status === 'open').map((row) => row.call)
  if (calls.length > 0)
    await sql`with o as (delete from outcomes_waiting where call = any(${calls}) returning *)
      update records as r set ${close} from o
      where r.call = o.call and r.status = 'open'`.execute(transaction)
  if (outcomes.length === 0) return
  const list = sql`jsonb_to_recordset(${JSON.stringify(outcomes)}::jsonb) as o(${outcomeTypes})`
  await sql`update records as r set ${close} from ${list}
    where r.call = o.call and r.status = 'open'`.execute(transaction)
  await sql`insert into outcomes_waiting (call, at, status, code, ms, bytes)
    select call, at, status, code, ms, bytes from ${list}
    where not exists (select from records where records.call = o.call)
    on conflict do nothing`.execute(transaction)
}

const partitionPattern = /^records_(\d{4})_(\d{2})$/

/** One partition a month, made when its first record comes. */
async function addPartitions(
  transaction: Transaction<Tables>,
  rows: readonly Row[],
): Promise<void> {
  for (const month of new Set(rows.map((row) => String(row.at).slice(0, 7)))) {
    const name = `records_${month.replace('-', '_')}`
    const known = await sql<{ found: boolean }>`
      select to_regclass(${name}) is not null as found`.execute(transaction)
    if (known.rows[0]?.found === true) continue
    await sql`select pg_advisory_xact_lock(hashtext('sallyport_partitions'))`.execute(transaction)
    const [from, to] = [sql.lit(`${month}-01T00:00:00Z`), sql.lit(monthEnd(name).toISOString())]
    await sql`create table if not exists ${sql.table(name)} partition of records
      for values from (${from}) to (${to})`.execute(transaction)
  }
}

/** First moment after the month of a partition. */
function monthEnd(partition: string): Date {
  const [, year, month] = partitionPattern.exec(partition) ?? []
  return new Date(Date.UTC(Number(year), Number(month), 1))
}

/** Drops the partitions that end at or before `at`. Returns how many. */
export async function dropRecords(db: Kysely<Tables>, at: number): Promise<number> {
  const { rows } = await sql<{ name: string }>`
    select relname as name from pg_inherits join pg_class on pg_class.oid = inhrelid
    where inhparent = 'records'::regclass order by relname`.execute(db)
  const old = rows.filter(({ name }) => partitionPattern.test(name) && +monthEnd(name) <= at)
  for (const { name } of old) await sql`drop table if exists ${sql.table(name)}`.execute(db)
  await db.deleteFrom('outcomes_waiting').where('at', '<', new Date(at)).execute()
  return old.length
}

/** The newest records that fit, at most 1,000. */
export async function findRecords(
  db: Kysely<Tables>,
  query: RecordQuery,
): Promise<readonly RecordRow[]> {
  let select = db
    .selectFrom('records')
    .select(['call', 'at', 'kind', 'principal', 'environment', 'endpoint', 'method', 'server'])
    .select(['name', 'status', 'code', 'detail', 'count', 'ms', 'bytes'])
  for (const column of ['principal', 'server', 'name', 'status'] as const) {
    const value = query[column]
    if (value !== undefined) select = select.where(column, '=', value)
  }
  if (query.since !== undefined) select = select.where('at', '>=', new Date(query.since))
  if (query.until !== undefined) select = select.where('at', '<', new Date(query.until))
  const rows = await select
    .orderBy('at', 'desc')
    .orderBy('writer', 'desc')
    .orderBy('sequence', 'desc')
    .limit(Math.min(Math.max(query.limit, 0), rowsMax))
    .execute()
  return rows.map((row) => ({
    ...row,
    at: row.at.getTime(),
    ms: row.ms ?? undefined,
    bytes: row.bytes ?? undefined,
  }))
}
