/** Remote MCP servers over HTTP: Streamable HTTP in both eras, and the HTTP+SSE pair of 2024-11-05. */

import type { Dispatcher } from 'undici'
import type { Egress, PoolOptions } from '../egress/egress.ts'
import { Deadlines } from '../kit/deadlines.ts'
import { Lru } from '../kit/lru.ts'
import { type Capabilities, newestModern, noCapabilities } from '../model/call.ts'
import type { ServerCodec, ServerMessage } from '../model/codec.ts'
import type { HttpSpec } from '../model/desired-state.ts'
import { legacyCapabilities } from '../model/extensions.ts'
import { declaredIn, type Facts, withoutFlag } from '../model/facts.ts'
import type { Member } from '../model/members.ts'
import {
  type ListMethod,
  listChanged,
  listFactsOf,
  methodOf,
  names,
  notifications,
} from '../model/methods.ts'
import { GatewayError } from '../model/refusal.ts'
import { subjectOf } from '../model/target.ts'
import { Asking } from '../upstream/asking.ts'
import type { Listed, Sent, ServerLink, ServerNotice, Start } from '../upstream/kind.ts'
import { mayRepeat } from '../upstream/retry.ts'
import { OpenCall } from '../upstream/round.ts'
import { ChannelLink, isOf, levelRank, ownerOf, sessionsPerPrincipalMax } from './channel-link.ts'
import { ListenStream } from './http/listen.ts'
import { refuseStatus, verdictOf } from './http/refused.ts'
import { Relay } from './http/relay.ts'
import { ask, baseHeaders, HttpSession, type Place } from './http/session.ts'
import { openSsePair } from './http/sse-pair.ts'
import { listenRequest, provesModern, readAllPages, readFacts } from './opening.ts'

export interface HttpLinkOptions {
  readonly spec: HttpSpec
  readonly era: 'auto' | 'legacy' | 'modern'
  /** Resolved header values for requests of the gateway itself, e.g. lists. */
  readonly headers: Readonly<Record<string, string>>
  readonly codec: ServerCodec
  /** Extensions that may pass between the server and its callers. */
  readonly extensions: ReadonlySet<string>
  readonly egress: Egress
  /** Certificates of the connection. */
  readonly tls: PoolOptions['tls']
  readonly messageBytesMax: number
  readonly startTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly connectionsMax: number
  readonly sessionsMax: number
  readonly gatherMs: number
  readonly now: () => number
}

/** How long an era that was found by probing is believed: an upgraded server still answers `initialize`. */
const legacyVerdictMs = 3_600_000

/** How long a server may take to close a stream whose call is over. */
const lingerMs = 2_000

type Mode =
  | { readonly kind: 'modern'; readonly facts: Facts }
  | { readonly kind: 'legacy'; readonly facts: Facts; readonly until: number }
  | { readonly kind: 'pair'; readonly link: ChannelLink }

export class McpHttp implements ServerLink {
  private readonly options: HttpLinkOptions
  private readonly place: Place
  private readonly pools: readonly Dispatcher[]
  private readonly sessions: Lru<string, HttpSession>
  private readonly asking: Asking
  private readonly openings = new Map<string, Promise<HttpSession>>()
  private mode: Mode | undefined
  private opening: Promise<Mode> | undefined
  private ids = 0
  private closed = false
  private notice: ServerNotice | undefined
  private listening: ListenStream | undefined
  /** The server has no stream on which it could tell of changes. */
  private deaf = false
  private watching: Promise<void> | undefined
  private readonly subscriptions = new Set<string>()
  private readonly taskIds = new Set<string>()
  private readonly lingering = new Deadlines<Relay>(lingerMs, (relay) => relay.abort())

