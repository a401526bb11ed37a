/**
 * Servers on a message channel: a child process, or the HTTP+SSE pair. One channel carries many calls,
 * so answers are told apart by our ids and progress by our tokens.
 */

import type { Backoff } from '../kit/backoff.ts'
import { BoxMap } from '../kit/box-map.ts'
import { type Owner, owned } from '../kit/owner.ts'
import { errorOf, messageOf } from '../kit/thrown.ts'
import { type Capabilities, newestLegacy, newestModern, noCapabilities } from '../model/call.ts'
import type { ServerCodec, ServerMessage } from '../model/codec.ts'
import { legacyCapabilities } from '../model/extensions.ts'
import type { Facts } from '../model/facts.ts'
import { type Member, type Members, rawOf } from '../model/members.ts'
import {
  type ListMethod,
  listFactsOf,
  methodOf,
  names,
  notificationKindOf,
  notifications,
} from '../model/methods.ts'
import { GatewayError, toGatewayError } from '../model/refusal.ts'
import { subjectOf } from '../model/target.ts'
import { Asking } from '../upstream/asking.ts'
import type { Listed, Sent, ServerLink, ServerNotice, Start } from '../upstream/kind.ts'
import { mayRepeat } from '../upstream/retry.ts'
import { OpenCall } from '../upstream/round.ts'
import { honouredUris } from './http/listen.ts'
import { listenRequest, productMember, provesModern, readAllPages, readFacts } from './opening.ts'

/** What a channel must be able to do; `process/channel.ts` and `mcp/http/sse-pair.ts` make them. */
export interface MessageChannel {
  /** `onRefused`: the server answered that it takes nothing in this session; the channel closes after it. */
  send(text: string, onRefused?: () => void): void
  onMessage: (message: Buffer) => void
  onClose: (reason: string) => void
  close(): Promise<void>
}

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

/** A server that says nothing for so long after its start is asked in the legacy way, too. */
const probeMs = 10_000
const unansweredMax = 1_000

/** One open channel with what is in flight on it. */
class ChannelSession {
  readonly channel: MessageChannel
  readonly codec: ServerCodec
  facts: Facts | undefined
  readonly calls = new BoxMap<string, OpenCall>()
  readonly own = new Map<string, (message: ServerMessage | GatewayError) => void>()
  /** Calls that were given up and may still be running at the server: what it says could belong to one of them. */
  readonly unanswered = new Set<string>()
  notice: ServerNotice | undefined
  /** It was told what to tell of. */
  attached = false
  listenId: number | undefined
  /** Who waits for the acknowledgement of a listen, by its id. */
  readonly acknowledged = new Map<string, (uris: ReadonlySet<string> | undefined) => void>()
  logLevel: string | undefined
  usedAt: number
  closed: string | undefined
  onClosed: () => void = () => undefined

  constructor(channel: MessageChannel, codec: ServerCodec, now: number) {
    this.channel = channel
    this.codec = codec
    this.usedAt = now
    channel.onMessage = (bytes) => this.take(bytes)
    channel.onClose = (reason) => this.close(reason)
  }

  /** What the server said of itself; a session is handed out only after it did. */
  get opened(): Facts {
    if (this.facts === undefined)
      throw new GatewayError('internal', { detail: 'a session was used before it was open' })
    return this.facts
  }

  /** A channel that is of no more use. */
  giveUp(reason: string): void {
    this.close(reason)
    void this.channel.close().catch(() => undefined)
  }

  private close(reason: string): void {
    if (this.closed !== undefined) return
    this.closed = reason
    const error = new GatewayError('server_unavailable', { detail: reason })
    for (const open of this.calls.values()) open.fail(error)
    for (const waiter of this.own.values()) waiter(error)
    for (const settle of this.acknowledged.values()) settle(undefined)
    this.calls.clear()
    this.own.clear()
    this.acknowledged.clear()
    this.onClosed()
  }

  private take(bytes: Buffer): void {
    let message: ServerMessage
    try {
      message = this.codec.decode(bytes)
    } catch {
      // Some servers print to stdout what is no message.
      return
    }
    if (message.kind === 'result' || message.kind === 'error' || message.kind === 'broken')
      this.answer(message)
    else if (message.kind === 'notification')
      this.notification(message.method, message.params, message.meta)
    else this.question(message)
  }

