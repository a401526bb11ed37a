import { hash, randomBytes } from 'node:crypto'
import { BoxMap } from '../kit/box-map.ts'
import { CancelSource } from '../kit/cancellation.ts'
import type { KeyRing } from '../kit/key-ring.ts'
import type { Account } from '../model/account.ts'
import type { Endpoint } from '../model/action.ts'
import { endpointText } from '../model/action.ts'
import type { Principal } from '../model/principal.ts'
import { GatewayError } from '../model/refusal.ts'
import type { ClientAnswer, Session, SessionStart } from '../model/session.ts'
import type { EventStream } from './event-stream.ts'

/** A legacy session on its home node. */
export class LegacySession implements Session {
  readonly id: string
  readonly principal: Principal
  readonly endpoint: Endpoint
  readonly account: Account
  revision: Session['revision']
  capabilities: Session['capabilities']
  logLevel: string | undefined
  readonly running = new BoxMap<string, { cancel(): void }>()
  readonly asked = new Map<string, (answer: ClientAnswer) => void>()
  readonly subscriptions = new Map<string, () => void>()
  /** The GET stream, or the one stream of stdio and the HTTP+SSE pair. */
  channel: { send(text: string): void; end(): void; readonly attached: boolean } | undefined
  /** Streams of POSTs that can be resumed, by id. */
  readonly streams = new Map<string, EventStream>()
  readonly beganAt: number
  usedAt: number
  private readonly ending = new CancelSource()
  private ids = 0

  constructor(
    id: string,
    principal: Principal,
    endpoint: Endpoint,
    account: Account,
    start: SessionStart,
    now: number,
  ) {
    this.id = id
    this.principal = principal
    this.endpoint = endpoint
    this.account = account
    this.revision = start.revision
    this.capabilities = start.capabilities
    this.beganAt = now
    this.usedAt = now
  }

  /** Takes what `initialize` settled; on stdio and on the HTTP+SSE pair the session is there before. */
  adopt(start: SessionStart): this {
    this.revision = start.revision
    this.capabilities = start.capabilities
    return this
  }

  get principalId(): string {
    return this.principal.id
  }

  get ended(): boolean {
    return this.ending.cancelled
  }

  /** Runs `end` with the end of the session, at once if that has been. Returns the way to forget it. */
  onEnd(end: () => void): () => void {
    return this.ending.onCancel(end)
  }

  nextId(): number {
    return ++this.ids
  }

  push(text: string): boolean {
    if (this.channel === undefined) return false
    this.channel.send(text)
    return true
  }

  /** Ends its subscriptions to resources; the client may subscribe again, under the rules of that moment. */
  endSubscriptions(): void {
    for (const end of this.subscriptions.values()) end()
    this.subscriptions.clear()
  }

  /** Cancels what runs, ends streams and subscriptions. */
  end(): void {
    if (this.ended) return
    for (const running of this.running.values()) running.cancel()
    for (const end of this.subscriptions.values()) end()
    this.ending.cancel()
    for (const stream of this.streams.values()) stream.forget()
    this.channel?.end()
    this.running.clear()
    this.subscriptions.clear()
    this.streams.clear()
  }
}

export interface SessionTableOptions {
  readonly ring: KeyRing
  readonly node: string
  readonly countMax: number
  readonly perPrincipalMax: number
  readonly idleMs: number
  readonly lifeMs: number
  readonly now: () => number
}

const purpose = 'session'

/** What a session costs, with capabilities as long as they may be. */
const sessionBytes = 24_000

/** The legacy sessions of this node. Their ids are sealed boxes that only this ring opens. */
export class SessionTable {
  private readonly options: SessionTableOptions
  private readonly sessions = new Map<string, LegacySession>()
  private readonly perPrincipal = new Map<string, number>()
  private readonly sweep: NodeJS.Timeout

  constructor(options: SessionTableOptions) {
    this.options = options
    this.sweep = setInterval(() => this.endIdle(), 30_000)
    this.sweep.unref()
  }

  get size(): number {
    return this.sessions.size
  }