  constructor(options: HttpLinkOptions) {
    this.options = options
    this.asking = new Asking(options.now)
    const url = new URL(options.spec.url)
    const tls = options.tls === undefined ? {} : { tls: options.tls }
    const calls = options.egress.pool(url, { connections: options.connectionsMax, ...tls })
    const streams = options.egress.pool(url, { connections: null, ...tls })
    this.pools = [calls, streams]
    this.place = {
      dispatcher: calls,
      origin: url.origin,
      streams,
      path: url.pathname + url.search,
      codec: options.codec,
      messageBytesMax: options.messageBytesMax,
      startTimeoutMs: options.startTimeoutMs,
      requestTimeoutMs: options.requestTimeoutMs,
      now: options.now,
      nextId: () => ++this.ids,
    }
    this.sessions = new Lru({
      countMax: options.sessionsMax,
      onDrop: (session) => session.end(this.place, this.options.headers),
    })
  }

  start(start: Start): Sent | Promise<Sent> {
    const { mode } = this
    if (mode === undefined || (mode.kind === 'legacy' && mode.until < this.options.now()))
      return this.open().then((opened) => this.startIn(opened, start))
    return this.startIn(mode, start)
  }

  private startIn(mode: Mode, start: Start): Sent | Promise<Sent> {
    if (!start.wanted()) throw new GatewayError('cancelled')
    if (mode.kind === 'pair') return mode.link.start(start)
    const { action: call } = start.recorded
    if (mode.kind === 'modern') {
      if (this.options.era !== 'auto' || !this.asking.wantsLegacy(call))
        return this.startModern(mode.facts, start)
      return Promise.resolve(this.startInSession(start)).catch((fault: unknown) => {
        if (!(fault instanceof GatewayError) || fault.code !== 'server_broken') throw fault
        this.asking.refused()
        return this.startModern(mode.facts, start)
      })
    }
    return this.startInSession(start)
  }

  private startInSession(start: Start): Sent | Promise<Sent> {
    const { action: call } = start.recorded
    const session = this.sessions.get(this.sessionKey(start))
    if (session !== undefined && !session.ended) return this.startLegacy(session, start)
    return this.session(
      this.sessionKey(start),
      start.recorded.presented.headers,
      call.capabilities,
    ).then((opened) => this.startLegacy(opened, start))
  }

  private sessionKey(start: Start): string {
    const { action: call, presented } = start.recorded
    const told = `${presented.identity}\n${legacyCapabilities(call.capabilities, this.options.extensions)}`
    return this.options.spec.session === 'shared' ? told : `${call.principal.id}\n${told}`
  }

  private session(
    key: string,
    headers: Readonly<Record<string, string>>,
    capabilities: Capabilities,
  ): Promise<HttpSession> {
    const ready = this.sessions.get(key)
    if (ready !== undefined && !ready.ended) return Promise.resolve(ready)
    let opening = this.openings.get(key)
    if (opening === undefined) {
      const told = legacyCapabilities(capabilities, this.options.extensions)
      opening = HttpSession.open(this.place, headers, { ...capabilities, pooled: told })
        .then(async (session) => {
          if (this.mayAsk(key, capabilities)) await session.listen(this.place, headers)
          this.sessions.set(key, session)
          this.keepFew(ownerOf(key))
          return session
        })
        .catch((fault: unknown) => {
          // It takes no `initialize` any more: perhaps it was upgraded, so its era is found again.
          if (
            this.mode?.kind === 'legacy' &&
            fault instanceof GatewayError &&
            fault.code === 'server_broken'
          )
            this.mode = undefined
          throw fault
        })
        .finally(() => this.openings.delete(key))
      this.openings.set(key, opening)
    }
    return opening
  }

  /** Ends what the principal has used longest ago, when it has more than it may. */
  private keepFew(owner: string | undefined): void {
    if (owner === undefined) return
    const own = this.sessions.entries().filter(([key]) => ownerOf(key) === owner)
    for (const [key, session] of own.slice(0, -sessionsPerPrincipalMax)) {
      this.sessions.delete(key)
      session.end(this.place, this.options.headers)
    }
  }

