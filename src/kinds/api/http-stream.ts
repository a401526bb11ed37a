/** One HTTP request whose answer is handed on while it arrives. No redirect is followed, nothing is repeated. */
import type { Dispatcher } from 'undici'
import { GatewayError } from '../../model/refusal.ts'
import type { HttpAnswer, HttpRequest } from './http-exchange.ts'

export interface StreamEvents {
  onHead(status: number, headers: HttpAnswer['headers']): void
  onData(chunk: Buffer): void
  onEnd(): void
  onFault(fault: GatewayError): void
}

/** Opens the stream; returns the way to end it, after which nothing more is reported. */
export function openHttpStream(
  dispatcher: Dispatcher,
  request: HttpRequest,
  events: StreamEvents,
): () => void {
  const handler = new Handler(events)
  dispatcher.dispatch(
    {
      path: request.path,
      method: request.method,
      headers: request.headers,
      body: request.body ?? null,
      // The time of the stream is its reader's.
      headersTimeout: 0,
      bodyTimeout: 0,
    },
    handler,
  )
  return () => handler.close()
}

class Handler implements Dispatcher.DispatchHandler {
  private readonly events: StreamEvents
  private controller: Dispatcher.DispatchController | undefined
  private over = false

  constructor(events: StreamEvents) {
    this.events = events
  }

  close(): void {
    if (this.over) return
    this.over = true
    this.controller?.abort(new GatewayError('cancelled'))
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller
    if (this.over) controller.abort(new GatewayError('cancelled'))
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: HttpAnswer['headers'],
  ): void {
    // Interim answers (RFC 9110 section 15.2) are not the answer.
    if (!this.over && status >= 200) this.events.onHead(status, headers)
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.over) this.events.onData(chunk)
  }

  onResponseEnd(): void {
    if (this.over) return
    this.over = true
    this.events.onEnd()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.over) return
    this.over = true
    const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name
    this.events.onFault(
      error instanceof GatewayError
        ? error
        : new GatewayError('server_unavailable', { detail: `HTTP: ${code}`, cause: error }),
    )
  }
}
