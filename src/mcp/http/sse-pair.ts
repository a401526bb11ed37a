import { messageOf } from '../../kit/thrown.ts'
import { GatewayError } from '../../model/refusal.ts'
import type { MessageChannel } from '../channel-session.ts'
import { exchange } from './exchange.ts'
import { baseHeaders, type Place, streamHeaders, tell } from './place.ts'
import { refuseStatus } from './refused.ts'

/**
 * The HTTP+SSE pair of revision 2024-11-05 as a message channel: a GET stream whose first event names
 * the URL to post to. The named URL must be of the same origin.
 */
export function openSsePair(
  place: Place,
  headers: Readonly<Record<string, string>>,
): Promise<MessageChannel> {
  return new Promise((resolve, reject) => {
    let postPath: string | undefined
    const timer = setTimeout(() => {
      abort()
      reject(new GatewayError('server_timeout', { detail: 'the SSE stream named no endpoint' }))
    }, place.startTimeoutMs)
    const channel: MessageChannel = {
      onMessage: () => undefined,
      onClose: () => undefined,
      send(text, onRefused) {
        if (postPath === undefined)
          throw new GatewayError('server_unavailable', { detail: 'the SSE stream is closed' })
        tell({ ...place, path: postPath }, { ...baseHeaders, ...headers }, text).then(
          ({ status }) => {
            if (status < 400 || over) return
            // The stream is the session: where its messages are refused there is none any more.
            onRefused?.()
            gone(`a message was refused with HTTP ${status}`)
          },
          (fault: unknown) => gone(messageOf(fault)),
        )
      },
      async close() {
        abort()
        gone('closed')
      },
    }
    let over = false
    const gone = (reason: string): void => {
      if (over) return
      over = true
      postPath = undefined
      clearTimeout(timer)
      abort()
      reject(new GatewayError('server_unavailable', { detail: reason }))
      channel.onClose(reason)
    }
    const abort = exchange(
      place.streams,
      {
        method: 'GET',
        origin: place.origin,
        path: place.path,
        headers: { ...streamHeaders, ...headers },
        body: undefined,
        messageBytesMax: place.messageBytesMax,
      },
      {
        onHead(status, answerHeaders) {
          try {
            refuseStatus({ status, headers: answerHeaders, text: '' }, place.now())
            if (status !== 200)
              throw new GatewayError('server_broken', {
                detail: `the SSE stream answered HTTP ${status}`,
              })
          } catch (fault) {
            gone(messageOf(fault))
          }
        },
        onMessage: (bytes) => channel.onMessage(bytes),
        onNamedEvent(event, data) {
          if (event !== 'endpoint' || postPath !== undefined) return
          // Resolved against a base of the same origin, so a foreign host in the event changes nothing.
          const url = new URL(data.toString('utf8'), `http://same-origin${place.path}`)
          postPath = url.pathname + url.search
          clearTimeout(timer)
          resolve(channel)
        },
        onEnd: () => gone('the SSE stream ended'),
        onFault: (error) => gone(error.message),
      },
    )
  })
}
