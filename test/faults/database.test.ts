// The database goes away under a gateway, or never comes: what is said is so, and a key that is revoked meanwhile is
// refused at once, and stays refused.
import { execFile } from 'node:child_process'
import { mkdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Client } from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { builtProgram } from '../built.ts'
import { eventually, modernTool } from '../e2e/client.ts'
import { type Cluster, startCluster } from '../e2e/cluster.ts'
import { everything, startGateway, type TestGateway } from '../e2e/gateway.ts'
import { dig } from '../e2e/json.ts'
import { type Relay, startRelay } from '../e2e/relay.ts'
import { patienceMs } from '../patience.ts'

interface Ran {
  readonly ok: boolean
  readonly said: string
}

const strays = join(import.meta.dirname, '../fixtures/strays.mjs')

/** Each state that is waited for has a net of its own; this one is below all that a test waits for. */
const netMs = 5 * patienceMs

/** Nobody answers there. */
const nobody = 'postgres://127.0.0.1:9/nobody'

function run(gateway: TestGateway, words: string, databaseUrl?: string): Promise<Ran> {
  const args = [builtProgram, ...words.split(' '), '--data', gateway.dataDir]
  const env = {
    PATH: '/usr/bin:/bin',
    NODE_NO_WARNINGS: '1',
    ...(databaseUrl === undefined ? {} : { DATABASE_URL: databaseUrl }),
  }
  return new Promise((resolve) => {
    execFile(process.execPath, args, { env, cwd: gateway.dataDir }, (error, stdout, stderr) =>
      resolve({ ok: error === null, said: stdout + stderr }),
    )
  })
}

async function readiness(gateway: TestGateway): Promise<unknown> {
  const answer = await fetch(new URL('/readyz', gateway.url))
  return answer.json()
}

/** Until /readyz says of the database what is so. */
function untilDatabase(gateway: TestGateway, is: string): Promise<unknown> {
  return eventually(async () => {
    const found = await readiness(gateway)
    return dig(found, 'database') === is && found
  })
}

const untilDetail = (gateway: TestGateway, text: string): Promise<unknown> =>
  eventually(async () => JSON.stringify(await readiness(gateway)).includes(text))

const statusOf = async (gateway: TestGateway, key: string): Promise<number> =>
  (await modernTool(gateway.server('modern'), key, 'echo', { n: 1 })).status

const kept = (gateway: TestGateway): Promise<string> =>
  readFile(join(gateway.dataDir, 'revoked.json'), 'utf8').catch(() => '')

const nothingKept = '"revoked":[]'

/** A reference to a variable that nobody set. */
const unresolved = `servers: { modern: { http: { url: '$\{NOT_SET}/mcp' } } }`

async function cluster(keys: readonly string[] = ['first', 'other']): Promise<Cluster> {
  const started = await startCluster({ keys })
  onTestFinished(() => started.stop())
  return started
}

async function relayTo({ databaseUrl }: Cluster): Promise<Relay> {
  const relay = await startRelay(databaseUrl)
  onTestFinished(() => relay.stop())
  return relay
}

