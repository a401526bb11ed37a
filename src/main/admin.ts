/** What the administration needs of the gateway. */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { AdminPorts, Explained, Fault, FaultReason, Tried } from '../admin/ports.ts'
import { offersOf } from '../catalog/catalog.ts'
import { readItems } from '../catalog/items.ts'
import { canBeJudged } from '../catalog/resolve.ts'
import { serve } from '../flow/serve.ts'
import { identify } from '../identity/identify.ts'
import { wholeText } from '../ingress/http-exchange.ts'
import { CancelSource } from '../kit/cancellation.ts'
import { scanObject } from '../kit/json-scan.ts'
import type { RingFile } from '../kit/key-ring.ts'
import { unlimitedAccount } from '../model/account.ts'
import {
  kindOf,
  type ServerSpec,
  type ServerSpecInput,
  type StoredState,
} from '../model/desired-state.ts'
import { names } from '../model/methods.ts'
import { ownerId, type Principal } from '../model/principal.ts'
import { productVersion } from '../model/product.ts'
import { GatewayError, toGatewayError } from '../model/refusal.ts'
import type { Exchange } from '../model/session.ts'
import { explain } from '../policy/explain.ts'
import { readManifest } from '../record/manifest.ts'
import { readJournal } from '../record/read.ts'
import { accountOf, convertServer, detectSource, faultOf } from '../registry/conversions.ts'
import { itemReaders } from '../registry/item-readers.ts'
import { apiEntry } from '../registry/kinds.ts'
import { type ResolvedServer, resolveServer } from '../registry/resolve-server.ts'
import { credentialHeaders } from '../registry/servers.ts'
import { changesOf } from '../store/describe-change.ts'
import { rotatedRing, saveRing } from '../store/ring-file.ts'
import type { Store } from '../store/store.ts'
import type { Gateway } from './gateway.ts'

/** The ports over a gateway that runs, in this process. */
export function adminPorts(gateway: Gateway, store: Store): AdminPorts {
  const { dataDir } = gateway.options
  const journalDir = join(dataDir, 'journal')
  return {
    version: productVersion,
    dataDir,
    store: { ...store, load: () => settled(gateway, store) },
    now: Date.now,
    snapshot: () => gateway.cell.current,
    declared: () => gateway.configuration.declared,
    issues: () => gateway.configuration.issues,
    apply: async () => gateway.useStored(await store.load()),
    tryServer: (name, spec) => tryServer(gateway, name, spec),
    listed: (name) => listed(gateway, name),
    detect: (request) => detectSource(gateway.servers, request),
    convert: (spec) => convertServer(gateway.servers, spec),
    call: (request) => call(gateway, request),
    explain: async (request) => explained(gateway, request),
    validKey: (name, at) => gateway.validKey(name, at),
    isRevokedHere: ({ hash }) => gateway.revocations.has(hash),
    revokeHere: async (name, at) => ({
      known: await gateway.revoke(name, at),
      fault: gateway.revocations.fault,
    }),
    notKept: () => gateway.notKept(),
    audit: {
      heads: async () =>
        new Map(
          Object.entries((await readManifest(journalDir)).writers).map(([writer, { head }]) => [
            writer,
            head.sequence,
          ]),
        ),
      read: (from, follow) =>
        readJournal(journalDir, {
          from,
          ...(follow === undefined
            ? {}
            : { follow: { pollMs: 300, signal: AbortSignal.any([follow, gateway.stopping]) } }),
          onFault: (error) => gateway.options.log.warn({ err: error }, 'journal'),
        }),
      verify: () => gateway.journal.verify(),
      state: () => gateway.evidence(),
    },
    underRecord: gateway.underRecord,
    rotateSecrets: async (actor) => {
      if (gateway.options.environment['SALLYPORT_KEYS'] !== undefined)
        throw new GatewayError('params_invalid', {
          hint: 'The key ring comes from SALLYPORT_KEYS; rotate it there.',
        })
      const path = join(dataDir, 'keys')
      const { before, next } = await rotatedRing(path, Date.now())
      const [current = '', ...kept] = idsOf(next)
      const changes = changesOf('key-ring', 'keys', { keys: idsOf(before) }, { keys: idsOf(next) })
      await gateway.underRecord(actor, changes, async () => {
        await saveRing(path, next)
        await gateway.useRing(next)
      })
      return { current, kept }
    },
    gateway: { endpoint: () => gateway.endpoint, insecureLocal: gateway.options.insecureRole },
    log: ({ level, text }) => gateway.options.log[level](text),
  }
}

