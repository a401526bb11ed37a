/** Opens channels, and finds of which era the server at their end is (protocol.md section 1). */
import { type Owner, owned } from '../kit/owner.ts'
import { messageOf } from '../kit/thrown.ts'
import { type Capabilities, type Era, noCapabilities } from '../model/call.ts'
import type { ServerCodec, ServerMessage } from '../model/codec.ts'
import { legacyCapabilities } from '../model/extensions.ts'
import type { Facts } from '../model/facts.ts'
import { notifications } from '../model/methods.ts'
import { GatewayError } from '../model/refusal.ts'
import { ChannelSession, type MessageChannel } from './channel-session.ts'
import { discoverText, openText, provesModern, readFacts } from './opening.ts'

/** A server that says nothing for so long after its start is asked in the legacy way, too. */
const probeMs = 10_000

export interface ChannelEraOptions {
  readonly codec: ServerCodec
  readonly extensions: ReadonlySet<string>
  readonly era: 'auto' | Era
  readonly startTimeoutMs: number
  readonly now: () => number
  readonly nextId: () => number
  readonly open: () => Promise<MessageChannel>
}

export class ChannelEra {
  private readonly options: ChannelEraOptions
  private found: Era | undefined

  constructor(options: ChannelEraOptions) {
    this.options = options
    this.found = options.era === 'auto' ? undefined : options.era
  }

  /** Undefined before the first channel, and after one that makes it doubtful. */
  get known(): Era | undefined {
    return this.found
  }

  /** A channel with an open session. `era`: of which it shall be, whatever the server is of. @throws GatewayError */
  async connect(capabilities: Capabilities, era: 'legacy' | undefined): Promise<ChannelSession> {
    const session = await this.fresh()
    const known = era ?? this.found
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
        this.found = this.found === undefined ? 'legacy' : undefined
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
      this.found = provesModern(discovered) ? 'modern' : 'legacy'
      return this.greet(session, capabilities, this.found)
    }
    try {
      if (session.closed === undefined) {
        session.facts = await this.initialize(session, capabilities)
        this.found = provesModern(discovered) ? 'modern' : 'legacy'
        return session
      }
    } catch (fault) {
      // It was late, and is a modern one that refuses what legacy servers are asked.
      if (session.closed === undefined && provesModern(discovered)) {
        this.found = 'modern'
        return this.greet(session, capabilities, 'modern')
      }
      if (session.closed === undefined) throw fault
    }
    this.found = 'legacy'
    await session.channel.close()
    return undefined
  }

  private discover(session: ChannelSession, capabilities: Capabilities): Promise<ServerMessage> {
    const { codec, startTimeoutMs, nextId } = this.options
    const id = nextId()
    return session.ask(id, discoverText(codec, id, capabilities), startTimeoutMs)
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
    const { codec, extensions, startTimeoutMs, nextId } = this.options
    const id = nextId()
    const text = openText(codec, id, legacyCapabilities(capabilities, extensions))
    const message = await session.ask(id, text, startTimeoutMs)
    if (message.kind !== 'result')
      throw new GatewayError('server_broken', {
        detail: `initialize was refused: ${message.kind === 'error' ? message.message.slice(0, 200) : ''}`,
      })
    const facts = readFacts(message, 'legacy')
    session.tell(codec.notification(notifications.initialized, []))
    return facts
  }
}
