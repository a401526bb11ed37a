/** One open message channel with what is in flight on it: answers are told apart by our ids, progress by our tokens. */
import { BoxMap } from '../kit/box-map.ts'
import { errorOf, messageOf } from '../kit/thrown.ts'
import type { OwnRequest, ServerCodec, ServerMessage } from '../model/codec.ts'
import type { Facts } from '../model/facts.ts'
import { type Members, rawOf } from '../model/members.ts'
import { methodOf, notificationKindOf, notifications } from '../model/methods.ts'
import { GatewayError, toGatewayError } from '../model/refusal.ts'
import type { ServerNotice } from '../upstream/kind.ts'
import type { OpenCall } from '../upstream/round.ts'
import { Level } from './level.ts'
import { type Honoured, honouredUris } from './subscriptions.ts'

/** What a channel must be able to do; `process/channel.ts` and `mcp/http/sse-pair.ts` make them. */
export interface MessageChannel {
  /** `onRefused`: the server answered that it takes nothing in this session; the channel closes after it. */
  send(text: string, onRefused?: () => void): void
  onMessage: (message: Buffer) => void
  onClose: (reason: string) => void
  close(): Promise<void>
}

const unansweredMax = 1_000

/** One open channel with what is in flight on it. */
export class ChannelSession {
  readonly channel: MessageChannel
  readonly codec: ServerCodec
  facts: Facts | undefined
  readonly calls = new BoxMap<string, OpenCall>()
  readonly own = new Map<string, (message: ServerMessage | GatewayError) => void>()
  /** Calls that were given up and may still be running at the server: what it says could belong to one of them. */
  private readonly unanswered = new Set<string>()
  notice: ServerNotice | undefined
  /** It was told what to tell of. */
  attached = false
  private listenId: number | undefined
  /** Who waits for the acknowledgement of a listen, by its id. */
  private readonly acknowledged = new Map<string, (uris: ReadonlySet<string> | undefined) => void>()
  readonly level = new Level()
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

  /** The call is over here; at the server it may still run. */
  left(key: string, now: number): void {
    if (this.calls.delete(key) && this.unanswered.size < unansweredMax) this.unanswered.add(key)
    this.usedAt = now
  }

  /**
   * On a channel a listen stays open under its id; a newer one replaces it. Resolves with the URIs that the server
   * acknowledged; undefined when it did not.
   */
  listen(id: number, request: Omit<OwnRequest, 'id'>, timeoutMs: number): Promise<Honoured> {
    const previous = this.listenId
    const key = String(id)
    this.listenId = id
    const acknowledged = new Promise<Honoured>((resolve) => {
      const settle = (uris: Honoured): void => {
        clearTimeout(timer)
        this.acknowledged.delete(key)
        resolve(uris)
      }
      const timer = setTimeout(settle, timeoutMs, undefined)
      this.acknowledged.set(key, settle)
    })
    this.tell(this.codec.ownRequest('modern', this.opened.revision, { id, ...request }))
    if (previous !== undefined)
      this.tell(
        this.codec.notification(notifications.cancelled, [
          { key: 'requestId', raw: String(previous) },
        ]),
      )
    return acknowledged
  }
}