/** The stored state as it holds here: a key that was just revoked is not valid, and its name is free. */
async function settled({ revocations }: Gateway, store: Store): Promise<StoredState> {
  const state = await revocations.settle(store)
  return { ...state, keys: revocations.over(state.keys) }
}

function idsOf(ring: RingFile): string[] {
  return ring.keys.map((key) => key.id)
}

const tryTimeout = '30s'

const listedMsMax = 5_000
const lookMs = 20

/** Until a server that was just stored is listed or known to be down, so that the next command finds its tools. */
async function listed(gateway: Gateway, name: string): Promise<void> {
  if (gateway.options.passive) return
  const until = Date.now() + listedMsMax
  while (Date.now() < until) {
    const listing = gateway.cell.current.catalog.listings.get(name)
    if (listing !== undefined && (listing.listedAt > 0 || listing.downSince !== undefined)) return
    await delay(lookMs)
  }
}

/** Connects to a server once, on a link of its own. */
async function tryServer(gateway: Gateway, name: string, given: ServerSpecInput): Promise<Tried> {
  let resolved: ResolvedServer
  try {
    resolved = resolveServer(gateway.servers, name, given)
  } catch (thrown) {
    return { ok: false, reason: 'reference', message: toGatewayError(thrown).message }
  }
  const { servers } = gateway
  const { spec, secrets } = resolved
  const entry = apiEntry(spec, servers.baseFolder)
  const api = entry === undefined ? undefined : servers.openApi(name, spec, entry)
  const link =
    api?.link ??
    // Somebody waits for the answer.
    servers.open(
      name,
      { startTimeout: tryTimeout, ...spec },
      credentialHeaders(spec),
      servers.incoming(spec, secrets),
    )
  try {
    const facts = await link.facts()
    const offers = offersOf(facts.capabilities)
    const listed = link.list(names.listTools)
    // A server that names no tools may have them all the same.
    const raw = await (offers.has('tools') ? listed : listed.catch(() => ({ items: [] })))
    const source = {
      server: name,
      era: facts.era,
      readers: itemReaders(api === undefined ? 'server' : 'description'),
    }
    const { items, left } = readItems(source, 'tool', raw.items)
    const examined = await Promise.all(
      items.map(async (item) => ({
        tool: item.name,
        ...(await gateway.guard.examineSchema(item)),
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
  const { code, message } = toGatewayError(thrown)
  const fault = (reason: FaultReason): Fault => ({ ok: false, reason, message })
  if (code === 'server_refused_us') return fault('unauthorized')
  if (code === 'egress_refused') return fault('egress')
  if (code === 'server_timeout') return fault(spec.stdio === undefined ? 'timeout' : 'silent')
  if (code === 'server_broken') return fault(spec.http === undefined ? 'protocol' : 'not-mcp')
  if (spec.stdio !== undefined)
    return fault(/ENOENT|not found|cannot be started/i.test(message) ? 'command-missing' : 'exited')
  return fault('unreachable')
}

/**
 * Who calls over the socket of the administration without a key. Only the owner of the data folder can, who could make a
 * key with all rights there as well; the records tell such calls from those of keys.
 */
function ownerPrincipal(environment: string): Principal {
  return {
    id: ownerId,
    label: ownerId,
    kind: 'user',
    name: ownerId,
    user: undefined,
    teams: [],
    environment,
    roles: ['owner', 'all-tools'],
    expiresAt: undefined,
  }
}

/** A call through all rooms, as the key that the command gave, else as the owner. */
async function call(
  gateway: Gateway,
  request: { key: string | undefined; server: string; tool: string; argumentsJson: string },
): Promise<{ kind: 'complete' | 'input_required' | 'error'; json: string }> {
  if (gateway.stopping.aborted) throw new GatewayError('shutting_down')
  const { keys, state } = gateway.cell.current
  const principal =
    request.key === undefined
      ? ownerPrincipal(state.environment)
      : identify(keys, `Bearer ${request.key}`, undefined, Date.now())
  const meta =
    '{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}'
  const text = `{"jsonrpc":"2.0","id":1,"method":"${names.callTool}","params":{"name":${JSON.stringify(request.tool)},"arguments":${request.argumentsJson},"_meta":${meta}}}`
  const exchange: Exchange = {
    endpoint: { kind: 'server', server: request.server },
    headers: undefined,
    bytes: text.length,
    streams: false,
    session: undefined,
    nodes: undefined,
    begin: () => {
      throw new GatewayError('internal', { detail: 'a call begins no session' })
    },
    send: () => undefined,
    cancel: new CancelSource(),
    account: unlimitedAccount,
  }
  const leave = gateway.join({
    settle: () => undefined,
    busy: () => true,
    cancel: () => exchange.cancel.cancel(),
  })
  const answer = await answerOf(gateway, principal, exchange, text).finally(leave)
  const members = scanObject(answer, { result: {} }, { depthMax: 520, refuseDuplicates: false })
  const error = members.find((member) => member.key === 'error')
  if (error !== undefined) return { kind: 'error', json: answer.slice(error.start, error.end) }
  const result = members.find((member) => member.key === 'result')
  if (result === undefined)
    throw new GatewayError('internal', { detail: 'neither result nor error' })
  const type = result.members?.find((member) => member.key === 'resultType')
  const asks = type !== undefined && answer.slice(type.start, type.end) === '"input_required"'
  return {
    kind: asks ? 'input_required' : 'complete',
    json: answer.slice(result.start, result.end),
  }
}

async function answerOf(
  gateway: Gateway,
  principal: Principal,
  exchange: Exchange,
  text: string,
): Promise<string> {
  const served = await serve(gateway.deps, principal, exchange, text)
  if (served.kind !== 'message') throw new GatewayError('internal', { detail: 'no answer' })
  return wholeText(served.message)
}

const oddUri =
  'servers read this form of a URI in different ways, so it is answered only when the server lists it word for word'

function explained(
  gateway: Gateway,
  request: {
    principal: string
    kind: 'tool' | 'prompt' | 'resource'
    server: string
    name: string
  },
): Explained | undefined {
  const { keys, engine, catalog, state } = gateway.cell.current
  const target = { kind: request.kind, server: request.server, name: request.name }
  const odd = request.kind === 'resource' && !canBeJudged(catalog, request.server, request.name)
  const accountFor = (principal: Principal): Explained => {
    const account = explain(engine, principal, target)
    if (principal.expiresAt !== undefined && principal.expiresAt <= Date.now())
      return { ...account, allowed: false, rule: 'the key has expired' }
    return odd ? { ...account, allowed: false, rule: oddUri } : account
  }
  if (request.principal === ownerId) return accountFor(ownerPrincipal(state.environment))
  if (request.principal === 'local')
    return keys.local === undefined ? undefined : accountFor(keys.local)
  const [kind, name] = [
    request.principal.slice(0, request.principal.indexOf(':')),
    request.principal.slice(request.principal.indexOf(':') + 1),
  ]
  const all = [...keys.byHash.values()]
  const principals = all.filter((principal) =>
    kind === 'user' ? principal.user === name : principal.label === request.principal,
  )
  const accounts = principals.map(accountFor)
  // Of a user's keys, one that is allowed speaks for the user.
  return accounts.find((account) => account.allowed) ?? accounts[0]
}