  /** Whether the server may ask in this session outside the stream of a call; in a shared one it would be a guess whom. */
  private mayAsk(key: string, capabilities: Capabilities): boolean {
    return (
      key !== 'system' && this.options.spec.session === 'principal' && capabilities.pooled !== '{}'
    )
  }

  private startModern(facts: Facts, start: Start): Sent {
    const { codec } = this.options
    const { recorded, serverState } = start
    const { action: call, target } = recorded
    const id = this.place.nextId()
    const open: OpenCall = new OpenCall(
      {
        codec,
        era: 'modern',
        id,
        answer: () => undefined,
        gatherMs: 0,
        park: (state) => start.park(() => open, state),
        extensions: this.options.extensions,
        onFailed: (said) => this.asking.failed(call, said),
        onEnd: () => relay.callEnded(),
      },
      call,
      start.sink,
    )
    const body = codec.relayedRequest('modern', facts.revision, {
      id,
      call,
      name: subjectOf(target),
      extensions: this.options.extensions,
      requestState: serverState,
    })
    const headers = {
      ...baseHeaders,
      ...codec.headers('modern', facts.revision, call.method, subjectOf(target)),
      ...recorded.presented.headers,
    }
    if (target.item !== undefined && target.item.headerParams.length > 0)
      Object.assign(headers, codec.paramHeaders(target.item.headerParams, call.args))
    const relay: Relay = new Relay({
      place: this.place,
      open,
      id,
      body,
      headers: () => headers,
      session: undefined,
      repeatable: methodOf(call.method).isRepeatable,
      lingering: this.lingering,
      onVersionRefused: () => {
        this.mode = undefined
      },
    })
    relay.post()
    return { open, cancel: () => relay.abort() }
  }

  private startLegacy(session: HttpSession, start: Start): Sent {
    if (!start.wanted()) throw new GatewayError('cancelled')
    const { codec } = this.options
    const { recorded } = start
    const { action: call, target } = recorded
    const id = this.place.nextId()
    let current = session
    const open: OpenCall = new OpenCall(
      {
        codec,
        era: 'legacy',
        id,
        answer: (text) => current.answer(this.place, recorded.presented.headers, text, open),
        gatherMs: call.era === 'legacy' ? 0 : this.options.gatherMs,
        park: (state) => start.park(() => open, state),
        extensions: this.options.extensions,
        onEnd: (answered) => {
          over(answered)
          relay.callEnded()
        },
      },
      call,
      start.sink,
    )
    let over = session.began(id, open)
    if (this.mayAsk(this.sessionKey(start), call.capabilities))
      void session.listen(this.place, recorded.presented.headers)
    const body = codec.relayedRequest('legacy', session.facts.revision, {
      id,
      call,
      name: subjectOf(target),
      extensions: this.options.extensions,
      requestState: undefined,
    })
    this.setLevel(session, recorded.presented.headers, call.logLevel)
    const relay: Relay = new Relay({
      place: this.place,
      open,
      id,
      body,
      headers: () => ({ ...current.headers, ...recorded.presented.headers }),
      session: {
        lost: () => {
          over(true)
          current.lost()
        },
        isAlive: () => current.isAlive(this.place, recorded.presented.headers),
        renew: async () => {
          current = await this.session(
            this.sessionKey(start),
            recorded.presented.headers,
            call.capabilities,
          )
          if (!open.done) over = current.began(id, open)
        },
      },
      repeatable: methodOf(call.method).isRepeatable,
      lingering: this.lingering,
    })
    relay.post()
    return {
      open,
      cancel: (reason) => {
        if (!open.done)
          current.post(
            this.place,
            recorded.presented.headers,
            codec.notification(notifications.cancelled, [
              { key: 'requestId', raw: String(id) },
              { key: 'reason', raw: JSON.stringify(reason) },
            ]),
          )
        relay.abort()
      },
    }
  }

