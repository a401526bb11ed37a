import { BoxMap } from '../../kit/box-map.ts'
import { messageOf } from '../../kit/thrown.ts'
import { noCapabilities } from '../../model/call.ts'
import type { ServerMessage } from '../../model/codec.ts'
import type { Facts } from '../../model/facts.ts'
import { rawOf } from '../../model/members.ts'
import { methodOf, names, notificationKindOf, notifications } from '../../model/methods.ts'
import { GatewayError } from '../../model/refusal.ts'
import type { ServerNotice } from '../../upstream/kind.ts'
import type { OpenCall } from '../../upstream/round.ts'
import { Level } from '../level.ts'
import { openText, readFacts } from '../opening.ts'
import { exchange } from './exchange.ts'
import { ask, baseHeaders, type Place, streamHeaders, tell } from './place.ts'
import { refuseStatus, verdictOf } from './refused.ts'

/** How long a session's first call waits for the GET stream of its session. */
const streamWaitMs = 1_000
/** How long what a server says on its GET stream could belong to a call that was given up. */
const givenUpMs = 60_000

/** A legacy session at a remote server (MCP 2025-11-25 basic/transports). */
export class HttpSession {
  readonly facts: Facts
  readonly id: string | undefined
  /** Headers of every request in this session, without the credential. */
  readonly headers: Readonly<Record<string, string>>
  usedAt = 0
  ended = false
  readonly level = new Level()
  /** Calls in flight by our id. */
  private readonly calls = new BoxMap<string, OpenCall>()
  /** When the last call was given up that may still run at the server. */
  private givenUpAt = Number.NEGATIVE_INFINITY
  /** URIs that were subscribed to in this session. */
  readonly subscribed = new Set<string>()
  private stopStream: (() => void) | undefined
  private opened: Promise<boolean> | undefined
  private streamGone = (): void => undefined
  private streaming: 'no' | 'opening' | 'open' | 'refused' = 'no'
  /** The server has such a stream: it was open once. */
  private streamed = false
  private checking: Promise<boolean> | undefined

  private constructor(facts: Facts, id: string | undefined, headers: Record<string, string>) {
    this.facts = facts
    this.id = id
    this.headers = headers
  }

  /** `told`: raw capabilities. @throws GatewayError server_refused_us, server_unavailable, server_broken, server_timeout */
  static async open(
    place: Place,
    credential: Readonly<Record<string, string>>,
    told: string,
  ): Promise<HttpSession> {
    const { codec } = place
    const body = openText(codec, place.nextId(), told)
    // A server of both eras may want the method of every POST in the head (MCP 2026-07-28 basic/transports); others pass over it.
    const named = { ...baseHeaders, ...credential, 'mcp-method': names.open }
    const answer = await ask(place, named, body, place.startTimeoutMs)
    refuseStatus(answer, place.now())
    const { message } = answer
    if (message?.kind !== 'result') {
      const said = message?.kind === 'error' ? message.message : answer.text
      throw new GatewayError('server_broken', {
        detail: `initialize was answered with HTTP ${answer.status} and ${said === '' ? 'no result' : said.slice(0, 200)}`,
      })
    }
    const facts = readFacts(message, 'legacy')
    const id = answer.headers['mcp-session-id']
    const headers = {
      ...baseHeaders,
      ...codec.headers('legacy', facts.revision, '', ''),
      ...(typeof id === 'string' ? { 'mcp-session-id': id } : {}),
    }
    const session = new HttpSession(facts, typeof id === 'string' ? id : undefined, headers)
    await tell(
      place,
      { ...headers, ...credential },
      codec.notification(notifications.initialized, []),
    )
    return session
  }

  /** The server knows this session no more: what hangs on it ends, and those who watched open it again. */
  lost(): void {
    if (this.ended) return
    this.ended = true
    const { stopStream } = this
    this.stopStream = undefined
    stopStream?.()
    this.streamGone()
  }

  /**
   * Whether the server still knows the session, asked in it. Only what any live session answers counts, so a list and
   * no ping, which servers answer before `initialize`.
   */
  isAlive(place: Place, credential: Readonly<Record<string, string>>): Promise<boolean> {
    this.checking ??= this.check(place, credential).finally(() => {
      this.checking = undefined
    })
    return this.checking
  }

  private async check(
    place: Place,
    credential: Readonly<Record<string, string>>,
  ): Promise<boolean> {
    if (this.ended) return false
    const id = place.nextId()
    const method = this.facts.declared.names.has('tools') ? names.listTools : names.ping
    const body = place.codec.ownRequest('legacy', this.facts.revision, {
      id,
      method,
      params: [],
      capabilities: noCapabilities,
    })
    try {
      const answer = await ask(place, { ...this.headers, ...credential }, body)
      return verdictOf(answer, id) === 'kept'
    } catch {
      // Not reached, or no answer: that says nothing of the session.
      return true
    }
  }

  /** Notes a call in flight; the way back is called when its round trip is over. */
  began(id: number, open: OpenCall): (answered: boolean) => void {
    const key = String(id)
    this.calls.set(key, open)
    return (answered) => {
      if (this.calls.delete(key) && !answered) this.givenUpAt = performance.now()
    }
  }

  /**
   * Keeps a GET stream open on which the server may ask and tell about the one call in flight: many legacy servers
   * send such messages there and not on the stream of the call. Waits for it, but not for long.
   */
  listen(place: Place, credential: Readonly<Record<string, string>>): Promise<void> {
    if (this.streaming !== 'no' || this.ended) return Promise.resolve()
    const opened = this.stream(
      place,
      credential,
      () => undefined,
      () => undefined,
    ).then(
      () => undefined,
      () => undefined,
    )
    return Promise.race([
      opened,
      new Promise<void>((resolve) => setTimeout(resolve, streamWaitMs).unref()),
    ])
  }

