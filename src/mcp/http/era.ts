/** Finds how a remote server is spoken to: of which era it is, and whether it has the pair of 2024-11-05. */
import { newestModern } from '../../model/call.ts'
import { declaredIn, type Facts } from '../../model/facts.ts'
import { names } from '../../model/methods.ts'
import { GatewayError } from '../../model/refusal.ts'
import { ChannelLink } from '../channel-link.ts'
import { discoverText, provesModern, readFacts } from '../opening.ts'
import { ask, baseHeaders, type HttpLinkOptions, type Place } from './place.ts'
import { refuseStatus } from './refused.ts'
import type { HttpSession } from './session.ts'
import { openSsePair } from './sse-pair.ts'

/** How long an era that was found by probing is believed: an upgraded server still answers `initialize`. */
const legacyVerdictMs = 3_600_000

export type Mode =
  | { readonly kind: 'modern'; readonly facts: Facts }
  | { readonly kind: 'legacy'; readonly facts: Facts; readonly until: number }
  | { readonly kind: 'pair'; readonly link: ChannelLink }

export interface HttpEraPorts {
  readonly options: HttpLinkOptions
  readonly place: Place
  /** The gateway's own session with a legacy server. @throws GatewayError */
  session(): Promise<HttpSession>
}

export class HttpEra {
  private readonly ports: HttpEraPorts
  private readonly options: HttpLinkOptions
  private readonly place: Place
  private found: Mode | undefined
  private opening: Promise<Mode> | undefined
  private closed = false

  constructor(ports: HttpEraPorts) {
    this.ports = ports
    this.options = ports.options
    this.place = ports.place
  }

  /** As it was found, however long ago. */
  get known(): Mode | undefined {
    return this.found
  }

  /** The same, unless it is to be proved again. */
  get proved(): Mode | undefined {
    const { found } = this
    return found?.kind === 'legacy' && found.until < this.options.now() ? undefined : found
  }

  /** What was found is wrong by now. */
  forget(): void {
    this.found = undefined
  }

  /** However long ago it was found. */
  async open(): Promise<Mode> {
    return this.found ?? this.find()
  }

  /** A verdict of long ago is proved again. */
  async prove(): Promise<Mode> {
    return this.proved ?? this.find()
  }

  async close(): Promise<void> {
    this.closed = true
    if (this.found?.kind === 'pair') await this.found.link.close()
  }

  /** Asks the server, whatever was known; all who ask meanwhile share it. @throws GatewayError */
  private find(): Promise<Mode> {
    if (this.closed)
      return Promise.reject(new GatewayError('server_unavailable', { detail: 'removed' }))
    this.opening ??= this.probe()
      .then((mode) => {
        this.found = mode
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
      const session = await this.ports.session()
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
    const { place } = this
    const { codec } = place
    const body = discoverText(codec, place.nextId())
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
}
