import { type JsonMember, scanObject, stringValue } from '../kit/json-scan.ts'
import { Lru } from '../kit/lru.ts'
import { mayName } from '../kit/may-name.ts'
import { endpointText } from '../model/action.ts'
import type { Era } from '../model/call.ts'
import { type ListMethod, listFactsOf } from '../model/methods.ts'
import { GatewayError } from '../model/refusal.ts'
import type { Item, ItemKind } from '../model/target.ts'
import type { Catalog, Listing } from './catalog.ts'
import { publicUri, shownAs } from './names.ts'
import type { Scope } from './resolve.ts'
import { editTexts } from './schema-text.ts'

/** Who asks for which list. */
export interface ListQuery {
  readonly scope: Scope
  readonly method: ListMethod
  readonly era: Era
  readonly cursor: string | undefined
  /** May this caller use it: policy's answer. */
  readonly allowed: (kind: ItemKind, server: string, name: string) => boolean
  /** Callers with the same key see the same lists; changes with the policy version. */
  readonly permittedKey: string
  readonly now: number
}

export interface Page {
  /** Raw result object of the caller's era. */
  readonly body: Buffer
  readonly count: number
}

export interface ListerOptions {
  readonly pageItemsMax: number
  readonly pageBytesMax: number
  readonly cacheBytesMax: number
  /** Offline servers are hidden from lists after this many milliseconds. */
  readonly hideAfterMs: number
  readonly ttlMs: number
  readonly sealCursor: (text: string) => string
  readonly openCursor: (sealed: string) => string | undefined
  /** `hide`: not shown while down. */
  readonly offlineOf: (server: string) => 'keep' | 'hide'
  /** Whether the operator lets the MCP Apps of a server show on the endpoints that join several. */
  readonly appsJoined: (server: string) => boolean
}

/** Prepared pages of lists: built once per (endpoint, era, permitted set, catalog), then served from memory. */
export class Lister {
  private readonly options: ListerOptions
  private readonly pages: Lru<string, Page>
  private readonly fragments = new WeakMap<Item, Map<string, string>>()

  constructor(options: ListerOptions) {
    this.options = options
    this.pages = new Lru({ countMax: 10_000, weightMax: options.cacheBytesMax })
  }

  /** @throws GatewayError cursor_invalid */
  page(catalog: Catalog, query: ListQuery): Page {
    const after = query.cursor === undefined ? undefined : this.readCursor(query, query.cursor)
    const shown = query.scope.servers
      .map((server) => catalog.listings.get(server))
      .filter((listing) => listing !== undefined)
    const visible = shown.filter((listing) => this.visible(listing, query.now))
    const key = [
      endpointText(query.scope.endpoint),
      query.method,
      query.era,
      query.permittedKey,
      catalog.digest,
      visible.length,
      after ?? '',
    ].join('\n')
    const cached = this.pages.get(key)
    if (cached !== undefined) return cached
    const page = this.build(catalog, query, visible, shown, after)
    this.pages.set(key, page, page.body.length + key.length)
    return page
  }

  private visible(listing: Listing, now: number): boolean {
    if (listing.downSince === undefined) return true
    return (
      this.options.offlineOf(listing.server) === 'keep' &&
      now - listing.downSince < this.options.hideAfterMs
    )
  }

