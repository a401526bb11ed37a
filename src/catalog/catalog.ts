import { hash } from 'node:crypto'
import type { Facts } from '../model/facts.ts'
import type { Item, ItemKind } from '../model/target.ts'
import type { Oddity } from './items.ts'
import { type PublicName, publicNames } from './names.ts'

/** What one server listed, the last time that it could be asked. */
export interface Listing {
  readonly server: string
  readonly facts: Facts | undefined
  readonly items: Readonly<Record<ItemKind, readonly Item[]>>
  /** Epoch milliseconds of the last good answer; 0: never. */
  readonly listedAt: number
  /** Since when the server does not answer; undefined while it does. */
  readonly downSince: number | undefined
  /** Why it does not answer, or what is wrong although it does, for operators. */
  readonly fault: string | undefined
  /** What is not offered, with the reason, for operators. */
  readonly left: readonly Oddity[]
  /** What is offered otherwise than it was listed, and how, for operators. */
  readonly mended: readonly Oddity[]
}

const itemKinds = ['tool', 'prompt', 'resource', 'template', 'skill'] as const

export function emptyListing(server: string): Listing {
  return {
    server,
    facts: undefined,
    items: { tool: [], prompt: [], resource: [], template: [], skill: [] },
    listedAt: 0,
    downSince: undefined,
    fault: undefined,
    left: [],
    mended: [],
  }
}

/** An immutable index over all listings. A call holds one from door to reply. */
export interface Catalog {
  readonly listings: ReadonlyMap<string, Listing>
  /** Whether some server was not seen yet. */
  readonly hasUnseen: boolean
  /** Changes when anything that a list shows changes. */
  readonly digest: string
  /** Public names of every tool and prompt; the public form of a URI is computed. */
  readonly publicOf: ReadonlyMap<Item, PublicName<Item>>
  /** Several items can have one plain name; which is meant depends on what the caller sees. */
  readonly byPublic: Readonly<Record<'tool' | 'prompt', ReadonlyMap<string, readonly Item[]>>>
  readonly byServer: ReadonlyMap<string, Readonly<Record<ItemKind, ReadonlyMap<string, Item>>>>
}

/** Builds the index. Cost is linear in the number of items; runs on change only. */
export function buildCatalog(listings: readonly Listing[]): Catalog {
  const sorted = [...listings].sort((a, b) => (a.server < b.server ? -1 : 1))
  const publicOf = new Map<Item, PublicName<Item>>()
  const byPublic = {
    tool: new Map<string, readonly Item[]>(),
    prompt: new Map<string, readonly Item[]>(),
  }
  for (const kind of ['tool', 'prompt'] as const) {
    for (const [item, name] of publicNames(sorted.flatMap((listing) => listing.items[kind]))) {
      publicOf.set(item, name)
      byPublic[kind].set(name.plain, [item, ...name.twins])
      if (name.twins.length > 0) byPublic[kind].set(name.hashed, [item])
    }
  }
  const byServer = new Map(sorted.map((listing) => [listing.server, indexByName(listing)]))
  return {
    listings: new Map(sorted.map((listing) => [listing.server, listing])),
    hasUnseen: sorted.some((listing) => listing.listedAt === 0),
    digest: digestOf(sorted),
    publicOf,
    byPublic,
    byServer,
  }
}

function indexByName(listing: Listing): Record<ItemKind, Map<string, Item>> {
  const index = (kind: ItemKind): Map<string, Item> =>
    new Map(listing.items[kind].map((item) => [item.name, item]))
  return {
    tool: index('tool'),
    prompt: index('prompt'),
    resource: index('resource'),
    template: index('template'),
    skill: index('skill'),
  }
}

function digestOf(listings: readonly Listing[]): string {
  const lines = listings.flatMap((listing) => [
    `${listing.server} ${listing.facts?.era ?? ''} ${listing.downSince === undefined ? 'up' : 'down'} ${listing.listedAt === 0 ? 'unseen' : ''}`,
    ...itemKinds.flatMap((kind) => listing.items[kind].map((item) => `${kind} ${item.digest}`)),
  ])
  return hash('sha256', lines.join('\n'), 'hex').slice(0, 24)
}