  private answer(message: Extract<ServerMessage, { kind: 'result' | 'error' | 'broken' }>): void {
    const waiter = this.own.get(message.id)
    if (waiter !== undefined) {
      this.own.delete(message.id)
      waiter(message)
      return
    }
    // A listen that is answered at once was refused, or is over.
    this.acknowledged.get(message.id)?.(undefined)
    const open = this.calls.get(message.id)
    this.calls.delete(message.id)
    this.unanswered.delete(message.id)
    this.hand(open, message)
  }

  /** What one call makes of a message must not cost the others the channel. */
  private hand(open: OpenCall | undefined, message: ServerMessage): void {
    try {
      open?.take(message)
    } catch (thrown) {
      open?.fail(toGatewayError(thrown))
    }
  }

  private notification(method: string, params: Members, meta: Members): void {
    const kind = notificationKindOf(method)
    if (kind === 'progress') {
      const open = this.calls.get(rawOf(params, 'progressToken') ?? '')
      this.hand(open, { kind: 'notification', method, params, meta })
    } else if (kind === 'message') {
      // A channel does not say which call a log message belongs to; with one in flight it can only be that one.
      this.hand(this.onlyCall(), { kind: 'notification', method, params, meta })
    } else if (kind === 'acknowledged') {
      const id = rawOf(meta, 'io.modelcontextprotocol/subscriptionId') ?? ''
      this.acknowledged.get(id)?.(honouredUris(rawOf(params, 'notifications')))
    } else if (!method.startsWith('sallyport/')) this.notice?.(method, params)
  }

  private question(message: Extract<ServerMessage, { kind: 'request' }>): void {
    const only = this.onlyCall()
    if (only !== undefined) this.hand(only, message)
    else if (methodOf(message.method).duty === 'pong')
      this.tell(this.codec.answer(message.id, '{}'))
    else this.tell(this.codec.answerError(message.id, -32601, 'Nobody can answer this.'))
  }

  /** Sends what has no answer. A channel that takes no more is given up, wherever this is called from. */
  tell(text: string): void {
    if (this.closed !== undefined) return
    try {
      this.channel.send(text)
    } catch (fault) {
      this.giveUp(messageOf(fault))
    }
  }

  private onlyCall(): OpenCall | undefined {
    return this.calls.size === 1 && this.unanswered.size === 0 ? this.calls.values()[0] : undefined
  }

  /** One request of the gateway itself. */
  ask(id: number, text: string, timeoutMs: number): Promise<ServerMessage> {
    return new Promise((resolve, reject) => {
      const key = String(id)
      const timer = setTimeout(() => {
        this.own.delete(key)
        reject(
          new GatewayError('server_timeout', { detail: 'no answer to a request of the gateway' }),
        )
      }, timeoutMs)
      this.own.set(key, (message) => {
        clearTimeout(timer)
        if (message instanceof GatewayError) reject(message)
        else resolve(message)
      })
      try {
        if (this.closed !== undefined)
          throw new GatewayError('server_unavailable', { detail: this.closed })
        this.channel.send(text)
      } catch (fault) {
        clearTimeout(timer)
        this.own.delete(key)
        reject(errorOf(fault))
      }
    })
  }
}

export class ChannelLink implements ServerLink {
  private readonly options: ChannelLinkOptions
  private readonly sessions = new Map<string, ChannelSession>()
  private readonly openings = new Map<string, Promise<ChannelSession>>()
  private readonly asking: Asking
  private readonly backoff: Backoff | undefined
  private blockedUntil = 0
  private lastFault = ''
  private era: 'legacy' | 'modern' | undefined
  private ids = 0
  private closed = false
  private notice: ServerNotice | undefined
  private readonly subscriptions = new Set<string>()
  private readonly taskIds = new Set<string>()
  private readonly sweep: NodeJS.Timeout

