import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Socket as NetSocket, type Server } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { patienceMs } from '../../../../test/patience.ts'
import { createEgress } from '../../../egress/guard.ts'
import { Socket } from './socket.ts'

/** Opens WebSockets and then says nothing at all, not even pong. */
async function silent(): Promise<{ port: number; sockets: NetSocket[]; server: Server }> {
  const sockets: NetSocket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => undefined)
    socket.once('data', (head) => {
      const key = /sec-websocket-key: (.+)\r\n/i.exec(head.toString())?.[1] ?? ''
      const accept = createHash('sha1')
        .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
        .digest('base64')
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
      )
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  return { port: typeof address === 'object' ? (address?.port ?? 0) : 0, sockets, server }
}

const place = (port: number) => ({
  egress: createEgress({ named: ['127.0.0.1'], spec: { hosts: [], networks: [] } }),
  url: new URL(`ws://127.0.0.1:${port}/`),
  headers: {},
  protocols: [],
  tls: undefined,
  messageBytesMax: 1_000,
})

it('ends a connection on which no pong comes back', async () => {
  const { port } = await silent()
  const ended = Promise.withResolvers<Error>()
  const listener = { message: () => undefined, end: () => undefined, fault: ended.resolve }
  await Socket.open({ ...place(port), pingMs: 20 }, AbortSignal.timeout(patienceMs), listener)
  expect(await ended.promise).toMatchObject({
    code: 'server_unavailable',
    message: 'no pong came back',
  })
})

it('connects nowhere that the guard does not allow', async () => {
  const listener = { message: () => undefined, end: () => undefined, fault: () => undefined }
  const refused = Socket.open(
    { ...place(1), url: new URL('ws://169.254.169.254/') },
    AbortSignal.timeout(patienceMs),
    listener,
  )
  await expect(refused).rejects.toMatchObject({ code: 'egress_refused' })
})

it('gives up when the call ends while it is being opened', async () => {
  const server = createServer(() => undefined)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const address = server.address()
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0
  const listener = { message: () => undefined, end: () => undefined, fault: () => undefined }
  const opening = Socket.open(place(port), AbortSignal.timeout(50), listener)
  await expect(opening).rejects.toMatchObject({ code: 'cancelled' })
})
