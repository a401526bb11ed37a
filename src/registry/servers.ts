/** The registered servers as running things: a gate, a link and a watch each, kept across configuration changes. */

import { hash } from 'node:crypto'
import { emptyListing, type Listing } from '../catalog/catalog.ts'
import { createEgress } from '../egress/guard.ts'
import { createConversions } from '../kinds/convert.ts'
import { createBackoff } from '../kit/backoff.ts'
import { messageOf } from '../kit/thrown.ts'
import { ChannelLink } from '../mcp/channel-link.ts'
import { McpHttp } from '../mcp/http-link.ts'
import type { ServerCodec } from '../model/codec.ts'
import { headersOf } from '../model/credential.ts'
import {
  allowedExtensions,
  type DesiredState,
  durationMs,
  kindOf,
  parkedCallsMax,
  type ServerSpec,
} from '../model/desired-state.ts'
import type { Members } from '../model/members.ts'
import type { Presented } from '../model/presented.ts'
import { GatewayError } from '../model/refusal.ts'
import { childEnvironment } from '../process/environment.ts'
import type { ProcessManager } from '../process/manager.ts'
import { Incoming } from '../upstream/incoming.ts'
import type { ServerLink } from '../upstream/kind.ts'
import { Gate } from '../upstream/send.ts'
import { serverCodec } from '../wire/server-codec.ts'
import { type ApiServer, type ApiServerOptions, openApiServer, tlsOf } from './api-server.ts'
import { itemReaders } from './item-readers.ts'
import { type ApiEntry, apiEntry } from './kinds.ts'
import { presentedSecrets } from './presented-secrets.ts'
import { ServerWatch, type Watched } from './watch.ts'

const messageBytesMax = 64_000_000
/** For requests of the gateway itself; calls that may take longer show that the server needs longer. */
const requestTimeoutMs = 30_000
/** A first start of a program may be its download. */
const startProgramMs = 300_000
/**
 * Connections of a server for what is no call: lists, answers, notifications. A parked call holds its own, and the
 * answer to it must not have to wait for one; `parking` bounds them.
 */
const connectionsSpare = 64
const gatherMs = 60
const refreshHttpMs = 60_000
export const conversionCaps = { timeMsMax: 180_000, heapMbMax: 1_024, queueMax: 1_000 }

interface Running {
  readonly digest: string
  readonly gate: Gate
  readonly link: ServerLink
  readonly watch: ServerWatch
  readonly presented: Presented
  listing: Listing
}

export interface ServersOptions {
  readonly processes: ProcessManager
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Where relative commands and folders of servers start. */
  readonly baseFolder: string
  readonly listingsFolder: string
  /** Asks no server before something needs it. */
  readonly passive: boolean
  readonly now: () => number
  /** Seals what models bring back to page on. */
  readonly cursors: ApiServerOptions['cursors']
  /** The name of a tool as a caller sees it, when it may call it. */
  readonly nameOf: ApiServerOptions['nameOf']
  readonly proxy: () => DesiredState['egress']['proxy']
  readonly onListings: () => void
  readonly onResourceUpdated: (server: string, params: Members) => void
  readonly onTaskChanged: (server: string, params: Members) => void
  readonly log: (event: { level: 'info' | 'warn'; server: string; text: string }) => void
}

/** Owns every link to a server. A server whose resolved specification did not change keeps its connections. */
export class Servers {
  private readonly options: ServersOptions
  private readonly running = new Map<string, Running>()
  private readonly conversions = createConversions(conversionCaps)

  constructor(options: ServersOptions) {
    this.options = options
  }

  /** Where relative commands, folders and descriptions start. */
  get baseFolder(): string {
    return this.options.baseFolder
  }

  /** Of the gateway, for servers that do not say. */
  get proxy(): DesiredState['egress']['proxy'] {
    return this.options.proxy()
  }

  get environment(): ServersOptions['environment'] {
    return this.options.environment
  }

  /** Makes the running servers those of the state. `specs` have their references resolved. */
  apply(
    specs: Readonly<Record<string, ServerSpec>>,
    secrets: ReadonlyMap<string, readonly string[]>,
  ): void {
    for (const [name, running] of this.running) {
      const spec = specs[name]
      if (spec?.enabled === true && digestOf(spec, secrets.get(name)) === running.digest) continue
      this.running.delete(name)
      running.watch.stop(spec === undefined)
      // Calls that run keep their link for a while; new ones cannot find it.
      setTimeout(() => void running.link.close(), running.gate.running === 0 ? 0 : 10_000).unref()
    }
    for (const [name, spec] of Object.entries(specs)) {
      if (spec.enabled && !this.running.has(name)) this.tryBegin(name, spec, secrets.get(name))
    }
  }

