/** Opens a server of an API kind: its description, its converter and its executor, put together as one link. */

import { hash } from 'node:crypto'
import type { Egress } from '../egress/egress.ts'
import { createEgress } from '../egress/guard.ts'
import { ApiLink, type ApiLinkOptions } from '../kinds/api/api-link.ts'
import type { Executor, ExecutorOptions } from '../kinds/api/executor.ts'
import type { Start } from '../kinds/converters.ts'
import { type Bound, isUrl } from '../kinds/kind.ts'
import { messageOf } from '../kit/thrown.ts'
import type { Conversion, Document, Provided, ReadDocument } from '../model/conversion.ts'
import { type Credential, placesOf, type SchemeCredential } from '../model/credential.ts'
import type { ServerSpec } from '../model/desired-state.ts'
import { durationMs } from '../model/desired-state.ts'
import { GatewayError } from '../model/refusal.ts'
import { readCaps } from './description/bounds.ts'
import { convertMasked, faultsMasked } from './description/mask.ts'
import { DescriptionSource } from './description/source.ts'
import { watchFiles } from './description/watch-files.ts'

export interface ApiServerOptions {
  readonly name: string
  /** Resolved. */
  readonly spec: ServerSpec
  readonly entry: Bound
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  /** @throws ConversionFault; GatewayError busy, shutting_down */
  readonly convert: (start: Start, read: ReadDocument) => Promise<Conversion>
  readonly cursors: ExecutorOptions<unknown>['cursors']
  readonly nameOf: NonNullable<ApiLinkOptions<unknown, unknown>['nameOf']>
  readonly now: () => number
  readonly environment: Readonly<Record<string, string | undefined>>
  /** A description without a root may point at files outside its folder; `widened` then says where. */
  readonly widens?: boolean | undefined
}

/** Reading a description with all its documents, or introspecting. */
const describeTimeoutMs = 120_000

/** Targets that are looked at; a description may name one for each operation. */
const targetsMax = 20
const reachMs = 5_000

export interface ApiServer {
  readonly link: ApiLink<unknown, unknown>
  /** Where its calls go, as far as the description or the entry says, and what stands in the way. */
  targets(): Promise<Target[]>
  /** The folder that the description's references led to, when it is not its own and nobody said so before. */
  widened(): string | undefined
}

export interface Target {
  readonly url: string
  readonly fault?: string
}

export function openApiServer(options: ApiServerOptions): ApiServer {
  const { name, spec, entry } = options
  const egress = namedEgress(options)
  const executor = lazyExecutor(() =>
    entry.executor({
      server: name,
      credential: spec.credential,
      egress,
      cursors: options.cursors,
      timeoutMs: durationMs(spec.timeout) ?? 60_000,
      now: options.now,
    }),
  )
  const place = entry.description
  const source = place === undefined ? undefined : sourceOf(options, place)
  const isFile = place !== undefined && !isUrl(place)
  const convert = async (description: Document): Promise<Conversion> => {
    const start = { description, provided: providedBy(spec) }
    const read = source?.read ?? noFurther
    const conversion = await convertMasked(place, () => options.convert(start, read))
    // A file is as much the operator's word as the configuration is: where it sends calls, they may go. What a
    // description behind a URL says is a stranger's word, and must be allowed by name.
    if (isFile) egress.name([...entry.targets(conversion), ...entry.tokens(conversion)])
    return conversion
  }
  const link = new ApiLink<unknown, unknown>({
    describe:
      source === undefined
        ? introspection(executor)
        : (signal, changedOnly) => faultsMasked(place, () => source.describe(signal, changedOnly)),
    convert,
    executor,
    describeTimeoutMs,
    whyUnreachable: async (conversion, fault) =>
      source === undefined
        ? fault !== undefined && ofReaching.has(fault.code)
          ? fault.message
          : undefined
        : unreachableOf(await reachAll(egress, entry, placesCalled(entry, conversion))),
    nameOf: options.nameOf,
    ...(source === undefined || !isFile
      ? {}
      : { onChange: (changed) => watchFiles(() => source.files, changed) }),
  })
  return {
    link,
    async targets() {
      const conversion = await link.conversion()
      const tokens = entry.tokens(conversion)
      return reachAll(
        egress,
        entry,
        [...placesCalled(entry, conversion), ...tokens].slice(0, targetsMax),
      )
    },
    widened: () => source?.widened,
  }
}

/** Where calls go, as far as the description or the entry says; an entry's own word comes last and may be the only one. */
function placesCalled(entry: Bound, conversion: Conversion): readonly string[] {
  return [...new Set([...entry.targets(conversion), ...entry.endpoints])].slice(0, targetsMax)
}

function reachAll(egress: Egress, entry: Bound, places: readonly string[]): Promise<Target[]> {
  const fault = `the description names no server; say it with --base-url, or with ${entry.addressedBy} in a file`
  return Promise.all(
    places.map((place) => (place === '' ? { url: '', fault } : reach(egress, place))),
  )
}

/** Faults of an introspection that calls would meet as well. */
const ofReaching: ReadonlySet<string> = new Set([
  'server_unavailable',
  'server_refused_us',
  'server_timeout',
  'egress_refused',
])

/** Why no call could arrive, when that is so of all targets. */
function unreachableOf(targets: readonly Target[]): string | undefined {
  return targets.every(({ fault }) => fault !== undefined) ? targets[0]?.fault : undefined
}

