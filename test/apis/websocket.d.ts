// The part of `websocket` (1.0) that tests use; the package brings no types.
declare module 'websocket' {
  import type { EventEmitter } from 'node:events'
  import type { Server } from 'node:http'

  interface Connection extends EventEmitter<{ message: [{ utf8Data: string }]; close: [] }> {
    close(): void
    sendUTF(text: string): void
  }
  interface Request {
    readonly resource: string
    readonly requestedProtocols: readonly string[]
    accept(protocol: string | undefined): Connection
  }
  const websocket: {
    readonly server: new (options: {
      httpServer: Server
    }) => { on(event: 'request', listener: (request: Request) => void): void }
  }
  export = websocket
}
