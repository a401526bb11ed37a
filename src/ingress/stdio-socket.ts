/**
 * stdio clients of a gateway that runs: an owner-only socket beside that of the administration. The first line says who
 * and where, the rest is the stdio transport.
 */
import { chmod, rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { z } from 'zod'
import { GatewayError } from '../model/refusal.ts'
import type { SessionTable } from './sessions.ts'
import type { DoorPorts } from './settings.ts'
import { serveStdio } from './stdio.ts'
import { admitStdio, stdioRefusal } from './stdio-admit.ts'

const greeting = z.object({ key: z.string().optional(), endpoint: z.string() })
const greetingBytesMax = 4_096
const messageBytesMax = 4_000_000
const concurrentMax = 256

export interface StdioDoor {
  readonly ports: DoorPorts
  readonly sessions: SessionTable
  /** Aborts when the gateway begins to stop. */
  readonly stopping: AbortSignal
}

/**
 * Serves stdio clients until the returned function is called. `folder` is there and its owner's alone; undefined for a
 * named pipe.
 */
export async function listenStdio(
  gateway: StdioDoor,
  { path, folder }: { readonly path: string; readonly folder: string | undefined },
): Promise<() => Promise<void>> {
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

function greet(gateway: StdioDoor, socket: Socket): void {
  let held = Buffer.alloc(0)
  const take = (chunk: Buffer): void => {
    held = Buffer.concat([held, chunk])
    const end = held.indexOf(0x0a)
    if (end < 0 && held.length <= greetingBytesMax) return
    socket.off('data', take)
    socket.pause()
    begin(gateway, socket, end < 0 ? held : held.subarray(0, end), held.subarray(end + 1)).catch(
      (thrown: unknown) => socket.end(`${JSON.stringify({ error: stdioRefusal(thrown) })}\n`),
    )
  }
  socket.on('data', take)
}

async function begin(
  gateway: StdioDoor,
  socket: Socket,
  line: Buffer,
  rest: Buffer,
): Promise<void> {
  const given = greeting.parse(JSON.parse(line.toString('utf8')))
  const { principal, endpoint } = admitStdio(gateway.ports, given)
  if (gateway.stopping.aborted) throw new GatewayError('shutting_down')
  socket.write('ok\n')
  if (rest.length > 0) socket.unshift(rest)
  const serving = serveStdio(gateway.ports, gateway.sessions, {
    input: socket,
    output: socket,
    principal,
    endpoint,
    messageBytesMax,
    concurrentMax,
  })
  socket.resume()
  await serving
  socket.end()
}
