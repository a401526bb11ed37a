import type { Call, Endpoint } from '../model/call.ts'
import { GatewayError } from '../model/refusal.ts'
import type { Item, Target } from '../model/target.ts'
import type { Catalog } from './catalog.ts'
import { splitUri } from './names.ts'
import { templateMatches } from './uri-template.ts'

/** Which items an endpoint shows, before policy: everything, one server, or a toolset's selection. */
export interface Scope {
  readonly endpoint: Endpoint
  /** The servers that can be behind the endpoint. */
  readonly servers: readonly string[]
  has(kind: 'tool' | 'prompt' | 'resource', server: string, name: string): boolean
}

/**
 * The target that a call names. Pure over the index.
 * @throws GatewayError tool_unknown, prompt_unknown, resource_unknown — the same answer that policy gives
 */
export function resolve(catalog: Catalog, scope: Scope, call: Call): Target {
  switch (call.method) {
    case 'tools/call':
      return namedTarget(catalog, scope, 'tool', call.name)
    case 'prompts/get':
      return namedTarget(catalog, scope, 'prompt', call.name)
    case 'completion/complete':
      return call.reference === 'prompt'
        ? namedTarget(catalog, scope, 'prompt', call.name)
        : resourceTarget(catalog, scope, call.name)
    case 'resources/read':
    case 'resources/subscribe':
    case 'resources/unsubscribe':
      return resourceTarget(catalog, scope, call.name)
    default:
      throw new GatewayError('method_unknown')
  }
}

function namedTarget(
  catalog: Catalog,
  scope: Scope,
  kind: 'tool' | 'prompt',
  name: string,
): Target {
  const { endpoint } = scope
  const item: Item | undefined =
    endpoint.kind === 'server'
      ? catalog.byServer.get(endpoint.server)?.[kind].get(name)
      : catalog.byPublic[kind].get(name)
  if (item === undefined || !scope.has(kind, item.server, item.name))
    throw unknownTarget(kind, name)
  return { kind, server: item.server, name: item.name, item }
}

function resourceTarget(catalog: Catalog, scope: Scope, publicUri: string): Target {
  const { endpoint } = scope
  const place =
    endpoint.kind === 'server' ? { server: endpoint.server, uri: publicUri } : splitUri(publicUri)
  const index =
    place === undefined || hasDotSegments(place.uri)
      ? undefined
      : catalog.byServer.get(place.server)
  if (place === undefined || index === undefined || !scope.has('resource', place.server, place.uri))
    throw unknownTarget('resource', publicUri)
  const item =
    index.resource.get(place.uri) ??
    index.template.get(place.uri) ??
    [...index.template.values()].find((template) => templateMatches(template.name, place.uri))
  // A server may serve URIs that it does not list; policy judges the URI itself.
  return { kind: 'resource', server: place.server, name: place.uri, item }
}

/**
 * `/../` and its like, also encoded or with backslashes: a server would resolve them, so the text that the rules judge
 * would not be the resource that is read.
 */
function hasDotSegments(uri: string): boolean {
  return /(?:^|[/\\]|%2f|%5c)(?:\.|%2e){1,2}(?:$|[/\\?#]|%2f|%5c)/i.test(uri)
}

/** The refusal for a name that is unknown, or that the caller must not know. */
export function unknownTarget(kind: 'tool' | 'prompt' | 'resource', name: string): GatewayError {
  const code =
    kind === 'tool' ? 'tool_unknown' : kind === 'prompt' ? 'prompt_unknown' : 'resource_unknown'
  return new GatewayError(code, {
    detail: `no ${kind} of that name`,
    ...(kind === 'resource' ? { data: { uri: name } } : {}),
  })
}
