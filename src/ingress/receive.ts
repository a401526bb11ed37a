/** The HTTP door: limits, Origin and Host, who calls, sessions, the body, and the way back. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { Chain } from '../kit/chain.ts'
import { Deadlines } from '../kit/deadlines.ts'
import { ownConnections, unowned } from '../kit/owner.ts'
import type { Account } from '../model/account.ts'
import type { Endpoint } from '../model/action.ts'
import type { AtWork } from '../model/at-work.ts'
import type { Principal } from '../model/principal.ts'
import { GatewayError, refusals, toGatewayError } from '../model/refusal.ts'
import { type BodyReader, bodyText, readBody, readOn } from './body.ts'
import { EventStream } from './event-stream.ts'
import { accepts, challenge, HttpExchange, invalidKey, retryAfterSeconds } from './http-exchange.ts'
import { allowCors, checkOrigin, preflight } from './origin.ts'
import { PairDoor } from './pair.ts'
import { PassOn } from './pass-on.ts'
import type { LegacySession, SessionTable } from './sessions.ts'
import type { DoorPorts, DoorSettings, Out, Outcome } from './settings.ts'
import { wholeBytesMax, wholeText } from './write-answer.ts'

const serverPath = /^\/mcp\/s\/([a-z][a-z0-9-]{0,23})\/?$/
const toolsetPath = /^\/mcp\/t\/([a-z][a-z0-9-]{0,23})\/?$/
const pingMs = 20_000
/** After so long without an answer a stream is opened and kept alive with comments, where the client takes one. */
const quietMs = 15_000
const endpointsMax = 1_000
/** What an open connection costs. */
const connectionBytes = 8_000
/** How long connections may take to end with what was written last. */
const lastBytesMs = 250
/** How long a connection that was told to go may linger. */
const lingerMs = 2_000

/** The endpoint of a path, or undefined. */
export function endpointOf(path: string): Endpoint | undefined {
  if (path === '/mcp' || path === '/mcp/') return { kind: 'all' }
  const server = serverPath.exec(path)?.[1]
  if (server !== undefined) return { kind: 'server', server }
  const toolset = toolsetPath.exec(path)?.[1]
  return toolset === undefined ? undefined : { kind: 'toolset', toolset }
}

/** It goes on listening when the gateway stops, so that whoever comes hears of it. */
export interface HttpDoor extends AtWork {
  readonly server: Server
  /** Listens no more and closes what is open. */
  close(): Promise<void>
  readonly requests: () => number
  /** Ends all listen streams, e.g. because the rules changed. */
  endListens(): void
  /** Ends all that some principals have running, streams included, e.g. because their key was revoked. */
  endOf(gone: (principalId: string) => boolean): void
  /** Told when a node of the same gateway came, went or moved. */
  peersChanged(): void
}

