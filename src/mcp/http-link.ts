/** Remote MCP servers over HTTP: Streamable HTTP in both eras, and the HTTP+SSE pair of 2024-11-05. */

import type { Dispatcher } from 'undici'
import { Deadlines } from '../kit/deadlines.ts'
import { noCapabilities } from '../model/call.ts'
import type { ServerMessage } from '../model/codec.ts'
import { type Facts, withoutFlag } from '../model/facts.ts'
import type { Member } from '../model/members.ts'
import { type ListMethod, listFactsOf, methodOf, notifications } from '../model/methods.ts'
import { GatewayError } from '../model/refusal.ts'
import { subjectOf } from '../model/target.ts'
import { Asking } from '../upstream/asking.ts'
import type { Listed, Sent, ServerLink, ServerNotice, Start } from '../upstream/kind.ts'
import { mayRepeat } from '../upstream/retry.ts'
import { OpenCall } from '../upstream/round.ts'
import { HttpEra, type Mode } from './http/era.ts'
import { ask, baseHeaders, type HttpLinkOptions, type Place } from './http/place.ts'
import { refuseStatus, verdictOf } from './http/refused.ts'
import { Relay } from './http/relay.ts'
import type { HttpSession } from './http/session.ts'
import { HttpSessions } from './http/sessions.ts'
import { HttpWatch } from './http/watch.ts'
import { readAllPages } from './opening.ts'
import { isOf } from './session-keys.ts'
import { Subscriptions } from './subscriptions.ts'

/** How long a server may take to close a stream whose call is over. */
const lingerMs = 2_000

export class McpHttp implements ServerLink {
  private readonly options: HttpLinkOptions
  private readonly place: Place
  private readonly pools: readonly Dispatcher[]
  private readonly sessions: HttpSessions
  private readonly asking: Asking
  private readonly era: HttpEra
  private readonly subscriptions = new Subscriptions()
  private readonly watcher: HttpWatch
  private ids = 0
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
    const { place, subscriptions } = this
    const session = (): Promise<HttpSession> => this.sessions.own()
    const era = new HttpEra({ options, place, session })
    this.era = era
    // It takes no `initialize` any more: perhaps it was upgraded, so its era is found again.
    const onRefused = (): void => {
      if (era.known?.kind === 'legacy') era.forget()
    }
    this.sessions = new HttpSessions({ options, place, onRefused })
    this.watcher = new HttpWatch({
      place,
      headers: options.headers,
      subscriptions,
      mode: () => era.open(),
      session,
      ask: (method, params) => this.own(method, params),
    })
  }

  start(start: Start): Sent | Promise<Sent> {
    const { proved } = this.era
    return proved === undefined
      ? this.era.prove().then((mode) => this.startIn(mode, start))
      : this.startIn(proved, start)
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
    const session = this.sessions.of(start)
    return session instanceof Promise
      ? session.then((opened) => this.startLegacy(opened, start))
      : this.startLegacy(session, start)
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
      onVersionRefused: () => this.era.forget(),
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
    if (this.sessions.mayAsk(call.capabilities))
      void session.listen(this.place, recorded.presented.headers)
    const body = codec.relayedRequest('legacy', session.facts.revision, {
      id,
      call,
      name: subjectOf(target),
      extensions: this.options.extensions,
      requestState: undefined,
    })
    const louder = session.level.raise(call.logLevel, session.facts, codec, this.place.nextId)
    if (louder !== undefined) session.post(this.place, recorded.presented.headers, louder)
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
          current = await this.sessions.of(start)
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

  async facts(): Promise<Facts> {
    const mode = await this.era.prove()
    if (mode.kind === 'pair') return mode.link.facts()
    // Lists are asked again from time to time, so that their changes are told all the same; resources are not.
    return this.watcher.isDeaf
      ? { ...mode.facts, declared: withoutFlag(mode.facts.declared, 'resources', 'subscribe') }
      : mode.facts
  }

  async list(method: ListMethod): Promise<Listed> {
    const mode = await this.era.open()
    if (mode.kind === 'pair') return mode.link.list(method)
    return readAllPages(listFactsOf(method).member, (params) => this.own(method, params))
  }

  /** One request of the gateway itself, with one new session when the old one is gone. */
  private async own(method: string, params: readonly Member[]): Promise<ServerMessage | undefined> {
    const { codec } = this.options
    const mode = await this.era.open()
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
      const session = await this.sessions.own()
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
    return this.watcher.open(notice)
  }

  /** @throws GatewayError subscription_refused when the server would never tell of the resource */
  async subscribe(uri: string): Promise<void> {
    const mode = await this.era.open()
    if (mode.kind === 'pair') await mode.link.subscribe(uri)
    else await this.subscriptions.subscribe(uri, async () => this.watcher.way(mode))
  }

  async unsubscribe(uri: string): Promise<void> {
    const mode = await this.era.open()
    if (mode.kind === 'pair') await mode.link.unsubscribe(uri)
    else await this.subscriptions.unsubscribe(uri, async () => this.watcher.way(mode))
  }

  async subscribeTask(taskId: string): Promise<void> {
    const mode = await this.era.open()
    if (mode.kind === 'pair') await mode.link.subscribeTask(taskId)
    else await this.subscriptions.subscribeTask(taskId, this.watcher.way(mode))
  }

  async unsubscribeTask(taskId: string): Promise<void> {
    const mode = this.era.known
    if (mode?.kind === 'pair') await mode.link.unsubscribeTask(taskId)
    else
      await this.subscriptions.unsubscribeTask(
        taskId,
        mode === undefined ? undefined : this.watcher.way(mode),
      )
  }

  dropPrincipals(gone: (principalId: string) => boolean): void {
    const mode = this.era.known
    if (mode?.kind === 'pair') mode.link.dropPrincipals(gone)
    this.sessions.drop((key) => isOf(key, gone))
  }

  async close(): Promise<void> {
    this.watcher.close()
    await this.era.close()
    this.sessions.drop(() => true)
    const [calls, streams] = this.pools
    await streams?.destroy()
    // Give the DELETEs of the sessions a moment to leave.
    await Promise.race([calls?.close(), new Promise((resolve) => setTimeout(resolve, 500).unref())])
    await calls?.destroy()
  }
}