  private build(
    catalog: Catalog,
    query: ListQuery,
    visible: readonly Listing[],
    shown: readonly Listing[],
    after: string | undefined,
  ): Page {
    const { kind, member } = listFactsOf(query.method)
    const entries: { name: string; item: Item; era: Era }[] = []
    for (const listing of visible) {
      for (const item of listing.items[kind]) {
        if (!this.inScope(query.scope, item) || !query.allowed(kind, item.server, item.name))
          continue
        entries.push({
          name: this.publicNameOf(catalog, query, item),
          item,
          era: listing.facts?.era ?? 'legacy',
        })
      }
    }
    entries.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    const from = after === undefined ? 0 : entries.findIndex((entry) => entry.name > after)
    const texts: string[] = []
    let bytes = 0
    let last: string | undefined
    let more = false
    for (const entry of from < 0 ? [] : entries.slice(from)) {
      if (texts.length >= this.options.pageItemsMax || bytes >= this.options.pageBytesMax) {
        more = true
        break
      }
      const text = this.fragment(query, entry.item, entry.name, entry.era)
      texts.push(text)
      bytes += text.length
      last = entry.name
    }
    const cursor =
      more && last !== undefined
        ? `,"nextCursor":${JSON.stringify(this.writeCursor(query, last))}`
        : ''
    const text = `{"${member}":[${texts.join(',')}]${cursor}${this.trailer(query.era, shown, new Set(entries.map((entry) => entry.item.server)))}}`
    return { body: Buffer.from(text), count: texts.length }
  }

  /** The name or URI under which an endpoint shows an item to this caller. */
  private publicNameOf(catalog: Catalog, { scope, allowed }: ListQuery, item: Item): string {
    if (scope.endpoint.kind === 'server') return item.name
    const name = catalog.publicOf.get(item)
    if (name === undefined) return publicUri(item.server, item.name)
    return shownAs(
      name,
      (twin) => this.inScope(scope, twin) && allowed(twin.kind, twin.server, twin.name),
    )
  }

  private inScope(scope: Scope, item: Item): boolean {
    const { kind } = item
    const of = kind === 'template' || kind === 'skill' ? 'resource' : kind
    return scope.has(of, item.server, item.name)
  }

  /** Cache hints for modern callers, and which servers are shown from memory only. */
  private trailer(era: Era, shown: readonly Listing[], named: ReadonlySet<string>): string {
    // Only servers of which the caller sees something are named.
    const stale = shown
      .filter((listing) => listing.downSince !== undefined && named.has(listing.server))
      .map((listing) => listing.server)
    const unseen = shown.some((listing) => listing.listedAt === 0)
    const meta =
      stale.length === 0 ? '' : `,"_meta":{"dev.sallyport/stale":${JSON.stringify(stale)}}`
    if (era === 'legacy') return meta
    const ttlMs = unseen || stale.length > 0 ? 0 : this.options.ttlMs
    return `,"resultType":"complete","ttlMs":${ttlMs},"cacheScope":"private"${meta}`
  }

  /** One definition as this endpoint and era show it; encoded once. */
  private fragment(query: ListQuery, item: Item, name: string, serverEra: Era): string {
    const view = `${query.scope.endpoint.kind === 'server' ? 'own' : 'joined'} ${query.era} ${name}`
    let views = this.fragments.get(item)
    if (views === undefined) {
      views = new Map()
      this.fragments.set(item, views)
    }
    let text = views.get(view)
    if (text === undefined) {
      const joined = query.scope.endpoint.kind !== 'server'
      text = rewriteDefinition(item, listFactsOf(query.method).key, name, {
        dropExecution: query.era === 'modern' && serverEra === 'legacy',
        apps: !joined ? 'keep' : this.options.appsJoined(item.server) ? 'rewrite' : 'drop',
        // Results of a legacy server stay as they are, so its schemas do, too.
        wrapOutput: query.era === 'legacy' && serverEra === 'modern' && item.wrapsOutput,
        joined,
      })
      views.set(view, text)
    }
    return text
  }

  private readCursor(query: ListQuery, sealed: string): string {
    const text = this.options.openCursor(sealed)
    const prefix = cursorPrefix(query)
    if (text === undefined || !text.startsWith(prefix)) throw new GatewayError('cursor_invalid')
    return text.slice(prefix.length)
  }

  private writeCursor(query: ListQuery, last: string): string {
    return this.options.sealCursor(cursorPrefix(query) + last)
  }
}

function cursorPrefix(query: ListQuery): string {
  return `${endpointText(query.scope.endpoint)} ${query.method} `
}