  /** A legacy session has one level: the most verbose that anybody in it asked for; each call filters its own. */
  private setLevel(
    session: HttpSession,
    credential: Readonly<Record<string, string>>,
    level: string | undefined,
  ): void {
    if (level === undefined || !session.facts.declared.names.has('logging')) return
    if (session.logLevel !== undefined && levelRank(session.logLevel) <= levelRank(level)) return
    session.logLevel = level
    const { codec } = this.options
    const params: readonly Member[] = [{ key: 'level', raw: `"${level}"` }]
    session.post(
      this.place,
      credential,
      codec.ownRequest('legacy', session.facts.revision, {
        id: this.place.nextId(),
        method: names.setLevel,
        params,
        capabilities: noCapabilities,
      }),
    )
  }

  private open(): Promise<Mode> {
    if (this.closed)
      return Promise.reject(new GatewayError('server_unavailable', { detail: 'removed' }))
    this.opening ??= this.probe()
      .then((mode) => {
        this.mode = mode
        return mode
      })
      .finally(() => {
        this.opening = undefined
      })
    return this.opening
  }

  /** Modern first; anything that does not prove a modern server is tried as a legacy one (protocol.md section 1). */
  private async probe(): Promise<Mode> {
    const { spec, era } = this.options
    if (spec.transport === 'sse') return { kind: 'pair', link: await this.pair() }
    if (era !== 'legacy') {
      const modern = await this.discover()
      if (modern !== undefined) return { kind: 'modern', facts: modern }
      if (era === 'modern')
        throw new GatewayError('server_broken', {
          detail: 'the server does not answer server/discover as a modern server does',
        })
    }
    const until = era === 'legacy' ? Number.POSITIVE_INFINITY : this.options.now() + legacyVerdictMs
    try {
      const session = await this.session('system', this.options.headers, noCapabilities)
      return { kind: 'legacy', facts: session.facts, until }
    } catch (fault) {
      if (
        spec.transport === 'streamable' ||
        !(fault instanceof GatewayError) ||
        fault.code !== 'server_broken'
      )
        throw fault
      // A 4xx to the initialize POST is the sign of the old pair (MCP 2025-11-25 basic/transports, "Backwards Compatibility").
      return { kind: 'pair', link: await this.pair().catch(() => Promise.reject(fault)) }
    }
  }

  private async discover(): Promise<Facts | undefined> {
    const { codec } = this.options
    const body = codec.ownRequest('modern', newestModern, {
      id: this.place.nextId(),
      method: names.discover,
      params: [],
      capabilities: noCapabilities,
    })
    const headers = {
      ...baseHeaders,
      ...codec.headers('modern', newestModern, names.discover, ''),
      ...this.options.headers,
    }
    const { startTimeoutMs } = this.place
    let answer = await ask(this.place, headers, body, startTimeoutMs)
    if (answer.status === 401 || answer.status === 403) refuseStatus(answer, this.place.now())
    if (!provesModern(answer.message)) return undefined
    // A server that refuses the version but lists it is asked again in it, which is the only one that we speak.
    if (answer.message?.kind === 'error')
      answer = await ask(this.place, headers, body, startTimeoutMs)
    return answer.message?.kind === 'result'
      ? readFacts(answer.message, 'modern')
      : {
          era: 'modern',
          revision: newestModern,
          declared: declaredIn('{}'),
          serverInfo: '{}',
          instructions: undefined,
        }
  }

  private async pair(): Promise<ChannelLink> {
    const link = new ChannelLink({
      codec: this.options.codec,
      extensions: this.options.extensions,
      era: 'legacy',
      gatherMs: this.options.gatherMs,
      startTimeoutMs: this.options.startTimeoutMs,
      requestTimeoutMs: this.options.requestTimeoutMs,
      perPrincipal: this.options.spec.session === 'principal',
      idleStopMs: 600_000,
      sessionsMax: this.options.sessionsMax,
      backoff: undefined,
      now: this.options.now,
      open: () => openSsePair(this.place, this.options.headers),
    })
    await link.facts()
    return link
  }

