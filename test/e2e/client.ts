// Tiny clients of both eras that show every byte, so that tests see what the gateway really sent.

import { setTimeout as delay } from 'node:timers/promises'
import { patienceMs } from '../patience.ts'
import { dig } from './json.ts'

export interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** Every message of the answer: one of a JSON body, or those of an event stream. */
  readonly messages: readonly unknown[]
  /** The answer to the request itself. */
  readonly message: unknown
}

export interface StreamEvent {
  readonly id: string | undefined
  readonly event: string
  readonly data: string
}

const waitMs = patienceMs
const both = 'application/json, text/event-stream'
export const modernRevision = '2026-07-28'

export const bearer = (key: string): Record<string, string> =>
  key === '' ? {} : { authorization: `Bearer ${key}` }

/** Events of a whole stream, or of the part that is there. */
export function parseEvents(text: string): readonly StreamEvent[] {
  return text
    .split('\n\n')
    .slice(0, -1)
    .map((block) => {
      const lines = block.split('\n')
      const value = (field: string): string | undefined =>
        lines
          .find((line) => line.startsWith(`${field}:`))
          ?.slice(field.length + 1)
          .trimStart()
      const data = lines.filter((line) => line.startsWith('data:'))
      return {
        id: value('id'),
        event: value('event') ?? 'message',
        data: data.map((line) => line.slice(5).replace(/^ /, '')).join('\n'),
      }
    })
}

export async function replyOf(response: Response): Promise<Reply> {
  const text = await response.text()
  const { status, headers } = response
  const type = headers.get('content-type') ?? ''
  let messages: unknown[] = []
  if (type.startsWith('text/event-stream'))
    messages = parseEvents(text).flatMap(({ data }) => (data === '' ? [] : [JSON.parse(data)]))
  else if (text.startsWith('{')) messages = [JSON.parse(text)]
  const message = messages.findLast(
    (one) => dig(one, 'result') !== undefined || dig(one, 'error') !== undefined,
  )
  return { status, headers, text, messages, message }
}

export interface PostOptions {
  readonly headers?: Readonly<Record<string, string | undefined>>
  readonly signal?: AbortSignal
}

/** Header `undefined` leaves one out that would be there. */
export function postText(
  url: string,
  key: string,
  body: string,
  options: PostOptions = {},
): Promise<Response> {
  const headers = { 'content-type': 'application/json', accept: both, ...bearer(key) }
  const wanted = Object.entries({ ...headers, ...options.headers }).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  )
  const signal = options.signal === undefined ? {} : { signal: options.signal }
  return fetch(url, { method: 'POST', body, headers: Object.fromEntries(wanted), ...signal })
}

export function modernMeta(capabilities: object = {}): Record<string, unknown> {
  return {
    'io.modelcontextprotocol/protocolVersion': modernRevision,
    'io.modelcontextprotocol/clientCapabilities': capabilities,
  }
}

/** The headers that mirror a modern body; `name` is what `Mcp-Name` says. */
export function modernHeaders(method: string, name?: string): Record<string, string> {
  return {
    'mcp-protocol-version': modernRevision,
    'mcp-method': method,
    ...(name === undefined ? {} : { 'mcp-name': name }),
  }
}

const ids = { next: 1 }

export type Params = Readonly<Record<string, unknown>>

export interface ModernRequest {
  readonly id: number
  readonly body: string
  readonly headers: Record<string, string>
}

/** Text and headers of one modern request. `_meta` of the params is added to what every request has. */
export function modernRequest(method: string, params: Params = {}): ModernRequest {
  const id = ids.next++
  const own = params['_meta']
  const meta = { ...modernMeta(), ...(typeof own === 'object' ? own : {}) }
  const subject = method === 'resources/read' ? params['uri'] : params['name']
  const named = ['tools/call', 'prompts/get', 'resources/read'].includes(method)
  const name = named && typeof subject === 'string' ? subject : undefined
  const body = JSON.stringify({ jsonrpc: '2.0', id, method, params: { ...params, _meta: meta } })
  return { id, body, headers: modernHeaders(method, name) }
}

export async function modernCall(
  url: string,
  key: string,
  method: string,
  params: Params = {},
  options: PostOptions = {},
): Promise<Reply> {
  const request = modernRequest(method, params)
  const headers = { ...request.headers, ...options.headers }
  return replyOf(await postText(url, key, request.body, { ...options, headers }))
}

export const modernTool = (
  url: string,
  key: string,
  name: string,
  args: Params = {},
  options: PostOptions = {},
): Promise<Reply> => modernCall(url, key, 'tools/call', { name, arguments: args }, options)

