/**
 * What an account of MySQL or MariaDB may do beside reading, from its own grants. A read-only transaction holds
 * writes to tables; files, other sessions and the server itself only missing privileges hold.
 */
import type { Connection } from 'mysql2/promise'

export interface Grants {
  readonly dangers: readonly string[]
  readonly writes: readonly string[]
  readonly advice: readonly string[]
}

const harmless: ReadonlySet<string> = new Set([
  'USAGE',
  'SELECT',
  'SHOW VIEW',
  'SHOW DATABASES',
  'SHOW_ROUTINE',
  'SHOW CREATE ROUTINE',
])
/** What a read-only transaction, or the refusal of statements without rows, holds. */
const writing: ReadonlySet<string> = new Set([
  'INSERT',
  'UPDATE',
  'DELETE',
  'DELETE HISTORY',
  'CREATE',
  'DROP',
  'ALTER',
  'INDEX',
  'REFERENCES',
  'CREATE VIEW',
  'CREATE TEMPORARY TABLES',
  'LOCK TABLES',
  'CREATE ROUTINE',
  'ALTER ROUTINE',
  'EXECUTE',
  'EVENT',
  'TRIGGER',
])
const rolesDepthMax = 4
const rolesMax = 50

interface Grant {
  readonly privileges: readonly string[]
  readonly on: string
  readonly grantable: boolean
}

/** One line of SHOW GRANTS: privileges on something, a role, or a proxy. */
export function parseGrant(line: string): Grant | { readonly role: string } | undefined {
  const proxy = /^GRANT PROXY ON /i.exec(line)
  if (proxy !== null) return { privileges: ['PROXY'], on: 'accounts', grantable: false }
  const match = /^GRANT (.+?) ON (.+?) TO /i.exec(line)
  if (match === null) {
    const role = /^GRANT (.+) TO /i.exec(line)?.[1]
    return role === undefined ? undefined : { role }
  }
  const [, list = '', on = ''] = match
  return {
    // Columns stand in brackets after the privilege: SELECT (a, b).
    privileges: list
      .replaceAll(/\([^)]*\)/g, '')
      .split(',')
      .map((privilege) => privilege.trim().toUpperCase()),
    on: on.replaceAll('`', ''),
    grantable: /WITH GRANT OPTION/i.test(line),
  }
}

async function lines(connection: Connection, sql: string): Promise<string[]> {
  const [rows] = await connection.query({ sql, rowsAsArray: true })
  return Array.isArray(rows) ? rows.map((row) => String(Array.isArray(row) ? row[0] : row)) : []
}

/**
 * All grants of the account and of its roles. MariaDB shows those of the role that is active and lets nobody ask for
 * others, which is enough: a caller cannot take one on, since SET ROLE yields no rows and so never runs.
 */
async function allGrants(connection: Connection): Promise<Grant[]> {
  const grants: Grant[] = []
  const seen = new Set<string>()
  let waiting = await lines(connection, 'show grants')
  for (let depth = 0; depth < rolesDepthMax && waiting.length > 0; depth++) {
    const roles: string[] = []
    for (const line of waiting) {
      const grant = parseGrant(line)
      if (grant === undefined) continue
      if (!('role' in grant)) grants.push(grant)
      else if (!seen.has(grant.role) && seen.size < rolesMax) {
        seen.add(grant.role)
        roles.push(grant.role)
      }
    }
    waiting = []
    for (const role of roles) {
      const using = `show grants for current_user() using ${role}`
      waiting.push(...(await lines(connection, using).catch(() => [])))
    }
  }
  return grants
}

export async function grantsOf(connection: Connection): Promise<Grants> {
  const dangers = new Set<string>()
  const writes = new Set<string>()
  const advice = new Set<string>()
  for (const { privileges, on, grantable } of await allGrants(connection)) {
    if (grantable) dangers.add(`it may pass on its privileges on ${on} (GRANT OPTION)`)
    for (const privilege of privileges) {
      if (privilege === 'ALL PRIVILEGES' && on === '*.*')
        dangers.add('it has ALL PRIVILEGES on *.*')
      else if (privilege === 'ALL PRIVILEGES' || writing.has(privilege))
        writes.add(`${privilege} on ${on}`)
      else if (!harmless.has(privilege)) dangers.add(`it has ${privilege} on ${on}`)
      if (writing.has(privilege) && /^(mysql\.|\*\.\*)/.test(on) && privilege !== 'EXECUTE')
        dangers.add(`it has ${privilege} on ${on}, which holds the accounts of the server`)
      if (privilege === 'SELECT' && /^(mysql\.|\*\.\*)/.test(on))
        advice.add(
          `it may read ${on}, which holds the password hashes of the server; grant SELECT on the databases that agents need instead.`,
        )
    }
  }
  return {
    dangers: [...dangers].slice(0, 20),
    writes: [...writes].sort().slice(0, 50),
    advice: [...advice],
  }
}

export function mysqlRemedy(database: string): string {
  const quote = (name: string): string => `\`${name.replaceAll('`', '``')}\``
  return `CREATE USER agent_read@'%' IDENTIFIED BY 'choose one'; GRANT SELECT, SHOW VIEW ON ${database === '' ? 'your_database' : quote(database)}.* TO agent_read@'%';`
}
