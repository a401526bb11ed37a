/** What the administration needs of the gateway. */
import { join } from 'node:path'
import type { AdminPorts } from '../admin/ports.ts'
import { explainFor } from '../flow/explain.ts'
import { callTool, type OwnAnswer } from '../flow/in-process.ts'
import { ownerPrincipal } from '../identity/owner.ts'
import { CancelSource } from '../kit/cancellation.ts'
import type { StoredState } from '../model/desired-state.ts'
import { productVersion } from '../model/product.ts'
import { GatewayError } from '../model/refusal.ts'
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
    call: (request, gone) => call(gateway, request, gone),
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
  gone: AbortSignal,
): Promise<OwnAnswer> {
  if (gateway.stopping.aborted) throw new GatewayError('shutting_down')
  const { identities, state } = gateway.cell.current
  const principal =
    request.key === undefined
      ? ownerPrincipal(state.environment)
      : identities.identify(`Bearer ${request.key}`, undefined, Date.now())
  const cancel = new CancelSource()
  const leave = gateway.join({
    settle: () => undefined,
    busy: () => true,
    cancel: () => cancel.cancel(),
  })
  const { server, tool, argumentsJson: args } = request
  if (gone.aborted) cancel.cancel()
  gone.addEventListener('abort', () => cancel.cancel(), { once: true })
  return callTool(gateway.deps, { principal, server, tool, args, cancel }).finally(leave)
}
