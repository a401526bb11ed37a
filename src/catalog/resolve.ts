import { isPlainUri } from '../kit/uri-readings.ts'
import type { Endpoint } from '../model/action.ts'
import type { Call } from '../model/call.ts'
import { methodOf } from '../model/methods.ts'
import { GatewayError } from '../model/refusal.ts'
import type { Item, Target } from '../model/target.ts'
import type { Catalog } from './catalog.ts'
import { shownAs, splitUri } from './names.ts'
import { templateMatches } from './uri-template.ts'

/** Which items an endpoint shows, before policy: everything, one server, or a toolset's selection. */
export interface Scope {
  readonly endpoint: Endpoint
  /** The servers that can be behind the endpoint. */
  readonly servers: readonly string[]
  /** Servers whose apps show here although several servers do: their tools may be called by their bare names, too. */
  readonly appServers: readonly string[]
  has(kind: 'tool' | 'prompt' | 'resource', server: string, name: string): boolean
}

/** Whether the caller may use an item: decides between several that would have one public name. */
export type Sees = (item: Item) => boolean

/**
 * The target that a call names. Pure over the index.
 * @throws GatewayError tool_unknown, prompt_unknown, resource_unknown — the same answer that policy gives
 */
export function resolve(catalog: Catalog, scope: Scope, call: Call, sees: Sees): Target {
  switch (methodOf(call.method).subject?.kind) {
    case 'tool':
      return namedTarget(catalog, scope, 'tool', call.subject, sees)
    case 'prompt':
      return namedTarget(catalog, scope, 'prompt', call.subject, sees)
    case 'reference':
      return call.reference === 'prompt'
        ? namedTarget(catalog, scope, 'prompt', call.subject, sees)
        : resolveResource(catalog, scope, call.subject)
    case 'resource':
      return resolveResource(catalog, scope, call.subject)
    default:
      return methodTarget(scope, call.method)
  }
}

/** A method of an extension that the operator allowed by name; rules judge it as `server/method`. */
function methodTarget({ endpoint }: Scope, method: string): Target {
  if (endpoint.kind !== 'server') throw new GatewayError('method_unknown')
  return { kind: 'tool', server: endpoint.server, name: method, item: undefined }
}

/** What a public task id holds: the tool that made the task, and the server's own id. */
export interface TaskOrigin {
  readonly server: string
  readonly tool: string
  readonly task: string
}

/**
 * The target of a call about a task: judged by the rules of the tool that made it.
 * @throws GatewayError task_unknown when the id is not the caller's, or the endpoint does not show the tool
 */
export function resolveTask(
  catalog: Catalog,
  scope: Scope,
  origin: TaskOrigin | undefined,
): Target {
  if (
    origin === undefined ||
    !scope.servers.includes(origin.server) ||
    !scope.has('tool', origin.server, origin.tool)
  )
    throw new GatewayError('task_unknown', { detail: 'forged, foreign, expired or not shown here' })
  const { server, tool, task } = origin
  const item = catalog.byServer.get(server)?.tool.get(tool)
  return { kind: 'tool', server, name: tool, item, task }
}

function namedTarget(
  catalog: Catalog,
  scope: Scope,
  kind: 'tool' | 'prompt',
  name: string,
  sees: Sees,
): Target {
  const { endpoint } = scope
  const item: Item | undefined =
    endpoint.kind === 'server'
      ? catalog.byServer.get(endpoint.server)?.[kind].get(name)
      : (publicItem(catalog, scope, kind, name, sees) ??
        (kind === 'tool' ? bareTool(catalog, scope, name) : undefined))
  if (item === undefined || !scope.has(kind, item.server, item.name))
    throw unknownTarget(kind, name)
  return { kind, server: item.server, name: item.name, item }
}

/** The item that the caller is shown under a public name. */
function publicItem(
  catalog: Catalog,
  scope: Scope,
  kind: 'tool' | 'prompt',
  name: string,
  sees: Sees,
): Item | undefined {
  const shown = (item: Item): boolean => scope.has(kind, item.server, item.name) && sees(item)
  return catalog.byPublic[kind].get(name)?.find((item) => {
    const names = catalog.publicOf.get(item)
    if (names === undefined || names.twins.length === 0) return true
    return shown(item) && shownAs(names, shown) === name
  })
}

/** An app calls the tools of its server by their bare names; one that two servers have could be the wrong one. */
function bareTool(catalog: Catalog, scope: Scope, name: string): Item | undefined {
  // What looks like the public name of another server's tool is never an app's own.
  if (scope.servers.some((server) => name.startsWith(`${server}__`))) return undefined
  const found = scope.appServers.flatMap((server) => {
    const item = catalog.byServer.get(server)?.tool.get(name)
    return item === undefined || !scope.has('tool', server, name) ? [] : [item]
  })
  return found.length === 1 ? found[0] : undefined
}

/** The target of a public URI. @throws GatewayError resource_unknown */
export function resolveResource(catalog: Catalog, scope: Scope, publicUri: string): Target {
  const { endpoint } = scope
  const place =
    endpoint.kind === 'server' ? { server: endpoint.server, uri: publicUri } : splitUri(publicUri)
  if (place === undefined || !isReadable(catalog, scope, place.server, place.uri))
    throw unknownTarget('resource', publicUri)
  const { server, uri } = place
  const index = catalog.byServer.get(server)
  const item =
    index?.resource.get(uri) ??
    index?.template.get(uri) ??
    [...(index?.template.values() ?? [])].find((template) => templateMatches(template.name, uri))
  // A server may serve URIs that it does not list; policy judges the URI itself.
  return { kind: 'resource', server, name: uri, item }
}

/**
 * Whether an endpoint has a URI that policy can judge: one that the server listed word for word, or one that every
 * parser reads alike. What a server takes away or resolves would not be the text that the rules judge.
 */
export function isReadable(catalog: Catalog, scope: Scope, server: string, uri: string): boolean {
  return (
    catalog.byServer.has(server) &&
    scope.has('resource', server, uri) &&
    canBeJudged(catalog, server, uri)
  )
}

/** The same wherever it is asked for. */
export function canBeJudged(catalog: Catalog, server: string, uri: string): boolean {
  const index = catalog.byServer.get(server)
  return (
    isPlainUri(uri) ||
    index?.resource.has(uri) === true ||
    index?.template.has(uri) === true ||
    index?.skill.has(uri) === true
  )
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
