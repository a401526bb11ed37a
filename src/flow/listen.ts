/** Who is told when something changes: listen streams of modern clients, GET streams of legacy ones. */
import type { Catalog } from '../catalog/catalog.ts'
import { uriPrefix } from '../catalog/names.ts'
import { stringValue } from '../kit/json-scan.ts'
import type { Endpoint } from '../model/action.ts'
import { type Member, type Members, rawOf } from '../model/members.ts'
import { listChanged, notifications } from '../model/methods.ts'
import type { Principal } from '../model/principal.ts'
import type { Watchable } from '../model/proofs.ts'
import { GatewayError } from '../model/refusal.ts'
import { type ItemKind, subjectOf, type Target } from '../model/target.ts'
import type { Snapshot } from '../snapshot/compile.ts'
import { mayUseSomething } from './visible.ts'

export type ChangeKind = keyof typeof listChanged

/** One stream that wants to hear of changes. */
export interface Subscriber {
  readonly principal: Principal
  readonly endpoint: Endpoint
  wants(kind: ChangeKind): boolean
  /** `params` are the raw members of the notification. */
  deliver(method: string, params: Members): void
}

/** Upstream subscriptions; reference-counted here. */
export interface ResourceSubscriptions {
  subscribe(server: string, uri: string): Promise<void>
  unsubscribe(server: string, uri: string): Promise<void>
  subscribeTask(server: string, taskId: string): Promise<void>
  unsubscribeTask(server: string, taskId: string): Promise<void>
}

/** What one upstream subscription is about: a resource by its URI, or a task by the server's own id. */
interface Subject {
  readonly kind: 'resource' | 'task'
  readonly server: string
  readonly id: string
}

const subscriptionsMax = 10_000

interface Watched {
  readonly watchers: Map<Subscriber, string>
  opened: Promise<void>
}

export class ListenHub {
  private readonly subscribers = new Set<Subscriber>()
  private readonly resources = new Map<string, Watched>()
  private readonly upstream: ResourceSubscriptions

  constructor(upstream: ResourceSubscriptions) {
    this.upstream = upstream
  }

  get size(): number {
    return this.subscribers.size
  }

  add(subscriber: Subscriber): () => void {
    this.subscribers.add(subscriber)
    return () => this.subscribers.delete(subscriber)
  }

  /** Compares two Snapshots and tells those whose lists may have changed. */
  changed(next: Snapshot, before: Snapshot): void {
    if (this.subscribers.size === 0) return
    const rules = next.digest !== before.digest
    const changes = changedServers(next.catalog, before.catalog)
    for (const subscriber of this.subscribers) {
      const scope = next.scopes.of(subscriber.endpoint)
      for (const kind of ['tools', 'prompts', 'resources'] as const) {
        if (!subscriber.wants(kind)) continue
        const concerned =
          rules ||
          (scope?.servers.some(
            (server) =>
              changes.get(server)?.has(kind) === true &&
              (mayUseSomething(next, subscriber.principal, server) ||
                mayUseSomething(before, subscriber.principal, server)),
          ) ??
            false)
        if (concerned) subscriber.deliver(listChanged[kind], [])
      }
    }
  }

  /**
   * Subscribes to updates of one resource or task, told under `publicId`. Returns the way to end it.
   * @throws GatewayError when the server refuses, busy when there are too many
   */
  async watch(
    subscriber: Subscriber,
    { target }: Watchable,
    publicId: string,
  ): Promise<() => void> {
    const subject = { kind: kindOf(target), server: target.server, id: subjectOf(target) } as const
    const { kind, server, id } = subject
    const key = keyOf(subject)
    let watched = this.resources.get(key)
    if (watched === undefined) {
      if (this.resources.size >= subscriptionsMax)
        throw new GatewayError('busy', { detail: 'too many resource subscriptions' })
      const opened =
        kind === 'task'
          ? this.upstream.subscribeTask(server, id)
          : this.upstream.subscribe(server, id)
      watched = { watchers: new Map(), opened }
      this.resources.set(key, watched)
    }
    watched.watchers.set(subscriber, publicId)
    const mine = watched
    const end = (): void => {
      if (
        !mine.watchers.delete(subscriber) ||
        mine.watchers.size > 0 ||
        this.resources.get(key) !== mine
      )
        return
      this.resources.delete(key)
      const ended =
        kind === 'task'
          ? this.upstream.unsubscribeTask(server, id)
          : this.upstream.unsubscribe(server, id)
      ended.catch(() => undefined)
    }
    try {
      await watched.opened
    } catch (fault) {
      end()
      throw fault
    }
    return end
  }

  /** A server said that a resource has new content. */
  updated(server: string, params: Members): void {
    this.deliver(notifications.resourceUpdated, 'resource', server, params, 'uri')
  }

  /** A server said how a task stands. */
  taskChanged(server: string, params: Members): void {
    this.deliver(notifications.taskChanged, 'task', server, params, 'taskId')
  }

  /** To those who watch it, under the name that each of them knows. */
  private deliver(
    method: string,
    kind: Subject['kind'],
    server: string,
    params: Members,
    key: 'uri' | 'taskId',
  ): void {
    const id = stringValue(rawOf(params, key))
    if (id === undefined) return
    const watchers = this.resources.get(keyOf({ kind, server, id }))?.watchers ?? []
    for (const [subscriber, publicId] of watchers) {
      const rewritten: Member[] = params
        .filter((member) => member.key !== '_meta')
        .map((member) => (member.key === key ? { key, raw: JSON.stringify(publicId) } : member))
      subscriber.deliver(method, rewritten)
    }
  }
}

function kindOf(target: Target): Subject['kind'] {
  return target.task === undefined ? 'resource' : 'task'
}

function keyOf({ kind, server, id }: Subject): string {
  return `${kind} ${server}\n${id}`
}

/** What an endpoint puts before the URIs of a server. */
export function prefixFor(endpoint: Endpoint, server: string): string {
  return endpoint.kind === 'server' || server === '' ? '' : uriPrefix(server)
}

const kindsOf: Readonly<Record<ChangeKind, readonly ItemKind[]>> = {
  tools: ['tool'],
  prompts: ['prompt'],
  resources: ['resource', 'template', 'skill'],
}

function changedServers(next: Catalog, before: Catalog): Map<string, Set<ChangeKind>> {
  const changes = new Map<string, Set<ChangeKind>>()
  if (next.digest === before.digest) return changes
  for (const server of new Set([...next.listings.keys(), ...before.listings.keys()])) {
    const now = next.listings.get(server)
    const then = before.listings.get(server)
    if (now === then) continue
    const kinds = new Set<ChangeKind>()
    for (const kind of ['tools', 'prompts', 'resources'] as const) {
      const digests = (listing: typeof now): string =>
        kindsOf[kind]
          .flatMap((item) => listing?.items[item].map((entry) => entry.digest) ?? [])
          .join()
      if (digests(now) !== digests(then)) kinds.add(kind)
    }
    if (kinds.size > 0) changes.set(server, kinds)
  }
  return changes
}
