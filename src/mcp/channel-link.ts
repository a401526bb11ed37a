/**
 * Servers on a message channel: a child process, or the HTTP+SSE pair. One channel carries many calls,
 * so answers are told apart by our ids and progress by our tokens.
 */

import type { Backoff } from '../kit/backoff.ts'
import { messageOf } from '../kit/thrown.ts'
import { type Capabilities, noCapabilities } from '../model/call.ts'
import type { ServerCodec, ServerMessage } from '../model/codec.ts'
import { legacyCapabilities } from '../model/extensions.ts'
import type { Facts } from '../model/facts.ts'
import type { Member } from '../model/members.ts'
import { type ListMethod, listFactsOf, methodOf, names, notifications } from '../model/methods.ts'
import { GatewayError } from '../model/refusal.ts'
import { subjectOf } from '../model/target.ts'
import { Asking } from '../upstream/asking.ts'
import type { Listed, Sent, ServerLink, ServerNotice, Start } from '../upstream/kind.ts'
import { mayRepeat } from '../upstream/retry.ts'
import { OpenCall } from '../upstream/round.ts'
import { ChannelEra } from './channel-era.ts'
import type { ChannelSession, MessageChannel } from './channel-session.ts'
import { readAllPages } from './opening.ts'
import { isOf, ownerOf, ownKey, sessionsPerPrincipalMax } from './session-keys.ts'
import { type Honoured, requireSubscribed, Subscriptions, type Way } from './subscriptions.ts'

export interface ChannelLinkOptions {
  readonly codec: ServerCodec
  /** Extensions that may pass between the server and its callers. */
  readonly extensions: ReadonlySet<string>
  readonly era: 'auto' | 'legacy' | 'modern'
  readonly gatherMs: number
  /** How long a server may take to start and to say who it is. */
  readonly startTimeoutMs: number
  readonly requestTimeoutMs: number
  /** One channel per principal and capabilities, or one for all. */
  readonly perPrincipal: boolean
  readonly idleStopMs: number
  readonly sessionsMax: number
  /** Waiting time after a failed start; undefined: none. */
  readonly backoff: (() => Backoff) | undefined
  readonly now: () => number
  readonly open: () => Promise<MessageChannel>
}

export class ChannelLink implements ServerLink {
  private readonly options: ChannelLinkOptions
  private readonly sessions = new Map<string, ChannelSession>()
  private readonly openings = new Map<string, Promise<ChannelSession>>()
  private readonly asking: Asking
  private readonly backoff: Backoff | undefined
  private blockedUntil = 0
  private lastFault = ''
  private readonly era: ChannelEra
  private ids = 0
  private closed = false
  private notice: ServerNotice | undefined
  private readonly subscriptions = new Subscriptions()
  private readonly sweep: NodeJS.Timeout

  constructor(options: ChannelLinkOptions) {
    this.options = options
    this.asking = new Asking(options.now)
    this.era = new ChannelEra({ ...options, nextId: () => ++this.ids })
    this.backoff = options.backoff?.()
    this.sweep = setInterval(
      () => this.stopIdle(),
      Math.max(1_000, Math.min(30_000, options.idleStopMs / 2)),
    )
    this.sweep.unref()
  }

  start(start: Start): Sent | Promise<Sent> {
    const { action: call } = start.recorded
    // A process that is shared can be asked by nobody in the legacy era.
    if (this.options.era === 'auto' && this.options.perPrincipal && this.asking.wantsLegacy(call))
      return this.startAsking(start)
    const key = this.keyOf(start)
    const session = this.sessions.get(key)
    const capabilities = this.options.perPrincipal ? call.capabilities : noCapabilities
    return session === undefined
      ? this.session(key, capabilities).then((opened) => this.startOn(opened, start))
      : this.startOn(session, start)
  }

  /** In a legacy session, if the server takes one. */
  private async startAsking(start: Start): Promise<Sent> {
    const { capabilities } = start.recorded.action
    const key = this.keyOf(start)
    // Which era it is of must be known first.
    if (this.era.known === undefined) await this.session(this.systemKey, noCapabilities)
    if (this.era.known !== 'modern')
      return this.startOn(await this.session(key, capabilities), start)
    try {
      const session = await this.session(`${key}\nlegacy`, capabilities, 'legacy')
      return this.startOn(session, start)
    } catch (fault) {
      if (!(fault instanceof GatewayError) || fault.code !== 'server_broken') throw fault
      this.asking.refused()
      return this.startOn(await this.session(key, capabilities), start)
    }
  }

  private keyOf(start: Start): string {
    return this.options.perPrincipal
      ? `${start.recorded.action.principal.id}\n${legacyCapabilities(start.recorded.action.capabilities, this.options.extensions)}`
      : 'shared'
  }