test(
  'without the database: commands say why they fail, and a revocation holds here and over a kill, and is stored later',
  async () => {
    const shared = await cluster()
    const gateway = await shared.node()
    const [first, other] = [shared.keyOf('first'), shared.keyOf('other')]
    expect(await statusOf(gateway, other)).toBe(200)
    expect(await untilDatabase(gateway, 'ready')).toMatchObject({ administration: 'ok' })

    await shared.database(false)
    expect(await untilDatabase(gateway, 'away')).toMatchObject({
      status: 'ready',
      administration: 'unavailable',
    })
    await untilDetail(gateway, 'nothing listens at its address')
    const commands = [
      'keys create new --role all-tools',
      'keys ls',
      'roles set reader --allow modern/*',
      'roles remove reader',
      'rules grant --key first --role all-tools',
      'limits set --calls 5/minute',
      'toolsets set few --include modern/*',
      'add more http://127.0.0.1:9/mcp --no-probe',
      'keys revoke nobody',
    ]
    for (const words of commands) {
      const { ok, said } = await run(gateway, words)
      expect([words, ok]).toEqual([words, false])
      expect(said).toContain('The database cannot be used at the moment')
      // The words of its end are told for a moment.
      expect(said).toMatch(
        /Nothing listens at its address \(connect ENOENT|shutting down|The connection was lost/,
      )
      expect(said).toContain('Mend what is named')
      expect(said).not.toContain('no room')
    }
    expect((await run(gateway, 'doctor')).said).toContain('Nothing listens at its address')

    // Said twice it is no less true.
    for (const _ of ['once', 'again']) {
      const revoked = await run(gateway, 'keys revoke other')
      expect(revoked).toMatchObject({ ok: true })
      expect(revoked.said).toContain('the revocation is not in the database yet')
      expect(revoked.said).toContain('Nothing listens at its address')
      expect(await statusOf(gateway, other)).toBe(401)
    }
    const told = await run(gateway, 'audit tail --kind change --principal owner')
    expect(told.said.match(/action=revoked object=key name=other/g)).toHaveLength(1)
    expect(await statusOf(gateway, first)).toBe(200)
    await gateway.kill9()
    await gateway.restart()
    expect(await statusOf(gateway, other)).toBe(401)
    await untilDetail(gateway, 'A revocation is not in the database yet')

    await shared.database(true)
    await eventually(async () => {
      const { keys } = await shared.store.load().catch(() => ({ keys: [] }))
      return keys.find(({ name }) => name === 'other')?.revokedAt !== undefined
    })
    await eventually(async () => (await kept(gateway)).includes(nothingKept))
    expect(await untilDatabase(gateway, 'ready')).not.toHaveProperty('details')
    expect(await statusOf(gateway, other)).toBe(401)
    expect(await run(gateway, 'keys create other --role all-tools')).toMatchObject({ ok: true })
    expect(await statusOf(gateway, other)).toBe(401)
  },
  netMs,
)

test(
  'each cause is told by /readyz and by the command, and is over when it is over',
  async () => {
    const shared = await cluster(['first'])
    const relay = await relayTo(shared)
    const password = 'is-not-the-password'
    const gateway = await shared.node({ env: { DATABASE_URL: relay.url(password) } })
    const admin = new Client(shared.databaseUrl)
    admin.on('error', () => undefined)
    await admin.connect()
    onTestFinished(() => admin.end())
    const sql = async (text: string): Promise<string> =>
      String(Object.values((await admin.query(text)).rows[0] ?? {})[0])
    const hba = await sql('show hba_file')
    const everybody = await readFile(hba, 'utf8')
    const useRules = async (rules: string): Promise<void> => {
      await writeFile(hba, rules)
      await sql('select pg_reload_conf()')
      await reconnect()
    }
    const reconnect = () =>
      sql(
        'select count(pg_terminate_backend(pid)) from pg_stat_activity where pid <> pg_backend_pid()',
      )
    const written = ['keys', 'nodes', 'state_version', 'journal_anchors', 'records', 'writers']
    await sql(`create function is_full() returns trigger language plpgsql as $$ begin
      raise exception 'could not extend file "base/5/16384": No space left on device' using errcode = '53100';
    end $$`)

    const causes: readonly {
      readonly cause: RegExp
      readonly detail: RegExp
      readonly break: () => Promise<unknown>
      readonly mend: () => Promise<unknown>
      readonly reads?: true
    }[] = [
      {
        cause: /nothing listens at its address/i,
        detail: /ECONNREFUSED 127\.0\.0\.1/,
        break: () => relay.set('closed'),
        mend: () => relay.set('open'),
      },
      {
        cause: /it does not answer in time/i,
        detail: /time-?out/i,
        break: () => relay.set('mute'),
        mend: () => relay.set('open'),
      },
      {
        cause: /it does not take the password/i,
        detail: /password authentication failed/,
        break: async () => {
          await sql(`alter role current_user password 'another'`)
          await useRules('local all all scram-sha-256\n')
        },
        mend: () => useRules(everybody),
      },
      {
        cause: /it does not let the user in/i,
        detail: /pg_hba\.conf rejects/,
        break: () => useRules('local all all reject\n'),
        mend: () => useRules(everybody),
      },
      {
        cause: /its disk is full/i,
        detail: /No space left on device/,
        break: async () => {
          for (const table of written)
            await sql(
              `create trigger is_full before insert or update on ${table} execute function is_full()`,
            )
        },
        mend: async () => {
          for (const table of written) await sql(`drop trigger is_full on ${table}`)
        },
        reads: true,
      },
      {
        cause: /it takes no writes/i,
        detail: /read-only transaction/,
        break: async () => {
          await sql('alter database postgres set default_transaction_read_only = on')
          await reconnect()
        },
        mend: async () => {
          await sql('set default_transaction_read_only = off')
          await sql('alter database postgres reset default_transaction_read_only')
          await reconnect()
        },
        reads: true,
      },
      {
        cause: /it does not have the tables/i,
        detail: /does not exist/,
        break: () => sql('alter table state_version rename to elsewhere'),
        mend: () => sql('alter table elsewhere rename to state_version'),
      },
    ]
    for (const [n, { cause, detail, reads, ...it }] of causes.entries()) {
      expect(await untilDatabase(gateway, 'ready')).toMatchObject({ administration: 'ok' })
      await it.break()
      const told = await eventually(async () => {
        // What takes no writes is found by what would write.
        const { ok, said } = await run(gateway, `keys create key${n}`)
        return !ok && cause.test(said) && said
      })
      expect(told).toMatch(detail)
      expect(told).toContain('The database cannot be used at the moment')
      const found = await eventually(async () => {
        const state = await readiness(gateway)
        return cause.test(JSON.stringify(state)) && state
      })
      expect(found).toMatchObject({
        status: 'ready',
        database: 'away',
        administration: 'unavailable',
      })
      // Nobody who is not the owner hears of hosts, users and files.
      expect(JSON.stringify(found)).not.toMatch(/127\.0\.0\.1|postgres|base\/5/)
      expect((await run(gateway, 'keys ls')).ok).toBe(reads === true)
      expect(await statusOf(gateway, gateway.key)).toBe(200)
      await it.mend()
      await untilDatabase(gateway, 'ready')
      expect(await run(gateway, `keys create mended${n}`)).toMatchObject({ ok: true })
    }
  },
  netMs,
)

test(
  'a connection that breaks between the statements of a change fails that change alone, and what is in doubt is said',
  async () => {
    const shared = await cluster(['first'])
    const relay = await relayTo(shared)
    const gateway = await shared.node({ env: { DATABASE_URL: relay.url() } })
    const { pid } = gateway
    for (const [n, text] of ['update "state_version"', 'insert into "keys"'].entries()) {
      relay.breakAt(text)
      const { ok, said } = await run(gateway, `keys create broken${n} --role all-tools`)
      expect([text, ok]).toEqual([text, false])
      expect(said).toContain('The connection was lost')
      await untilDatabase(gateway, 'ready')
    }
    relay.breakAt('insert into "keys"', 'commit')
    const { ok, said } = await run(gateway, 'keys create doubtful --role all-tools')
    expect(ok).toBe(false)
    expect(said).toContain('What was being written may be stored all the same')
    await untilDatabase(gateway, 'ready')
    const { said: list } = await run(gateway, 'keys ls')
    expect(list).toContain('doubtful')
    expect(list).not.toContain('broken')
    expect(gateway.pid).toBe(pid)
    expect(await statusOf(gateway, gateway.key)).toBe(200)
  },
  netMs,
)

test(
  'what is thrown in an event of a connection to the database ends neither the gateway nor a call, and is over with its cause',
  async () => {
    const shared = await cluster(['first'])
    const gateway = await shared.node({ env: { NODE_OPTIONS: `--import=${strays}` } })
    const { pid } = gateway
    const role = (name: string): Promise<Ran> => run(gateway, `roles set ${name} --allow modern/*`)
    expect((await role('stray-in-timer-role')).ok).toBe(true)
    await eventually(async () => gateway.log.includes('injected into a timer'))
    // From now on whoever reads the roles throws.
    expect((await role('stray-from-server')).said).toContain('Stored, but not in force here')
    await eventually(async () => gateway.log.includes('injected into data of Socket'))
    await gateway.logged('a connection to the database failed by itself')
    expect(await statusOf(gateway, gateway.key)).toBe(200)
    await shared.store.remove('role', 'stray-from-server')
    await eventually(async () => (await run(gateway, 'keys ls')).ok)
    expect((await role('calm')).ok).toBe(true)
    expect(await statusOf(gateway, gateway.key)).toBe(200)
    expect(gateway.pid).toBe(pid)
  },
  netMs,
)

test(
  'two nodes: one that revoked without the database tells the other later, and a new key of the same name goes on',
  async () => {
    const shared = await cluster(['first', 'other', 'third'])
    const relay = await relayTo(shared)
    const far = await shared.node({ env: { DATABASE_URL: relay.url() } })
    const near = await shared.node()
    const [other, third] = [shared.keyOf('other'), shared.keyOf('third')]
    await relay.set('closed')
    await untilDatabase(far, 'away')
    for (const name of ['other', 'third']) {
      const { ok, said } = await run(far, `keys revoke ${name}`)
      expect(ok).toBe(true)
      expect(said).toContain('Other nodes take the key until then')
    }
    expect(await statusOf(far, other)).toBe(401)
    expect(await statusOf(near, other)).toBe(200)
    expect(await statusOf(near, third)).toBe(200)
    // Meanwhile the name is given to somebody else.
    expect((await run(near, 'keys revoke other')).ok).toBe(true)
    const made = await run(near, 'keys create other --role all-tools')
    const fresh = /\bsp_[A-Za-z0-9_-]{43}\b/.exec(made.said)?.[0] ?? ''
    expect(await statusOf(near, fresh)).toBe(200)

    await relay.set('open')
    await eventually(async () => (await statusOf(far, fresh)) === 200)
    await eventually(async () => (await statusOf(near, third)) === 401)
    await eventually(async () => (await kept(far)).includes(nothingKept))
    for (const node of [far, near]) {
      expect(await statusOf(node, other)).toBe(401)
      expect(await statusOf(node, third)).toBe(401)
      expect(await statusOf(node, fresh)).toBe(200)
    }
  },
  netMs,
)

test(
  'a key is refused once it is revoked, also when what is stored does not compile',
  async () => {
    const shared = await cluster()
    const gateway = await shared.node()
    await gateway.configure(unresolved)
    await eventually(async () => gateway.log.includes('is not used'))
    expect((await run(gateway, 'keys revoke other')).ok).toBe(true)
    expect(await statusOf(gateway, shared.keyOf('other'))).toBe(401)
    expect(await statusOf(gateway, shared.keyOf('first'))).toBe(200)
    const other = await shared.node()
    await other.configure(unresolved)
    await eventually(async () => other.log.includes('is not used'))
    await shared.store.revokeKey('first', Date.now())
    await eventually(async () => (await statusOf(other, shared.keyOf('first'))) === 401)
    // Also when that node starts again without the database.
    await eventually(async () => {
      const text = await readFile(join(other.dataDir, 'last-good.json'), 'utf8')
      return text.split('revokedAt').length === 3
    })
    await shared.database(false)
    await other.kill9()
    await other.configure(shared.config)
    await other.restart()
    expect(await statusOf(other, shared.keyOf('first'))).toBe(401)
  },
  netMs,
)

test(
  'a revocation is kept until the last good state on disk has it',
  async () => {
    const shared = await cluster()
    const gateway = await shared.node()
    await untilDatabase(gateway, 'ready')
    const lastGood = join(gateway.dataDir, 'last-good.json')
    const before = await eventually(() => readFile(lastGood, 'utf8').catch(() => undefined))
    // A folder in its place cannot be replaced by a file.
    await rm(lastGood)
    await mkdir(lastGood)
    expect(await run(gateway, 'keys revoke other')).toMatchObject({ ok: true })
    await untilDetail(gateway, 'The last good state cannot be written')
    expect(await untilDatabase(gateway, 'ready')).toMatchObject({ administration: 'ok' })
    expect(await kept(gateway)).not.toContain(nothingKept)
    await gateway.kill9()
    await shared.database(false)
    await rmdir(lastGood)
    await writeFile(lastGood, before)
    await gateway.restart()
    expect(await statusOf(gateway, shared.keyOf('other'))).toBe(401)
    expect(await statusOf(gateway, shared.keyOf('first'))).toBe(200)
    await shared.database(true)
    await eventually(async () => (await kept(gateway)).includes(nothingKept))
  },
  netMs,
)

const alone = async (keys: readonly string[] = ['first', 'other']): Promise<TestGateway> => {
  const gateway = await startGateway({
    config: { servers: { modern: { http: { url: 'http://127.0.0.1:9/mcp' } } } },
    keys: Object.fromEntries(keys.map((name) => [name, everything])),
  })
  onTestFinished(() => gateway.stop())
  return gateway
}

const isRefused = async (gateway: TestGateway, name: string): Promise<boolean> =>
  (await statusOf(gateway, gateway.keyOf(name))) === 401

test(
  'where neither the database nor the disk takes a revocation, it holds in memory and is said to; the disk takes it later',
  async () => {
    const gateway = await alone()
    const path = join(gateway.dataDir, 'revoked.json')
    await mkdir(path)
    const { ok, said } = await run(gateway, 'keys revoke other')
    expect(ok).toBe(true)
    expect(said).toContain('only as long as this process runs')
    expect(said).toContain('EISDIR')
    expect(said).toContain('Nothing listens at its address')
    expect(await isRefused(gateway, 'other')).toBe(true)
    await untilDetail(gateway, 'The data folder does not take a revocation')
    await rmdir(path)
    await eventually(async () => (await kept(gateway)).includes('"other"'))
    await gateway.kill9()
    await gateway.restart()
    expect(await isRefused(gateway, 'other')).toBe(true)
    expect(await isRefused(gateway, 'first')).toBe(false)
  },
  netMs,
)

test(
  'a damaged file of revocations stops the start with a sentence: keys in it must not be valid again',
  async () => {
    const gateway = await alone()
    expect((await run(gateway, 'keys revoke other')).ok).toBe(true)
    await gateway.kill9()
    const path = join(gateway.dataDir, 'revoked.json')
    const whole = await readFile(path, 'utf8')
    for (const torn of [whole.slice(0, -4), '', whole.replace(/[0-9a-f]{64}/, 'x')]) {
      await writeFile(path, torn)
      await expect(gateway.restart()).rejects.toThrow('revoked.json is damaged')
    }
    await writeFile(path, whole)
    await gateway.restart()
    expect(await isRefused(gateway, 'other')).toBe(true)
  },
  netMs,
)

test(
  'commands beside no gateway say the same, and a key that they revoke is refused by the next start',
  async () => {
    const gateway = await alone()
    await gateway.kill9()
    for (const words of ['keys ls', 'keys create new', 'roles set reader --allow modern/*']) {
      const { ok, said } = await run(gateway, words, nobody)
      expect([words, ok]).toEqual([words, false])
      expect(said).toContain('The database cannot be used at the moment')
      expect(said).toContain('Nothing listens at its address (connect ECONNREFUSED')
    }
    const { ok, said } = await run(gateway, 'keys revoke other', nobody)
    expect(ok).toBe(true)
    expect(said).toContain('the revocation is not in the database yet')
    await gateway.restart()
    expect(await isRefused(gateway, 'other')).toBe(true)
    expect(await isRefused(gateway, 'first')).toBe(false)
  },
  netMs,
)

test(
  'the embedded database starts again after a stop, after a kill and when it ends by itself; while it cannot, its words are told',
  async () => {
    const gateway = await startGateway({ config: {} })
    onTestFinished(() => gateway.stop())
    const cluster = join(gateway.dataDir, 'postgres')
    const make = async (name: string): Promise<void> => {
      await untilDatabase(gateway, 'ready')
      await eventually(async () => (await run(gateway, `keys create ${name}`)).ok)
    }
    /** Of the running server, which is not `former`. */
    const postmaster = (former = 0): Promise<number> =>
      eventually(async () => {
        const text = await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => '')
        const pid = Number(text.split('\n')[0])
        return pid > 1 && pid !== former && pid
      })
    await gateway.restart()
    await make('after-stop')
    await gateway.kill9()
    process.kill(await postmaster(), 'SIGQUIT')
    await gateway.restart()
    await make('after-kill')
    const former = await postmaster()
    process.kill(former, 'SIGINT')
    await postmaster(former)
    await make('after-end')

    const settings = join(cluster, 'postgresql.auto.conf')
    const before = await readFile(settings, 'utf8')
    await writeFile(settings, 'no_such_setting = on\n')
    process.kill(await postmaster(), 'SIGINT')
    await untilDetail(gateway, 'it does not start')
    expect((await run(gateway, 'keys ls')).said).toMatch(/does not start: .*no_such_setting|FATAL/)
    await writeFile(settings, before)
    await make('after-mending')
  },
  netMs,
)

test('an embedded database that hangs is ended with its gateway', async () => {
  const gateway = await startGateway({ config: { listen: { port: 0 } } })
  onTestFinished(() => gateway.stop())
  await untilDatabase(gateway, 'ready')
  const text = await readFile(join(gateway.dataDir, 'postgres/postmaster.pid'), 'utf8')
  const pid = Number(text.split('\n')[0])
  expect(pid).toBeGreaterThan(1)
  process.kill(pid, 'SIGSTOP')
  process.kill(gateway.pid, 'SIGTERM')
  expect(await gateway.ended()).toBe(0)
  expect(() => process.kill(pid, 0)).toThrow('ESRCH')
})