/** Whether a connection to a target can be made. */
async function reach(egress: Egress, target: string): Promise<Target> {
  const url = URL.parse(target)
  const isHttp = url !== null && /^(https?|wss?):$/.test(url.protocol)
  const [, host, port] = /^(?:grpcs?:\/\/)?([^/:]+|\[[^\]]+\]):(\d+)\/?$/i.exec(target) ?? []
  const shown = target.replace(/\/\/[^/@]*@/, '//').replace(/[?#].*$/s, '')
  try {
    if (isHttp) await egress.reach(url, reachMs)
    else if (host !== undefined)
      (
        await egress.connect({ host, port: Number(port), tls: undefined, timeoutMs: reachMs })
      ).destroy()
    // Databases were introspected; only their address is shown.
    return { url: shown }
  } catch (fault) {
    return { url: shown, fault: messageOf(fault) }
  }
}

/** What of an entry beside its kind makes tools. */
function providedBy({ credential, fixed, defaults, schemas }: ServerSpec): Provided {
  const region =
    credential !== undefined && 'awsSigV4' in credential ? credential.awsSigV4.region : undefined
  return {
    credential: credential === undefined ? [] : placesOf(credential),
    variables: region === undefined ? {} : { region },
    fixed,
    defaults,
    schemas,
  }
}

const noFurther = (): Promise<never> =>
  Promise.reject(new GatewayError('internal', { detail: 'an introspection points at nothing' }))

/** Asks the server itself; `changedOnly` compares what it says. */
function introspection(
  executor: Executor<unknown, unknown>,
): (signal: AbortSignal, changedOnly: boolean) => Promise<Document | undefined> {
  let last = ''
  return async (signal, changedOnly) => {
    const document = await executor.describe?.(signal)
    if (document === undefined)
      throw new GatewayError('not_yet', { detail: 'this kind does not describe itself yet' })
    const digest = hash('sha256', document.text, 'hex')
    if (changedOnly && digest === last) return undefined
    last = digest
    return document
  }
}

function sourceOf(
  { spec, entry, headers, widens, environment }: ApiServerOptions,
  place: string,
): DescriptionSource {
  const hosts = [place, ...entry.endpoints].flatMap(hostOf)
  // What is presented to the API is presented for its description only where that is the API itself.
  const origins = entry.endpoints.flatMap((endpoint) => URL.parse(endpoint)?.origin ?? [])
  return new DescriptionSource({
    place,
    root: entry.root,
    widens,
    egress: createEgress({ named: hosts, spec: spec.egress, environment }),
    caps: readCaps,
    credential: { origin: origins[0] ?? '', headers },
    tls: tlsOf(spec),
  })
}

/** The certificates of a server's connections. */
export function tlsOf({
  credential,
}: ServerSpec): { ca?: string; cert?: string; key?: string } | undefined {
  const tls = credential?.tls
  if (tls === undefined) return undefined
  const { ca, cert, key } = tls
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  }
}

/** The host of a URL or of host:port. */
export function hostOf(address: string): string[] {
  const url = address.includes('://') ? URL.parse(address) : URL.parse(`tcp://${address}`)
  const host = url?.hostname.replace(/^\[|\]$/g, '') ?? ''
  return host === '' ? [] : [host]
}

interface NamedEgress extends Egress {
  /** Allows the hosts of further URLs. */
  name(urls: readonly string[]): void
}

/** The guard of a server's calls, whose named hosts may grow with its description. */
function namedEgress({ spec, entry, environment }: ApiServerOptions): NamedEgress {
  const place = entry.description
  const own = [
    ...entry.endpoints,
    ...(place !== undefined && isUrl(place) ? [place] : []),
    ...writtenTokenUrls(spec.credential),
  ]
  const guardOf = (urls: readonly string[]): Egress =>
    createEgress({
      named: own.flatMap(hostOf),
      described: urls.flatMap(hostOf),
      spec: spec.egress,
      environment,
    })
  let guard = guardOf([])
  return {
    name(urls) {
      guard = guardOf(urls)
    },
    check: (url) => guard.check(url),
    lookup: (host, options, callback) => guard.lookup(host, options, callback),
    pool: (origin, options) => guard.pool(origin, options),
    reach: (url, timeoutMs) => guard.reach(url, timeoutMs),
    connect: (options) => guard.connect(options),
    resolve: (host) => guard.resolve(host),
  }
}

/** Token endpoints that the operator wrote. */
function writtenTokenUrls(
  credential: Credential | SchemeCredential | undefined,
): readonly string[] {
  if (credential === undefined) return []
  if ('schemes' in credential) return Object.values(credential.schemes).flatMap(writtenTokenUrls)
  return 'oauth' in credential && credential.oauth.tokenUrl !== undefined
    ? [credential.oauth.tokenUrl]
    : []
}

/** Imports the kind's executor when a call or an introspection first needs it. */
function lazyExecutor(load: () => Promise<Executor<unknown, unknown>>): Executor<unknown, unknown> {
  let loaded: Promise<Executor<unknown, unknown>> | undefined
  const executor = (): Promise<Executor<unknown, unknown>> => (loaded ??= load())
  return {
    async describe(signal) {
      const ready = await executor()
      if (ready.describe === undefined)
        throw new GatewayError('not_yet', { detail: 'this kind does not describe itself yet' })
      return ready.describe(signal)
    },
    run: async (run) => (await executor()).run(run),
    close: async () => (await loaded?.catch(() => undefined))?.close(),
  }
}