/** A stream that stays open. */
export class Feed {
  readonly response: Response
  readonly events: StreamEvent[] = []
  ended = false
  private readonly stop: AbortController

  constructor(response: Response, stop: AbortController) {
    this.response = response
    this.stop = stop
    void this.read()
  }

  private async read(): Promise<void> {
    const decoder = new TextDecoder()
    let rest = ''
    try {
      for await (const chunk of this.response.body ?? []) {
        rest += decoder.decode(chunk, { stream: true })
        const end = rest.lastIndexOf('\n\n') + 2
        if (end < 2) continue
        this.events.push(...parseEvents(rest.slice(0, end)))
        rest = rest.slice(end)
      }
    } catch {
      // Closed by either side; what came before stays.
    }
    this.ended = true
  }

  /** Messages so far, in order. */
  get messages(): readonly unknown[] {
    return this.events.flatMap(({ data }) => (data.startsWith('{') ? [JSON.parse(data)] : []))
  }

  count(method: string): number {
    return this.messages.filter((message) => dig(message, 'method') === method).length
  }

  /** The first message that fits. */
  async until(fits: (message: unknown) => boolean): Promise<unknown> {
    return eventually(async () => this.messages.find(fits))
  }

  untilMethod(method: string): Promise<unknown> {
    return this.until((message) => dig(message, 'method') === method)
  }

  close(): void {
    this.stop.abort()
  }
}

/** Asks until there is an answer other than undefined or false. */
export async function eventually<T>(check: () => Promise<T | undefined | false>): Promise<T> {
  const deadline = Date.now() + waitMs
  for (;;) {
    const found = await check()
    if (found !== undefined && found !== false) return found
    if (Date.now() > deadline) throw new Error('did not happen in time')
    await delay(15)
  }
}

export async function openFeed(
  url: string,
  init: {
    readonly method: string
    readonly headers: Record<string, string>
    readonly body?: string
  },
): Promise<Feed> {
  const stop = new AbortController()
  return new Feed(await fetch(url, { ...init, signal: stop.signal }), stop)
}

export function openListen(
  url: string,
  key: string,
  notifications: Params,
  more: Params = {},
): Promise<Feed> {
  const { body, headers } = modernRequest('subscriptions/listen', { notifications, ...more })
  const all = { 'content-type': 'application/json', accept: both, ...bearer(key), ...headers }
  return openFeed(url, { method: 'POST', body, headers: all })
}

export interface SessionOptions {
  readonly revision?: string
  readonly capabilities?: object
}

/** A legacy client's session. */
export class LegacyClient {
  readonly url: string
  readonly key: string
  readonly opening: Reply
  readonly id: string

  constructor(url: string, key: string, opening: Reply) {
    this.url = url
    this.key = key
    this.opening = opening
    this.id = opening.headers.get('mcp-session-id') ?? ''
  }

  get headers(): Record<string, string> {
    return { ...bearer(this.key), 'mcp-session-id': this.id }
  }

  post(body: string, options: PostOptions = {}): Promise<Response> {
    const headers = { 'mcp-session-id': this.id, ...options.headers }
    return postText(this.url, this.key, body, { ...options, headers })
  }

  async request(method: string, params: Params = {}, options: PostOptions = {}): Promise<Reply> {
    const body = JSON.stringify({ jsonrpc: '2.0', id: ids.next++, method, params })
    return replyOf(await this.post(body, options))
  }

  tool(name: string, args: Params = {}, options: PostOptions = {}): Promise<Reply> {
    return this.request('tools/call', { name, arguments: args }, options)
  }

  notify(method: string, params: Params = {}): Promise<Response> {
    return this.post(JSON.stringify({ jsonrpc: '2.0', method, params }))
  }

  /** The GET stream. */
  listen(lastEventId?: string): Promise<Feed> {
    const resume = lastEventId === undefined ? {} : { 'last-event-id': lastEventId }
    const headers = { ...this.headers, accept: 'text/event-stream', ...resume }
    return openFeed(this.url, { method: 'GET', headers })
  }

  end(): Promise<Response> {
    return fetch(this.url, { method: 'DELETE', headers: this.headers })
  }
}

export async function legacySession(
  url: string,
  key: string,
  options: SessionOptions = {},
): Promise<LegacyClient> {
  const params = {
    protocolVersion: options.revision ?? '2025-11-25',
    capabilities: options.capabilities ?? {},
    clientInfo: { name: 'test', version: '1' },
  }
  const body = JSON.stringify({ jsonrpc: '2.0', id: ids.next++, method: 'initialize', params })
  const client = new LegacyClient(url, key, await replyOf(await postText(url, key, body)))
  if (client.id !== '') await client.notify('notifications/initialized')
  return client
}
