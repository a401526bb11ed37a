/**
 * Watches what servers list. Works on the change side: it hands new listings to `onListing`, which compiles a
 * new Snapshot; no request ever writes the catalogue.
 */

import { emptyListing, type Listing } from '../catalog/catalog.ts'
import { type ItemReaders, type Oddity, readItems } from '../catalog/items.ts'
import { type Backoff, createBackoff } from '../kit/backoff.ts'
import { messageOf } from '../kit/thrown.ts'
import { declaredIn, type Facts } from '../model/facts.ts'
import type { Members } from '../model/members.ts'
import {
  type ListMethod,
  listFactsOf,
  listMethods,
  notificationKindOf,
  saysListChanged,
} from '../model/methods.ts'
import { GatewayError } from '../model/refusal.ts'
import type { Item, ItemKind } from '../model/target.ts'
import { loadListing, removeListing, saveListing } from './listing-file.ts'

/** What the watcher needs of a server. */
export interface Watched {
  readonly server: string
  /** Digest of the specification. */
  readonly spec: string
  /** Do not connect before somebody needs it, when an earlier list is known. */
  readonly lazy: boolean
  /** Do not connect before somebody needs it, whatever is known. */
  readonly passive: boolean
  /** Ask again after so long, for servers that cannot tell that something changed; 0: never. */
  readonly everyMs: number
  facts(): Promise<Facts>
  /** `cut`: why it is not the whole list. */
  list(method: ListMethod): Promise<{ readonly items: readonly string[]; readonly cut?: string }>
  watch(notice: (method: string, params: Members) => void): Promise<void>
  /** Why calls could not arrive although its lists are known. Absent: who lists is who is called. */
  readonly whyUnreachable?: () => Promise<string | undefined>
}

export interface WatcherOptions {
  readonly folder: string
  readonly readers: ItemReaders
  readonly now: () => number
  readonly onListing: (listing: Listing) => void
  readonly onResourceUpdated: (server: string, params: Members) => void
  readonly onTaskChanged: (server: string, params: Members) => void
  readonly log: (event: { level: 'info' | 'warn'; server: string; text: string }) => void
}

/** Of a server that says nothing of itself, and has tools all the same. */
const onlyTools = declaredIn('{"tools":{}}')

const lists = listMethods.map((method) => ({ method, ...listFactsOf(method) }))

type Raws = Readonly<Record<ItemKind, readonly string[]>>
const noRaws: Raws = { tool: [], prompt: [], resource: [], template: [], skill: [] }

/** Faults that are of the whole server and not of one list. */
const ofServer: ReadonlySet<string> = new Set([
  'server_unavailable',
  'server_refused_us',
  'server_busy',
  'egress_refused',
])
/** Lists that are there by then are shown before the others come. */
const partMs = 2_000

/** Several changes at once make one new list. */
const coalesceMs = 60
/** Lists are read at most once in so long because of changes, however many a server tells of. */
const changesMs = 500

function retryPace(): Backoff {
  return createBackoff({
    firstMs: 1_000,
    maxMs: 60_000,
    factor: 2,
    jitter: 0.3,
    random: Math.random,
  })
}

export class ServerWatch {
  private readonly watched: Watched
  private readonly options: WatcherOptions
  private readonly backoff = retryPace()
  /** Of the stream of changes, which may fail while lists are answered. */
  private readonly watchBackoff = retryPace()
  private listing: Listing
  /** What the lists held that were read last. */
  private raw: Raws = noRaws
  private refreshing: Promise<void> | undefined
  private again = false
  private timer: NodeJS.Timeout | undefined
  private stopped = false
  private watching = false
  /** A change was told of, and the lists will be read because of it. */
  private changed = false
  private askedAt = Number.NEGATIVE_INFINITY
  /** Settles when the server was asked once, whatever came of it. */
  private asked: Promise<void> | undefined
  /** Settles when the saved list was looked for. */
  private loaded: Promise<void> = Promise.resolve()

  constructor(watched: Watched, options: WatcherOptions) {
    this.watched = watched
    this.options = options
    this.listing = emptyListing(watched.server)
  }

