/** Subscriptions as bounded streams: each message as progress, all of them as the result. */
import { exactNumbers } from '../../../kit/exact-numbers.ts'
import {
  type GraphqlCommon,
  type GraphqlPlan,
  subscriptionBounds,
} from '../../../model/kinds/graphql.ts'
import type { GatewayError } from '../../../model/refusal.ts'
import { jsonAnswer, textAnswer } from '../../api/answer.ts'
import type { Answer, Run } from '../../api/executor.ts'
import { Take, takenJson } from '../../api/take.ts'
import { StreamRefused, socketFault } from '../../api/web-socket.ts'
import { answerBytesMax } from './place.ts'
import { type GraphqlError, isEmpty, tell } from './result.ts'

export type SubscriptionPlan = Extract<GraphqlPlan, { kind: 'subscription' }>

export interface Listener {
  /** `data` of one event, raw JSON; undefined when there is none. */
  next(data: string | undefined, errors: readonly GraphqlError[]): void
  /** The operation itself failed. */
  error(errors: readonly GraphqlError[]): void
  complete(): void
  fault(fault: GatewayError | StreamRefused): void
}

export interface Subscribed {
  readonly document: string
  readonly operationName: string
  readonly variables: Readonly<Record<string, unknown>>
}

/** Opens the stream; resolves to the way to close it. */
export type Open = (wanted: Subscribed, listener: Listener) => Promise<() => void>

interface Ports {
  readonly open: Open
  /** Takes secrets out of a text. */
  clean(text: string): string
}

/** @throws GatewayError server_*, answer_too_large, egress_refused, cancelled */
export async function subscribe(
  run: Run<unknown, GraphqlCommon>,
  plan: SubscriptionPlan,
  { open, clean }: Ports,
): Promise<Answer> {
  const { limit, seconds, variables } = readArguments(plan, run.args)
  const take = new Take({
    limit,
    seconds,
    bytesMax: answerBytesMax,
    signal: run.signal,
    progress: (done, total, message) => run.progress(done, total, message),
  })
  let failed: readonly GraphqlError[] | undefined
  let told: readonly GraphqlError[] = []
  const { document, operationName } = plan
  const opening = open(
    { document, operationName, variables },
    {
      next: (data, errors) => {
        if (errors.length > 0) told = errors
        const lost = data === undefined || (errors.length > 0 && isEmpty(data))
        if (!lost) take.push(clean(data))
      },
      error: (errors) => {
        failed = errors
        take.end('completed')
      },
      complete: () => take.end('completed'),
      fault: (fault) => take.fail(fault),
    },
  )
  opening.catch((fault: unknown) => take.fail(socketFault(fault)))
  try {
    const taken = await take.done
    if (failed !== undefined) return textAnswer(clean(tell(failed)), true)
    if (taken.messages.length === 0 && told.length > 0) return textAnswer(clean(tell(told)), true)
    return jsonAnswer(takenJson(taken), false, {
      notes: told.length === 0 ? [] : [clean(tell(told))],
    })
  } catch (thrown) {
    if (thrown instanceof StreamRefused) return textAnswer(clean(thrown.message), true)
    throw thrown
  } finally {
    // Whatever ended it, also while it was still being opened.
    void opening.then(
      (close) => close(),
      () => undefined,
    )
  }
}

interface SubscriptionArguments {
  readonly limit: number
  readonly seconds: number
  readonly variables: Readonly<Record<string, unknown>>
}

function readArguments({ own }: SubscriptionPlan, args: string): SubscriptionArguments {
  const given: unknown = JSON.parse(args, exactNumbers)
  const { limitDefault, limitMax, secondsDefault, secondsMax } = subscriptionBounds
  const all: [string, unknown][] =
    typeof given === 'object' && given !== null ? Object.entries(given) : []
  const ours = (name: string, preset: number, max: number): number => {
    const value = all.find(([key]) => key === name)?.[1]
    return typeof value === 'number' ? Math.min(value, max) : preset
  }
  return {
    limit: ours(own.limit, limitDefault, limitMax),
    seconds: ours(own.seconds, secondsDefault, secondsMax),
    variables: Object.fromEntries(all.filter(([key]) => key !== own.limit && key !== own.seconds)),
  }
}
