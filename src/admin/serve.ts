/** Serves the administration on the owner-only socket of a data folder. */
import { chmod, mkdir, rm, stat } from 'node:fs/promises'
import { connect } from 'node:net'
import { ownConnections } from '../kit/owner.ts'
import type { Actor } from '../model/change.ts'
import { AdminError } from './contract/errors.ts'
import { assertPrivate, privateMode, socketPlace } from './contract/socket.ts'
import { createAdmin } from './create.ts'
import type { AdminPorts } from './ports.ts'

export interface AdminServer {
  readonly path: string
  /** Whether a command waits for its answer. */
  busy(): boolean
  /** Ends running requests, too. */
  close(): Promise<void>
}

/**
 * Whoever connects acts as the actor.
 * @throws AdminError when the folder is not ours, or another gateway serves it
 */
export async function serveAdmin(ports: AdminPorts, actor: Actor): Promise<AdminServer> {
  // The place depends on the real path, so that the data folder must be there before.
  await mkdir(ports.dataDir, { recursive: true, mode: 0o700 })
  const { path, folder } = await socketPlace(ports.dataDir)
  if (folder !== undefined) {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const { mode } = await stat(folder)
    await chmod(folder, privateMode(mode)).catch(() => undefined)
    await assertPrivate(folder)
    await clear(path)
  }
  const app = createAdmin(ports, actor)
  ownConnections(app.server, 'a connection of the administration')
  let running = 0
  app.addHook('onRequest', async (_request, reply) => {
    running++
    reply.raw.once('close', () => running--)
  })
  await app.listen({ path })
  // Nobody else can connect meanwhile: the folder is closed, or the mask of new files withholds the right to write.
  if (folder !== undefined) await chmod(path, 0o600)
  return { path, busy: () => running > 0, close: () => app.close() }
}

/** Removes the socket that a killed gateway left. */
async function clear(path: string): Promise<void> {
  if (await answers(path))
    throw new AdminError(
      'running',
      'Another gateway runs on this data folder.',
      'Stop it first, or give this one a folder of its own with --data.',
    )
  await rm(path, { force: true })
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
