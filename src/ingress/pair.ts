/** The HTTP+SSE pair of revision 2024-11-05: a GET stream that names where to post, and the POSTs. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { CancelSource } from '../kit/cancellation.ts'
import { Chain } from '../kit/chain.ts'
import type { Deadlines } from '../kit/deadlines.ts'
import type { Account } from '../model/account.ts'
import type { Principal } from '../model/principal.ts'
import { GatewayError } from '../model/refusal.ts'
import type { Exchange } from '../model/session.ts'
import { type BodyReader, bodyText, readBody, weightOf } from './body.ts'
import { eventText } from './event-stream.ts'
import { noFacts } from './implicit-session.ts'
import type { PassOn } from './pass-on.ts'
import { Pending } from './pending.ts'
import type { LegacySession, SessionTable } from './sessions.ts'
import type { DoorPorts, DoorSettings, Outcome } from './settings.ts'
import { wholeText } from './write-answer.ts'

const endpoint = { kind: 'all' } as const
/** What may wait unsent before the client counts as gone. */
const pendingBytesMax = 16_000_000

interface Running {
  readonly cancel: CancelSource
  readonly session: LegacySession
  /** It listens. */
  isHeld: boolean
}

export class PairDoor {
  private readonly ports: DoorPorts
  private readonly settings: DoorSettings
  private readonly sessions: SessionTable
  private readonly bodies: Deadlines<BodyReader>
  private readonly passOn: PassOn
  private readonly running = new Chain<Running>()
  private readonly open = new Map<string, { response: ServerResponse; session: LegacySession }>()

  constructor(
    ports: DoorPorts,
    settings: DoorSettings,
    parts: { sessions: SessionTable; bodies: Deadlines<BodyReader>; passOn: PassOn },
  ) {
    this.bodies = parts.bodies
    this.passOn = parts.passOn
    this.ports = ports
    this.settings = settings
    this.sessions = parts.sessions
    setInterval(() => {
      for (const { response } of this.open.values()) response.write(':\n\n')
    }, 20_000).unref()
  }

  async take(
    path: string,
    request: IncomingMessage,
    response: ServerResponse,
    principal: Principal,
  ): Promise<void> {
    const account = this.ports.account(principal.id, request.socket.remoteAddress ?? '')
    if (path === '/sse' && request.method === 'GET') this.stream(response, principal, account)
    else if (path === '/messages' && request.method === 'POST')
      await this.post(request, response, principal, account)
    else throw new GatewayError('verb_refused')
  }

  private stream(response: ServerResponse, principal: Principal, account: Account): void {
    // The stream is the session; what `initialize` says later is filled in then.
    const session = this.sessions.begin(principal, endpoint, account, noFacts)
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    })
    // Relative, so that it also resolves where a proxy serves the gateway below a path (RFC 3986 section 5.2).
    response.write(`event: endpoint\ndata: messages?session=${encodeURIComponent(session.id)}\n\n`)
    const pending = new Pending(response, account)
    session.channel = {
      get attached() {
        return !response.destroyed
      },
      send: (text) => {
        if (response.writableEnded || response.destroyed) return
        response.write(eventText(text, undefined))
        if (response.writableLength > pendingBytesMax || !pending.fits()) response.destroy()
      },
      end: () => response.end(),
    }
    const stop = this.ports.subscribe(session, principal, (text) => session.push(text))
    session.onEnd(stop)
    this.open.set(session.id, { response, session })
    response.on('error', () => undefined)
    response.on('close', () => {
      this.open.delete(session.id)
      this.sessions.end(session)
    })
  }

  private async post(
    request: IncomingMessage,
    response: ServerResponse,
    principal: Principal,
    account: Account,
  ): Promise<void> {
    const id = URL.parse(request.url ?? '/', 'http://gateway')?.searchParams.get('session') ?? ''
    const read = (): Promise<Buffer> => {
      if (request.headers.expect !== undefined) response.writeContinue()
      return readBody(request, this.settings.bodyBytesMax, this.bodies, account, principal)
    }
    const node = this.passOn.wasPassedOn(request) ? undefined : this.sessions.homeOf(id)
    if (node !== undefined) {
      const body = await read()
      const { id: principalId } = principal
      const passage = { request, response, node, principalId, body, cancel: undefined }
      try {
        if (await this.passOn.take(passage)) return
      } finally {
        account.give(weightOf(body.length))
      }
    }
    // Refused before its body comes; and it may end while that comes.
    this.sessions.find(id, principal, endpoint)
    const body = await read()
    try {
      const session = this.sessions.find(id, principal, endpoint)
      await this.serve(session, principal, account, response, body)
    } finally {
      account.give(weightOf(body.length))
    }
  }

  private async serve(
    session: LegacySession,
    principal: Principal,
    account: Account,
    response: ServerResponse,
    body: Buffer,
  ): Promise<void> {
    const text = bodyText(body)
    response.writeHead(202).end('Accepted')
    const cancel = new CancelSource()
    // What this message began ends with the connection, listens included.
    const stop = (): void => cancel.cancel()
    const forget = session.onEnd(stop)
    const running: Running = { cancel, session, isHeld: false }
    const link = this.running.add(running)
    const exchange: Exchange = {
      endpoint,
      headers: undefined,
      bytes: body.length,
      streams: true,
      session,
      nodes: undefined,
      begin: (start) => session.adopt(start),
      send: (message) => session.push(message),
      cancel,
      account,
    }
    try {
      const outcome = await this.ports.serve(principal, exchange, text)
      running.isHeld = outcome.kind === 'held'
      if (outcome.kind === 'held') session.push(await wholeText(await outcome.ended))
      for (const message of messagesOf(outcome)) session.push(await wholeText(message))
    } finally {
      this.running.remove(link)
      forget()
    }
  }

  /** Ends the streams on which nothing is waited for, and with them their sessions. */
  settle(): void {
    const running = this.running.values()
    for (const { isHeld, cancel } of running) if (isHeld) cancel.cancel()
    for (const { response, session } of this.open.values())
      if (!running.some((one) => one.session === session)) response.end()
  }

  busy(): boolean {
    if (this.running.size > 0) return true
    return [...this.open.values()].some(({ response }) => response.writableLength > 0)
  }

  cancel(): void {
    for (const { cancel } of this.running.values()) cancel.cancel()
  }
}

/** The messages of an outcome, for transports that only send messages. */
function messagesOf(outcome: Outcome): readonly import('./settings.ts').Out[] {
  if (outcome.kind === 'message') return [outcome.message]
  return outcome.kind === 'batch' ? outcome.messages : []
}