export function createHttpDoor(
  ports: DoorPorts,
  settings: DoorSettings,
  sessions: SessionTable,
): HttpDoor {
  const door = new Door(ports, settings, sessions)
  const server = createServer(
    {
      maxHeaderSize: settings.headerBytesMax,
      keepAliveTimeout: settings.keepAliveMs,
      requestTimeout: 0,
      headersTimeout: 15_000,
      noDelay: true,
    },
    (request, response) => door.take(request, response),
  )
  ownConnections(server, 'a connection of a caller')
  server.maxConnections = settings.connectionsMax
  server.on('connection', (socket) => {
    const account = ports.account(undefined, socket.remoteAddress ?? '')
    if (account.tryTake(connectionBytes)) socket.once('close', () => account.give(connectionBytes))
    else socket.destroy()
  })
  // The head is judged before the client is told to send the body.
  server.on('checkContinue', (request, response) => door.take(request, response))
  server.on('clientError', (error, socket) => {
    if (socket.writable) {
      const tooLong = 'code' in error && error.code === 'HPE_HEADER_OVERFLOW'
      socket.end(
        `HTTP/1.1 ${tooLong ? '431 Request Header Fields Too Large' : '400 Bad Request'}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
      )
    }
    // A peer that keeps its half open must not keep the connection.
    setTimeout(() => socket.destroy(), lingerMs).unref()
  })
  return {
    server,
    settle: () => door.settle(),
    busy: () => door.busy(),
    cancel: () => door.cancel(),
    close: () => door.close(server),
    requests: () => door.running.size,
    endListens: () => door.endListens(),
    endOf: (gone) => door.endOf(gone),
    peersChanged: () => door.passOn.peersChanged(),
  }
}

class Door {
  readonly running = new Chain<HttpExchange>()
  readonly passOn: PassOn
  private readonly ports: DoorPorts
  private readonly settings: DoorSettings
  private readonly sessions: SessionTable
  private readonly streams = new Map<EventStream, LegacySession>()
  /** Answers that are written and have not left yet, seen when their exchange ended. */
  private readonly unsent = new Set<ServerResponse>()
  private readonly pair: PairDoor
  private stopping = false
  private readonly bodies: Deadlines<BodyReader>
  private readonly quiet = new Deadlines<HttpExchange>(quietMs, (exchange) => exchange.keepAlive())
  private readonly endpoints = new Map<string, Endpoint>()

  constructor(ports: DoorPorts, settings: DoorSettings, sessions: SessionTable) {
    this.ports = ports
    this.settings = settings
    this.sessions = sessions
    this.bodies = new Deadlines(settings.bodyTimeoutMs, (body) =>
      body.fail(new GatewayError('body_timeout')),
    )
    this.passOn = new PassOn(ports.peers)
    this.pair = new PairDoor(ports, settings, {
      sessions,
      bodies: this.bodies,
      passOn: this.passOn,
    })
    setInterval(() => {
      for (const stream of this.streams.keys()) stream.ping()
    }, pingMs).unref()
  }

  take(request: IncomingMessage, response: ServerResponse): void {
    if (this.stopping) response.shouldKeepAlive = false
    // What a call sets off is not all its own, the journal for one; what is, gets its owner where it is sent.
    unowned(() => this.handle(request, response)).catch((thrown: unknown) =>
      this.refuse(request, response, toGatewayError(thrown)),
    )
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    checkSingle(request)
    const path = pathOf(request)
    if (path === '/healthz' || path === '/readyz') return this.health(path, response)
    checkOrigin(this.settings.rules, request)
    allowCors(request, response)
    if (request.method === 'OPTIONS') return preflight(request, response)
    if (this.stopping && !this.mayContinue(request, path)) throw new GatewayError('shutting_down')
    const endpoint = this.endpoint(path)
    if (endpoint === undefined && path !== '/sse' && path !== '/messages')
      throw new GatewayError('endpoint_unknown')
    const principal = this.identify(request)
    if (endpoint === undefined) return this.pair.take(path, request, response, principal)
    // Said only to callers with a key, so that names of servers cannot be guessed without one.
    if (!this.ports.endpointExists(endpoint, principal)) throw new GatewayError('endpoint_unknown')
    if (request.method === 'POST') return this.post(request, response, endpoint, principal)
    if (request.method === 'GET') return this.get(request, response, endpoint, principal)
    if (request.method === 'DELETE') return this.delete(request, response, endpoint, principal)
    throw new GatewayError('verb_refused')
  }

  /**
   * Whether a request may belong to something that still runs: the answer to a question, a cancellation, a stream that is
   * taken up again. Only its text tells; what begins something new is refused then.
   */
  private mayContinue({ method, headers }: IncomingMessage, path: string): boolean {
    const names = headers['mcp-session-id'] !== undefined
    if (method === 'GET') return names && headers['last-event-id'] !== undefined
    return method === 'POST' && (names || path === '/messages' || this.ports.hasParked())
  }

  /** `endpointOf`, remembered for paths that are in use. */
  private endpoint(path: string): Endpoint | undefined {
    const known = this.endpoints.get(path)
    if (known !== undefined) return known
    const endpoint = endpointOf(path)
    if (endpoint !== undefined && this.endpoints.size < endpointsMax)
      this.endpoints.set(path, endpoint)
    return endpoint
  }

  private identify(request: IncomingMessage): Principal {
    const apiKey = request.headers['x-api-key']
    return this.ports.identify(
      request.headers.authorization,
      typeof apiKey === 'string' ? apiKey : undefined,
    )
  }

  private accountOf(request: IncomingMessage, principal: Principal): Account {
    return this.ports.account(principal.id, request.socket.remoteAddress ?? '')
  }

  private async post(
    request: IncomingMessage,
    response: ServerResponse,
    endpoint: Endpoint,
    principal: Principal,
  ): Promise<void> {
    if (!isJson(request.headers['content-type'])) throw new GatewayError('content_type_refused')
    const { accept } = request.headers
    if (
      isGiven(accept) &&
      !accepts(accept, 'application/json') &&
      !accepts(accept, 'text/event-stream')
    )
      throw new GatewayError('accept_refused')
    if (request.headers.expect !== undefined) response.writeContinue()
    const account = this.accountOf(request, principal)
    const body = await readBody(
      request,
      this.settings.bodyBytesMax,
      this.bodies,
      account,
      principal,
    )
    const sessionId = request.headers['mcp-session-id']
    const exchange = new HttpExchange({
      request,
      response,
      endpoint,
      principal,
      account,
      sessionId: typeof sessionId === 'string' ? sessionId : undefined,
      sessions: this.sessions,
      peers: this.passOn.wasPassedOn(request) ? undefined : this.ports.peers,
      bytes: body.length,
      quiet: this.quiet,
    })
    exchange.running = this.running.add(exchange)
    let held = false
    try {
      const text = bodyText(body)
      let outcome = await this.ports.serve(principal, exchange, text)
      if (outcome.kind === 'elsewhere') {
        const { cancel } = exchange
        const { id: principalId } = principal
        exchange.leave()
        if (
          await this.passOn.take({
            request,
            response,
            node: outcome.node,
            principalId,
            body,
            cancel,
          })
        )
          return
        exchange.stay()
        outcome = await this.ports.serve(principal, exchange, text)
      }
      held = await this.answer(exchange, outcome, response)
    } finally {
      if (!held) this.ended(exchange)
    }
  }

  private ended(exchange: HttpExchange): void {
    exchange.release()
    if (exchange.running !== undefined) this.running.remove(exchange.running)
    exchange.running = undefined
    const { unsent } = exchange
    if (unsent === undefined) return
    this.unsent.add(unsent)
    unsent.once('close', () => this.unsent.delete(unsent))
  }

  /** True when the answer is a stream that stays open. */
  private async answer(
    exchange: HttpExchange,
    outcome: Outcome,
    response: ServerResponse,
  ): Promise<boolean> {
    if (outcome.kind === 'held') {
      this.hold(exchange, outcome.ended)
      return true
    }
    if (outcome.kind === 'message') await exchange.finish(outcome.message, outcome.session?.id)
    else if (outcome.kind === 'accepted') exchange.accepted()
    if (outcome.kind === 'batch') {
      // One after the other, so that a batch holds no more than one answer may be.
      const texts: string[] = []
      let left = wholeBytesMax
      for (const message of outcome.messages) {
        const text = await wholeText(message, left)
        texts.push(text)
        left -= text.length
      }
      const parts = [`[${texts.join(',')}`]
      await exchange.finish(
        { status: 200, rpcId: 'null', head: parts, stream: undefined, tail: ']' },
        undefined,
      )
    }
    if (!response.writableEnded && response.headersSent) response.end()
    return false
  }

  /** Waits for the end of a held stream outside of what read its request, which would keep the whole message. */
  private hold(exchange: HttpExchange, ended: Promise<Out>): void {
    exchange.hold()
    ended
      .then((out) => exchange.finish(out, undefined))
      .catch((thrown: unknown) =>
        this.ports.log({ level: 'error', text: 'a stream did not end well', error: thrown }),
      )
      .finally(() => this.ended(exchange))
  }

  /** The stream on which a legacy session hears what belongs to no request; or a resumed one. */
  private async get(
    request: IncomingMessage,
    response: ServerResponse,
    endpoint: Endpoint,
    principal: Principal,
  ): Promise<void> {
    const id = request.headers['mcp-session-id']
    if (typeof id !== 'string') throw new GatewayError('verb_refused')
    const { accept } = request.headers
    if (isGiven(accept) && !accepts(accept, 'text/event-stream'))
      throw new GatewayError('accept_refused')
    if (await this.passSession(id, request, response, principal)) return
    const session = this.sessions.find(id, principal, endpoint)
    const last = request.headers['last-event-id']
    if (typeof last === 'string' && this.resume(session, last, response)) return
    if (this.stopping) throw new GatewayError('shutting_down')
    // One message goes on one stream only, so a newer GET stream replaces an older one.
    session.channel?.end()
    const stream = new EventStream(
      {
        id: undefined,
        headers: {},
        keptEventsMax: 0,
        keptBytesMax: 0,
        pendingBytesMax: 4_000_000,
        account: session.account,
      },
      response,
    )
    session.channel = stream
    this.streams.set(stream, session)
    const stop = this.ports.subscribe(session, principal, (text) => stream.send(text))
    const forget = session.onEnd(stop)
    response.on('close', () => {
      stop()
      forget()
      this.streams.delete(stream)
      if (session.channel === stream) session.channel = undefined
    })
  }

  private resume(session: LegacySession, lastEventId: string, response: ServerResponse): boolean {
    const match = /^([A-Za-z0-9_-]{8})-(\d{1,9})$/.exec(lastEventId)
    const stream = match?.[1] === undefined ? undefined : session.streams.get(match[1])
    if (stream === undefined) return false
    stream.attach(response, Number(match?.[2]))
    return true
  }

  private async delete(
    request: IncomingMessage,
    response: ServerResponse,
    endpoint: Endpoint,
    principal: Principal,
  ): Promise<void> {
    const id = request.headers['mcp-session-id']
    if (typeof id !== 'string') throw new GatewayError('verb_refused')
    if (await this.passSession(id, request, response, principal)) return
    this.sessions.end(this.sessions.find(id, principal, endpoint))
    response.writeHead(204).end()
  }

  /** Whether a request without a body was answered by the node of its session. */
  private async passSession(
    id: string,
    request: IncomingMessage,
    response: ServerResponse,
    { id: principalId }: Principal,
  ): Promise<boolean> {
    const node = this.sessions.homeOf(id)
    if (node === undefined || this.passOn.wasPassedOn(request)) return false
    const resumes = request.headers['last-event-id'] !== undefined
    if (!resumes && !this.ports.peers.takesNew(node)) return false
    return this.passOn.take({
      request,
      response,
      node,
      principalId,
      body: undefined,
      cancel: undefined,
    })
  }

  private health(path: string, response: ServerResponse): void {
    const state =
      path === '/healthz' ? { ready: true, text: '{"status":"ok"}' } : this.ports.ready()
    response
      .writeHead(state.ready ? 200 : 503, { 'content-type': 'application/json' })
      .end(state.text)
  }

  private refuse(request: IncomingMessage, response: ServerResponse, error: GatewayError): void {
    if (error.code === 'internal')
      this.ports.log({
        level: 'error',
        text: `request failed: ${error.message}`,
        error: error.cause,
      })
    this.ports.anonymous(request.socket.remoteAddress ?? '', error)
    if (response.headersSent || response.destroyed) {
      response.destroy()
      return
    }
    const headers: Record<string, string> = { 'content-type': 'application/json' }
    const { http } = refusals[error.code]
    if (http === 401)
      headers['www-authenticate'] = error.code === 'key_missing' ? challenge : invalidKey
    if (error.code === 'verb_refused') headers['allow'] = 'POST'
    if (http === 503) headers['retry-after'] = retryAfterSeconds
    // What was not read of the body must not be taken for the next request.
    if (!request.complete) headers['connection'] = 'close'
    const status = http === 200 ? 400 : http
    const text = Buffer.from(this.ports.refusalText(error))
    if (request.method !== 'HEAD') headers['content-length'] = String(text.length)
    response.writeHead(status, headers)
    if (request.complete || waitsToSend(request)) response.end(text)
    else {
      response.write(text)
      readOn(request, () => response.end())
    }
  }

  endListens(): void {
    for (const exchange of this.running.values()) if (exchange.held) exchange.cancel.cancel()
  }

  endOf(gone: (principalId: string) => boolean): void {
    for (const exchange of this.running.values())
      if (gone(exchange.principal.id)) exchange.cancel.cancel()
    for (const body of this.bodies.values())
      if (gone(body.principal.id)) body.fail(new GatewayError('key_invalid'))
    this.passOn.endOf(gone)
  }

  settle(): void {
    if (!this.stopping) {
      this.stopping = true
      for (const exchange of this.running.values()) exchange.endConnection()
      // Whose message is not there yet can only be told to come again.
      for (const body of this.bodies.values()) body.fail(new GatewayError('shutting_down'))
    }
    // What a running call asks may go out on the stream of its session.
    for (const [stream, { running }] of this.streams) if (running.size === 0) stream.end()
    this.passOn.endStreams()
    this.pair.settle()
    this.endListens()
  }

  busy(): boolean {
    return this.running.size > 0 || this.unsent.size > 0 || this.passOn.busy() || this.pair.busy()
  }

  cancel(): void {
    for (const exchange of this.running.values()) exchange.cancel.cancel()
    this.pair.cancel()
    this.passOn.close()
  }

  async close(server: Server): Promise<void> {
    this.passOn.close()
    // Connections that are idle close with it.
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, lastBytesMs).unref())])
    server.closeAllConnections()
    await closed
  }
}

/** `application/json`, with or without parameters (RFC 9110 section 8.3). */
function isJson(type: string | undefined): boolean {
  return (
    type === 'application/json' ||
    (type !== undefined && /^application\/json\s*(?:;|$)/i.test(type))
  )
}

/** Without the field, any type is taken (RFC 9110 section 12.5.1). */
function isGiven(accept: string | undefined): boolean {
  return accept !== undefined && accept.trim() !== ''
}

/** The client sends its body only after it was told to (RFC 9110 section 10.1.1), and it was not. */
function waitsToSend(request: IncomingMessage): boolean {
  return request.headers.expect !== undefined && request.readableFlowing === null
}

/** Two readers could take different ones: what decides who calls, whom and in what form stands once (RFC 9110 section 5.3). */
const singles: ReadonlySet<string> = new Set([
  'host',
  'origin',
  'authorization',
  'x-api-key',
  'content-type',
  'content-length',
  'mcp-session-id',
  'mcp-protocol-version',
  'mcp-method',
  'mcp-name',
  'last-event-id',
])

/** @throws GatewayError header_repeated */
function checkSingle({ headers, rawHeaders }: IncomingMessage): void {
  let names = 0
  for (const _name in headers) names++
  // The usual case: each stands once.
  if (names * 2 === rawHeaders.length) return
  const seen = new Set<string>()
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase() ?? ''
    if (seen.has(name) && singles.has(name))
      throw new GatewayError('header_repeated', { detail: name, hint: `It is ${name}.` })
    seen.add(name)
  }
}

function pathOf(request: IncomingMessage): string {
  const url = request.url ?? '/'
  const query = url.indexOf('?')
  return query < 0 ? url : url.slice(0, query)
}
