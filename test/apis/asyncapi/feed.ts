/** A service of streams that says no when it is told to: WebSocket at `/open`, a hub, and refusals everywhere else. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import websocket from 'websocket'

export interface Feed {
  readonly port: number
  /** Requests, and messages that came. */
  readonly seen: string[]
  refuseWith(status: number): void
  stop(): void
}

export async function startFeed(): Promise<Feed> {
  let status = 400
  const seen: string[] = []
  const service = createServer(async (request, response) => {
    const url = new URL(request.url ?? '', 'http://x')
    seen.push(`${request.method} ${request.url}`)
    if (url.pathname === '/.well-known/mercure') {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.end(`data: {"topic":${JSON.stringify(url.searchParams.get('topic'))}}\n\n`)
      return
    }
    await text(request)
    response.writeHead(status, { 'retry-after': '7' })
    response.end('the reason of the service')
  })
  const reason = 'the reason of the service'
  service.on('upgrade', ({ url }, socket) => {
    if (url !== '/open')
      socket.end(
        `HTTP/1.1 ${status} No\r\nRetry-After: 7\r\nContent-Length: ${reason.length}\r\n\r\n${reason}`,
      )
  })
  new websocket.server({ httpServer: service }).on('request', (request) => {
    if (request.resource !== '/open') return
    const connection = request.accept(request.requestedProtocols[0])
    connection.on('message', ({ utf8Data }) => {
      seen.push(utf8Data)
      connection.sendUTF('{"price":1.5}')
    })
  })
  service.listen(0, '127.0.0.1')
  await once(service, 'listening')
  const address = service.address()
  return {
    port: typeof address === 'object' ? (address?.port ?? 0) : 0,
    seen,
    refuseWith(given) {
      status = given
    },
    stop() {
      service.closeAllConnections()
      service.close()
    },
  }
}
