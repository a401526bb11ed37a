/**
 * What an account of MySQL or MariaDB may do beside reading, from its own grants. A read-only transaction holds
 * writes to tables; files, other sessions and the server itself only missing privileges hold.
 */

import type { Connection } from 'mysql2/promise'
import { messageOf } from '../../../kit/thrown.ts'

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
const rolesMax = 50

interface Grant {
  readonly privileges: readonly string[]
  readonly on: string
  readonly grantable: boolean
}

interface RoleGrant {
  /** As the server writes it: one role, or several with commas between. */
  readonly roles: string
  readonly grantable: boolean
}

/** One line of SHOW GRANTS: privileges on something, roles, or a proxy. */
export function parseGrant(line: string): Grant | RoleGrant | undefined {
  const proxy = /^GRANT PROXY ON /i.exec(line)
  if (proxy !== null) return { privileges: ['PROXY'], on: 'accounts', grantable: false }
  const match = /^GRANT (.+?) ON (.+?) TO /i.exec(line)
  if (match === null) {
    const roles = /^GRANT (.+) TO /i.exec(line)?.[1]
    return roles === undefined ? undefined : { roles, grantable: /WITH ADMIN OPTION/i.test(line) }
  }
  const [, list = '', on = ''] = match
  return {
    // Columns stand in brackets after the privilege: SELECT (a, b).
    privileges: list
      .replaceAll(/\([^)]*\)/g, '')
      .split(',')
      .map((privilege) => privilege.trim().toUpperCase()),
    // Quoted with " where the server has ANSI_QUOTES.
    on: on.replaceAll(/[`"]/g, ''),
    grantable: /WITH GRANT OPTION/i.test(line),
  }
}

const accountsDatabase = 'mysql'

/** Whether `on` of a grant takes in the database with the accounts. Names of databases are patterns of LIKE there. */
export function holdsAccounts(on: string): boolean {
  const [database = ''] = on.replace(/^(FUNCTION|PROCEDURE|PACKAGE|PACKAGE BODY) /i, '').split('.')
  // How much of the name each way to read the pattern so far has used up.
  let used: ReadonlySet<number> = new Set([0])
  const step = (fits: (at: number) => boolean): ReadonlySet<number> =>
    new Set([...used].filter(fits).map((at) => at + 1))
  for (const part of database.toLowerCase().match(/\\?./gs) ?? []) {
    if (part === '_') used = step((at) => at < accountsDatabase.length)
    else if (part === '%' || part === '*') {
      const least = Math.min(...used)
      used = new Set([...accountsDatabase, ''].map((_, at) => at).filter((at) => at >= least))
    } else used = step((at) => accountsDatabase[at] === part.slice(-1))
  }
  return used.has(accountsDatabase.length)
}

async function lines(connection: Connection, sql: string): Promise<string[]> {
  const [rows] = await connection.query({ sql, rowsAsArray: true })
  return Array.isArray(rows) ? rows.map((row) => String(Array.isArray(row) ? row[0] : row)) : []
}

/**
 * All grants of the account and of its roles, active or not. MySQL counts in what a role has by way of others. MariaDB
 * shows those of the role that is active and lets nobody ask for others, which is enough: a caller cannot take one on,
 * since SET ROLE yields no rows and so never runs.
 */
async function allGrants(
  connection: Connection,
  mariadb: boolean,
): Promise<{ grants: readonly Grant[]; dangers: readonly string[] }> {
  const dangers: string[] = []
  const grants: Grant[] = []
  const roles: string[] = []
  const take = (line: string): void => {
    const grant = parseGrant(line)
    // What REVOKE takes away of a wider grant is not counted: the grant is judged as it stands.
    if (grant === undefined && !/^REVOKE /i.test(line))
      dangers.push(`one of its grants is not understood: ${line.slice(0, 200)}`)
    else if (grant !== undefined && 'roles' in grant) {
      roles.push(grant.roles)
      if (grant.grantable) dangers.push(`it may pass on the role ${grant.roles} (ADMIN OPTION)`)
    } else if (grant !== undefined) grants.push(grant)
  }
  for (const line of await lines(connection, 'show grants')) take(line)
  if (mariadb || roles.length === 0) return { grants, dangers }
  if (roles.length > rolesMax) return { grants, dangers: [...dangers, 'it has too many roles'] }
  const using = `show grants for current_user() using ${roles.join(', ')}`
  try {
    for (const line of await lines(connection, using)) take(line)
  } catch (thrown) {
    const why = messageOf(thrown)
    dangers.push(`what its roles may do is not shown: ${why}`)
  }
  return { grants, dangers }
}

/** @throws the driver's error, when the account may not even see its own grants */
export async function grantsOf(connection: Connection, mariadb: boolean): Promise<Grants> {
  const { grants, dangers: doubts } = await allGrants(connection, mariadb)
  const dangers = new Set(doubts)
  const writes = new Set<string>()
  const advice = new Set<string>()
  for (const { privileges, on, grantable } of grants) {
    if (grantable) dangers.add(`it may pass on its privileges on ${on} (GRANT OPTION)`)
    const accounts = holdsAccounts(on)
    for (const privilege of privileges) {
      const everything = /^ALL( PRIVILEGES)?$/.test(privilege)
      if (everything && on === '*.*') dangers.add('it has ALL PRIVILEGES on *.*')
      else if (everything || writing.has(privilege)) {
        writes.add(`${privilege} on ${on}`)
        if (accounts && privilege !== 'EXECUTE')
          dangers.add(`it has ${privilege} on ${on}, which holds the accounts of the server`)
      } else if (!harmless.has(privilege)) dangers.add(`it has ${privilege} on ${on}`)
      if (privilege === 'SELECT' && accounts)
        advice.add(
          `it may read ${on}, which holds the password hashes of the server; grant SELECT on the databases that agents need instead.`,
        )
    }
  }
  return {
    // Those that go past every transaction come first.
    dangers: [...dangers]
      .sort((a, b) => Number(/ holds the/.test(a)) - Number(/ holds the/.test(b)))
      .slice(0, 20),
    writes: [...writes].sort().slice(0, 50),
    advice: [...advice],
  }
}

export function mysqlRemedy(database: string): string {
  const quote = (name: string): string => `\`${name.replaceAll('`', '``')}\``
  return `CREATE USER agent_read@'%' IDENTIFIED BY 'choose one'; GRANT SELECT, SHOW VIEW ON ${database === '' ? 'your_database' : quote(database)}.* TO agent_read@'%';`
}