  /** A server that cannot even be set up must not keep the others from being so. */
  private tryBegin(name: string, spec: ServerSpec, secrets: readonly string[] | undefined): void {
    try {
      this.begin(name, spec, secrets)
    } catch (fault) {
      this.options.log({
        level: 'warn',
        server: name,
        text: `cannot be set up: ${messageOf(fault)}`,
      })
    }
  }

  private begin(name: string, spec: ServerSpec, secrets: readonly string[] | undefined): void {
    const digest = digestOf(spec, secrets)
    const presented = this.presentedBy(spec, secrets)
    const incoming = new Incoming(presented.secrets)
    const link = this.open(name, spec, presented)
    const { options } = this
    const isMcp = kindOf(spec) === 'http' || kindOf(spec) === 'stdio'
    const watched: Watched = {
      server: name,
      spec: digest,
      lazy: spec.stdio?.start === 'lazy',
      passive: options.passive,
      everyMs: refreshMs(spec),
      facts: () => link.facts(),
      list: (method) => link.list(method),
      watch: (notice) => link.watch(notice),
      ...(link.whyUnreachable === undefined
        ? {}
        : { whyUnreachable: async () => link.whyUnreachable?.() }),
    }
    const watch = new ServerWatch(watched, {
      folder: options.listingsFolder,
      readers: itemReaders(isMcp ? 'server' : 'description'),
      now: options.now,
      onListing: (listing) => {
        const running = this.running.get(name)
        if (running === undefined || running.watch !== watch) return
        running.listing = listing
        options.onListings()
      },
      onResourceUpdated: options.onResourceUpdated,
      onTaskChanged: options.onTaskChanged,
      log: options.log,
    })
    const gate = new Gate({
      link,
      // An API's executor takes out what it presents, which may be another token in each call.
      incoming: isMcp ? incoming : undefined,
      concurrencyMax: spec.concurrency,
      timeoutMs: durationMs(spec.timeout) ?? 60_000,
    })
    this.running.set(name, { digest, gate, link, watch, presented, listing: emptyListing(name) })
    watch
      .begin()
      .catch((fault: unknown) => options.log({ level: 'warn', server: name, text: String(fault) }))
  }

  /** A link of its own, outside the registry, e.g. to try a server before it is added. */
  open(name: string, spec: ServerSpec, presented: Presented): ServerLink {
    const { options } = this
    const incoming = new Incoming(presented.secrets)
    const waits = {
      requestTimeoutMs: Math.max(requestTimeoutMs, durationMs(spec.timeout) ?? 0),
      startTimeoutMs:
        durationMs(spec.startTimeout ?? '') ??
        (spec.stdio === undefined ? requestTimeoutMs : startProgramMs),
    }
    const codec: ServerCodec = {
      ...serverCodec,
      decode: (bytes) => serverCodec.decode(incoming.whole(bytes)),
      said: (bytes) => serverCodec.said(incoming.whole(bytes)),
    }
    const entry = apiEntry(spec, options.baseFolder)
    if (entry !== undefined) return this.openApi(name, spec, entry).link
    if (spec.http !== undefined) {
      return new McpHttp({
        spec: spec.http,
        era: spec.era,
        headers: presented.headers,
        tls: tlsOf(spec),
        codec,
        extensions: allowedExtensions(spec),
        egress: createEgress({
          named: [new URL(spec.http.url).hostname],
          spec: spec.egress,
          environment: options.environment,
        }),
        messageBytesMax,
        ...waits,
        connectionsMax: spec.concurrency + parkedCallsMax + connectionsSpare,
        sessionsMax: 2_000,
        gatherMs,
        now: options.now,
      })
    }
    const { stdio } = spec
    if (stdio === undefined) throw new GatewayError('not_yet', { detail: 'a kind without a link' })
    const env = childEnvironment(options.environment, stdio.inherit, stdio.env)
    return new ChannelLink({
      codec,
      extensions: allowedExtensions(spec),
      era: spec.era,
      gatherMs,
      ...waits,
      perPrincipal: stdio.process === 'per-principal',
      idleStopMs: durationMs(stdio.idleStop) ?? 900_000,
      sessionsMax: 64,
      backoff: () =>
        createBackoff({ firstMs: 500, maxMs: 60_000, factor: 2, jitter: 0.2, random: Math.random }),
      now: options.now,
      open: () =>
        options.processes.start({
          name,
          command: stdio.command,
          args: stdio.args,
          env,
          cwd: stdio.cwd ?? options.baseFolder,
          secrets: Object.values(stdio.env),
        }),
    })
  }