  /** Opens the GET stream unless it is open; resolves when it is, or with false when the server has none. */
  stream(
    place: Place,
    credential: Readonly<Record<string, string>>,
    notice: ServerNotice,
    onGone: () => void,
  ): Promise<boolean> {
    if (this.streaming !== 'no' && this.opened !== undefined) return this.opened
    this.streaming = 'opening'
    this.opened = new Promise((resolve, reject) => {
      const unopened = (code: 'server_unavailable' | 'server_timeout'): void =>
        reject(new GatewayError(code, { detail: 'the stream of changes could not be opened' }))
      const gone = (): void => {
        clearTimeout(timer)
        const wasOpen = this.streaming === 'open'
        if (this.streaming !== 'refused') this.streaming = 'no'
        this.stopStream = undefined
        // What a server forgot with the stream must be asked for again; where it did not, once more does no harm.
        this.subscribed.clear()
        if (wasOpen || this.ended) onGone()
        unopened('server_unavailable')
      }
      this.streamGone = gone
      const timer = setTimeout(() => {
        this.stopStream?.()
        this.streaming = 'no'
        unopened('server_timeout')
      }, place.requestTimeoutMs)
      const { 'content-type': _none, ...bare } = this.headers
      const headers = { ...bare, ...streamHeaders, ...credential }
      this.stopStream = exchange(
        place.streams,
        {
          method: 'GET',
          origin: place.origin,
          path: place.path,
          headers,
          body: undefined,
          messageBytesMax: place.messageBytesMax,
        },
        {
          onHead: (status) => {
            clearTimeout(timer)
            // A server without such a stream says so with a 4xx; anything else may pass.
            if (status === 200) this.streaming = 'open'
            else if (status >= 400 && status < 500) this.streaming = 'refused'
            // Where there was a stream, it is the session that there is no more.
            if (this.streamed && this.streaming === 'refused') this.lost()
            this.streamed ||= this.streaming === 'open'
            if (this.streaming !== 'opening') resolve(this.streaming === 'open')
          },
          onMessage: (bytes) => this.unsolicited(place, credential, bytes, notice),
          onEnd: gone,
          onFault: gone,
        },
      )
    })
    return this.opened
  }

  private unsolicited(
    place: Place,
    credential: Readonly<Record<string, string>>,
    bytes: Buffer,
    notice: ServerNotice,
  ): void {
    let message: ServerMessage
    try {
      message = place.codec.decode(bytes)
    } catch {
      return
    }
    if (message.kind === 'notification') {
      const kind = notificationKindOf(message.method)
      if (kind === 'progress')
        this.calls.get(rawOf(message.params, 'progressToken') ?? '')?.take(message)
      else if (kind === 'message') this.onlyCall()?.take(message)
      else if (!message.method.startsWith('sallyport/')) notice(message.method, message.params)
    } else if (message.kind === 'request') {
      const only = this.onlyCall()
      if (only !== undefined) {
        only.take(message)
        return
      }
      // It cannot be told which call it belongs to, so there is nobody to ask (protocol.md section 5).
      const text =
        methodOf(message.method).duty === 'pong'
          ? place.codec.answer(message.id, '{}')
          : place.codec.answerError(message.id, -32601, 'Nobody can answer this.')
      this.post(place, credential, text)
    }
  }

  /** The call that a message without a relation can only belong to. */
  private onlyCall(): OpenCall | undefined {
    return this.calls.size === 1 && performance.now() - this.givenUpAt > givenUpMs
      ? this.calls.values()[0]
      : undefined
  }

  /** Sends the answer to a question of a call. The call cannot go on without it, so it fails where that cannot be delivered. */
  answer(
    place: Place,
    credential: Readonly<Record<string, string>>,
    body: string,
    open: OpenCall,
  ): void {
    const undelivered = (detail: string): void =>
      open.fail(new GatewayError('server_unavailable', { detail: `an answer was lost: ${detail}` }))
    tell(place, { ...this.headers, ...credential }, body).then(
      (answer) => {
        if (verdictOf(answer) === 'lost') {
          this.lost()
          // With the session went the call; the caller must make it again (protocol.md section 6.3).
          open.fail(
            new GatewayError('state_invalid', { detail: 'the session of the call is gone' }),
          )
        } else if (answer.status >= 400) undelivered(`HTTP ${answer.status}`)
      },
      (fault: unknown) => undelivered(messageOf(fault)),
    )
  }

  /** Sends a message that has no answer: a notification or a response. */
  post(place: Place, credential: Readonly<Record<string, string>>, body: string): void {
    tell(place, { ...this.headers, ...credential }, body).then(
      (answer) => {
        if (verdictOf(answer) === 'lost') this.lost()
      },
      () => undefined,
    )
  }

  /** Ends the session at the server; failures do not matter. */
  end(place: Place, credential: Readonly<Record<string, string>>): void {
    if (this.ended) return
    this.ended = true
    this.stopStream?.()
    if (this.id === undefined) return
    exchange(
      place.dispatcher,
      {
        method: 'DELETE',
        origin: place.origin,
        path: place.path,
        headers: { ...this.headers, ...credential },
        body: undefined,
        messageBytesMax: 65_536,
      },
      {
        onHead: () => undefined,
        onMessage: () => undefined,
        onEnd: () => undefined,
        onFault: () => undefined,
      },
    )
  }
}
