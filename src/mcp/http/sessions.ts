/** The legacy sessions with one remote server: one for each principal, credential and set of capabilities, or shared, and our own. */
import { Lru } from '../../kit/lru.ts'
import { type Capabilities, noCapabilities } from '../../model/call.ts'
import { legacyCapabilities } from '../../model/extensions.ts'
import { GatewayError } from '../../model/refusal.ts'
import type { Start } from '../../upstream/kind.ts'
import { ownerOf, ownKey, sessionKey, sessionsPerPrincipalMax } from '../session-keys.ts'
import type { HttpLinkOptions, Place } from './place.ts'
import { HttpSession } from './session.ts'

export interface HttpSessionsOptions {
  readonly options: HttpLinkOptions
  readonly place: Place
  /** The server took no `initialize`. */
  readonly onRefused: () => void
}

interface Opening {
  readonly headers: Readonly<Record<string, string>>
  /** Raw capabilities that it is opened with. */
  readonly told: string
  /** Whether the server may ask in it outside the stream of a call. */
  readonly asks: boolean
}

export class HttpSessions {
  private readonly given: HttpSessionsOptions
  private readonly sessions: Lru<string, HttpSession>
  private readonly openings = new Map<string, Promise<HttpSession>>()

  constructor(given: HttpSessionsOptions) {
    this.given = given
    this.sessions = new Lru({
      countMax: given.options.sessionsMax,
      onDrop: (session) => this.end(session),
    })
  }

  /** That of a call: at once when it is open. @throws GatewayError */
  of({ recorded }: Start): HttpSession | Promise<HttpSession> {
    const { action: call, presented } = recorded
    const { spec, extensions } = this.given.options
    const { capabilities } = call
    const told = legacyCapabilities(capabilities, extensions)
    const owner = spec.session === 'shared' ? undefined : call.principal.id
    const key = sessionKey(owner, presented.identity, told)
    const ready = this.ready(key)
    if (ready !== undefined) return ready
    const asks = this.mayAsk(capabilities)
    return this.opened(key, { headers: presented.headers, told, asks })
  }

  /** The gateway's own. @throws GatewayError */
  own(): Promise<HttpSession> {
    const ready = this.ready(ownKey)
    if (ready !== undefined) return Promise.resolve(ready)
    const { headers } = this.given.options
    return this.opened(ownKey, { headers, told: noCapabilities.pooled, asks: false })
  }

  /** Whether the server may ask in the session of a call outside of its stream; in a shared one it would be a guess whom. */
  mayAsk({ pooled }: Capabilities): boolean {
    return this.given.options.spec.session === 'principal' && pooled !== '{}'
  }

  /** Ends those with such a key. */
  drop(isGone: (key: string) => boolean): void {
    for (const [key, session] of this.sessions.entries()) {
      if (!isGone(key)) continue
      this.sessions.delete(key)
      this.end(session)
    }
  }

  private end(session: HttpSession): void {
    session.end(this.given.place, this.given.options.headers)
  }

  private ready(key: string): HttpSession | undefined {
    const session = this.sessions.get(key)
    return session?.ended === false ? session : undefined
  }

  /** All who ask for one while it is being opened share it. */
  private opened(key: string, opening: Opening): Promise<HttpSession> {
    let running = this.openings.get(key)
    if (running === undefined) {
      running = this.open(key, opening).finally(() => this.openings.delete(key))
      this.openings.set(key, running)
    }
    return running
  }

  private async open(key: string, { headers, told, asks }: Opening): Promise<HttpSession> {
    const { place, onRefused } = this.given
    try {
      const session = await HttpSession.open(place, headers, told)
      if (asks) await session.listen(place, headers)
      this.sessions.set(key, session)
      this.keepFew(ownerOf(key))
      return session
    } catch (fault) {
      if (fault instanceof GatewayError && fault.code === 'server_broken') onRefused()
      throw fault
    }
  }

  /** Ends what the principal has used longest ago, when it has more than it may. */
  private keepFew(owner: string | undefined): void {
    if (owner === undefined) return
    const own = this.sessions.entries().filter(([key]) => ownerOf(key) === owner)
    const many = new Set(own.slice(0, -sessionsPerPrincipalMax).map(([key]) => key))
    this.drop((key) => many.has(key))
  }
}
