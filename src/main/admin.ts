/** What the administration needs of the gateway. */
import { join } from 'node:path'
import type { AdminPorts } from '../admin/ports.ts'
import { explainFor } from '../flow/explain.ts'
import { serve } from '../flow/serve.ts'
import { identify } from '../identity/identify.ts'
import { ownerPrincipal } from '../identity/owner.ts'
import { wholeText } from '../ingress/http-exchange.ts'
import { CancelSource } from '../kit/cancellation.ts'
import { scanObject } from '../kit/json-scan.ts'
import { unlimitedAccount } from '../model/account.ts'
import type { StoredState } from '../model/desired-state.ts'
import { names } from '../model/methods.ts'
import type { Principal } from '../model/principal.ts'
import { productVersion } from '../model/product.ts'
import { GatewayError } from '../model/refusal.ts'
import type { Exchange } from '../model/session.ts'
import { readManifest } from '../record/manifest.ts'
import { readJournal } from '../record/read.ts'
import { journalStanding } from '../record/standing.ts'
import { convertServer, detectSource } from '../registry/conversions.ts'
import { tryServer, untilListed } from '../registry/try-server.ts'
import { rotateSecrets } from '../store/rotate-secrets.ts'
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
    apply: async () => gateway.applier.useStored(await store.load()),
    tryServer: (name, spec) => tryServer(gateway.servers, gateway.guard, name, spec),
    listed: async (name) => {
      if (!gateway.options.passive) await untilListed(() => gateway.cell.current, name)
    },
    detect: (request) => detectSource(gateway.servers, request),
    convert: (spec) => convertServer(gateway.servers, spec),
    call: (request) => call(gateway, request),
    explain: async (request) => explainFor(gateway.cell.current, request, Date.now()),
    validKey: (name, at) => gateway.applier.validKey(name, at),
    isRevokedHere: ({ hash }) => gateway.revocations.has(hash),
    revokeHere: async (name, at) => ({
      known: await gateway.applier.revoke(name, at),
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
      state: () => journalStanding(gateway.journal),
      heldFault: () => gateway.unrecorded.fault,
    },
    underRecord: gateway.underRecord,
    rotateSecrets: (actor) =>
      rotateSecrets({
        path:
          gateway.options.environment['SALLYPORT_KEYS'] === undefined
            ? join(dataDir, 'keys')
            : undefined,
        record: (changes, make) => gateway.underRecord(actor, changes, make),
        use: (ring) => gateway.useRing(ring),
        now: Date.now,
      }),
    gateway: { endpoint: () => gateway.endpoint, insecureLocal: gateway.options.insecureRole },
    log: ({ level, text }) => gateway.options.log[level](text),
  }
}

/** The stored state as it holds here: a key that was just revoked is not valid, and its name is free. */
async function settled({ revocations }: Gateway, store: Store): Promise<StoredState> {
  const state = await revocations.settle(store)
  return { ...state, keys: revocations.over(state.keys) }
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