  private get systemKey(): string {
    return this.options.perPrincipal ? ownKey : 'shared'
  }

  private startOn(first: ChannelSession, start: Start): Sent {
    if (!start.wanted()) throw new GatewayError('cancelled')
    const { codec } = this.options
    const { action: call, target } = start.recorded
    const facts = first.opened
    const id = ++this.ids
    const key = String(id)
    let session = first
    const open: OpenCall = new OpenCall(
      {
        codec,
        era: facts.era,
        id,
        answer: (text) => {
          session.tell(text)
        },
        gatherMs: call.era === 'legacy' ? 0 : this.options.gatherMs,
        park: (state) => start.park(() => open, state),
        extensions: this.options.extensions,
        ...(facts.era === 'modern'
          ? { onFailed: (said: string) => this.asking.failed(call, said) }
          : {}),
        onEnd: () => {
          session.left(key, this.options.now())
        },
      },
      call,
      start.sink,
    )
    const fail = (fault: unknown): void =>
      open.fail(
        fault instanceof GatewayError
          ? fault
          : new GatewayError('server_unavailable', { cause: fault }),
      )
    const text = codec.relayedRequest(facts.era, facts.revision, {
      id,
      call,
      name: subjectOf(target),
      extensions: this.options.extensions,
      requestState: start.serverState,
    })
    let attempts = 0
    const send = (): void => {
      attempts++
      session.usedAt = this.options.now()
      const louder = session.level.raise(call.logLevel, facts, codec, () => ++this.ids)
      if (louder !== undefined) session.tell(louder)
      session.calls.set(key, open)
      try {
        session.channel.send(text, refused)
      } catch (fault) {
        fail(fault)
      }
    }
    // The session is gone and the call cannot have run in it: it is made in another one.
    const refused = (): void => {
      const { isRepeatable: repeatable } = methodOf(call.method)
      if (!mayRepeat({ repeatable, reached: 'refused', attempts })) return
      const sessionKey = this.keyOf(start)
      session.calls.delete(key)
      if (this.sessions.get(sessionKey) === session) this.sessions.delete(sessionKey)
      this.session(sessionKey, call.capabilities).then((opened) => {
        session = opened
        if (!open.done) send()
      }, fail)
    }
    send()
    return {
      open,
      cancel: (reason) => {
        if (open.done || session.closed !== undefined) return
        session.tell(
          codec.notification(notifications.cancelled, [
            { key: 'requestId', raw: key },
            { key: 'reason', raw: JSON.stringify(reason) },
          ]),
        )
      },
    }
  }

  private session(
    key: string,
    capabilities: Capabilities,
    era?: 'legacy',
  ): Promise<ChannelSession> {
    const ready = this.sessions.get(key)
    if (ready !== undefined) return Promise.resolve(ready)
    let opening = this.openings.get(key)
    if (opening === undefined) {
      opening = this.openSession(key, capabilities, era).finally(() => this.openings.delete(key))
      this.openings.set(key, opening)
    }
    return opening
  }

  private async openSession(
    key: string,
    capabilities: Capabilities,
    era: 'legacy' | undefined,
  ): Promise<ChannelSession> {
    if (this.closed) throw new GatewayError('server_unavailable', { detail: 'removed' })
    const now = this.options.now()
    if (now < this.blockedUntil)
      throw new GatewayError('server_unavailable', {
        detail: `waits ${this.blockedUntil - now} ms after a failed start: ${this.lastFault}`,
      })
    if (this.sessions.size + this.openings.size > this.options.sessionsMax)
      throw new GatewayError('server_busy', { detail: 'too many sessions' })
    this.makeRoomFor(ownerOf(key))
    try {
      const session = await this.era.connect(capabilities, era)
      session.onClosed = () => this.dropped(key, session)
      this.sessions.set(key, session)
      this.backoff?.reset()
      session.notice = (method, params) => this.notice?.(method, params)
      if (session.closed !== undefined)
        throw new GatewayError('server_unavailable', { detail: session.closed })
      // The watch goes on in a channel that was opened again, whoever opened it.
      if (key === this.systemKey && this.notice !== undefined) await this.attach(session)
      return session
    } catch (fault) {
      this.sessions.delete(key)
      this.lastFault = messageOf(fault)
      // Of an era that it need not be of, a failure says nothing of its health.
      if (this.backoff !== undefined && era === undefined)
        this.blockedUntil = this.options.now() + this.backoff.next()
      throw fault
    }
  }

  private dropped(key: string, session: ChannelSession): void {
    if (this.sessions.get(key) === session) this.sessions.delete(key)
    if (key === this.systemKey && !this.closed) this.notice?.('sallyport/watch-ended', [])
  }