  async facts(): Promise<Facts> {
    // Asked by the watcher: a verdict of long ago is proved again.
    const mode =
      this.mode === undefined ||
      (this.mode.kind === 'legacy' && this.mode.until < this.options.now())
        ? await this.open()
        : this.mode
    if (mode.kind === 'pair') return mode.link.facts()
    // Lists are asked again from time to time, so that their changes are told all the same; resources are not.
    return this.deaf
      ? { ...mode.facts, declared: withoutFlag(mode.facts.declared, 'resources', 'subscribe') }
      : mode.facts
  }

  async list(method: ListMethod): Promise<Listed> {
    const mode = this.mode ?? (await this.open())
    if (mode.kind === 'pair') return mode.link.list(method)
    return readAllPages(listFactsOf(method).member, (params) => this.own(method, params))
  }

  /** One request of the gateway itself, with one new session when the old one is gone. */
  private async own(method: string, params: readonly Member[]): Promise<ServerMessage | undefined> {
    const { codec } = this.options
    const mode = this.mode ?? (await this.open())
    const id = this.place.nextId()
    if (mode.kind === 'modern') {
      const body = codec.ownRequest('modern', mode.facts.revision, {
        id,
        method,
        params,
        capabilities: noCapabilities,
      })
      const answer = await ask(
        this.place,
        {
          ...baseHeaders,
          ...codec.headers('modern', mode.facts.revision, method, ''),
          ...this.options.headers,
        },
        body,
      )
      refuseStatus(answer, this.place.now())
      return answer.message
    }
    for (let attempts = 1; ; attempts++) {
      const session = await this.session('system', this.options.headers, noCapabilities)
      const body = codec.ownRequest('legacy', session.facts.revision, {
        id,
        method,
        params,
        capabilities: noCapabilities,
      })
      const headers = { ...session.headers, ...this.options.headers }
      const answer = await ask(this.place, headers, body)
      const verdict = verdictOf(answer, id)
      if (
        verdict === 'lost' ||
        (verdict === 'unclear' && !(await session.isAlive(this.place, this.options.headers)))
      ) {
        session.lost()
        const { isRepeatable: repeatable } = methodOf(method)
        if (mayRepeat({ repeatable, reached: 'refused', attempts })) continue
      }
      refuseStatus(answer, this.place.now())
      return answer.message
    }
  }

  watch(notice: ServerNotice): Promise<void> {
    this.notice = notice
    this.watching ??= this.openWatch().finally(() => {
      this.watching = undefined
    })
    return this.watching
  }

  private async openWatch(): Promise<void> {
    const mode = this.mode ?? (await this.open())
    const notice: ServerNotice = (method, params) => this.notice?.(method, params)
    if (mode.kind === 'pair') {
      await mode.link.watch(notice)
      return
    }
    const deaf = this.deaf
    if (mode.kind === 'modern')
      this.deaf = (await this.listenStream(mode.facts).renew()) === undefined
    else await this.openSessionStream(notice)
    // What is offered changed: let it be read again.
    if (this.deaf !== deaf) notice(listChanged.resources, [])
  }

  /** The GET stream of the gateway's own session, and on it again what was subscribed to in an earlier one. */
  private async openSessionStream(notice: ServerNotice): Promise<void> {
    const session = await this.session('system', this.options.headers, noCapabilities)
    const open = await session.stream(this.place, this.options.headers, notice, () =>
      notice('sallyport/watch-ended', []),
    )
    this.deaf = !open
    if (!open) return
    for (const uri of this.subscriptions)
      if (!session.subscribed.has(uri))
        // One that the server refuses by now is no reason to go without the others.
        await this.subscribeIn(session, uri).catch(() => undefined)
  }

