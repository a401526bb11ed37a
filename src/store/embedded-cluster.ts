/** One cluster: what it needs to run, how it is made and with which settings it is started. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chown, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join, parse } from 'node:path'
import { promisify } from 'node:util'
import {
  type Account,
  type Programs,
  refuseEmbedded,
  serverEnvironment,
} from './embedded-programs.ts'
import { codeOf } from './failure.ts'

const run = promisify(execFile)
export const clusterUser = 'sallyport'
export const windows = process.platform === 'win32'

/** What one cluster needs to be started again. */
export interface Cluster {
  readonly folder: string
  readonly account: Account
  readonly programs: Programs
  readonly log: string
  readonly passwordFile: string
}

/** Makes the cluster if there is none. A half made one has another name and is thrown away. */
export async function initialise({
  folder,
  account,
  programs,
  passwordFile,
}: Cluster): Promise<boolean> {
  const version = await readFile(join(folder, 'PG_VERSION'), 'utf8').catch(() => undefined)
  if (version !== undefined) {
    if (version.trim() === String(programs.major)) return false
    throw refuseEmbedded(
      `${folder} was made by PostgreSQL ${version.trim()} and this version brings ${programs.major}.`,
    )
  }
  const half = `${folder}.new`
  // One call writes the whole file system out; a call per file takes seconds on a busy disk.
  const sync = process.platform === 'linux' && programs.major >= 17 ? ['--sync-method=syncfs'] : []
  const access = windows ? ['--auth=scram-sha-256', `--pwfile=${passwordFile}`] : ['--auth=trust']
  try {
    await rm(half, { recursive: true, force: true })
    await mkdir(half, { mode: 0o700 })
    if (account !== undefined) await chown(half, account.uid, account.gid)
    if (windows)
      await writeFile(passwordFile, randomBytes(24).toString('base64url'), { mode: 0o600 })
    const program = join(programs.bin, 'initdb')
    await run(
      program,
      ['-D', half, '-U', clusterUser, '-E', 'UTF8', '--locale=C', ...sync, ...access],
      surroundings(half, account),
    )
    await rename(half, folder)
    return true
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.trim().split('\n').at(-1) : codeOf(cause)
    throw refuseEmbedded(`its folder cannot be made: ${reason}.`, cause)
  }
}

/** How every program of the cluster is run. */
export function surroundings(folder: string, account: Account) {
  return { ...account, cwd: parse(folder).root, env: serverEnvironment }
}

/** Few connections, little memory, nothing given up that keeps acknowledged rows safe. */
export function settings({ folder, programs }: Cluster, socket: string, port: number): string[] {
  const values: Record<string, string | number> = {
    port,
    listen_addresses: windows ? '127.0.0.1' : '',
    unix_socket_directories: socket,
    unix_socket_permissions: '0700',
    max_connections: 24,
    shared_buffers: '24MB',
    work_mem: '2MB',
    maintenance_work_mem: '16MB',
    max_wal_size: '256MB',
    max_wal_senders: 0,
    wal_level: 'minimal',
    max_worker_processes: 2,
    max_parallel_workers_per_gather: 0,
    autovacuum_max_workers: 1,
    fsync: 'on',
    synchronous_commit: 'on',
    jit: 'off',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_min_error_statement: 'panic',
    log_checkpoints: 'off',
    ...(programs.major >= 18 ? { io_method: 'sync' } : {}),
  }
  const list = Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  return ['-D', folder, ...list]
}
