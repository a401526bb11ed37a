/**
 * Waits for the reply to one message: the one that carries its correlation id where the description says where, else
 * the next one that is a reply of the description.
 */
import type { AsyncApiPlan } from '../../../model/kinds/asyncapi.ts'
import type { Outgoing } from './arguments.ts'
import { fits, valueAt } from './fit.ts'
import { read } from './message.ts'
import type { SocketListener } from './socket.ts'

export type Reply =
  | { readonly kind: 'reply'; readonly raw: string }
  /** Nothing that is the reply came: a sentence for the caller. */
  | { readonly kind: 'none'; readonly sentence: string }

export interface Awaited {
  readonly done: Promise<Reply>
  readonly listener: SocketListener
  /** Ends the wait; nothing settles any more. */
  stop(): void
}

const excerptCharsMax = 500

export function awaitReply(plan: AsyncApiPlan, outgoing: Outgoing, seconds: number): Awaited {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>()
  // The connection may break before anybody waits here.
  promise.catch(() => undefined)
  let others = 0
  let last = ''
  const none = (why: string): void => {
    const told = others === 0 ? '' : ` ${others} other messages came, the last: ${last}`
    resolve({ kind: 'none', sentence: `${why}${told}` })
  }
  const timer = setTimeout(() => none(`No reply came within ${seconds} seconds.`), seconds * 1_000)
  return {
    done: promise,
    listener: {
      message(text) {
        const message = read(plan, text)
        if (message !== undefined && isReply(plan, outgoing, message.value)) {
          resolve({ kind: 'reply', raw: message.raw })
          return
        }
        others++
        last = text.slice(0, excerptCharsMax)
      },
      end: () => none('The service closed the connection without a reply.'),
      fault: reject,
    },
    stop: () => clearTimeout(timer),
  }
}

function isReply(plan: AsyncApiPlan, { id }: Outgoing, value: unknown): boolean {
  const { messages, correlation } = plan
  if (messages.length === 0)
    return id === undefined || correlation === undefined || carries(value, correlation.path, id)
  return messages.some(
    ({ fit, correlation: path }) =>
      fits(fit, value) && (id === undefined || path === undefined || carries(value, path, id)),
  )
}

const carries = (value: unknown, path: readonly string[], id: string): boolean =>
  JSON.stringify(valueAt(value, path)) === id
