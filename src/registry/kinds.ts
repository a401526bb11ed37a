/** What a server's entry is of which kind of API. */
import { isAbsolute, resolve } from 'node:path'
import { kinds } from '../kinds/all.ts'
import type { SpecOf } from '../kinds/converters.ts'
import { type Bound, bind, isUrl } from '../kinds/kind.ts'
import type { ServerSpec } from '../model/desired-state.ts'
import { type ApiKind, type ApiSpecs, apiKinds } from '../model/kinds/all.ts'

/** A server of one kind of API, ready to be opened: references resolved, paths absolute. */
export interface ApiEntry<K extends ApiKind = ApiKind> extends Bound {
  readonly of: SpecOf<K>
}

type ApiParts = { readonly [K in ApiKind]?: ApiSpecs[K] | undefined }

/** Undefined for MCP servers. `baseFolder` is where relative paths start. */
export function apiEntry(spec: ServerSpec, baseFolder: string): ApiEntry | undefined {
  const absolute = (place: string): string =>
    isUrl(place) || isAbsolute(place) ? place : resolve(baseFolder, place)
  const kind = apiKindOf(spec)
  return kind === undefined ? undefined : entryOf(kind, spec, absolute)[0]
}

/** Undefined for MCP servers. */
function apiKindOf(parts: ApiParts): ApiKind | undefined {
  return apiKinds.find((kind) => parts[kind] !== undefined)
}

function entryOf<K extends ApiKind>(
  kind: K,
  parts: ApiParts,
  absolute: (place: string) => string,
): ApiEntry<K>[] {
  const given: ApiSpecs[K] | undefined = parts[kind]
  if (given === undefined) return []
  const spec = kinds[kind].located(given, absolute)
  return [{ ...bind(kinds[kind], spec), of: { kind, spec } }]
}

/** Where an API is, as its entry says it; undefined for MCP servers. */
export function placeOf(parts: ApiParts): string | undefined {
  const kind = apiKindOf(parts)
  return kind === undefined ? undefined : addressIn(kind, parts)
}

function addressIn<K extends ApiKind>(kind: K, parts: ApiParts): string | undefined {
  const spec: ApiSpecs[K] | undefined = parts[kind]
  return spec === undefined ? undefined : kinds[kind].address(spec)
}
