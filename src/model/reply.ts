import type { Arriving } from '../kit/arriving.ts'
import type { Members } from './members.ts'

/** A notification that belongs to a running call. `params` is raw JSON text without a progress token. */
export interface CallNotification {
  readonly kind: 'progress' | 'message'
  /** Raw members of `params`, without `progressToken`. */
  readonly params: Members
  /** Of a log message. */
  readonly level: string | undefined
}

/** A question of a server to the caller: `elicitation/create`, `sampling/createMessage` or `roots/list`. */
export interface Question {
  readonly key: string
  readonly method: string
  /** Raw `params`, undefined when the question has none. */
  readonly params: string | undefined
}

/** The bytes of a `result` object: whole when small, streamed when large. */
export type ResultBody =
  | { readonly kind: 'whole'; readonly bytes: Buffer }
  | {
      readonly kind: 'stream'
      readonly head: Buffer
      readonly rest: Arriving
      /** Whether `isError: true` was seen; final once all was read. */
      readonly isError: () => boolean
    }

/**
 * How a call ended, in the neutral (modern) form.
 * `complete.body` is the exact JSON of the result as the server sent it.
 */
export type Reply =
  | {
      readonly kind: 'complete'
      readonly body: ResultBody
      /** Unknown members of the JSON-RPC envelope, kept. */
      readonly extras: Members
      /** The era of the server that made the result: decides what must be added or dropped. */
      readonly era: 'legacy' | 'modern'
      /** `isError: true` of a tool result. */
      readonly isError: boolean
      /** The server's own id of the task that it made instead of a result. */
      readonly taskId?: string
    }
  | {
      readonly kind: 'input_required'
      readonly questions: readonly Question[]
      /** Sealed by us; undefined when the server sent none. */
      readonly requestState: string | undefined
      /** Raw further members of the result (`_meta` and unknown ones). */
      readonly extras: Members
    }
  | {
      readonly kind: 'error'
      /** JSON-RPC code as the server gave it. */
      readonly code: number
      readonly message: string
      /** Raw `error.data`. */
      readonly data: string | undefined
      readonly era: 'legacy' | 'modern'
    }

/** Where notifications of a running call go. */
export type NotificationSink = (notification: CallNotification) => void
