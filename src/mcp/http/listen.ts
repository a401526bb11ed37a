/**
 * The stream on which a modern server tells of changes (MCP 2026-07-28 basic/patterns/subscriptions). A new filter
 * needs a new stream; the old one is closed once the new one is acknowledged, so that nothing is missed.
 */
import type { Revision } from '../../model/call.ts'
import type { OwnRequest, ServerMessage } from '../../model/codec.ts'
import { rawOf } from '../../model/members.ts'
import { names, notificationKindOf } from '../../model/methods.ts'
import { GatewayError } from '../../model/refusal.ts'
import type { ServerNotice } from '../../upstream/kind.ts'
import { type Honoured, honouredUris } from '../subscriptions.ts'
import { type Abort, exchange } from './exchange.ts'
import { baseHeaders, type Place } from './place.ts'

export interface ListenOptions {
  readonly place: Place
  readonly revision: Revision
  readonly credential: Readonly<Record<string, string>>
  /** What to ask for at the moment. */
  readonly request: () => Omit<OwnRequest, 'id'>
  readonly notice: ServerNotice
}

export class ListenStream {
  private readonly options: ListenOptions
  private stopCurrent: Abort | undefined
  private opening: Promise<Honoured> | undefined
  /** The opening that waits for the running one; all who ask meanwhile share it. */
  private following: Promise<Honoured> | undefined
  private closed = false

  constructor(options: ListenOptions) {
    this.options = options
  }

  /** Opens a stream with the present filter. @throws GatewayError server_unavailable, server_timeout */
  renew(): Promise<Honoured> {
    if (this.opening === undefined) return this.begin()
    this.following ??= this.opening
      .catch(() => undefined)
      .then(() => {
        this.following = undefined
        return this.begin()
      })
    return this.following
  }

  close(): void {
    this.closed = true
    this.stopCurrent?.()
  }

  private begin(): Promise<Honoured> {
    const opening = this.open().finally(() => {
      if (this.opening === opening) this.opening = undefined
    })
    this.opening = opening
    return opening
  }

  private open(): Promise<Honoured> {
    const { place, revision, credential, notice } = this.options
    const { codec } = place
    const body = codec.ownRequest('modern', revision, {
      id: place.nextId(),
      ...this.options.request(),
    })
    const headers = {
      ...baseHeaders,
      // What packs a stream often holds its events back.
      'accept-encoding': 'identity',
      ...codec.headers('modern', revision, names.listen, ''),
      ...credential,
    }
    return new Promise((resolve, reject) => {
      let acknowledged = false
      const settle = (): void => clearTimeout(timer)
      const ended = (): void => {
        settle()
        if (acknowledged && this.stopCurrent === abort && !this.closed)
          notice('sallyport/watch-ended', [])
        reject(unopened('server_unavailable'))
      }
      const refused = (): void => {
        settle()
        resolve(undefined)
      }
      const timer = setTimeout(() => {
        abort()
        reject(unopened('server_timeout'))
      }, place.requestTimeoutMs)
      const abort = exchange(
        place.streams,
        {
          method: 'POST',
          origin: place.origin,
          path: place.path,
          headers,
          body,
          messageBytesMax: place.messageBytesMax,
        },
        {
          // A server without such a stream says so with a 4xx; anything else may pass.
          onHead: (status) => {
            if (status >= 400 && status < 500) refused()
          },
          onMessage: (bytes) => {
            const message = decoded(place, bytes)
            if (message?.kind === 'error') refused()
            if (message?.kind !== 'notification' || message.method.startsWith('sallyport/')) return
            if (notificationKindOf(message.method) !== 'acknowledged') {
              notice(message.method, message.params)
              return
            }
            settle()
            acknowledged = true
            if (this.closed) abort()
            const previous = this.stopCurrent
            this.stopCurrent = abort
            if (previous !== abort) previous?.()
            resolve(honouredUris(rawOf(message.params, 'notifications')))
          },
          onEnd: ended,
          onFault: ended,
        },
      )
    })
  }
}

function unopened(code: 'server_unavailable' | 'server_timeout'): GatewayError {
  return new GatewayError(code, { detail: 'the stream of changes could not be opened' })
}

function decoded(place: Place, bytes: Buffer): ServerMessage | undefined {
  try {
    return place.codec.decode(bytes)
  } catch {
    return undefined
  }
}