  async facts(): Promise<Facts> {
    const session = await this.session(this.systemKey, noCapabilities)
    return session.opened
  }

  async list(method: ListMethod): Promise<Listed> {
    return readAllPages(listFactsOf(method).member, (params) => this.own(method, params))
  }

  private async own(method: string, params: readonly Member[]): Promise<ServerMessage> {
    return this.ownIn(await this.session(this.systemKey, noCapabilities), method, params)
  }

  private ownIn(
    session: ChannelSession,
    method: string,
    params: readonly Member[],
  ): Promise<ServerMessage> {
    const facts = session.opened
    session.usedAt = this.options.now()
    const id = ++this.ids
    return session.ask(
      id,
      this.options.codec.ownRequest(facts.era, facts.revision, {
        id,
        method,
        params,
        capabilities: noCapabilities,
      }),
      this.options.requestTimeoutMs,
    )
  }

  async watch(notice: ServerNotice): Promise<void> {
    this.notice = notice
    const session = await this.session(this.systemKey, noCapabilities)
    await this.attach(session)
  }

  /** Tells a new channel of the gateway's own what to tell of: all lists, and what was subscribed to before. */
  private async attach(session: ChannelSession): Promise<void> {
    if (session.attached) return
    session.attached = true
    const way = this.wayOf(session)
    if (way.kind === 'stream') await way.shrink()
    else await this.subscriptions.restore((uri) => way.subscribe(uri))
  }

  private wayOf(session: ChannelSession): Way {
    if (session.opened.era === 'modern') {
      const renew = (): Promise<Honoured> =>
        session.listen(++this.ids, this.subscriptions.request(), this.options.requestTimeoutMs)
      return { kind: 'stream', renew, shrink: async () => void renew() }
    }
    const change = async (method: string, uri: string): Promise<void> =>
      requireSubscribed(
        await this.ownIn(session, method, [{ key: 'uri', raw: JSON.stringify(uri) }]),
      )
    return {
      kind: 'session',
      subscribe: (uri) => change(names.subscribe, uri),
      unsubscribe: (uri) => change(names.unsubscribe, uri),
    }
  }

  private async way(): Promise<Way> {
    return this.wayOf(await this.session(this.systemKey, noCapabilities))
  }

  /** @throws GatewayError subscription_refused when the server would never tell of the resource */
  subscribe(uri: string): Promise<void> {
    return this.subscriptions.subscribe(uri, () => this.way())
  }

  unsubscribe(uri: string): Promise<void> {
    return this.subscriptions.unsubscribe(uri, () => this.way())
  }

  async subscribeTask(taskId: string): Promise<void> {
    await this.subscriptions.subscribeTask(taskId, await this.way())
  }

  async unsubscribeTask(taskId: string): Promise<void> {
    const session = this.sessions.get(this.systemKey)
    const way = session?.facts === undefined ? undefined : this.wayOf(session)
    await this.subscriptions.unsubscribeTask(taskId, way)
  }

  private stopIdle(): void {
    const before = this.options.now() - this.options.idleStopMs
    for (const [key, session] of this.sessions) {
      const busy =
        session.calls.size > 0 ||
        session.own.size > 0 ||
        (key === this.systemKey && this.subscriptions.size > 0)
      if (busy || session.usedAt > before) continue
      this.discard(key, session)
    }
  }

  dropPrincipals(gone: (principalId: string) => boolean): void {
    for (const [key, session] of this.sessions) if (isOf(key, gone)) this.discard(key, session)
  }

  /** @throws GatewayError server_busy when all that the principal has are in use */
  private makeRoomFor(owner: string | undefined): void {
    if (owner === undefined) return
    const opening = [...this.openings.keys()].filter((key) => ownerOf(key) === owner)
    const own = [...this.sessions].filter(([key]) => ownerOf(key) === owner)
    if (own.length + opening.length < sessionsPerPrincipalMax) return
    const [idle] = own
      .filter(([, { calls }]) => calls.size === 0)
      .sort(([, one], [, other]) => one.usedAt - other.usedAt)
    if (idle === undefined)
      throw new GatewayError('server_busy', { detail: 'too many sessions of one principal' })
    this.discard(...idle)
  }

  /** Stops one on purpose: the watcher must not start it again at once. */
  private discard(key: string, session: ChannelSession): void {
    this.sessions.delete(key)
    session.onClosed = () => undefined
    void session.channel.close()
  }

  async close(): Promise<void> {
    this.closed = true
    clearInterval(this.sweep)
    await Promise.allSettled(this.openings.values())
    await Promise.allSettled([...this.sessions.values()].map((session) => session.channel.close()))
  }
}
