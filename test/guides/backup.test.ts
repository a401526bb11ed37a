// What the guide prints for backup and restore, as it is printed: a gateway is backed up, destroyed, and found again.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, realpathSync, statSync } from 'node:fs'
import { chmod, chown, lstat, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { startEmbedded } from '../../src/store/embedded.ts'
import { builtProgram } from '../built.ts'
import { eventually, modernTool } from '../e2e/client.ts'
import { dig } from '../e2e/json.ts'
import { secret } from '../e2e/secret-scan.ts'
import { startStub } from '../faults/stub-server.ts'
import { printedIn } from './commands.ts'

const isRoot = process.getuid?.() === 0
const nobody = 65_534

const printed = printedIn('docs/guides/operations.md').commands
const linesOf = (from: RegExp, count: number): string => {
  const first = printed.findIndex((line) => from.test(line))
  expect(first).toBeGreaterThanOrEqual(0)
  return printed.slice(first, first + count).join('\n')
}
const cold = { backup: linesOf(/ tar --create/, 1), restore: linesOf(/ tar --extract/, 1) }
const hot = {
  backup: linesOf(/^mkdir -m 700 sallyport-backup/, 6),
  restore: linesOf(/^mkdir -m 700 \.sallyport/, 5),
}

interface Place {
  readonly folder: string
  readonly uid: number | undefined
  readonly env: Readonly<Record<string, string>>
}

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

async function place(
  mode: number,
  uid: number | undefined,
  env: Readonly<Record<string, string>> = {},
): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-backup-'))
  await chmod(folder, mode)
  if (uid !== undefined) await chown(folder, uid, uid)
  ends.push(() => rm(folder, { recursive: true, force: true }))
  return { folder, uid, env }
}

const programs = fileURLToPath(new URL('../../node_modules/.bin', import.meta.url))

function options({ folder, uid, env }: Place) {
  return {
    cwd: folder,
    ...(uid === undefined ? {} : { uid, gid: uid }),
    env: {
      PATH: `${programs}:/usr/local/bin:/usr/bin:/bin`,
      HOME: folder,
      NODE_NO_WARNINGS: '1',
      SALLYPORT_LOG: 'warn',
      ...env,
    },
  }
}

