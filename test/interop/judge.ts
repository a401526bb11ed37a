// From what a client process answered to one verdict for every server, and one for the narrow key.
import type { Client } from './clients.ts'
import type { Call, Outcome } from './job.ts'
import type { KnownLoss } from './known-losses.ts'
import type { Place } from './places.ts'
import type { Server } from './servers.ts'

/** The column of the check with the narrow key. */
export const DENIED = 'denied'
/** The column of what revision was spoken. */
export const SPOKE = 'spoke'
const MODERN = '2026-07-28'

export interface Cell {
  readonly client: string
  /** A server, or `denied`, or `spoke`. */
  readonly server: string
  readonly status: 'ok' | 'listed' | 'failed' | 'known loss'
  /** How many of its tools the client saw. */
  readonly listed: number
  /** How many calls gave the expected result. */
  readonly called: number
  readonly problems: readonly string[]
}

const SHOWN_CHARS_MAX = 300
const ALLOWED = 'everything__echo'
const DENIED_CALL = 'memory__read_graph'
const UNKNOWN_CALL = 'memory__no_such_tool'

const idOf = (server: Server, at: number) => `${server.name} ${at}`

/** The calls of the wide key. */
export function wideCalls(
  servers: readonly Server[],
  client: string,
  place: Place,
): readonly Call[] {
  return servers.flatMap((server) =>
    server.probes.map((probe, at) => ({
      id: idOf(server, at),
      tool: `${server.name}__${probe.tool}`,
      args: probe.args(client, place),
      page: probe.page === true,
    })),
  )
}

/** The calls of the key that may use `everything/echo` alone. */
export const narrowCalls: readonly Call[] = [
  { id: 'allowed', tool: ALLOWED, args: { message: 'still allowed' }, page: false },
  { id: 'denied', tool: DENIED_CALL, args: {}, page: false },
  { id: 'unknown', tool: UNKNOWN_CALL, args: {}, page: false },
]

export function judgeWide(
  servers: readonly Server[],
  client: Client,
  outcome: Outcome | string,
): readonly Cell[] {
  return servers.map((server) => {
    const good = server.listOnly === undefined ? 'ok' : 'listed'
    if (typeof outcome === 'string')
      return cell(client.name, server.name, { problems: [outcome] }, good)
    const listed = outcome.tools.filter((name) => name.startsWith(`${server.name}__`)).length
    const problems = listed === server.tools ? [] : [`lists ${listed} of ${server.tools} tools`]
    let called = 0
    for (const [at, probe] of server.probes.entries()) {
      if (probe.page === true && client.pages !== true) continue
      const what = probe.page === true ? `page of ${probe.tool}` : probe.tool
      const answer = outcome.calls[idOf(server, at)]
      if (answer?.ok === true && probe.expect(client.name).test(answer.text)) called++
      else problems.push(`${what}: ${answer?.text.slice(0, SHOWN_CHARS_MAX) ?? 'no answer'}`)
    }
    return cell(client.name, server.name, { listed, called, problems }, good)
  })
}

/** Did the client speak the era that the table says? */
export function judgeEra(client: Client, spoke: readonly string[]): Cell {
  const modern = spoke.every((revision) => revision === MODERN)
  const right =
    spoke.length > 0 && (client.era === 'either' || modern === (client.era === 'modern'))
  const problems = right
    ? []
    : [`is taken for ${client.era}, spoke ${spoke.join(', ') || 'nothing'}`]
  return cell(client.name, SPOKE, { problems })
}

export function judgeNarrow(client: string, outcome: Outcome | string): Cell {
  if (typeof outcome === 'string') return cell(client, DENIED, { problems: [outcome] })
  const problems: string[] = []
  const others = outcome.tools.filter((name) => name !== ALLOWED)
  if (others.length > 0) problems.push(`lists what it may not: ${others.slice(0, 5).join(', ')}`)
  if (!outcome.tools.includes(ALLOWED)) problems.push(`does not list ${ALLOWED}`)
  const { allowed, denied, unknown } = outcome.calls
  const works = allowed?.ok === true && allowed.text.includes('still allowed')
  if (!works) problems.push(`${ALLOWED}: ${allowed?.text.slice(0, SHOWN_CHARS_MAX) ?? 'no answer'}`)
  if (denied === undefined || denied.ok) problems.push(`${DENIED_CALL} was not refused`)
  if (unknown === undefined || unknown.ok) problems.push(`${UNKNOWN_CALL} was not refused`)
  const nameless = (text: string | undefined) =>
    text?.replaceAll(DENIED_CALL, 'NAME').replaceAll(UNKNOWN_CALL, 'NAME')
  if (nameless(denied?.text) !== nameless(unknown?.text))
    problems.push(`a denied tool is told apart from an unknown one: ${denied?.text}`)
  return cell(client, DENIED, { listed: outcome.tools.length, called: works ? 1 : 0, problems })
}

function cell(
  client: string,
  server: string,
  found: Partial<Cell> & Pick<Cell, 'problems'>,
  good: Cell['status'] = 'ok',
): Cell {
  const status = found.problems.length === 0 ? good : 'failed'
  return { client, server, status, listed: 0, called: 0, ...found }
}

/** Marks what is known to fail, and names the entries that fail no more. */
export function applyLosses(
  cells: readonly Cell[],
  losses: readonly KnownLoss[],
): { cells: readonly Cell[]; stale: readonly KnownLoss[] } {
  const excuses = (loss: KnownLoss, of: Cell, problem: string) =>
    loss.client === of.client &&
    loss.server === of.server &&
    (loss.what === '*' || problem.startsWith(`${loss.what}: `))
  const isKnown = (of: Cell) =>
    of.status === 'failed' &&
    of.problems.every((problem) => losses.some((loss) => excuses(loss, of, problem)))
  const ran = (loss: KnownLoss) =>
    cells.some((of) => of.client === loss.client && of.server === loss.server)
  const seen = (loss: KnownLoss) =>
    cells.some((of) => of.problems.some((problem) => excuses(loss, of, problem)))
  return {
    cells: cells.map((of) => (isKnown(of) ? { ...of, status: 'known loss' } : of)),
    stale: losses.filter((loss) => ran(loss) && !seen(loss)),
  }
}
