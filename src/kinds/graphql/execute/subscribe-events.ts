/** Subscriptions over SSE: graphql-sse, distinct connections mode. One POST, `next` events, then `complete`. */
import type { Dispatcher } from 'undici'
import { SseParser, SseTooLarge } from '../../../kit/sse-parse.ts'
import { GatewayError } from '../../../model/refusal.ts'
import type { HttpAnswer } from '../../api/http-exchange.ts'
import { openHttpStream } from '../../api/http-stream.ts'
import { refusalBytesMax, streamRefusal } from '../../api/web-socket.ts'
import { answerBytesMax } from './place.ts'
import { answerFault, readResult } from './result.ts'
import type { Listener, Subscribed } from './subscribe.ts'

export interface EventsPlace {
  readonly pool: Dispatcher
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
}

/** Opens the stream; returns the way to close it. */
export function subscribeEvents(
  { pool, url, headers }: EventsPlace,
  { document, operationName, variables }: Subscribed,
  listener: Listener,
): () => void {
  const reader = new Reader(listener)
  const close = openHttpStream(
    pool,
    {
      method: 'POST',
      path: `${url.pathname}${url.search}`,
      headers: {
        ...headers,
        accept: 'text/event-stream, application/json;q=0.5',
        'content-type': 'application/json',
      },
      body: JSON.stringify({ query: document, operationName, variables }),
    },
    reader,
  )
  return close
}

class Reader {
  private readonly listener: Listener
  private readonly parser: SseParser
  private head: Pick<HttpAnswer, 'status'> = { status: 0 }
  private events = false
  private readonly chunks: Buffer[] = []
  private bytes = 0

  constructor(listener: Listener) {
    this.listener = listener
    this.parser = new SseParser(({ event, data }) => this.event(event, data), {
      eventBytesMax: answerBytesMax,
    })
  }

  onHead(status: number, headers: HttpAnswer['headers']): void {
    this.head = { status }
    this.events =
      status === 200 && String(headers['content-type'] ?? '').startsWith('text/event-stream')
  }

  onData(chunk: Buffer): void {
    if (!this.events) {
      this.bytes += chunk.length
      if (this.bytes <= answerBytesMax) this.chunks.push(chunk)
      return
    }
    try {
      this.parser.feed(chunk)
    } catch (thrown) {
      if (!(thrown instanceof SseTooLarge)) throw thrown
      this.onFault(new GatewayError('answer_too_large', { detail: thrown.message }))
    }
  }

  private event(name: string, data: Buffer): void {
    if (name === 'complete') this.listener.complete()
    if (name !== 'next') return
    const result = readResult(data)
    if (result === undefined)
      this.onFault(new GatewayError('server_broken', { detail: 'an event holds no result' }))
    else this.listener.next(result.data?.toString('utf8'), result.errors)
  }

  /** A server that answers with something else than a stream has refused the operation. */
  onEnd(): void {
    if (this.events) {
      this.listener.complete()
      return
    }
    const body = Buffer.concat(this.chunks)
    const errors = readResult(body)?.errors ?? []
    if (errors.length > 0) this.listener.error(errors)
    else if (this.head.status < 300) this.onFault(answerFault(this.head))
    else
      this.listener.fault(
        streamRefusal(this.head.status, body.subarray(0, refusalBytesMax).toString('utf8')),
      )
  }

  onFault(fault: GatewayError): void {
    this.listener.fault(fault)
  }
}
