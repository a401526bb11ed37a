/**
 * The kinds of APIs: what of an entry is a place to read, which hosts its operator named, and who carries out its
 * calls. Another kind is an entry here and a line in `src/kinds/converters.ts`. Everything heavy is imported when a
 * server of that kind is there, so that a gateway without one neither loads nor pays for it.
 */
import { isAbsolute, resolve } from 'node:path'
import { z } from 'zod'
import type { Executor, ExecutorOptions } from '../kinds/api/executor.ts'
import type { Conversion } from '../model/conversion.ts'
import {
  type ApiKind,
  type ApiSpecs,
  apiKinds,
  kindOf,
  type ServerSpec,
} from '../model/desired-state.ts'
import { GatewayError } from '../model/refusal.ts'

interface Kind<K extends ApiKind> {
  /** Path or URL of the description; undefined: the executor introspects. */
  readonly description: (spec: ApiSpecs[K]) => string | undefined
  /** URLs, or host:port, that calls go to as far as the operator wrote them. */
  readonly endpoints: (spec: ApiSpecs[K]) => readonly string[]
  /** The spec with its paths made absolute by `absolute`. */
  readonly located: (spec: ApiSpecs[K], absolute: (place: string) => string) => ApiSpecs[K]
  /** URLs that a conversion's calls go to. */
  readonly targets: (conversion: Conversion) => readonly string[]
  /** URLs that a conversion's calls get their tokens from. */
  readonly tokens?: (conversion: Conversion) => readonly string[]
  /** Imports what carries out its calls. */
  readonly executor?: () => Promise<
    (options: ExecutorOptions<ApiSpecs[K]>) => Executor<unknown, unknown>
  >
}

const some = (...places: readonly (string | undefined)[]): readonly string[] =>
  places.filter((place) => place !== undefined)

/** The spec with the folder of its files made absolute. */
function rooted<S extends { readonly root?: string | undefined }>(
  spec: S,
  absolute: (place: string) => string,
): S {
  return spec.root === undefined ? spec : { ...spec, root: absolute(spec.root) }
}

/** Values of one text member of all plans. */
function ofPlans(member: string): (conversion: Conversion) => readonly string[] {
  return ({ tools }) => {
    const values = tools.map(({ plan }): unknown =>
      typeof plan === 'object' && plan !== null
        ? Object.getOwnPropertyDescriptor(plan, member)?.value
        : undefined,
    )
    return [...new Set(values.filter((value) => typeof value === 'string'))]
  }
}

const tokenSchemes = z.object({
  security: z.record(z.string(), z.object({ tokenUrl: z.string().optional() })),
})

/** Where a REST description says that tokens are fetched. */
function tokenUrls(common: unknown): readonly string[] {
  const schemes = tokenSchemes.safeParse(common).data?.security ?? {}
  return some(...Object.values(schemes).map(({ tokenUrl }) => tokenUrl))
}

