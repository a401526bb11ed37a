// One run: a gateway, real servers behind it, real clients in front of it, and a verdict for every pair.
import { join } from 'node:path'
import { type Client, clients } from './clients.ts'
import { type Gateway, type Keys, startGateway } from './gateway.ts'
import { type Call, type Job, OUTCOME_MARK, type Outcome, outcome } from './job.ts'
import {
  applyLosses,
  type Cell,
  judgeEra,
  judgeNarrow,
  judgeWide,
  narrowCalls,
  wideCalls,
} from './judge.ts'
import { type KnownLoss, knownLosses } from './known-losses.ts'
import { makePlace, type Place, quietEnvironment } from './places.ts'
import { type Finished, run } from './processes.ts'
import { type Server, servers } from './servers.ts'
import { settle } from './settle.ts'
import { spokenBy } from './spoken.ts'

/** The name of the key with which the run itself looks at the gateway. */
const SETTLER = 'settler'
const CLIENT_MS = 180_000
const SHOWN_CHARS_MAX = 800

export interface InteropOptions {
  /** Only what is marked as quick. */
  readonly quick: boolean
  /** Only this client. */
  readonly client?: string | undefined
  readonly progress: (line: string) => void
}

export interface Report {
  readonly ok: boolean
  readonly clients: readonly Client[]
  readonly servers: readonly Server[]
  readonly cells: readonly Cell[]
  /** The revisions that each client spoke to the gateway. */
  readonly spoke: Readonly<Record<string, string>>
  readonly stale: readonly KnownLoss[]
  /** The end of the gateway's log, for when something failed. */
  readonly log: string
}

export async function interop(options: InteropOptions): Promise<Report> {
  const who = clients.filter(
    (client) =>
      (!options.quick || client.quick === true) &&
      (options.client === undefined || client.name === options.client),
  )
  if (who.length === 0) throw new Error(`There is no client ${options.client}.`)
  const what = servers.filter((server) => !options.quick || server.quick === true)
  const place = await makePlace()
  try {
    const gateway = await startGateway(what, [...who.map(({ name }) => name), SETTLER], place)
    try {
      const missing = await settle(gateway, what, keysOf(gateway, SETTLER).wide)
      if (missing.length > 0) options.progress(`without tools: ${missing.join(', ')}`)
      return await runAll(who, what, gateway, place, options.progress)
    } finally {
      await gateway.stop()
    }
  } finally {
    await place.remove()
  }
}

async function runAll(
  who: readonly Client[],
  what: readonly Server[],
  gateway: Gateway,
  place: Place,
  progress: InteropOptions['progress'],
): Promise<Report> {
  const found = new Map<string, readonly Cell[]>()
  const spoke: Record<string, string> = {}
  // One after the other: server-memory loses writes that reach it at the same time.
  for (const client of who) {
    const begun = performance.now()
    const { name } = client
    const keys = keysOf(gateway, name)
    const at = { url: gateway.url, sse: gateway.sse }
    const wide = await ask(client, { ...at, key: keys.wide }, wideCalls(what, name, place), place)
    const narrow = await ask(client, { ...at, key: keys.narrow }, narrowCalls, place)
    const revisions = await spokenBy(place, `wide.${name}`)
    spoke[name] = revisions.join(', ')
    const era = judgeEra(client, revisions)
    const cells = [...judgeWide(what, client, wide), judgeNarrow(name, narrow), era]
    found.set(name, cells)
    const { cells: judged } = applyLosses(cells, knownLosses)
    const failed = judged.filter((cell) => cell.status === 'failed').length
    const seconds = ((performance.now() - begun) / 1000).toFixed(1)
    progress(`${name}: ${failed === 0 ? 'ok' : `${failed} failed`} (${seconds} s)`)
  }
  const judged = applyLosses(
    who.flatMap((client) => found.get(client.name) ?? []),
    knownLosses,
  )
  const failed = judged.cells.some((cell) => cell.status === 'failed')
  return {
    ok: !failed && judged.stale.length === 0,
    clients: who,
    servers: what,
    ...judged,
    spoke,
    log: gateway.log().slice(-20_000),
  }
}

function keysOf(gateway: Gateway, name: string): Keys {
  const keys = gateway.keys.get(name)
  if (keys === undefined) throw new Error(`no keys for ${name}`)
  return keys
}

/** Runs one client process; a sentence when it did not come to an outcome. */
async function ask(
  client: Client,
  at: Omit<Job, 'calls'>,
  calls: readonly Call[],
  place: Place,
): Promise<Outcome | string> {
  const [script, ...args] = client.script
  const job: Job = { ...at, calls: [...calls] }
  const done = await run([join(import.meta.dirname, 'clients', script), ...args], {
    env: quietEnvironment(place),
    cwd: place.base,
    timeoutMs: CLIENT_MS,
    stdin: JSON.stringify(job),
  })
  const line = done.stdout.split('\n').find((text) => text.startsWith(OUTCOME_MARK))
  if (line === undefined) return failure(done)
  const parsed = outcome.safeParse(JSON.parse(line.slice(OUTCOME_MARK.length)))
  return parsed.success ? parsed.data : `its outcome has another shape: ${parsed.error.message}`
}

function failure(done: Finished): string {
  const said = done.stderr.trim() === '' ? done.stdout.trim() : done.stderr.trim()
  const how = done.timedOut ? `timed out after ${CLIENT_MS} ms` : `ended with ${done.code}`
  return `${how}: ${said.slice(0, SHOWN_CHARS_MAX)}`
}
