/** Decides who runs the embedded server and where its cluster and its socket lie. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmod,
  chown,
  lstat,
  mkdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  symlink,
} from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { type Account, refuseEmbedded } from './embedded-programs.ts'
import { codeOf } from './failure.ts'

const run = promisify(execFile)

/** Folder under which a server keeps its data when root's data folder is closed to it. */
const rootHome = '/var/lib/sallyport'
/** Socket paths end at 103 bytes (macOS); `/.s.PGSQL.5432` takes 14 of them. */
const socketFolderBytesMax = 88

/** PostgreSQL refuses to run as root, so root hands it to another account. */
export async function serverAccount(): Promise<Account> {
  const uid = process.getuid?.()
  if (uid === undefined) return undefined
  if (uid !== 0) {
    try {
      userInfo()
      return undefined
    } catch (cause) {
      throw refuseEmbedded(`user id ${uid} has no entry in /etc/passwd.`, cause)
    }
  }
  const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '')
  for (const name of ['postgres', 'nobody']) {
    const line = passwd.split('\n').find((candidate) => candidate.startsWith(`${name}:`))
    const [, , user, group] = line?.split(':') ?? []
    if (user !== undefined && group !== undefined && Number(user) > 0)
      return { uid: Number(user), gid: Number(group) }
  }
  throw refuseEmbedded('as root it needs an account named postgres or nobody.')
}

/**
 * Path of the cluster's folder, which need not exist yet. As root with a closed data folder it is
 * below /var/lib/sallyport, and a link `postgres` in the data folder keeps the way there.
 * A cluster that lies in such a folder, as a restored backup has it, is moved there.
 * `retire` is called for a cluster whose data folder was deleted.
 */
export async function clusterFolder(
  dataFolder: string,
  account: Account,
  retire: (cluster: string) => Promise<void>,
): Promise<string> {
  const real = await realpath(dataFolder)
  const link = join(real, 'postgres')
  // Of a start that ended when it had moved the cluster.
  if ((await lstat(link).catch(() => undefined)) === undefined)
    await rename(`${link}.link`, link).catch(() => undefined)
  const existing = await realpath(link).catch(() => undefined)
  if (existing !== undefined) {
    await own(existing, account)
    await openWay(dirname(existing), account)
    if (await reachable(dirname(existing), account)) return existing
    if (existing !== link || (await stat(real)).uid !== 0)
      throw refuseEmbedded(`the account that runs it may not enter ${dirname(existing)}.`)
  } else if ((await lstat(link).catch(() => undefined)) !== undefined)
    throw refuseEmbedded(`${link} points to a folder that is gone; remove the link to start empty.`)
  if (await reachable(real, account)) return link
  const cluster = join(
    rootHome,
    createHash('sha256').update(real).digest('hex').slice(0, 16),
    'postgres',
  )
  try {
    await mkdir(dirname(cluster), { recursive: true, mode: 0o755 })
    if ((await stat(cluster).catch(() => undefined)) !== undefined) {
      await retire(cluster)
      await rm(`${cluster}.previous`, { recursive: true, force: true })
      await rename(cluster, `${cluster}.previous`)
    }
    if (existing !== undefined) await moveOut(existing, cluster)
  } catch (cause) {
    throw refuseEmbedded(`${dirname(cluster)} cannot be written (${codeOf(cause)}).`, cause)
  }
  return cluster
}

/** Keeps the way to a cluster that lies outside the data folder. */
export async function linkCluster(dataFolder: string, cluster: string): Promise<void> {
  const link = join(await realpath(dataFolder), 'postgres')
  if (link !== cluster) await symlink(cluster, link)
}

/** Moves a cluster to another place, perhaps on another disk, and leaves a link, whenever it is interrupted. */
async function moveOut(from: string, to: string): Promise<void> {
  await rm(`${from}.link`, { force: true })
  await symlink(to, `${from}.link`)
  await run('mv', [from, to])
  await rename(`${from}.link`, from)
}

/** Gives root's own cluster to the account that runs it: a backup may come from a machine that has another one. */
async function own(cluster: string, account: Account): Promise<void> {
  if (account === undefined || (await stat(cluster)).uid === account.uid) return
  if ((await stat(dirname(cluster))).uid !== 0) return
  await run('chown', ['-R', '-h', `${account.uid}:${account.gid}`, cluster])
}

/** Lets the account walk through root's own data folder, where an earlier start made its cluster; nobody can list it. */
async function openWay(folder: string, account: Account): Promise<void> {
  if (account === undefined || !(await reachable(dirname(folder), account))) return
  const { uid, mode } = await stat(folder)
  if (uid === 0 && (mode & 0o001) === 0) await chmod(folder, (mode & 0o777) | 0o011)
}

/** May the account walk to this folder? */
async function reachable(folder: string, account: Account): Promise<boolean> {
  if (account === undefined) return true
  for (let at = folder; ; at = dirname(at)) {
    const { uid, gid, mode } = await stat(at)
    const bit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001
    if ((mode & bit) === 0) return false
    if (at === dirname(at)) return true
  }
}

/**
 * A short private folder for the socket, named by the cluster's path and identity: a new cluster at an
 * old path never meets the socket of the old one.
 */
export async function socketFolder(cluster: string, account: Account): Promise<string> {
  const { ino } = await stat(cluster)
  const name = createHash('sha256').update(`${cluster}\0${ino}`).digest('hex').slice(0, 12)
  const base = Buffer.byteLength(tmpdir()) > socketFolderBytesMax - 23 ? '/tmp' : tmpdir()
  const folder = join(base, `sallyport-${name}`)
  const owner = account?.uid ?? process.getuid?.()
  try {
    await mkdir(folder, { mode: 0o700 })
    await chmod(folder, 0o700)
    if (account !== undefined) await chown(folder, account.uid, account.gid)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST')
      throw refuseEmbedded(`${base} cannot be written (${codeOf(error)}).`, error)
  }
  const found = await lstat(folder)
  if (!found.isDirectory() || found.uid !== owner || (found.mode & 0o077) !== 0)
    throw refuseEmbedded(`${folder} belongs to somebody else or is open to others; remove it.`)
  return folder
}