/** Runs lines as a shell does that stops at the first that fails. */
async function shell(at: Place, lines: string) {
  const child = spawn('bash', ['-e', '-u', '-c', lines], {
    ...options(at),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const closed = once(child, 'close')
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  await closed
  return { code: child.exitCode, stdout, stderr }
}

interface Up {
  readonly child: ChildProcess
  readonly endpoint: string
  readonly key: string | undefined
}

async function up(at: Place): Promise<Up> {
  const child = spawn(process.execPath, [builtProgram, 'up', '--port', '0', '--json'], {
    ...options(at),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  ends.push(() => down(child))
  const log = text(child.stderr)
  let said = ''
  for await (const chunk of child.stdout) {
    said += String(chunk)
    if (said.endsWith('\n')) break
  }
  if (said === '') throw new Error(await log)
  const { endpoint, key }: { endpoint: string; key?: string } = JSON.parse(said)
  return { child, endpoint, key: key === undefined ? undefined : secret(key) }
}

async function down(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const closed = once(child, 'close')
  child.kill('SIGTERM')
  await closed
  expect(child.exitCode).toBe(0)
}

async function sallyport(at: Place, args: string): Promise<string> {
  const { code, stdout, stderr } = await shell(at, `${process.execPath} ${builtProgram} ${args}`)
  expect([args, code, stderr]).toEqual([args, 0, expect.any(String)])
  return stdout
}

/** A gateway with a server whose secret lies in a file, a key, and a call of it. */
async function made(at: Place): Promise<{ up: Up; key: string }> {
  const token = secret(`token-${Math.random().toString(36).slice(2)}`)
  const stub = await startStub({
    era: 'modern',
    handle({ request, response }) {
      if (request.headers.authorization === `Bearer ${token}`) return false
      response.writeHead(401).end()
      return true
    },
  })
  ends.push(() => stub.stop())
  const first = await up(at)
  expect(first.key).toBeDefined()
  await sallyport(at, `add notes ${stub.url} --bearer ${token} --egress-network loopback`)
  const said = await sallyport(at, 'keys create reader --role all-tools --json')
  const { key }: { key: string } = JSON.parse(said)
  secret(key)
  await called(first, key)
  return { up: first, key }
}

async function called({ endpoint }: Up, key: string): Promise<void> {
  const reply = await modernTool(`${endpoint}/s/notes`, key, 'echo', { is: 'there' })
  expect(reply.text).toContain('there')
}

/** Everything is as it was when the call was made. */
async function found(at: Place, key: string): Promise<Up> {
  const again = await up(at)
  expect(again.key).toBeUndefined()
  expect(await sallyport(at, 'ls')).toContain('notes')
  const before = (await sallyport(at, 'audit export')).split('"method":"tools/call"').length
  await called(again, key)
  expect(before).toBeGreaterThan(1)
  expect(await sallyport(at, 'audit verify')).toContain('The journal is whole')
  expect(await ready(again)).toMatchObject({ status: 'ready', journal: 'ok' })
  return again
}

async function ready({ endpoint }: Up): Promise<unknown> {
  return (await fetch(new URL('/readyz', endpoint))).json()
}

const accounts: readonly (readonly [string, number, number | undefined])[] = [
  ['its own account', 0o755, undefined],
  ...(isRoot
    ? ([
        ['root, in a folder that is closed to others', 0o700, undefined],
        ['a plain user', 0o755, nobody],
      ] as const)
    : []),
]

test.each(accounts)('the embedded database, as %s', async (_name, mode, uid) => {
  const at = await place(mode, uid)
  const { up: first, key } = await made(at)
  // Beside a running gateway it is refused, and nothing is written.
  expect(await shell(at, cold.backup)).toMatchObject({
    code: 1,
    stderr: 'Stop the gateway first.\n',
  })
  const archive = join(at.folder, 'sallyport-backup.tar.gz')
  expect(existsSync(archive)).toBe(false)
  await down(first.child)
  expect(await shell(at, cold.backup)).toMatchObject({ code: 0, stderr: '' })
  expect(statSync(archive).mode & 0o777).toBe(0o600)
  expect(await shell(at, cold.restore)).toMatchObject({
    code: 1,
    stderr: 'Move .sallyport away first.\n',
  })

  const link = join(at.folder, '.sallyport/postgres')
  const outside = (await lstat(link)).isSymbolicLink() ? realpathSync(link) : undefined
  expect(outside !== undefined).toBe(isRoot && uid === undefined)
  if (outside !== undefined) {
    await rm(dirname(outside), { recursive: true })
    ends.push(() => rm(dirname(outside), { recursive: true, force: true }))
  }
  await rm(join(at.folder, '.sallyport'), { recursive: true })
  expect(await shell(at, cold.restore)).toMatchObject({ code: 0, stderr: '' })
  // As from a machine that has another account for the database.
  if (outside !== undefined)
    expect((await shell(at, `chown -R ${nobody} .sallyport/postgres/`)).code).toBe(0)
  const again = await found(at, key)
  // In an open place the account of the database may come to it where it is.
  expect((await lstat(link)).isSymbolicLink()).toBe(isRoot && mode === 0o700)
  await down(again.child)
  if (isRoot && mode === 0o700) await down((await found(at, key)).child)
})

/** The folder of an installed PostgreSQL's programs; the embedded one brings no `pg_dump`. */
function installed(): string | undefined {
  const { stdout } = spawnSync('bash', ['-c', 'command -v pg_dump && command -v postgres'], {
    encoding: 'utf8',
  })
  const path = stdout.trim().split('\n')[1]
  return path === undefined ? undefined : dirname(realpathSync(path))
}

async function database(bin: string): Promise<string> {
  const { folder } = await place(0o755, undefined)
  const { address, close } = await startEmbedded({
    dataFolder: folder,
    resolveFrom: import.meta.url,
    bin,
  })
  ends.push(close)
  const { user, database, host, port } = address
  return `postgres://${user}@localhost/${database}?${new URLSearchParams({ host, port: String(port) })}`
}

const bin = installed()

test.skipIf(bin === undefined)(
  'a database of its own, while calls are made; and a data folder that is older than its database',
  async () => {
    const first = await database(bin ?? '')
    const at = await place(0o755, undefined, { DATABASE_URL: first })
    const { up: running, key } = await made(at)
    const calling = { on: true, count: 0 }
    const calls = (async () => {
      for (; calling.on; calling.count++) await called(running, key)
    })()
    await eventually(async () => calling.count > 3)
    expect(await shell(at, hot.backup)).toMatchObject({ code: 0, stderr: '' })
    expect(statSync(join(at.folder, 'sallyport-backup')).mode & 0o777).toBe(0o700)
    const copied = calling.count
    await eventually(async () => calling.count > copied + 3)
    calling.on = false
    await calls
    // Said by the time that the database has the anchor of what followed.
    await down(running.child)

    await rm(join(at.folder, '.sallyport'), { recursive: true })
    const second: Place = { ...at, env: { DATABASE_URL: await database(bin ?? '') } }
    expect(await shell(second, hot.restore)).toMatchObject({ code: 0, stderr: '' })
    const again = await found(second, key)
    expect(await sallyport(second, 'audit verify')).toContain('repaired')
    await down(again.child)

    await rm(join(at.folder, '.sallyport'), { recursive: true })
    expect(await shell(at, hot.restore.replace(/^pg_restore .*\n/m, ''))).toMatchObject({ code: 0 })
    const late = await up(at)
    await eventually(async () => dig(await ready(late), 'journal') === 'incomplete')
    expect(await ready(late)).toMatchObject({ status: 'ready' })
    await called(late, key)
    const verified = await shell(at, `${process.execPath} ${builtProgram} audit verify`)
    expect([verified.code, verified.stdout]).toEqual([
      1,
      expect.stringContaining('the anchor in the database'),
    ])
  },
)
