/** One round of a call, made once more when the server refused it before it looked at it. */
import type { Call } from '../model/call.ts'
import type { CallNotification } from '../model/reply.ts'
import { type Ended, runCall } from './call.ts'
import type { Rooms } from './rooms.ts'

/** How long a list may take that is read again because its headers were refused. */
const refreshMs = 5_000

/**
 * Runs a call; when a modern server says that the headers are not those of its tool (-32020), its list is read again,
 * when it speaks our revision no more (-32022), its era is found again; then the call is made once more, as a call of
 * its own (protocol.md section 7.2). @throws GatewayError as `runCall`
 */
export async function runRound(
  rooms: Rooms,
  call: Call,
  notify: (notification: CallNotification) => void,
  nextCallId: () => string,
): Promise<Ended> {
  const ended = await runCall(rooms, call, notify)
  const { reply } = ended.released
  if (reply.kind !== 'error' || reply.era !== 'modern') return ended
  if (reply.code === -32020) await refreshed(rooms, ended.server)
  else if (reply.code !== -32022) return ended
  return runCall(rooms, { ...call, id: nextCallId() }, notify)
}

async function refreshed(rooms: Rooms, server: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, refreshMs)
  })
  await Promise.race([rooms.refreshList(server), late])
  clearTimeout(timer)
}