  constructor(options: ChannelLinkOptions) {
    this.options = options
    this.asking = new Asking(options.now)
    this.era = options.era === 'auto' ? undefined : options.era
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
    if (this.era === undefined) await this.session(this.systemKey, noCapabilities)
    if (this.era !== 'modern') return this.startOn(await this.session(key, capabilities), start)
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
    return this.options.perPrincipal ? 'system' : 'shared'
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
          if (session.calls.delete(key) && session.unanswered.size < unansweredMax)
            session.unanswered.add(key)
          session.usedAt = this.options.now()
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
      this.setLevel(session, facts, call.logLevel)
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

  /** A legacy server has one level for its whole session: the most verbose that anybody asked for. */
  private setLevel(session: ChannelSession, facts: Facts, level: string | undefined): void {
    if (facts.era !== 'legacy' || level === undefined || !facts.declared.names.has('logging'))
      return
    if (session.logLevel !== undefined && levelRank(session.logLevel) <= levelRank(level)) return
    session.logLevel = level
    session.tell(
      this.options.codec.ownRequest('legacy', facts.revision, {
        id: ++this.ids,
        method: names.setLevel,
        params: [{ key: 'level', raw: `"${level}"` }],
        capabilities: noCapabilities,
      }),
    )
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
      const session = await this.connect(capabilities, era)
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

  private async connect(
    capabilities: Capabilities,
    era: 'legacy' | undefined,
  ): Promise<ChannelSession> {
    const session = await this.fresh()
    const known = era ?? this.era
    if (known !== undefined)
      return this.closing(session, this.greet(session, capabilities, known), era)
    return (
      (await this.closing(session, this.probe(session, capabilities))) ??
      // It ended because of the probe, so it gets a fresh channel without one (protocol.md section 2.9).
      this.connect(capabilities, era)
    )
  }

  /** A new channel. What its streams throw outside of any call ends it, and with it the calls that it carries. */
  private async fresh(): Promise<ChannelSession> {
    let session: ChannelSession | undefined
    const owner: Owner = {
      what: 'a channel to an MCP server',
      fail: (thrown) => session?.giveUp(messageOf(thrown)),
    }
    const { open, codec, now } = this.options
    session = new ChannelSession(await owned(owner, open), codec, now())
    return session
  }

  /** The channel goes with the opening when that fails. */
  private async closing<T>(
    session: ChannelSession,
    opening: Promise<T>,
    era?: 'legacy',
  ): Promise<T> {
    try {
      return await opening
    } catch (fault) {
      // What was believed of its era may be why.
      if (this.options.era === 'auto' && era === undefined)
        this.era = this.era === undefined ? 'legacy' : undefined
      await session.channel.close()
      throw fault
    }
  }

  /**
   * Finds the era with `server/discover`, and opens the session. One that is silent may only be slow to start, so it is
   * kept and greeted as a legacy server, too. Undefined: it ended because of the probe.
   */
  private async probe(
    session: ChannelSession,
    capabilities: Capabilities,
  ): Promise<ChannelSession | undefined> {
    let discovered: ServerMessage | undefined
    const asked = this.discover(session, noCapabilities).then(
      (message) => {
        discovered = message
      },
      () => undefined,
    )
    const silent = Promise.withResolvers<void>()
    const timer = setTimeout(silent.resolve, probeMs)
    await Promise.race([asked, silent.promise])
    clearTimeout(timer)
    if (session.closed === undefined && discovered !== undefined) {
      this.era = provesModern(discovered) ? 'modern' : 'legacy'
      return this.greet(session, capabilities, this.era)
    }
    try {
      if (session.closed === undefined) {
        session.facts = await this.initialize(session, capabilities)
        this.era = provesModern(discovered) ? 'modern' : 'legacy'
        return session
      }
    } catch (fault) {
      // It was late, and is a modern one that refuses what legacy servers are asked.
      if (session.closed === undefined && provesModern(discovered)) {
        this.era = 'modern'
        return this.greet(session, capabilities, 'modern')
      }
      if (session.closed === undefined) throw fault
    }
    this.era = 'legacy'
    await session.channel.close()
    return undefined
  }

  private discover(session: ChannelSession, capabilities: Capabilities): Promise<ServerMessage> {
    const id = ++this.ids
    const text = this.options.codec.ownRequest('modern', newestModern, {
      id,
      method: names.discover,
      params: [],
      capabilities,
    })
    return session.ask(id, text, this.options.startTimeoutMs)
  }

  /** Opens a session with a server whose era is known. */
  private async greet(
    session: ChannelSession,
    capabilities: Capabilities,
    era: 'legacy' | 'modern',
  ): Promise<ChannelSession> {
    if (era === 'legacy') {
      session.facts = await this.initialize(session, capabilities)
      return session
    }
    const message = await this.discover(session, capabilities)
    if (message.kind !== 'result')
      throw new GatewayError('server_broken', { detail: 'server/discover was refused' })
    session.facts = readFacts(message, 'modern')
    return session
  }

  private async initialize(session: ChannelSession, capabilities: Capabilities): Promise<Facts> {
    const { codec, extensions, startTimeoutMs } = this.options
    const params: Members = [
      { key: 'protocolVersion', raw: `"${newestLegacy}"` },
      { key: 'capabilities', raw: legacyCapabilities(capabilities, extensions) },
      productMember,
    ]
    const id = ++this.ids
    const text = codec.ownRequest('legacy', newestLegacy, {
      id,
      method: names.open,
      params,
      capabilities,
    })
    const message = await session.ask(id, text, startTimeoutMs)
    if (message.kind !== 'result')
      throw new GatewayError('server_broken', {
        detail: `initialize was refused: ${message.kind === 'error' ? message.message.slice(0, 200) : ''}`,
      })
    const facts = readFacts(message, 'legacy')
    session.tell(codec.notification(notifications.initialized, []))
    return facts
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
    if (session.opened.era === 'modern') void this.listen(session)
    // One that the server refuses by now is no reason to go without the others.
    else
      for (const uri of this.subscriptions)
        await this.changeLegacy(session, names.subscribe, uri).catch(() => undefined)
  }

  /**
   * On stdio a listen stays open under its id; a newer one replaces it. Resolves with the URIs that the server
   * acknowledged; undefined when it did not.
   */
  private listen(session: ChannelSession): Promise<ReadonlySet<string> | undefined> {
    const { codec, requestTimeoutMs } = this.options
    const facts = session.opened
    const previous = session.listenId
    const id = ++this.ids
    const key = String(id)
    session.listenId = id
    const acknowledged = new Promise<ReadonlySet<string> | undefined>((resolve) => {
      const settle = (uris: ReadonlySet<string> | undefined): void => {
        clearTimeout(timer)
        session.acknowledged.delete(key)
        resolve(uris)
      }
      const timer = setTimeout(settle, requestTimeoutMs, undefined)
      session.acknowledged.set(key, settle)
    })
    session.tell(
      codec.ownRequest('modern', facts.revision, {
        id,
        ...listenRequest(this.subscriptions, this.taskIds),
      }),
    )
    if (previous !== undefined)
      session.tell(
        codec.notification(notifications.cancelled, [{ key: 'requestId', raw: String(previous) }]),
      )
    return acknowledged
  }

  /** @throws GatewayError subscription_refused when the server would never tell of the resource */
  async subscribe(uri: string): Promise<void> {
    this.subscriptions.add(uri)
    try {
      const session = await this.session(this.systemKey, noCapabilities)
      if (session.opened.era === 'legacy') await this.changeLegacy(session, names.subscribe, uri)
      else if ((await this.listen(session))?.has(uri) !== true)
        throw new GatewayError('subscription_refused', { detail: 'not acknowledged' })
    } catch (fault) {
      this.subscriptions.delete(uri)
      throw fault
    }
  }

  async unsubscribe(uri: string): Promise<void> {
    this.subscriptions.delete(uri)
    const session = await this.session(this.systemKey, noCapabilities)
    if (session.opened.era === 'modern') void this.listen(session)
    else await this.changeLegacy(session, names.unsubscribe, uri)
  }

  async subscribeTask(taskId: string): Promise<void> {
    const session = await this.session(this.systemKey, noCapabilities)
    if (session.opened.era !== 'modern')
      throw new GatewayError('method_unknown', { detail: 'a legacy server tells nothing of tasks' })
    this.taskIds.add(taskId)
    void this.listen(session)
  }

  async unsubscribeTask(taskId: string): Promise<void> {
    if (!this.taskIds.delete(taskId)) return
    const session = this.sessions.get(this.systemKey)
    if (session?.facts?.era === 'modern') void this.listen(session)
  }

  private async changeLegacy(session: ChannelSession, method: string, uri: string): Promise<void> {
    const message = await this.ownIn(session, method, [{ key: 'uri', raw: JSON.stringify(uri) }])
    if (message.kind === 'error')
      throw new GatewayError('subscription_refused', {
        detail: `${message.code} ${message.message.slice(0, 200)}`,
      })
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

/** Whether a session's key is of a principal of whom `gone` says so; a shared one and the gateway's own are of nobody. */
export function isOf(key: string, gone: (principalId: string) => boolean): boolean {
  const owner = ownerOf(key)
  return owner !== undefined && gone(owner)
}

/** The principal whose session a key names. */
export function ownerOf(key: string): string | undefined {
  const end = key.indexOf('\n')
  return end > 0 ? key.slice(0, end) : undefined
}

/** A caller chooses what it declares, and with each set of capabilities it gets a session of its own. */
export const sessionsPerPrincipalMax = 8

const levels = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency']

/** Rank of a log level, 0 is the most verbose (RFC 5424 names). */
export function levelRank(level: string | undefined): number {
  return level === undefined ? levels.length : levels.indexOf(level)
}