const kinds: { readonly [K in ApiKind]: Kind<K> } = {
  openapi: {
    description: ({ spec }) => spec,
    endpoints: ({ baseUrl }) => some(baseUrl),
    located: (spec, absolute) => ({ ...rooted(spec, absolute), spec: absolute(spec.spec) }),
    targets: ofPlans('baseUrl'),
    tokens: ({ common }) => tokenUrls(common),
    executor: async () => (await import('../kinds/openapi/execute/executor.ts')).createRestExecutor,
  },
  graphql: {
    description: ({ schema }) => schema,
    endpoints: ({ url, subscriptions }) => some(url, subscriptions.url),
    located: (spec, absolute) =>
      spec.schema === undefined ? spec : { ...spec, schema: absolute(spec.schema) },
    targets: () => [],
    executor: async () =>
      (await import('../kinds/graphql/execute/executor.ts')).createGraphqlExecutor,
  },
  soap: {
    description: ({ wsdl }) => wsdl,
    endpoints: ({ endpoint }) => some(endpoint),
    located: (spec, absolute) => ({ ...rooted(spec, absolute), wsdl: absolute(spec.wsdl) }),
    targets: ofPlans('endpoint'),
    executor: async () => (await import('../kinds/soap/execute/executor.ts')).createSoapExecutor,
  },
  grpc: {
    description: ({ proto }) => proto,
    endpoints: ({ address }) => [address],
    located: (spec, absolute) => ({
      ...rooted(spec, absolute),
      ...(spec.proto === undefined ? {} : { proto: absolute(spec.proto) }),
    }),
    targets: () => [],
    executor: async () => (await import('../kinds/grpc/execute/executor.ts')).createGrpcExecutor,
  },
  asyncapi: {
    description: ({ spec }) => spec,
    endpoints: ({ url }) => some(url),
    located: (spec, absolute) => ({ ...rooted(spec, absolute), spec: absolute(spec.spec) }),
    targets: ofPlans('url'),
    executor: async () =>
      (await import('../kinds/asyncapi/execute/executor.ts')).createAsyncapiExecutor,
  },
  sql: {
    description: () => undefined,
    endpoints: ({ url }) => (url.startsWith('sqlite:') ? [] : [url]),
    located: (spec, absolute) =>
      spec.url.startsWith('sqlite:')
        ? { ...spec, url: `sqlite:${absolute(spec.url.slice('sqlite:'.length))}` }
        : spec,
    targets: () => [],
    executor: async () => (await import('../kinds/sql/execute/executor.ts')).createSqlExecutor,
  },
}

/** A server of one kind of API, ready to be opened: references resolved, paths absolute. */
export type ApiEntry<K extends ApiKind = ApiKind> = {
  readonly [P in K]: { readonly kind: P; readonly spec: ApiSpecs[P] }
}[K]

export function isUrl(place: string): boolean {
  return /^https?:\/\//i.test(place)
}

/** Undefined for MCP servers. `baseFolder` is where relative paths start. */
export function apiEntry(spec: ServerSpec, baseFolder: string): ApiEntry | undefined {
  const kind = kindOf(spec)
  const absolute = (place: string): string =>
    isUrl(place) || isAbsolute(place) ? place : resolve(baseFolder, place)
  const entries = apiKinds.flatMap((api) => (api === kind ? entryOf(api, spec, absolute) : []))
  return entries[0]
}

function entryOf<K extends ApiKind>(
  kind: K,
  server: { readonly [P in ApiKind]?: ApiSpecs[P] | undefined },
  absolute: (place: string) => string,
): ApiEntry<K>[] {
  const spec: ApiSpecs[K] | undefined = server[kind]
  return spec === undefined ? [] : [{ kind, spec: kinds[kind].located(spec, absolute) }]
}

/** Path or URL of the description; undefined: introspection. */
export function descriptionOf<K extends ApiKind>(entry: ApiEntry<K>): string | undefined {
  return kinds[entry.kind].description(entry.spec)
}

/** Where files that the description points at may lie beside its own folder. */
export function rootOf({ spec }: ApiEntry): string | undefined {
  return 'root' in spec ? spec.root : undefined
}

/** URLs, or host:port, that calls go to as far as the operator wrote them. */
export function endpointsOf<K extends ApiKind>(entry: ApiEntry<K>): readonly string[] {
  return kinds[entry.kind].endpoints(entry.spec)
}

/** URLs that a conversion's calls go to. */
export function targetsOf(kind: ApiKind, conversion: Conversion): readonly string[] {
  return kinds[kind].targets(conversion)
}

/** URLs that a conversion's calls get their tokens from. */
export function tokenUrlsOf(kind: ApiKind, conversion: Conversion): readonly string[] {
  return kinds[kind].tokens?.(conversion) ?? []
}

/** @throws GatewayError not_yet for a kind whose calls nobody carries out yet */
export async function executorOf<K extends ApiKind>(
  entry: ApiEntry<K>,
  options: Omit<ExecutorOptions<unknown>, 'spec'>,
): Promise<Executor<unknown, unknown>> {
  const load = kinds[entry.kind].executor
  if (load === undefined)
    throw new GatewayError('not_yet', { detail: `calls of ${entry.kind} are not carried out yet` })
  const create = await load()
  return create({ ...options, spec: entry.spec })
}