  /** Visible ASCII, at most 256 characters. @throws GatewayError busy, memory_limited when there is no room and nothing idle */
  begin(
    principal: Principal,
    endpoint: Endpoint,
    account: Account,
    start: SessionStart,
  ): LegacySession {
    const { options } = this
    const mine = this.perPrincipal.get(principal.id) ?? 0
    if (mine >= options.perPrincipalMax || this.sessions.size >= options.countMax) {
      const crowd = mine >= options.perPrincipalMax ? principal.id : this.mostSessions()
      const oldest = this.oldest(crowd)
      if (oldest === undefined) throw new GatewayError('busy', { detail: 'too many sessions' })
      this.end(oldest)
    }
    while (!account.tryTake(sessionBytes)) {
      const oldest = this.oldest(principal.id)
      // Says which of the limits it is.
      if (oldest === undefined) account.take(sessionBytes)
      else this.end(oldest)
    }
    const now = options.now()
    const random = randomBytes(12).toString('base64url')
    const box = [
      options.node,
      random,
      fingerprint(principal, endpoint),
      start.revision,
      now + options.lifeMs,
    ].join('|')
    const session = new LegacySession(
      options.ring.seal(purpose, box),
      principal,
      endpoint,
      account,
      start,
      now,
    )
    this.sessions.set(session.id, session)
    this.perPrincipal.set(principal.id, (this.perPrincipal.get(principal.id) ?? 0) + 1)
    return session
  }

  /** @throws GatewayError session_unknown for an id that is forged, foreign, expired, ended, or of another principal or endpoint */
  find(id: string, principal: Principal, endpoint: Endpoint): LegacySession {
    const session = this.sessions.get(id)
    const now = this.options.now()
    if (session === undefined)
      throw new GatewayError('session_unknown', {
        detail:
          id.length <= 256 && this.options.ring.open(purpose, id) !== undefined
            ? 'ended or of an earlier start'
            : 'forged',
      })
    if (
      session.principalId !== principal.id ||
      endpointText(session.endpoint) !== endpointText(endpoint)
    )
      throw new GatewayError('session_unknown', { detail: 'of another principal or endpoint' })
    if (now - session.beganAt >= this.options.lifeMs) {
      this.end(session)
      throw new GatewayError('session_unknown', { detail: 'expired' })
    }
    session.usedAt = now
    return session
  }

  /** The other node that a session id names; undefined for our own, and for what no node of ours has sealed. */
  homeOf(id: string): string | undefined {
    if (this.sessions.has(id) || id.length > 256) return undefined
    const node = this.options.ring.open(purpose, id)?.split('|', 1)[0]
    return node === this.options.node ? undefined : node
  }

  end(session: LegacySession): void {
    if (!this.sessions.delete(session.id)) return
    const left = (this.perPrincipal.get(session.principalId) ?? 1) - 1
    if (left <= 0) this.perPrincipal.delete(session.principalId)
    else this.perPrincipal.set(session.principalId, left)
    session.account.give(sessionBytes)
    session.end()
  }

  /** Ends the sessions of some principals, e.g. after their key was revoked. */
  endWhere(gone: (principalId: string) => boolean): void {
    for (const session of [...this.sessions.values()])
      if (gone(session.principalId)) this.end(session)
  }

  /** After the rules changed nobody goes on hearing of what was allowed before. */
  endSubscriptions(): void {
    for (const session of this.sessions.values()) session.endSubscriptions()
  }

  close(): void {
    clearInterval(this.sweep)
    for (const session of [...this.sessions.values()]) this.end(session)
  }

  private endIdle(): void {
    const before = this.options.now() - this.options.idleMs
    for (const session of [...this.sessions.values()]) {
      if (
        session.usedAt < before &&
        session.running.size === 0 &&
        session.channel?.attached !== true
      )
        this.end(session)
    }
  }

  /** Whoever has the most makes room when all are too many. */
  private mostSessions(): string {
    let [most, found] = [0, '']
    for (const [principalId, count] of this.perPrincipal)
      if (count > most) [most, found] = [count, principalId]
    return found
  }

  private oldest(principalId: string): LegacySession | undefined {
    let found: LegacySession | undefined
    for (const session of this.sessions.values()) {
      if (session.principalId !== principalId) continue
      if (session.running.size === 0 && (found === undefined || session.usedAt < found.usedAt))
        found = session
    }
    return found
  }
}

function fingerprint(principal: Principal, endpoint: Endpoint): string {
  return hash('sha256', `${principal.id} ${endpointText(endpoint)}`, 'hex').slice(0, 16)
}
