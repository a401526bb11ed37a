import { createHash, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, cp, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { Client } from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { patienceMs } from '../../test/patience.ts'
import type { KeyRow } from '../model/desired-state.ts'
import type { IntentEntry, OutcomeEntry } from '../model/record.ts'
import { type Address, type Embedded, startEmbedded } from './embedded.ts'
import { openStore } from './postgres.ts'
import { startShipper } from './shipper.ts'
import type { Indexed, Store } from './store.ts'

const migrations = fileURLToPath(new URL('migrations', import.meta.url))
const debian = '/usr/lib/postgresql/15/bin'
const noon = Date.UTC(2026, 10, 23, 12)

const servers = [
  { name: 'PostgreSQL 18 from npm', bin: undefined, there: true },
  { name: 'PostgreSQL 15 of Debian', bin: debian, there: existsSync(debian) },
]

function key(name: string, more: Partial<KeyRow> = {}): KeyRow {
  return {
    name,
    hash: createHash('sha256').update(randomUUID()).digest('hex'),
    hint: 'sp_abc',
    roles: ['all-tools'],
    user: undefined,
    teams: ['red', 'blue'],
    environment: 'prod',
    createdAt: noon,
    expiresAt: undefined,
    revokedAt: undefined,
    ...more,
  }
}

function intent(call: string, more: Partial<IntentEntry> = {}): IntentEntry {
  return {
    kind: 'intent',
    call,
    at: noon,
    principal: 'key:ci',
    principalId: '7f',
    environment: 'prod',
    endpoint: '/mcp',
    method: 'tools/call',
    server: 'crm',
    name: 'read_contact',
    revision: '2026-07-28',
    argsDigest: '',
    itemDigest: '',
    rule: 'role support',
    snapshot: 3,
    ...more,
  }
}

function outcome(call: string, more: Partial<OutcomeEntry> = {}): OutcomeEntry {
  return {
    kind: 'outcome',
    call,
    at: noon + 5,
    status: 'ok',
    ms: 4.5,
    bytes: 120,
    code: '',
    ...more,
  }
}

function chain(writer: string, entries: Indexed['entry'][], from = 0): Indexed[] {
  return entries.map((entry, index) => ({ writer, sequence: from + index, entry }))
}

for (const { name, bin, there } of servers) {
  if (!there) process.stderr.write(`skipped: ${name}, since ${bin} does not exist\n`)
  describe.skipIf(!there)(name, () => {
    let folder: string
    let server: Embedded
    let address: Address
    const open: Store[] = []

    async function admin(statement: string, database = 'postgres'): Promise<unknown[]> {
      const client = new Client({ ...server.address, database })
      await client.connect()
      try {
        return (await client.query(statement)).rows
      } finally {
        await client.end()
      }
    }
    async function freshDatabase(): Promise<Address> {
      const database = `t${randomUUID().replaceAll('-', '')}`
      await admin(`create database ${database}`)
      return { ...server.address, database }
    }
    async function store(at: Address = address): Promise<Store> {
      const opened = await openStore({ address: at, migrations })
      open.push(opened)
      return opened
    }

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'sallyport-store-'))
      await chmod(folder, 0o755)
      const options = { dataFolder: folder, resolveFrom: import.meta.url }
      server = await startEmbedded(bin === undefined ? options : { ...options, bin })
      address = await freshDatabase()
      await store()
    })
    afterEach(async () => {
      for (const opened of open.splice(0)) await opened.close()
    })
    afterAll(async () => {
      await server.close()
      await rm(folder, { recursive: true, force: true })
    })

    test('stores, lists, replaces and removes objects, and counts every write', async () => {
      const { load, put, list, remove } = await store()
      const before = (await load()).version
      const spec = {
        http: { url: 'https://crm.example/mcp' },
        credential: { bearer: 'file:crm-token' },
      }
      expect(await put('server', 'crm', { stdio: { command: 'crm' } })).toBe(before + 1)
      expect(await put('server', 'crm', spec)).toBe(before + 2)
      await put('role', 'support', { allow: ['crm/*'] })
      await put('toolset', 'small', { include: ['crm/read_*'] })
      await put('access', '', { team: 'red', roles: ['support'] })
      await put('access', '', { team: 'red', roles: ['support'] })
      await put('limit', '', { per: 'user', calls: '60/minute' })
      const state = await load()
      expect(state).toMatchObject({
        servers: { crm: spec },
        roles: { support: { allow: ['crm/*'] } },
        toolsets: { small: { include: ['crm/read_*'] } },
        access: [{ team: 'red', roles: ['support'] }],
        limits: [{ per: 'user', calls: '60/minute' }],
        version: before + 7,
      })
      const [entry] = await list('access')
      expect(await remove('access', entry?.name ?? '')).toBe(true)
      expect(await remove('access', entry?.name ?? '')).toBe(false)
      expect(await load()).toMatchObject({ access: [], version: before + 8 })
    })

    test('refuses what is not valid, and secrets that are not references', async () => {
      const { put } = await store()
      const refused = (hint: RegExp) =>
        expect.objectContaining({ code: 'params_invalid', hint: expect.stringMatching(hint) })
      const http = { url: 'https://crm.example/mcp' }
      await expect(put('server', 'crm', { http: { uri: 'x' } })).rejects.toEqual(
        refused(/server crm/),
      )
      await expect(put('server', 'Crm!', { http })).rejects.toEqual(refused(/no name/))
      await expect(put('server', 'crm', { http, credential: { bearer: 'abc' } })).rejects.toEqual(
        refused(/credential\.bearer must be a reference/),
      )
      const stdio = { command: 'x', env: { MODE: 'fast', API_TOKEN: 'abc' } }
      await expect(put('server', 'crm', { stdio })).rejects.toEqual(refused(/API_TOKEN must be/))
    })

    test('keeps keys by hash; a name is free again after the key is revoked or expired', async () => {
      const { load, putKey, revokeKey } = await store()
      const ci = key('ci')
      await putKey(ci)
      expect((await load()).keys).toContainEqual(ci)
      await expect(putKey(key('ci'))).rejects.toMatchObject({ code: 'params_invalid' })
      await putKey({ ...ci, roles: ['owner'] })
      expect(await revokeKey('ci', noon + 1)).toBe(true)
      expect(await revokeKey('ci', noon + 2)).toBe(false)
      expect((await load()).keys).toContainEqual({ ...ci, roles: ['owner'], revokedAt: noon + 1 })
      await expect(putKey(ci)).rejects.toMatchObject({ code: 'internal' })
      await putKey(key('ci', { createdAt: noon + 3, expiresAt: noon + 10 }))
      expect(await revokeKey('ci', noon + 11)).toBe(false)
      await putKey(key('ci', { createdAt: noon + 12 }))
      await expect(admin('update keys set revoked_at = null', address.database)).rejects.toThrow(
        'a revoked key stays revoked',
      )
    })

    test('concurrent writes each get a version of their own', async () => {
      const { put } = await store()
      const writes = Array.from({ length: 20 }, (_, n) => put('role', `r${n}`, { allow: ['*/*'] }))
      expect(new Set(await Promise.all(writes)).size).toBe(20)
    })

    test('a watcher hears a write of another node, also after its connection was cut', async () => {
      const [one, two] = [await store(), await store()]
      let heard = 0
      const stop = two.watch(() => heard++)
      await expect.poll(() => two.fault()).toBeUndefined()
      await expect.poll(() => heard).toBe(1)
      await one.put('role', 'watched', { allow: ['crm/*'] })
      await expect.poll(() => heard).toBe(2)
      await admin(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = '${address.database}' and pid <> pg_backend_pid()`,
      )
      await expect
        .poll(() => one.put('role', 'watched', { allow: ['*/*'] }).catch(() => 0), {
          interval: 300,
          timeout: patienceMs,
        })
        .toBeGreaterThan(0)
      await expect.poll(() => heard, { timeout: patienceMs }).toBeGreaterThanOrEqual(3)
      stop()
      const before = heard
      await one.put('role', 'watched', { allow: [] })
      expect(heard).toBe(before)
    })

    test('indexing twice gives the same rows; an outcome completes its intent', async () => {
      const { index, indexedUpTo, records } = await store()
      const entries = chain('n1/1/1', [
        intent('a'),
        intent('b', { at: noon + 1 }),
        outcome('a'),
        {
          kind: 'refusal',
          call: 'c',
          at: noon + 2,
          principal: 'key:ci',
          principalId: '7f',
          environment: 'prod',
          endpoint: '/mcp',
          method: 'tools/call',
          server: 'crm',
          name: 'x\u0000y\ud800'.padEnd(5_000, 'z'),
          code: 'tool_unknown',
          detail: 'no rule',
        },
        { kind: 'anonymous', at: noon + 3, source: '10.0.0.1', code: 'key_missing', count: 17 },
        {
          kind: 'system',
          at: noon + 4,
          principal: '',
          principalId: '',
          environment: 'prod',
          endpoint: '',
          method: 'start',
          detail: 'version 0.1.0',
        },
      ])
      await index(entries)
      const found = await records({ limit: 10 })
      await index(entries)
      await index(chain('n1/1/1', [outcome('b', { status: 'error', code: '-32603' })], 6))
      await index([...entries, ...chain('n1/1/1', [outcome('b', { status: 'ok' })], 6)])
      expect(await indexedUpTo('n1/1/1')).toBe(7)
      expect(found.map((row) => [row.call, row.kind, row.status, row.code, row.count])).toEqual([
        ['', 'system', 'noted', '', 1],
        ['', 'anonymous', 'refused', 'key_missing', 17],
        ['c', 'refusal', 'refused', 'tool_unknown', 1],
        ['b', 'intent', 'open', '', 1],
        ['a', 'intent', 'ok', '', 1],
      ])
      expect(found[4]).toMatchObject({ at: noon, ms: 4.5, bytes: 120, server: 'crm' })
      expect(found[2]?.name.startsWith('x\u{FFFD}y\u{FFFD}z')).toBe(true)
      const after = await records({ limit: 10 })
      expect(after.filter((row) => row.call !== 'b')).toEqual(
        found.filter((row) => row.call !== 'b'),
      )
      expect(after.find((row) => row.call === 'b')).toMatchObject({
        status: 'error',
        code: '-32603',
      })
      expect(await records({ limit: 10, status: 'refused', since: noon + 3 })).toHaveLength(1)
      expect(await records({ limit: 1, principal: 'key:ci', until: noon + 1 })).toMatchObject([
        { call: 'a' },
      ])
    })

    test('an outcome may come before its intent, from the writer that found the call open', async () => {
      const { index, records } = await store()
      await index(chain('n1/2/1', [outcome('early', { status: 'unknown' })]))
      await index(chain('n1/1/9', [intent('early', { name: 'early' })]))
      expect(await records({ limit: 1, name: 'early' })).toMatchObject([{ status: 'unknown' }])
    })

    test('two shippers of one writer at the same time index every entry once', async () => {
      const [one, two] = [await store(), await store()]
      const entries = chain(
        'n2/1/1',
        Array.from({ length: 200 }, (_, n) => intent(`s${n}`, { server: 'twice' })),
      )
      await Promise.all([one.index(entries), two.index(entries), one.index(entries.slice(0, 50))])
      expect(await one.records({ limit: 500, server: 'twice' })).toHaveLength(200)
    })

    test('old partitions are dropped whole, and single records cannot be deleted or rewritten', async () => {
      const { database, ...rest } = await freshDatabase()
      const { index, records, dropRecordsBefore } = await store({ ...rest, database })
      const january = Date.UTC(2025, 0, 31, 23, 59)
      await index(chain('n3/1/1', [intent('old', { at: january }), intent('new'), outcome('new')]))
      expect(await dropRecordsBefore(january)).toBe(0)
      expect(await dropRecordsBefore(Date.UTC(2025, 1, 1))).toBe(1)
      expect(await records({ limit: 10 })).toMatchObject([{ call: 'new' }])
      await expect(admin('delete from records', database)).rejects.toThrow(
        'never deleted one by one',
      )
      await expect(admin(`update records set status = 'ok'`, database)).rejects.toThrow(
        'never changes',
      )
    })

    test('rejects quickly while the database is away, and goes on when it is back', async () => {
      const opened = await openStore({
        address: { ...address, host: join(folder, 'nowhere') },
        migrations,
      })
      open.push(opened)
      for (let n = 0; n < 20; n++)
        await expect(opened.load()).rejects.toMatchObject({ code: 'database_unavailable' })
      await expect(opened.put('role', 'x', { allow: [] })).rejects.toMatchObject({
        code: 'database_unavailable',
      })
      expect(opened.fault()).toMatchObject({ code: 'database_unavailable' })
    })

    test('a store that opened without the database serves, and tells, once it is there', async () => {
      const at = { ...address, host: await mkdtemp(join(tmpdir(), 'sallyport-late-')) }
      const opened = await store(at)
      let told = 0
      opened.watch(() => told++)
      await expect(opened.load()).rejects.toMatchObject({ code: 'database_unavailable' })
      const socket = `.s.PGSQL.${address.port}`
      await symlink(join(address.host, socket), join(at.host, socket))
      await expect.poll(() => told, { timeout: patienceMs }).toBeGreaterThanOrEqual(1)
      expect(opened.fault()).toBeUndefined()
      await opened.load()
      await rm(at.host, { recursive: true })
    })

    test('a wrong URL is refused with a sentence that does not hold it', async () => {
      for (const url of ['postgres://me:hush@[bad/x', 'mysql://me:hush@host/x']) {
        const error: unknown = await openStore({ address: { url }, migrations }).catch(
          (thrown) => thrown,
        )
        expect(inspect(error, { depth: 9 })).toMatch(/DATABASE_URL/)
        expect(inspect(error, { depth: 9 })).not.toMatch(/hush/)
      }
    })

    test('a stopped database is away at once and serves again after its start', async () => {
      const opened = await store()
      await opened.load()
      await server.close()
      await expect(opened.load()).rejects.toMatchObject({ code: 'database_unavailable' })
      for (let n = 0; n < 20; n++)
        await expect(opened.load()).rejects.toMatchObject({ code: 'database_unavailable' })
      const options = { dataFolder: folder, resolveFrom: import.meta.url }
      server = await startEmbedded(bin === undefined ? options : { ...options, bin })
      expect(server.address.host).toBe(address.host)
      await expect
        .poll(
          () =>
            opened.load().then(
              () => true,
              () => false,
            ),
          { timeout: patienceMs },
        )
        .toBe(true)
    })

    test('migrates an older database on open, once, though two nodes open it together', async () => {
      const older = await freshDatabase()
      const longer = await mkdtemp(join(tmpdir(), 'sallyport-migrations-'))
      await cp(migrations, longer, { recursive: true })
      await store(older).then((opened) => opened.put('role', 'kept', { allow: ['*/*'] }))
      await writeFile(join(longer, '29990101000000_next.sql'), 'create table next (id int);')
      const both = await Promise.all(
        [1, 2].map(() => openStore({ address: older, migrations: longer })),
      )
      expect((await both[0]?.load())?.roles).toHaveProperty('kept')
      for (const opened of both) await opened.close()
      const rows = await admin('select name from migrations order by name', older.database)
      expect(rows).toEqual(
        [...(await readdir(migrations)), '29990101000000_next.sql'].map((file) => ({ name: file })),
      )

      await expect(openStore({ address: older, migrations })).rejects.toThrow(
        /newer Sallyport \(it has the migration 29990101000000_next\.sql\)/,
      )
      await writeFile(join(longer, '29990101000000_next.sql'), 'create table other (id int);')
      await expect(openStore({ address: older, migrations: longer })).rejects.toThrow(
        /is not the one/,
      )
      await rm(longer, { recursive: true })
    })

    test('a migration that fails leaves nothing behind', async () => {
      const at = await freshDatabase()
      const broken = await mkdtemp(join(tmpdir(), 'sallyport-migrations-'))
      await writeFile(join(broken, '1_a.sql'), 'create table a (id int); select 1/0;')
      await expect(openStore({ address: at, migrations: broken })).rejects.toThrow(
        /division by zero/,
      )
      expect(await admin('select name from migrations', at.database)).toEqual([])
      expect(await admin(`select to_regclass('a') as a`, at.database)).toEqual([{ a: null }])
      await rm(broken, { recursive: true })
    })

    test('the shipper copies a journal and goes on where an earlier one ended', async () => {
      const opened = await store()
      const journal = chain(
        'n4/1/1',
        Array.from({ length: 120 }, (_, n) => intent(`j${n}`, { server: 'shipped' })),
      )
      async function* source(from: (writer: string) => Promise<number>) {
        yield* journal.slice(await from('n4/1/1'))
      }
      const options = { source, store: opened, batchMax: 50, gatherMs: 20 }
      const first = startShipper(options)
      await expect.poll(() => opened.indexedUpTo('n4/1/1')).toBe(120)
      await first.close()
      journal.push(...chain('n4/1/1', [outcome('j3')], 120))
      const second = startShipper(options)
      await expect.poll(() => opened.indexedUpTo('n4/1/1')).toBe(121)
      await second.close()
      expect(await opened.records({ limit: 1_000, server: 'shipped' })).toHaveLength(120)
      expect(await opened.records({ limit: 10, server: 'shipped', status: 'ok' })).toHaveLength(1)
    })
  })
}
