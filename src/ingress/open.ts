/** Opens the door of HTTP where desired state says. */
import { networkInterfaces } from 'node:os'
import { type DesiredState, durationMs, sizeBytes } from '../model/desired-state.ts'
import { listenFault } from './listen-fault.ts'
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
      reject(new Error(listenFault(error, listen, addressesHere()), { cause: error })),
    )
    door.server.listen(listen.port, listen.host, resolve)
  })
  return door
}

function addressesHere(): string[] {
  return Object.values(networkInterfaces()).flatMap((all) =>
    // Those of a link need the name of it.
    (all ?? []).flatMap(({ address, scopeid }) => (scopeid ? [] : [address])),
  )
}

/** The one that it got, where any was asked for. */
export function portOf({ server }: HttpDoor, asked: number): number {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : asked
}