/** How an endpoint shows a definition. */
interface Rewriting {
  /** Legacy task support, which modern callers lack. */
  readonly dropExecution: boolean
  /** Members of `_meta` that tie a tool to its app: hosts can isolate apps only where one server stands alone. */
  readonly apps: 'keep' | 'drop' | 'rewrite'
  /** Legacy callers know only output schemas of objects. */
  readonly wrapOutput: boolean
  /** URIs inside a definition get the server's name. */
  readonly joined: boolean
}

const uiKeys: ReadonlySet<string> = new Set(['ui', 'ui/resourceUri'])
const scanOptions = { depthMax: 512, refuseDuplicates: false }

/** A definition as an endpoint shows it: under its public name, its other members byte for byte unless `how` says otherwise. */
function rewriteDefinition(item: Item, key: string, name: string, how: Rewriting): string {
  const { raw } = item
  const dropExecution = how.dropExecution && item.kind === 'tool' && mayName(raw, 'execution')
  const touchUi = how.apps !== 'keep' && mayName(raw, '_meta')
  const skill = how.joined && item.kind === 'skill'
  if (name === item.name && !dropExecution && !touchUi && !how.wrapOutput && !skill) return raw
  const parts: string[] = []
  for (const member of scanObject(
    raw,
    { _meta: { ui: {} }, resources: { '[]': {} } },
    scanOptions,
  )) {
    const value = raw.slice(member.start, member.end)
    if (dropExecution && member.key === 'execution') continue
    if (member.key === key) parts.push(`"${key}":${JSON.stringify(name)}`)
    else if (touchUi && member.key === '_meta' && member.members !== undefined) {
      const meta = uiMeta(item, member.members, how.apps)
      if (meta !== '') parts.push(`"_meta":{${meta}}`)
    } else if (how.wrapOutput && member.key === 'outputSchema')
      parts.push(`"outputSchema":${wrappedSchema(value)}`)
    else if (skill && member.key === 'resources' && member.members !== undefined)
      parts.push(`"resources":[${member.members.map((file) => publicFile(item, file)).join(',')}]`)
    else parts.push(raw.slice(member.keyStart, member.end))
  }
  return `{${parts.join(',')}}`
}

/** `_meta` without the ties to an app, or with its URI as the endpoint shows it. */
function uiMeta(item: Item, members: readonly JsonMember[], apps: Rewriting['apps']): string {
  const rewritten = (member: JsonMember): string => {
    const uri = stringValue(item.raw.slice(member.start, member.end))
    return uri === undefined
      ? item.raw.slice(member.keyStart, member.end)
      : `${JSON.stringify(member.key)}:${JSON.stringify(publicUri(item.server, uri))}`
  }
  const kept = members.flatMap((member): string[] => {
    if (!uiKeys.has(member.key)) return [item.raw.slice(member.keyStart, member.end)]
    if (apps === 'drop') return []
    if (member.members === undefined) return [rewritten(member)]
    const inner = member.members.map((part) =>
      part.key === 'resourceUri' ? rewritten(part) : item.raw.slice(part.keyStart, part.end),
    )
    return [`"ui":{${inner.join(',')}}`]
  })
  return kept.join(',')
}

/** One file of a skill with the URI under which it can be read here; digest and size stay. */
function publicFile(item: Item, file: JsonMember): string {
  const { raw } = item
  if (file.members === undefined) return raw.slice(file.start, file.end)
  const parts = file.members.map((member) => {
    const uri = member.key === 'uri' ? stringValue(raw.slice(member.start, member.end)) : undefined
    return uri === undefined
      ? raw.slice(member.keyStart, member.end)
      : `"uri":${JSON.stringify(publicUri(item.server, uri))}`
  })
  return `{${parts.join(',')}}`
}

/** The schema of `{"result": value}`. References inside it are JSON pointers (mend.ts) and get the way to it in front. */
function wrappedSchema(raw: string): string {
  const inner = mayName(raw, '$ref')
    ? editTexts(raw, (key, text) =>
        key === '$ref' && text.startsWith('#') ? `#/properties/result${text.slice(1)}` : text,
      )
    : raw
  return `{"type":"object","properties":{"result":${inner}},"required":["result"]}`
}
