/** Subscriptions over WebSocket: graphql-transport-ws, with the client of graphql-ws over sockets of the guard. */

import type { Egress, PoolOptions } from '../../../egress/egress.ts'
import { exactNumbers } from '../../../kit/exact-numbers.ts'
import { closeFault, onRefusedUpgrade, socketFault, socketOptions } from '../../api/web-socket.ts'
import { answerBytesMax } from './place.ts'
import { readErrors } from './result.ts'
import type { Listener, Subscribed } from './subscribe.ts'

export interface SocketPlace {
  readonly egress: Egress
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly tls: PoolOptions['tls']
}

const acknowledgeTimeoutMs = 10_000
/** A silent connection is asked whether it lives. */
const keepAliveMs = 15_000

/**
 * Opens the stream; resolves to the way to close it. Headers go with the upgrade, and as the payload of
 * `connection_init`, since servers look in either place.
 */
export async function subscribeSocket(
  place: SocketPlace,
  { document, operationName, variables }: Subscribed,
  listener: Listener,
): Promise<() => void> {
  const [{ WebSocket }, { createClient }] = await Promise.all([import('ws'), import('graphql-ws')])
  const settings = socketOptions({ ...place, messageBytesMax: answerBytesMax })
  const client = createClient({
    url: place.url.href,
    webSocketImpl: class extends WebSocket {
      constructor(address: string, protocol: string) {
        super(address, protocol, settings)
        onRefusedUpgrade(this, (refusal) => listener.fault(refusal))
      }
    },
    connectionParams: { ...place.headers },
    retryAttempts: 0,
    connectionAckWaitTimeout: acknowledgeTimeoutMs,
    keepAlive: keepAliveMs,
    jsonMessageReviver: exactNumbers,
  })
  const stop = client.subscribe(
    { query: document, operationName, variables: { ...variables } },
    {
      next: ({ data, errors }) =>
        listener.next(data == null ? undefined : JSON.stringify(data), readErrors(errors)),
      error: (fault) => ended(fault, listener),
      complete: () => listener.complete(),
    },
  )
  return () => {
    stop()
    void client.dispose()
  }
}

/** The client tells errors of the operation, close events and error events in one place. */
function ended(fault: unknown, listener: Listener): void {
  if (Array.isArray(fault)) {
    listener.error(readErrors(fault))
    return
  }
  if (typeof fault === 'object' && fault !== null) {
    if ('error' in fault && fault.error instanceof Error) {
      listener.fault(socketFault(fault.error))
      return
    }
    if ('code' in fault && typeof fault.code === 'number') {
      const reason = 'reason' in fault && typeof fault.reason === 'string' ? fault.reason : ''
      listener.fault(closeFault(fault.code, reason))
      return
    }
  }
  listener.fault(socketFault(fault))
}
