/** Brings a database to the schema of this build: plain SQL files in the order of their names. */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Client, type ClientConfig } from 'pg'
import { refuse } from './failure.ts'

/** Names our migrations among the advisory locks of the database. */
const lockKey = 7_241_586_317
const lockWaitMs = 60_000

/**
 * Applies the files of `folder` that the database does not have, each in a transaction of its own;
 * nodes that start together wait for each other. Returns the names of those that were applied.
 * Refuses a database that a newer build has written, and one whose applied files were edited.
 */
export async function migrate(config: ClientConfig, folder: string): Promise<string[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.sql')).sort()
  const client = new Client({ ...config, statement_timeout: 0, query_timeout: 0 })
  // A lost connection also rejects the query that waits for it.
  client.on('error', () => undefined)
  await client.connect()
  try {
    await client.query(`set lock_timeout = ${lockWaitMs}`)
    await client.query('select pg_advisory_lock($1)', [lockKey])
    await client.query(
      `create table if not exists migrations
         (name text primary key, checksum text not null, applied_at timestamptz not null default now())`,
    )
    const applied = await appliedBefore(client, files)
    const done: string[] = []
    for (const file of files) {
      const sql = (await readFile(join(folder, file), 'utf8')).replaceAll('\r\n', '\n')
      const checksum = createHash('sha256').update(sql).digest('hex')
      const before = applied.get(file)
      if (before !== undefined && before !== checksum)
        throw refuse(`The migration ${file} is not the one that was applied to this database.`)
      if (before !== undefined) continue
      await apply(client, file, sql, checksum)
      done.push(file)
    }
    return done
  } finally {
    await client.end().catch(() => undefined)
  }
}

async function appliedBefore(
  client: Client,
  files: readonly string[],
): Promise<Map<string, string>> {
  const { rows } = await client.query<{ name: string; checksum: string }>(
    'select name, checksum from migrations order by name',
  )
  const unknown = rows.find((row) => !files.includes(row.name))
  if (unknown !== undefined)
    throw refuse(
      `The database was written by a newer Sallyport (it has the migration ${unknown.name}). ` +
        'Start that version, or restore a backup from before the upgrade.',
    )
  return new Map(rows.map((row) => [row.name, row.checksum]))
}

async function apply(client: Client, name: string, sql: string, checksum: string): Promise<void> {
  await client.query('begin')
  try {
    await client.query(sql)
    await client.query('insert into migrations (name, checksum) values ($1, $2)', [name, checksum])
    await client.query('commit')
  } catch (cause) {
    await client.query('rollback').catch(() => undefined)
    throw cause
  }
}
