/**
 * `sallyport stdio` through a gateway that runs: an owner-only socket beside that of the administration. The first
 * line says who and where, the rest is the stdio transport.
 */
import { chmod, rm } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { assertPrivate, socketPlace } from '../admin/contract/socket.ts'
import { endpointOf } from '../ingress/receive.ts'
import { serveStdio } from '../ingress/stdio.ts'
import { GatewayError, publicSentence, toGatewayError } from '../model/refusal.ts'
import type { Gateway } from './gateway.ts'

const greeting = z.object({ key: z.string().optional(), endpoint: z.string() })
const greetingBytesMax = 4_096
const messageBytesMax = 4_000_000
const concurrentMax = 256

async function socketPath(dataDir: string): Promise<{ path: string; folder: string | undefined }> {
  const { path, folder } = await socketPlace(dataDir)
  return {
    path: folder === undefined ? `${path}-stdio` : join(dirname(path), 'stdio.sock'),
    folder,
  }
}

/** Serves stdio clients until the returned function is called. The folder was made by the administration. */
export async function listenStdio(gateway: Gateway): Promise<() => Promise<void>> {
  const { path, folder } = await socketPath(gateway.options.dataDir)
  if (folder !== undefined) await rm(path, { force: true })
  const open = new Set<Socket>()
  // Half open: a client that has said all still gets its answers.
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    socket.on('error', () => socket.destroy())
    greet(gateway, socket)
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve))
  if (folder !== undefined) await chmod(path, 0o600)
  return () =>
    new Promise((resolve) => {
      server.close(() => resolve())
      for (const socket of open) socket.destroy()
    })
}

function greet(gateway: Gateway, socket: Socket): void {
  let held = Buffer.alloc(0)
  const take = (chunk: Buffer): void => {
    held = Buffer.concat([held, chunk])
    const end = held.indexOf(0x0a)
    if (end < 0 && held.length <= greetingBytesMax) return
    socket.off('data', take)
    socket.pause()
    begin(gateway, socket, end < 0 ? held : held.subarray(0, end), held.subarray(end + 1)).catch(
      (thrown: unknown) => socket.end(`${publicSentence(toGatewayError(thrown))}\n`),
    )
  }
  socket.on('data', take)
}

async function begin(gateway: Gateway, socket: Socket, line: Buffer, rest: Buffer): Promise<void> {
  const { key, endpoint } = greeting.parse(JSON.parse(line.toString('utf8')))
  const place = endpointOf(endpoint)
  if (place === undefined) throw new GatewayError('endpoint_unknown')
  const principal = gateway.ports.identify(
    key === undefined ? undefined : `Bearer ${key}`,
    undefined,
  )
  if (!gateway.ports.endpointExists(place, principal)) throw new GatewayError('endpoint_unknown')
  if (gateway.stopping.aborted) throw new GatewayError('shutting_down')
  socket.write('ok\n')
  if (rest.length > 0) socket.unshift(rest)
  const serving = serveStdio(gateway.ports, gateway.sessions, {
    input: socket,
    output: socket,
    principal,
    endpoint: place,
    messageBytesMax,
    concurrentMax,
  })
  socket.resume()
  await serving
  socket.end()
}

/** A stdio connection to the running gateway; undefined when none runs. Rejects with its sentence when it says no. */
export async function connectStdio(
  dataDir: string,
  key: string | undefined,
  endpoint: string,
): Promise<Socket | undefined> {
  const { path, folder } = await socketPath(dataDir)
  const socket = await new Promise<Socket | undefined>((resolve) => {
    const attempt = connect({ path, allowHalfOpen: true })
    attempt.once('connect', () => resolve(attempt))
    attempt.once('error', () => resolve(undefined))
  })
  if (socket === undefined) return undefined
  if (folder !== undefined) await assertPrivate(folder)
  socket.write(`${JSON.stringify({ ...(key === undefined ? {} : { key }), endpoint })}\n`)
  const answer = await firstLine(socket)
  if (answer === 'ok') return socket
  socket.destroy()
  throw new Error(answer === '' ? 'The gateway closed the connection.' : answer)
}

function firstLine(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let held = Buffer.alloc(0)
    const take = (chunk: Buffer): void => {
      held = Buffer.concat([held, chunk])
      const end = held.indexOf(0x0a)
      if (end < 0) return
      socket.off('data', take)
      socket.pause()
      const rest = held.subarray(end + 1)
      if (rest.length > 0) socket.unshift(rest)
      resolve(held.toString('utf8', 0, end))
    }
    socket.on('data', take)
    socket.once('error', reject)
    socket.once('close', () => resolve(held.toString('utf8')))
  })
}
