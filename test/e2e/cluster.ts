// Several gateways that are one: a process each, on one real PostgreSQL and with one key ring.
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { hashKey } from '../../src/identity/keys.ts'
import { newRingKey } from '../../src/kit/key-ring.ts'
import type { DesiredStateInput } from '../../src/model/desired-state.ts'
import { type Embedded, startEmbedded } from '../../src/store/embedded.ts'
import { openStore } from '../../src/store/postgres.ts'
import type { Store } from '../../src/store/store.ts'
import { type Fixture, startFixture } from '../conformance/start-fixture.ts'
import { newKey, startGateway, type TestGateway } from './gateway.ts'
import { worldConfig } from './world.ts'

const migrations = fileURLToPath(new URL('../../src/store/migrations', import.meta.url))

export interface ClusterOptions {
  readonly config?: Omit<DesiredStateInput, 'servers'>
  readonly concurrency?: number
  /** Names of keys that may use everything. */
  readonly keys: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

export interface Cluster {
  readonly fixture: Fixture
  /** The database as any holder of its address sees it. */
  readonly store: Store
  readonly databaseUrl: string
  readonly ring: string
  /** What every node declares. */
  readonly config: DesiredStateInput
  readonly keys: ReadonlyMap<string, string>
  keyOf(name: string): string
  /** Stops the database, or starts it again at the same address. */
  database(runs: boolean): Promise<void>
  /** Starts one more node. */
  node(more?: {
    readonly config?: DesiredStateInput
    readonly env?: Readonly<Record<string, string>>
  }): Promise<TestGateway>
  stop(): Promise<void>
}

export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-cluster-'))
  await chmod(folder, 0o755)
  const ends: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })]
  const stop = async (): Promise<void> => {
    for (const end of ends.splice(0).reverse()) await end()
  }
  try {
    const start = (): Promise<Embedded> =>
      startEmbedded({ dataFolder: folder, resolveFrom: import.meta.url })
    let database = await start()
    ends.push(() => database.close())
    const store = await openStore({ address: database.address, migrations })
    ends.push(() => store.close())
    const keys = new Map(options.keys.map((name): [string, string] => [name, newKey()]))
    for (const [name, key] of keys) await store.putKey(keyRow(name, key))
    const fixture = await startFixture({ era: 'dual' })
    ends.push(() => fixture.stop())
    const ring = JSON.stringify({ keys: [newRingKey(Date.now())] })
    const databaseUrl = urlOf(database)
    const { concurrency = 64 } = options
    const config = worldConfig(fixture.url, {
      ...(options.config === undefined ? {} : { config: options.config }),
      servers: { legacy: { http: { url: fixture.url }, era: 'legacy', concurrency } },
    })
    return {
      fixture,
      store,
      databaseUrl,
      ring,
      config,
      keys,
      keyOf: (name) => keys.get(name) ?? '',
      async database(runs) {
        if (runs) database = await start()
        else await database.close()
      },
      async node(more = {}) {
        const gateway = await startGateway({
          config: more.config ?? config,
          env: { SALLYPORT_KEYS: ring, ...options.env, ...more.env },
          shared: { url: databaseUrl, keys },
        })
        ends.push(() => gateway.stop())
        return gateway
      },
      stop,
    }
  } catch (fault) {
    await stop()
    throw fault
  }
}

function urlOf({ address }: Embedded): string {
  const { user, database, host, port } = address
  const place = new URLSearchParams({ host, port: String(port) })
  return `postgres://${encodeURIComponent(user)}@localhost/${database}?${place}`
}

function keyRow(name: string, key: string): Parameters<Store['putKey']>[0] {
  return {
    name,
    hash: hashKey(key),
    hint: key.slice(0, 9),
    roles: ['all-tools'],
    user: undefined,
    teams: [],
    environment: undefined,
    createdAt: Date.now(),
    expiresAt: undefined,
    revokedAt: undefined,
  }
}
