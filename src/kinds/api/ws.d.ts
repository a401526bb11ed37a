/** The part of `ws` that is used here; the package brings no types. */
declare module 'ws' {
  import type { EventEmitter } from 'node:events'
  import type { ClientRequest, IncomingMessage } from 'node:http'
  import type { Socket } from 'node:net'

  export interface ClientOptions {
    readonly headers?: Readonly<Record<string, string>>
    readonly handshakeTimeout?: number
    readonly maxPayload?: number
    readonly perMessageDeflate?: boolean
    readonly followRedirects?: boolean
    readonly closeTimeout?: number
    /** Hands the connected socket to `done`, as `http.request` takes it. */
    readonly createConnection?: (
      options: unknown,
      done: (error: Error | null, socket?: Socket) => void,
    ) => undefined
  }

  interface Events {
    open: []
    message: [data: Buffer, isBinary: boolean]
    ping: [data: Buffer]
    pong: [data: Buffer]
    close: [code: number, reason: Buffer]
    error: [error: Error]
    upgrade: [response: IncomingMessage]
    /** Whoever listens ends the request. */
    'unexpected-response': [request: ClientRequest, response: IncomingMessage]
  }

  export class WebSocket extends EventEmitter<Events> {
    static readonly CONNECTING: 0
    static readonly OPEN: 1
    static readonly CLOSING: 2
    static readonly CLOSED: 3
    readonly readyState: 0 | 1 | 2 | 3
    readonly protocol: string
    readonly bufferedAmount: number
    constructor(
      address: string | URL,
      protocols?: string | readonly string[],
      options?: ClientOptions,
    )
    send(data: string | Buffer, done?: (error?: Error) => void): void
    ping(): void
    pause(): void
    resume(): void
    close(code?: number, reason?: string): void
    /** Ends the connection at once, without a closing handshake. */
    terminate(): void
  }
}