  /** Shows the saved list if there is one, and asks the server unless it is lazy. */
  begin(): Promise<void> {
    this.loaded = this.load()
    return this.loaded
  }

  private async load(): Promise<void> {
    const { watched, options } = this
    const saved = await loadListing(options.folder, watched.server, watched.spec)
    if (saved !== undefined && !this.stopped) {
      this.raw = saved.raw
      this.publish(this.build(saved.facts, saved.at))
      if (watched.lazy) return
    }
    if (!watched.passive) this.asked ??= this.refresh()
  }

  /** Resolves when the server was asked at least once, or after `waitMs`. */
  async seen(waitMs: number): Promise<void> {
    await this.loaded
    if (this.listing.listedAt !== 0 || this.stopped) return
    this.asked ??= this.refresh()
    let timer: NodeJS.Timeout | undefined
    await Promise.race([
      this.asked,
      new Promise<void>((resolve) => {
        timer = setTimeout(resolve, waitMs)
      }),
    ])
    clearTimeout(timer)
  }

  /** Asks now, e.g. for `doctor` or after a header mismatch. */
  refreshNow(): Promise<void> {
    return this.refresh()
  }

  stop(removed: boolean): void {
    this.stopped = true
    clearTimeout(this.timer)
    if (removed) void removeListing(this.options.folder, this.watched.server)
  }

  private refresh(): Promise<void> {
    if (this.refreshing !== undefined) {
      this.again = true
      return this.refreshing
    }
    clearTimeout(this.timer)
    this.refreshing = this.ask().finally(() => {
      this.refreshing = undefined
      if (this.again && !this.stopped) {
        this.again = false
        this.later(coalesceMs)
      }
    })
    return this.refreshing
  }

  private async ask(): Promise<void> {
    const { watched, options } = this
    this.changed = false
    this.askedAt = performance.now()
    try {
      const { facts, troubles } = await this.readLists(await watched.facts())
      if (this.stopped) return
      const trouble = [facts.trouble, ...troubles].filter((text) => text !== undefined).join('; ')
      const known = trouble === '' ? facts : { ...facts, trouble }
      if (trouble !== '' && trouble !== this.listing.fault)
        options.log({ level: 'warn', server: watched.server, text: trouble })
      const { raw } = this
      const listing = this.build(known, options.now())
      this.publish(listing)
      await saveListing(options.folder, watched.server, {
        spec: watched.spec,
        at: listing.listedAt,
        facts,
        raw: {
          tool: [...raw.tool],
          prompt: [...raw.prompt],
          resource: [...raw.resource],
          template: [...raw.template],
          skill: [...raw.skill],
        },
      }).catch((fault: unknown) =>
        options.log({
          level: 'warn',
          server: watched.server,
          text: `the list could not be saved: ${String(fault)}`,
        }),
      )
      const isReached = await this.isReached()
      if (this.stopped) return
      if (isReached) this.backoff.reset()
      // What changed meanwhile is read sooner.
      if (!isReached && !this.changed) this.later(this.backoff.next())
      else if (watched.everyMs > 0 && !this.changed) this.later(watched.everyMs)
      await this.watch()
    } catch (fault) {
      if (this.stopped) return
      const text = messageOf(fault)
      options.log({ level: 'warn', server: watched.server, text })
      this.publish({
        ...this.listing,
        downSince: this.listing.downSince ?? options.now(),
        fault: text,
      })
      this.later(this.backoff.next())
    }
  }

  /** Whether calls can arrive; what is known of that stands in the listing. */
  private async isReached(): Promise<boolean> {
    const { whyUnreachable, server } = this.watched
    if (whyUnreachable === undefined) return true
    const fault = await whyUnreachable()
    const { listing, options } = this
    if (this.stopped) return true
    if (fault === undefined) {
      if (listing.downSince !== undefined)
        this.publish({ ...listing, downSince: undefined, fault: listing.facts?.trouble })
      return true
    }
    if (fault !== listing.fault) options.log({ level: 'warn', server, text: fault })
    this.publish({ ...listing, downSince: listing.downSince ?? options.now(), fault })
    return false
  }