  /** What a specification presents. `secrets`: what references in it were replaced by. */
  presentedBy(spec: ServerSpec, secrets: readonly string[] = []): Presented {
    return {
      identity: digestOf(spec, secrets),
      headers: credentialHeaders(spec),
      secrets: presentedSecrets(spec, secrets, this.options.environment),
    }
  }

  /** A server of an API kind, outside the registry. */
  openApi(name: string, spec: ServerSpec, entry: ApiEntry, widens?: boolean): ApiServer {
    const { cursors, nameOf, now, environment } = this.options
    return openApiServer({
      widens,
      name,
      spec,
      entry,
      headers: credentialHeaders(spec),
      convert: (start, read) => this.conversions.convert({ ...entry.of, ...start }, read),
      cursors,
      nameOf,
      now,
      environment,
    })
  }

  /** The gate of a server, if it still is the one whose credential was attached: no token goes to another address. */
  gate(server: string, { identity }: Presented): Gate | undefined {
    const running = this.running.get(server)
    return running?.presented.identity === identity ? running.gate : undefined
  }

  /** The same for all who call. Undefined: no such server runs. */
  presented(server: string): Presented | undefined {
    return this.running.get(server)?.presented
  }

  listings(): readonly Listing[] {
    return [...this.running.values()].map((running) => running.listing)
  }

  async seen(servers: readonly string[], waitMs: number): Promise<void> {
    await Promise.all(servers.map((server) => this.running.get(server)?.watch.seen(waitMs)))
  }

  refresh(server: string): Promise<void> {
    return this.running.get(server)?.watch.refreshNow() ?? Promise.resolve()
  }

  subscribe(server: string, uri: string): Promise<void> {
    return (
      this.running.get(server)?.link.subscribe(uri) ??
      Promise.reject(new GatewayError('server_unavailable', { detail: 'not registered' }))
    )
  }

  unsubscribe(server: string, uri: string): Promise<void> {
    return this.running.get(server)?.link.unsubscribe(uri) ?? Promise.resolve()
  }

  subscribeTask(server: string, taskId: string): Promise<void> {
    return (
      this.running.get(server)?.link.subscribeTask(taskId) ??
      Promise.reject(new GatewayError('server_unavailable', { detail: 'not registered' }))
    )
  }

  unsubscribeTask(server: string, taskId: string): Promise<void> {
    return this.running.get(server)?.link.unsubscribeTask(taskId) ?? Promise.resolve()
  }

  /** Ends sessions and processes of principals that are gone. */
  dropPrincipals(gone: (principalId: string) => boolean): void {
    for (const { link } of this.running.values()) link.dropPrincipals(gone)
  }

  async close(): Promise<void> {
    for (const running of this.running.values()) running.watch.stop(false)
    await Promise.allSettled([...this.running.values()].map((running) => running.link.close()))
    this.running.clear()
    await this.conversions.close()
  }
}

/** Servers that cannot tell that something changed are asked again after so long; 0: never. */
function refreshMs(spec: ServerSpec): number {
  if (spec.stdio !== undefined) return 0
  return spec.http === undefined ? (durationMs(spec.refresh) ?? refreshHttpMs) : refreshHttpMs
}

function digestOf(spec: ServerSpec, secrets: readonly string[] = []): string {
  // Title and limits of the gate are part of it too: a change makes a new gate.
  return hash('sha256', JSON.stringify([spec, secrets]), 'hex')
}

/** What is presented to a server, from its resolved specification: all that is only headers. */
export function credentialHeaders(spec: ServerSpec): Presented['headers'] {
  const headers: Record<string, string> = { ...userOf(spec.http?.url) }
  for (const [name, value] of Object.entries(configuredHeaders(spec)))
    headers[name.toLowerCase()] = value
  return Object.assign(
    headers,
    spec.credential === undefined ? undefined : headersOf(spec.credential),
  )
}

/** User and password in a URL (RFC 3986 section 3.2.1) are a credential like any other. */
function userOf(address: string | undefined): Presented['headers'] {
  const url = address === undefined ? null : URL.parse(address)
  if (url === null || (url.username === '' && url.password === '')) return {}
  const plain = (text: string): string => {
    try {
      return decodeURIComponent(text)
    } catch {
      return text
    }
  }
  const basic = { username: plain(url.username), password: plain(url.password) }
  return headersOf({ basic }) ?? {}
}

function configuredHeaders(spec: ServerSpec): Readonly<Record<string, string>> {
  const kind = spec[kindOf(spec)]
  return kind !== undefined && 'headers' in kind ? kind.headers : {}
}
