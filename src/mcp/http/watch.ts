/** On what a remote server tells of changes: the one stream of a modern one, the GET stream of our own session with a legacy one. */
import type { ServerMessage } from '../../model/codec.ts'
import type { Facts } from '../../model/facts.ts'
import type { Members } from '../../model/members.ts'
import { listChanged, names } from '../../model/methods.ts'
import { GatewayError } from '../../model/refusal.ts'
import type { ServerNotice } from '../../upstream/kind.ts'
import { requireSubscribed, type Subscriptions, type Way } from '../subscriptions.ts'
import type { Mode } from './era.ts'
import { ListenStream } from './listen.ts'
import type { Place } from './place.ts'
import type { HttpSession } from './session.ts'

export interface HttpWatchPorts {
  readonly place: Place
  readonly headers: Readonly<Record<string, string>>
  readonly subscriptions: Subscriptions
  mode(): Promise<Mode>
  /** The gateway's own session with a legacy server. */
  session(): Promise<HttpSession>
  /** One request of the gateway itself. */
  ask(method: string, params: Members): Promise<ServerMessage | undefined>
}

type Streamed = Exclude<Mode, { kind: 'pair' }>

export class HttpWatch {
  private readonly ports: HttpWatchPorts
  private readonly notice: ServerNotice = (method, params) => this.told?.(method, params)
  private told: ServerNotice | undefined
  private listening: ListenStream | undefined
  private opening: Promise<void> | undefined
  private deaf = false

  constructor(ports: HttpWatchPorts) {
    this.ports = ports
  }

  /** The server has no stream on which it could tell of changes. */
  get isDeaf(): boolean {
    return this.deaf
  }

  open(notice: ServerNotice): Promise<void> {
    this.told = notice
    this.opening ??= this.listen().finally(() => {
      this.opening = undefined
    })
    return this.opening
  }

  private async listen(): Promise<void> {
    const mode = await this.ports.mode()
    if (mode.kind === 'pair') {
      await mode.link.watch(this.notice)
      return
    }
    const { deaf } = this
    if (mode.kind === 'modern') this.deaf = (await this.stream(mode.facts).renew()) === undefined
    else await this.openSessionStream()
    // What is offered changed: let it be read again.
    if (this.deaf !== deaf) this.notice(listChanged.resources, [])
  }

  /** The GET stream of the gateway's own session, and on it again what was subscribed to in an earlier one. */
  private async openSessionStream(): Promise<void> {
    const { place, headers, subscriptions } = this.ports
    const session = await this.ports.session()
    const open = await session.stream(place, headers, this.notice, () =>
      this.notice('sallyport/watch-ended', []),
    )
    this.deaf = !open
    if (open) await subscriptions.restore((uri) => this.subscribeIn(session, uri))
  }

  private async subscribeIn(session: HttpSession, uri: string): Promise<void> {
    if (session.subscribed.has(uri)) return
    await this.change(names.subscribe, uri)
    session.subscribed.add(uri)
  }

  private async change(method: string, uri: string): Promise<void> {
    const raw = JSON.stringify(uri)
    requireSubscribed(await this.ports.ask(method, [{ key: 'uri', raw }]))
  }

  private stream({ revision }: Facts): ListenStream {
    const { place, headers: credential, subscriptions } = this.ports
    this.listening ??= new ListenStream({
      place,
      revision,
      credential,
      request: () => subscriptions.request(),
      notice: this.notice,
    })
    return this.listening
  }

  way(mode: Streamed): Way {
    if (mode.kind === 'modern') {
      const renew = () => this.stream(mode.facts).renew()
      return { kind: 'stream', renew, shrink: async () => void (await renew()) }
    }
    return {
      kind: 'session',
      subscribe: async (uri) => {
        await this.openSessionStream()
        if (this.deaf)
          throw new GatewayError('subscription_refused', { detail: 'the server has no GET stream' })
        await this.subscribeIn(await this.ports.session(), uri)
      },
      unsubscribe: async (uri) => {
        const session = await this.ports.session()
        session.subscribed.delete(uri)
        await this.change(names.unsubscribe, uri)
      },
    }
  }

  close(): void {
    this.listening?.close()
  }
}