  private listenStream(facts: Facts): ListenStream {
    this.listening ??= new ListenStream({
      place: this.place,
      revision: facts.revision,
      credential: this.options.headers,
      request: () => listenRequest(this.subscriptions, this.taskIds),
      notice: (method, params) => this.notice?.(method, params),
    })
    return this.listening
  }

  /** @throws GatewayError subscription_refused when the server would never tell of the resource */
  async subscribe(uri: string): Promise<void> {
    this.subscriptions.add(uri)
    try {
      const mode = this.mode ?? (await this.open())
      if (mode.kind === 'pair') await mode.link.subscribe(uri)
      else if (mode.kind === 'modern') {
        const honoured = await this.listenStream(mode.facts).renew()
        if (honoured?.has(uri) !== true)
          throw new GatewayError('subscription_refused', { detail: 'not acknowledged' })
      } else await this.subscribeLegacy(uri)
    } catch (fault) {
      this.subscriptions.delete(uri)
      throw fault
    }
  }

  private async subscribeLegacy(uri: string): Promise<void> {
    await this.openSessionStream((method, params) => this.notice?.(method, params))
    if (this.deaf)
      throw new GatewayError('subscription_refused', { detail: 'the server has no GET stream' })
    const session = await this.session('system', this.options.headers, noCapabilities)
    if (!session.subscribed.has(uri)) await this.subscribeIn(session, uri)
  }

  private async subscribeIn(session: HttpSession, uri: string): Promise<void> {
    const raw = JSON.stringify(uri)
    refuseError(await this.own(names.subscribe, [{ key: 'uri', raw }]))
    session.subscribed.add(uri)
  }

  async unsubscribe(uri: string): Promise<void> {
    this.subscriptions.delete(uri)
    const mode = this.mode ?? (await this.open())
    if (mode.kind === 'pair') await mode.link.unsubscribe(uri)
    else if (mode.kind === 'modern') await this.listenStream(mode.facts).renew()
    else {
      this.sessions.peek('system')?.subscribed.delete(uri)
      const raw = JSON.stringify(uri)
      refuseError(await this.own(names.unsubscribe, [{ key: 'uri', raw }]))
    }
  }

  async subscribeTask(taskId: string): Promise<void> {
    const mode = this.mode ?? (await this.open())
    if (mode.kind !== 'modern')
      throw new GatewayError('method_unknown', { detail: 'a legacy server tells nothing of tasks' })
    this.taskIds.add(taskId)
    await this.listenStream(mode.facts).renew()
  }

  async unsubscribeTask(taskId: string): Promise<void> {
    if (!this.taskIds.delete(taskId) || this.mode?.kind !== 'modern') return
    await this.listenStream(this.mode.facts).renew()
  }

  dropPrincipals(gone: (principalId: string) => boolean): void {
    if (this.mode?.kind === 'pair') this.mode.link.dropPrincipals(gone)
    for (const [key, session] of this.sessions.entries()) {
      if (!isOf(key, gone)) continue
      this.sessions.delete(key)
      session.end(this.place, this.options.headers)
    }
  }

  async close(): Promise<void> {
    this.closed = true
    this.listening?.close()
    if (this.mode?.kind === 'pair') await this.mode.link.close()
    for (const session of this.sessions.values()) session.end(this.place, this.options.headers)
    const [calls, streams] = this.pools
    await streams?.destroy()
    // Give the DELETEs of the sessions a moment to leave.
    await Promise.race([calls?.close(), new Promise((resolve) => setTimeout(resolve, 500).unref())])
    await calls?.destroy()
  }
}

function refuseError(message: ServerMessage | undefined): void {
  if (message?.kind === 'error')
    throw new GatewayError('subscription_refused', {
      detail: `${message.code} ${message.message.slice(0, 200)}`,
    })
}
