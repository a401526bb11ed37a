/** One WebSocket of one call: opened, kept alive, closed; never opened again. */
import type { WebSocket } from 'ws'
import { GatewayError } from '../../../model/refusal.ts'
import {
  closeFault,
  onRefusedUpgrade,
  type SocketPlace,
  type StreamRefused,
  socketFault,
  socketOptions,
} from '../../api/web-socket.ts'

export interface SocketListener {
  /** Text of a message, or of a binary one that is UTF-8. */
  message(text: string): void
  /** The service closed it in order. */
  end(): void
  fault(fault: GatewayError | StreamRefused): void
}

/** A connection is asked whether it lives; silence for this long ends it. */
const pingEveryMs = 15_000

export class Socket {
  private readonly socket: WebSocket
  private readonly listener: SocketListener
  private timer: NodeJS.Timeout | undefined
  private alive = true
  private over = false

  private constructor(socket: WebSocket, listener: SocketListener) {
    this.socket = socket
    this.listener = listener
  }

  /**
   * Resolves when it is open. Ends when `signal` aborts.
   * @throws GatewayError server_*, egress_refused, cancelled; StreamRefused
   */
  static async open(
    place: SocketPlace & { readonly protocols: readonly string[]; readonly pingMs?: number },
    signal: AbortSignal,
    listener: SocketListener,
  ): Promise<Socket> {
    const { WebSocket: Client } = await import('ws')
    if (signal.aborted) throw new GatewayError('cancelled')
    const client = new Client(place.url, place.protocols, socketOptions(place))
    const socket = new Socket(client, listener)
    const { promise, resolve, reject } = Promise.withResolvers<Socket>()
    client.on('open', () => resolve(socket))
    onRefusedUpgrade(client, (refusal) => {
      reject(refusal)
      socket.fail(refusal)
    })
    client.on('error', (fault) => {
      reject(socketFault(fault))
      socket.fail(socketFault(fault))
    })
    client.on('close', (code, reason) => {
      reject(closeFault(code, reason.toString()))
      socket.closed(code, reason.toString())
    })
    client.on('message', (data, isBinary) => socket.receive(data, isBinary))
    client.on('pong', () => {
      socket.alive = true
    })
    const onAbort = (): void => {
      reject(new GatewayError('cancelled'))
      socket.fail(new GatewayError('cancelled'))
      client.terminate()
    }
    signal.addEventListener('abort', onAbort, { once: true })
    client.on('close', () => signal.removeEventListener('abort', onAbort))
    try {
      const opened = await promise
      opened.keepAlive(place.pingMs ?? pingEveryMs)
      return opened
    } catch (fault) {
      client.terminate()
      throw fault
    }
  }

  private keepAlive(everyMs: number): void {
    this.timer = setInterval(() => {
      if (!this.alive) {
        this.fail(new GatewayError('server_unavailable', { detail: 'no pong came back' }))
        this.socket.terminate()
        return
      }
      this.alive = false
      this.socket.ping()
    }, everyMs)
    this.timer.unref()
  }

  private receive(data: Buffer, isBinary: boolean): void {
    if (this.over) return
    // Anything that comes shows that the other side lives.
    this.alive = true
    const text = data.toString('utf8')
    if (isBinary && Buffer.byteLength(text) !== data.length) return
    this.listener.message(text)
  }

  private closed(code: number, reason: string): void {
    clearInterval(this.timer)
    if (this.over) return
    this.over = true
    if (code === 1000 || code === 1001 || code === 1005) this.listener.end()
    else this.listener.fault(closeFault(code, reason))
  }

  private fail(fault: GatewayError | StreamRefused): void {
    if (this.over) return
    this.over = true
    clearInterval(this.timer)
    this.listener.fault(fault)
  }

  /** Resolves when the text was handed to the connection. @throws GatewayError server_unavailable */
  send(text: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.socket.send(text, (fault) => (fault == null ? resolve() : reject(socketFault(fault))))
    return promise
  }

  /** Closes it in order; nothing more is reported. */
  close(): void {
    this.over = true
    clearInterval(this.timer)
    this.socket.resume()
    this.socket.close(1000)
  }
}