  /** Reads all lists that the server has. One that fails keeps what it held, and takes no other along. */
  private async readLists(said: Facts): Promise<{ facts: Facts; troubles: readonly string[] }> {
    const { names: offers } = said.declared
    // A server that says nothing of itself may have tools all the same.
    const guess = !lists.some(({ capability }) => offers.has(capability))
    const wanted = lists.filter(({ kind, capability }) =>
      guess ? kind === 'tool' : offers.has(capability),
    )
    const before = this.raw
    const troubles: string[] = []
    const faults: unknown[] = []
    const next: Record<ItemKind, readonly string[]> = { ...noRaws }
    for (const { kind } of wanted) next[kind] = before[kind]
    const reads = wanted.map(async ({ method, kind }) => {
      try {
        const { items, cut } = await this.watched.list(method)
        next[kind] = items
        if (cut !== undefined) troubles.push(cut)
      } catch (fault) {
        faults.push(fault)
        // Many servers with resources know no templates; without its skills a server is still of use.
        if (guess || kind === 'template' || kind === 'skill') next[kind] = []
        else troubles.push(`${method}: ${messageOf(fault)}`)
      }
    })
    const all = Promise.all(reads)
    await Promise.race([all, new Promise((resolve) => setTimeout(resolve, partMs).unref())])
    if (faults.length === 0 && this.listing.listedAt === 0 && next.tool.length > 0) {
      this.raw = { ...next }
      this.publish(this.build(said, this.options.now()))
    }
    await all
    const [fault] = faults
    if (
      faults.some((one) => one instanceof GatewayError && ofServer.has(one.code)) ||
      (fault !== undefined && faults.length === wanted.length && !guess)
    )
      throw fault
    this.raw = next
    return {
      facts: guess && next.tool.length > 0 ? { ...said, declared: onlyTools } : said,
      troubles,
    }
  }

  private async watch(): Promise<void> {
    if (this.watching) return
    this.watching = true
    try {
      await this.watched.watch((method, params) => this.notice(method, params))
      this.watchBackoff.reset()
    } catch {
      // It may pass: what could not be opened is tried again like what broke later.
      this.notice('sallyport/watch-ended', [])
    }
  }

  private notice(method: string, params: Members): void {
    if (this.stopped) return
    if (method === 'sallyport/watch-ended') {
      this.watching = false
      if (!this.changed) this.later(this.watchBackoff.next())
    } else if (method === 'sallyport/unreachable') {
      // Whoever is known to be away is asked at its own pace.
      if (this.listing.downSince === undefined) this.soon()
    } else if (saysListChanged(method)) this.soon()
    else if (notificationKindOf(method) === 'resourceUpdated')
      this.options.onResourceUpdated(this.watched.server, params)
    else if (notificationKindOf(method) === 'taskChanged')
      this.options.onTaskChanged(this.watched.server, params)
  }

  /** After a change: shortly, but a server that says so all the time is not asked all the time. */
  private soon(): void {
    if (this.changed) return
    this.changed = true
    const since = performance.now() - this.askedAt
    this.later(Math.max(coalesceMs, changesMs - since))
  }

  private later(delayMs: number): void {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => void this.refresh(), delayMs)
    this.timer.unref()
  }

  private build(facts: Facts, at: number): Listing {
    const left: Oddity[] = []
    const mended: Oddity[] = []
    const { server } = this.watched
    const source = { server, era: facts.era, readers: this.options.readers }
    const read = (kind: ItemKind): readonly Item[] => {
      const list = readItems(source, kind, this.raw[kind])
      left.push(...list.left)
      mended.push(...list.mended)
      return list.items
    }
    // Whether calls arrive again is asked after the lists.
    const before = this.watched.whyUnreachable === undefined ? undefined : this.listing
    return {
      server,
      facts,
      items: {
        tool: read('tool'),
        prompt: read('prompt'),
        resource: read('resource'),
        template: read('template'),
        skill: read('skill'),
      },
      listedAt: at,
      downSince: before?.downSince,
      fault: before?.downSince === undefined ? facts.trouble : before.fault,
      left,
      mended,
    }
  }

  private publish(listing: Listing): void {
    this.listing = listing
    this.options.onListing(listing)
  }
}
