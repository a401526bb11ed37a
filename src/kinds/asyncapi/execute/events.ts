/** Streams over HTTP: server-sent events, or a value a line as many services stream JSON. */
import type { Dispatcher } from 'undici'
import { LineSplitter } from '../../../kit/line-splitter.ts'
import { SseParser, SseTooLarge } from '../../../kit/sse-parse.ts'
import { GatewayError } from '../../../model/refusal.ts'
import type { HttpRequest } from '../../api/http-exchange.ts'
import { openHttpStream } from '../../api/http-stream.ts'
import { refusalBytesMax, streamRefusal } from '../../api/web-socket.ts'
import type { SocketListener } from './socket.ts'

/** Of one message. */
export const messageBytesMax = 4_000_000

/** Opens the stream; returns the way to close it. */
export function openEvents(
  pool: Dispatcher,
  request: HttpRequest,
  listener: SocketListener,
): () => void {
  return openHttpStream(pool, request, new Reader(listener))
}

class Reader {
  private readonly listener: SocketListener
  private readonly chunks: Buffer[] = []
  private bytes = 0
  private status = 0
  private feed: ((chunk: Buffer) => void) | undefined
  private flush: () => void = () => undefined

  constructor(listener: SocketListener) {
    this.listener = listener
  }

  onHead(status: number, headers: Readonly<Record<string, string | string[] | undefined>>): void {
    this.status = status
    if (status !== 200) return
    const type = String(headers['content-type'] ?? '').toLowerCase()
    if (type.startsWith('text/event-stream')) {
      const parser = new SseParser(
        ({ data }) => {
          if (data.length > 0) this.listener.message(data.toString('utf8'))
        },
        { eventBytesMax: messageBytesMax },
      )
      this.feed = (chunk) => parser.feed(chunk)
      return
    }
    const lines = new LineSplitter({
      lineBytesMax: messageBytesMax,
      onLine: (line) => this.listener.message(line.toString('utf8')),
      onOverflow: () => this.tooLarge(),
    })
    this.feed = (chunk) => lines.push(chunk)
    this.flush = () => lines.flush()
  }

  private tooLarge(): void {
    this.listener.fault(
      new GatewayError('answer_too_large', {
        detail: `a message of more than ${messageBytesMax} bytes`,
      }),
    )
  }

  onData(chunk: Buffer): void {
    try {
      if (this.feed !== undefined) this.feed(chunk)
      else if (this.bytes < refusalBytesMax) {
        this.bytes += chunk.length
        this.chunks.push(chunk)
      }
    } catch (thrown) {
      if (!(thrown instanceof SseTooLarge)) throw thrown
      this.tooLarge()
    }
  }

  onEnd(): void {
    if (this.feed === undefined) {
      const words = Buffer.concat(this.chunks).subarray(0, refusalBytesMax).toString('utf8')
      this.listener.fault(streamRefusal(this.status, words))
      return
    }
    this.flush()
    this.listener.end()
  }

  onFault(fault: GatewayError): void {
    this.listener.fault(fault)
  }
}
