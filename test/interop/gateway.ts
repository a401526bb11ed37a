// The gateway under test: its servers, its two keys, its start and its end.
import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { hashKey } from '../../src/identity/keys.ts'
import type { DesiredStateInput } from '../../src/model/desired-state.ts'
import { startDatabase } from '../../src/store/database.ts'
import { type Place, quietEnvironment, root } from './places.ts'
import { freePort, listening, start, stop } from './processes.ts'
import type { Server } from './servers.ts'

const START_MS = 60_000
const LOG_CHARS_MAX = 2_000_000

export interface Keys {
  readonly wide: string
  readonly narrow: string
}

export interface Gateway {
  /** The endpoint for Streamable HTTP. */
  readonly url: string
  readonly sse: string
  /** By client: one key that may use everything, and one that may use `everything/echo` alone. */
  readonly keys: ReadonlyMap<string, Keys>
  /** What the gateway wrote to its log so far. */
  log(): string
  stop(): Promise<void>
}

/** Starts the servers that run beside the gateway, and the gateway itself. */
export async function startGateway(
  servers: readonly Server[],
  clients: readonly string[],
  place: Place,
): Promise<Gateway> {
  const stops: (() => Promise<void>)[] = []
  const stopAll = async () => {
    for (const end of stops.reverse()) await end().catch(() => undefined)
  }
  try {
    const specs: Record<string, ReturnType<Server['spec']>> = {}
    for (const server of servers) {
      const port = server.beside === undefined ? 0 : await freePort()
      if (server.beside !== undefined)
        stops.push(await startBeside(server.beside(port), port, place))
      specs[server.name] = server.spec(place, port)
    }
    const keys = await seedKeys(clients, place)
    const state: DesiredStateInput = {
      servers: specs,
      roles: { everyone: { allow: ['*/*'] }, narrow: { allow: ['everything/echo'] } },
    }
    const config = join(place.base, 'sallyport.yaml')
    await writeFile(config, JSON.stringify(state))
    const running = await startProcess(config, place)
    stops.push(running.stop)
    return {
      url: running.endpoint,
      sse: new URL('/sse', running.endpoint).href,
      keys,
      log: running.log,
      stop: stopAll,
    }
  } catch (fault) {
    await stopAll()
    throw fault
  }
}

async function startBeside(
  of: { args: readonly string[]; env: Record<string, string> },
  port: number,
  place: Place,
): Promise<() => Promise<void>> {
  const child = start(of.args, { cwd: place.base, env: { ...quietEnvironment(place), ...of.env } })
  child.stdout?.resume()
  child.stderr?.resume()
  try {
    await listening(port, START_MS)
  } catch (fault) {
    await stop(child)
    throw fault
  }
  return () => stop(child)
}

/** Writes the keys into the database of the new data folder, before the gateway opens it. */
async function seedKeys(
  clients: readonly string[],
  place: Place,
): Promise<ReadonlyMap<string, Keys>> {
  await mkdir(place.data, { recursive: true, mode: 0o700 })
  const database = await startDatabase({
    dataDir: place.data,
    url: undefined,
    migrations: join(root, 'src/store/migrations'),
    resolveFrom: import.meta.url,
    report: () => undefined,
  })
  try {
    const make = async (name: string, roles: readonly string[]): Promise<string> => {
      const key = `sp_${randomBytes(32).toString('base64url')}`
      await database.store.putKey({
        name,
        roles,
        hash: hashKey(key),
        hint: key.slice(0, 9),
        user: undefined,
        teams: [],
        environment: undefined,
        createdAt: Date.now(),
        expiresAt: undefined,
        revokedAt: undefined,
      })
      return key
    }
    const keys = new Map<string, Keys>()
    for (const client of clients) {
      const wide = await make(`wide.${client}`, ['everyone'])
      keys.set(client, { wide, narrow: await make(`narrow.${client}`, ['narrow']) })
    }
    return keys
  } finally {
    await database.close()
  }
}

async function startProcess(
  config: string,
  place: Place,
): Promise<{ endpoint: string; log: () => string; stop: () => Promise<void> }> {
  const child = start(
    [
      join(root, 'dist/bin.mjs'),
      'up',
      ...['--config', config, '--data', place.data, '--port', '0'],
    ],
    { cwd: place.base, env: quietEnvironment(place) },
  )
  let log = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-LOG_CHARS_MAX)
  })
  if (child.stdout === null) throw new Error('the gateway has no stdout')
  const lines = createInterface({ input: child.stdout })
  const endpoint = await new Promise<string | undefined>((resolve) => {
    const timer = setTimeout(() => resolve(undefined), START_MS)
    const done = (value: string | undefined) => {
      clearTimeout(timer)
      resolve(value)
    }
    lines.on('line', (line) => {
      const url = /https?:\/\/\S+\/mcp\b/.exec(line)?.[0]
      if (url !== undefined) done(url)
    })
    child.once('exit', () => done(undefined))
  })
  const end = () => stop(child, 30_000)
  if (endpoint === undefined) {
    await end()
    throw new Error(`The gateway did not start. Its log ends with:\n${log.slice(-3000)}`)
  }
  return { endpoint, log: () => log, stop: end }
}
