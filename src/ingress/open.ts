/** Opens the door of HTTP where desired state says. */
import { type DesiredState, durationMs, sizeBytes } from '../model/desired-state.ts'
import { originRules } from './origin.ts'
import { createHttpDoor, type HttpDoor } from './receive.ts'
import type { SessionTable } from './sessions.ts'
import type { DoorPorts } from './settings.ts'

const keepAliveMs = 75_000

/** Resolves once it listens; rejects with a sentence when it cannot. */
export async function openHttpDoor(
  ports: DoorPorts,
  listen: DesiredState['listen'],
  sessions: SessionTable,
): Promise<HttpDoor> {
  const door = createHttpDoor(
    ports,
    {
      rules: originRules(listen),
      bodyBytesMax: sizeBytes(String(listen.bodyMax)) ?? 4_000_000,
      bodyTimeoutMs: durationMs(listen.bodyTimeout) ?? 30_000,
      headerBytesMax: sizeBytes(String(listen.headerMax)) ?? 32_000,
      connectionsMax: listen.connections,
      keepAliveMs,
    },
    sessions,
  )
  await new Promise<void>((resolve, reject) => {
    door.server.once('error', (error) =>
      reject(
        new Error(
          'code' in error && error.code === 'EADDRINUSE'
            ? `Port ${listen.port} is in use. Choose another with --port.`
            : error.message,
        ),
      ),
    )
    door.server.listen(listen.port, listen.host, resolve)
  })
  return door
}

/** The one that it got, where any was asked for. */
export function portOf({ server }: HttpDoor, asked: number): number {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : asked
}
