// One pair of eras: a client of one and a server of the other, with the gateway between them.
import { setTimeout as delay } from 'node:timers/promises'
import {
  eventually,
  type Feed,
  type LegacyClient,
  legacySession,
  modernCall,
  openListen,
  type Params,
  parseEvents,
  type Reply,
  replyOf,
} from '../e2e/client.ts'
import { dig, digText } from '../e2e/json.ts'
import type { TestWorld } from '../e2e/world.ts'
import type { CellId } from './rows.ts'

export type Era = 'legacy' | 'modern'

export interface Question {
  readonly method: string
  readonly params: unknown
}

/** The raw result that a client gives to a question; undefined: it declines with an error. */
export type Answer = (question: Question) => object | undefined

export interface Talk {
  /** The final message. */
  readonly message: unknown
  /** All messages on the way, of all rounds. */
  readonly messages: readonly unknown[]
  readonly asked: readonly Question[]
}

export interface ClientOptions {
  readonly capabilities?: object
  readonly key?: string
  readonly revision?: string
}

const roundsMax = 12

export class Cell {
  readonly id: CellId
  readonly client: Era
  readonly server: Era
  readonly world: TestWorld

  constructor(id: CellId, world: TestWorld) {
    this.id = id
    this.client = id.startsWith('L') ? 'legacy' : 'modern'
    this.server = id.endsWith('L') ? 'legacy' : 'modern'
    this.world = world
  }

  get url(): string {
    return this.world.at(this.server)
  }

  get key(): string {
    return this.world.key
  }

  session(options: ClientOptions = {}): Promise<LegacyClient> {
    const { capabilities = {}, key = this.key, revision = '2025-11-25' } = options
    return legacySession(this.url, key, { capabilities, revision })
  }

  /** One request of a client of this cell that asks for nothing in between. */
  async request(method: string, params: Params = {}, options: ClientOptions = {}): Promise<Reply> {
    if (this.client === 'legacy') return (await this.session(options)).request(method, params)
    return modernCall(this.url, options.key ?? this.key, method, withCapabilities(params, options))
  }

  tool(name: string, args: Params = {}, options: ClientOptions = {}): Promise<Reply> {
    return this.request('tools/call', { name, arguments: args }, options)
  }

  /** A call whose questions are answered, in the way of the client's era. */
  talk(method: string, params: Params, answer: Answer, options: ClientOptions): Promise<Talk> {
    return this.client === 'legacy'
      ? this.legacyTalk(method, params, answer, options)
      : this.modernTalk(method, params, answer, options)
  }

  private async modernTalk(
    method: string,
    params: Params,
    answer: Answer,
    options: ClientOptions,
  ): Promise<Talk> {
    const asked: Question[] = []
    const messages: unknown[] = []
    let extra: Params = {}
    for (let round = 0; round < roundsMax; round++) {
      const full = withCapabilities({ ...params, ...extra }, options)
      const reply = await modernCall(this.url, options.key ?? this.key, method, full)
      messages.push(...reply.messages)
      if (dig(reply.message, 'result', 'resultType') !== 'input_required')
        return { message: reply.message, messages, asked }
      const requests = Object.entries(dig(reply.message, 'result', 'inputRequests') ?? {})
      const responses: [string, object][] = []
      for (const [key, request] of requests) {
        const question = { method: digText(request, 'method'), params: dig(request, 'params') }
        asked.push(question)
        const given = answer(question)
        if (given !== undefined) responses.push([key, given])
      }
      const requestState = dig(reply.message, 'result', 'requestState')
      extra = {
        inputResponses: Object.fromEntries(responses),
        ...(requestState === undefined ? {} : { requestState }),
      }
    }
    throw new Error('asked without end')
  }

  private async legacyTalk(
    method: string,
    params: Params,
    answer: Answer,
    options: ClientOptions,
  ): Promise<Talk> {
    const session = await this.session(options)
    const asked: Question[] = []
    const messages: unknown[] = []
    const body = JSON.stringify({ jsonrpc: '2.0', id: 'call', method, params })
    const response = await session.post(body)
    if (!(response.headers.get('content-type') ?? '').startsWith('text/event-stream')) {
      const reply = await replyOf(response)
      return { message: reply.message, messages: reply.messages, asked }
    }
    const decoder = new TextDecoder()
    let rest = ''
    for await (const chunk of response.body ?? []) {
      rest += decoder.decode(chunk, { stream: true })
      const end = rest.lastIndexOf('\n\n') + 2
      if (end < 2) continue
      const events = parseEvents(rest.slice(0, end))
      rest = rest.slice(end)
      for (const { data } of events) {
        if (!data.startsWith('{')) continue
        const message: unknown = JSON.parse(data)
        messages.push(message)
        const id = dig(message, 'id')
        if (id === 'call') return { message, messages, asked }
        if (id === undefined) continue
        const question = { method: digText(message, 'method'), params: dig(message, 'params') }
        asked.push(question)
        const result = answer(question)
        const error = { code: -1, message: 'declined' }
        const said = result === undefined ? { error } : { result }
        await session.post(JSON.stringify({ jsonrpc: '2.0', id, ...said }))
      }
    }
    throw new Error(`the stream ended without an answer: ${JSON.stringify(messages)}`)
  }

  /** A stream on which changes are heard, and the way to ask for one resource. */
  async changes(uri?: string): Promise<{ feed: Feed; asked: unknown }> {
    if (this.client === 'modern') {
      const all = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true }
      const feed = await openListen(this.url, this.key, {
        ...all,
        ...(uri === undefined ? {} : { resourceSubscriptions: [uri] }),
      })
      return { feed, asked: await feed.untilMethod('notifications/subscriptions/acknowledged') }
    }
    const session = await this.session()
    const feed = await session.listen()
    const asked =
      uri === undefined
        ? undefined
        : (await session.request('resources/subscribe', { uri })).message
    return { feed, asked }
  }

  /** A number that the server counts, asked past the client's era. */
  async stat(name: string): Promise<number> {
    const reply = await modernCall(this.url, this.key, 'tools/call', {
      name: 'stats',
      arguments: {},
    })
    return Number(dig(reply.message, 'result', 'structuredContent', name))
  }

  /** Waits until a server's counter grew by one from `before`. */
  async grown(name: string, before: number): Promise<void> {
    await eventually(async () => (await this.stat(name)) > before)
  }
}

function withCapabilities(params: Params, { capabilities }: ClientOptions): Params {
  if (capabilities === undefined) return params
  const meta = dig(params, '_meta')
  return {
    ...params,
    _meta: {
      ...(typeof meta === 'object' ? meta : {}),
      'io.modelcontextprotocol/clientCapabilities': capabilities,
    },
  }
}

/** Short enough to not slow the suite, long enough that something wrong would have come. */
export const quiet = (): Promise<void> => delay(150)
