/** Passes requests on to the node where their session or parked call lives, and the answers back as they come. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Dispatcher, Pool } from 'undici'
import type { CancelSource } from '../kit/cancellation.ts'
import { Chain } from '../kit/chain.ts'
import { GatewayError } from '../model/refusal.ts'
import { drained } from './event-stream.ts'
import type { Peers } from './settings.ts'

/** Header of a request that a node passed on; sealed, so that nobody else can set it. */
const passedHeader = 'sallyport-passed-to'
/** Requests, GET streams included, that are with other nodes at once. */
const passingMax = 10_000
const connectTimeoutMs = 1_500
const idleConnectionMs = 10_000

/** Headers that belong to one connection (RFC 9110 section 7.6.1), and those that are made anew. */
const ofTheHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
  'content-length',
  passedHeader,
])

/** Faults after which the node cannot have seen the request. */
const notSent: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
])

export interface Passage {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly node: string
  readonly principalId: string
  /** What was read of the request; undefined for GET and DELETE. */
  readonly body: Buffer | undefined
  readonly cancel: CancelSource | undefined
}

interface Passing {
  readonly node: string
  readonly principalId: string
  readonly address: string
  readonly abort: AbortController
  /** A GET stream, which a stop of this node ends in order. */
  readonly idle: boolean
}

export class PassOn {
  private readonly peers: Peers
  private readonly pools = new Map<string, Pool>()
  private readonly running = new Chain<Passing>()

  constructor(peers: Peers) {
    this.peers = peers
  }

  /** Whether a request came from another node already; it is never passed on again, so there are no loops. */
  wasPassedOn(request: IncomingMessage): boolean {
    const sealed = request.headers[passedHeader]
    return typeof sealed === 'string' && this.peers.arrived(sealed)
  }

  /**
   * Resolves to true when the request was answered from there, or the client has gone. False: that node is gone and
   * has seen nothing, so that this node answers for it.
   * @throws GatewayError busy; node_lost when it may have seen the request
   */
  async take(passage: Passage): Promise<boolean> {
    const { node, principalId, response } = passage
    const address = this.peers.addressOf(node)
    if (address === undefined) return false
    if (this.running.size >= passingMax)
      throw new GatewayError('busy', { detail: 'too many requests are with other nodes' })
    const abort = new AbortController()
    const idle = passage.request.method === 'GET'
    const passing: Passing = { node, principalId, address, abort, idle }
    const stop = (): void => abort.abort()
    const running = this.running.add(passing)
    response.once('close', stop)
    const forget = passage.cancel?.onCancel(stop)
    try {
      const answer = await this.ask(passage, passing)
      if (answer === undefined) return response.destroyed
      await giveBack(answer, response, () => passing.idle && abort.signal.aborted)
      return true
    } finally {
      this.running.remove(running)
      response.off('close', stop)
      forget?.()
    }
  }

  /** The head of the answer; undefined: the node has seen nothing, or the client has gone. */
  private async ask(
    { request, response, node, body }: Passage,
    { address, abort }: Passing,
  ): Promise<Dispatcher.ResponseData | undefined> {
    try {
      return await this.pool(address).request({
        method: request.method ?? 'POST',
        path: request.url ?? '/',
        headers: [...headersOn(request), passedHeader, this.peers.seal(node)],
        body: body ?? null,
        signal: abort.signal,
        // The node ends what takes too long. When it is lost, `peersChanged` ends what waits for it.
        headersTimeout: 0,
        bodyTimeout: 0,
      })
    } catch (fault) {
      const code = fault instanceof Error && 'code' in fault ? String(fault.code) : ''
      if (response.destroyed || notSent.has(code)) return undefined
      throw new GatewayError('node_lost', { detail: `node ${node}: ${code}`, cause: fault })
    }
  }

  private pool(address: string): Pool {
    let pool = this.pools.get(address)
    if (pool === undefined) {
      pool = new Pool(address, {
        connections: passingMax,
        pipelining: 1,
        connect: { timeout: connectTimeoutMs },
        keepAliveTimeout: idleConnectionMs,
        keepAliveMaxTimeout: idleConnectionMs,
      })
      this.pools.set(address, pool)
    }
    return pool
  }

  /** Gives up what waits for nodes that are gone. */
  peersChanged(): void {
    const used = new Set<string>()
    for (const { node, address, abort } of this.running.values()) {
      used.add(address)
      if (!this.peers.livesAt(node, address)) abort.abort()
    }
    for (const [address, pool] of this.pools) {
      if (used.has(address)) continue
      this.pools.delete(address)
      void pool.close().catch(() => undefined)
    }
  }

  /** Ends the streams that only wait for changes. */
  endStreams(): void {
    for (const { idle, abort } of this.running.values()) if (idle) abort.abort()
  }

  /** Gives up what waits for some principals; the other node ends it, too, once it knows. */
  endOf(gone: (principalId: string) => boolean): void {
    for (const { principalId, abort } of this.running.values()) if (gone(principalId)) abort.abort()
  }

  /** Whether a caller waits for another node; who only listens does not count. */
  busy(): boolean {
    return this.running.values().some(({ idle }) => !idle)
  }

  close(): void {
    for (const { abort } of this.running.values()) abort.abort()
    for (const pool of this.pools.values()) void pool.destroy().catch(() => undefined)
    this.pools.clear()
  }
}

/** The headers of a request as they came, without those of the hop. `Host` stays: the node checks it by the same rules. */
function headersOn(request: IncomingMessage): string[] {
  const { rawHeaders } = request
  const named = new Set((request.headers.connection ?? '').toLowerCase().split(/\s*,\s*/))
  const headers: string[] = []
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const [name = '', value = ''] = rawHeaders.slice(index, index + 2)
    const lower = name.toLowerCase()
    if (!ofTheHop.has(lower) && !named.has(lower)) headers.push(name, value)
  }
  return headers
}

async function giveBack(
  answer: Dispatcher.ResponseData,
  response: ServerResponse,
  endsInOrder: () => boolean,
): Promise<void> {
  const headers: Record<string, string | string[]> = {}
  for (const [name, value] of Object.entries(answer.headers))
    if (value !== undefined && (name === 'content-length' || !ofTheHop.has(name)))
      headers[name] = value
  response.writeHead(answer.statusCode, headers)
  // The head of a stream may come long before its first event.
  if (headers['content-length'] === undefined) response.flushHeaders()
  try {
    for await (const chunk of answer.body) if (!response.write(chunk)) await drained(response)
    response.end()
  } catch {
    // The node or the client broke off in the middle: a short body is the only honest end.
    if (endsInOrder()) response.end()
    else response.destroy()
  }
}
