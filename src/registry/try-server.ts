/** Whether a server would work, before it is stored and after: connected to once, and its tools looked at. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Fault, FaultReason, Tried } from '../admin/ports.ts'
import { readItems } from '../catalog/items.ts'
import type { Guard } from '../guard/inspect.ts'
import { kindOf, type ServerSpec, type ServerSpecInput } from '../model/desired-state.ts'
import { names } from '../model/methods.ts'
import { toGatewayError } from '../model/refusal.ts'
import type { Snapshot } from '../snapshot/compile.ts'
import { accountOf, faultOf } from './conversions.ts'
import { itemReaders } from './item-readers.ts'
import { apiEntry } from './kinds.ts'
import { type ResolvedServer, resolveServer } from './resolve-server.ts'
import type { Servers } from './servers.ts'

const tryTimeout = '30s'

const listedMsMax = 5_000
const lookMs = 20

/** Until a server that was just stored is listed or known to be down, so that the next command finds its tools. */
export async function untilListed(snapshot: () => Snapshot, name: string): Promise<void> {
  const until = Date.now() + listedMsMax
  while (Date.now() < until) {
    const listing = snapshot().catalog.listings.get(name)
    if (listing !== undefined && (listing.listedAt > 0 || listing.downSince !== undefined)) return
    await delay(lookMs)
  }
}

/** Connects to a server once, on a link of its own. */
export async function tryServer(
  servers: Servers,
  guard: Pick<Guard, 'examineSchema'>,
  name: string,
  given: ServerSpecInput,
): Promise<Tried> {
  let resolved: ResolvedServer
  try {
    resolved = resolveServer(servers, name, given)
  } catch (thrown) {
    return { ok: false, reason: 'reference', message: toGatewayError(thrown).message }
  }
  const { spec, secrets } = resolved
  const entry = apiEntry(spec, servers.baseFolder)
  const api = entry === undefined ? undefined : servers.openApi(name, spec, entry)
  const link =
    api?.link ??
    // Somebody waits for the answer.
    servers.open(name, { startTimeout: tryTimeout, ...spec }, servers.presentedBy(spec, secrets))
  try {
    const facts = await link.facts()
    const listed = link.list(names.listTools)
    // A server that names no tools may have them all the same.
    const raw = await (facts.declared.names.has('tools')
      ? listed
      : listed.catch(() => ({ items: [] })))
    const source = {
      server: name,
      era: facts.era,
      readers: itemReaders(api === undefined ? 'server' : 'description'),
    }
    const { items, left } = readItems(source, 'tool', raw.items)
    const examined = await Promise.all(
      items.map(async (item) => ({
        tool: item.name,
        ...(await guard.examineSchema(item)),
      })),
    )
    return {
      ok: true,
      era: facts.era,
      revision: facts.revision,
      tools: items.map((item) => item.name),
      leftOut: left,
      schemas: examined.flatMap(({ tool, fault, skipped }) =>
        fault === undefined && skipped.length === 0
          ? []
          : [{ tool, ...(fault === undefined ? {} : { fault }), skipped }],
      ),
      ...(api === undefined
        ? {}
        : { conversion: accountOf(await api.link.conversion(), await api.targets()) }),
    }
  } catch (thrown) {
    return api === undefined ? mcpFault(thrown, spec) : faultOf(thrown, kindOf(spec))
  } finally {
    await link.close().catch(() => undefined)
  }
}

function mcpFault(thrown: unknown, spec: ServerSpec): Fault {
  const { code, message, reason: why } = toGatewayError(thrown)
  const fault = (reason: FaultReason): Fault => ({ ok: false, reason, message })
  if (code === 'server_refused_us') return fault('unauthorized')
  if (code === 'egress_refused') return fault('egress')
  if (code === 'server_timeout') return fault(spec.stdio === undefined ? 'timeout' : 'silent')
  if (code === 'server_broken') return fault(spec.http === undefined ? 'protocol' : 'not-mcp')
  if (spec.stdio !== undefined)
    return fault(why === 'program-missing' ? 'command-missing' : 'exited')
  return fault('unreachable')
}
