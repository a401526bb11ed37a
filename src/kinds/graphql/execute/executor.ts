/** Carries out calls of GraphQL tools: one POST each, or a bounded stream for a subscription. */

import type { Dispatcher } from 'undici'
import { JsonFault, scanObject, stringValue } from '../../../kit/json-scan.ts'
import type { Document } from '../../../model/conversion.ts'
import type { GraphqlCommon, GraphqlPlan, GraphqlSpec } from '../../../model/kinds/graphql.ts'
import { GatewayError } from '../../../model/refusal.ts'
import { mayRepeat } from '../../../upstream/retry.ts'
import { acceptedEncodings } from '../../../upstream/unpack.ts'
import { textAnswer } from '../../api/answer.ts'
import type { Answer, Executor, ExecutorOptions, Run } from '../../api/executor.ts'
import { type HttpAnswer, HttpFault, httpExchange } from '../../api/http-exchange.ts'
import { introspect } from './introspect.ts'
import { measure } from './measure.ts'
import { answerBytesMax, Place, requestBody, requestHeaders, schemaBytesMax } from './place.ts'
import { answerOf } from './result.ts'
import { type Open, type SubscriptionPlan, subscribe } from './subscribe.ts'
import { subscribeEvents } from './subscribe-events.ts'
import { subscribeSocket } from './subscribe-socket.ts'

const connectionsMax = 256
/** Of arguments of `graphql_query`. */
const argumentsDepthMax = 64

export function createGraphqlExecutor(
  options: ExecutorOptions<GraphqlSpec>,
): Executor<GraphqlPlan, GraphqlCommon> {
  return new GraphqlExecutor(options)
}

type GraphqlRun = Run<GraphqlPlan, GraphqlCommon>

interface Post {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly signal: AbortSignal
  /** Changes nothing. */
  readonly repeatable: boolean
  readonly bytesMax: number
}

class GraphqlExecutor implements Executor<GraphqlPlan, GraphqlCommon> {
  private readonly options: ExecutorOptions<GraphqlSpec>
  private readonly place: Place
  private readonly pools = new Map<string, Dispatcher>()
  private readonly closed = new AbortController()

  constructor(options: ExecutorOptions<GraphqlSpec>) {
    this.options = options
    this.place = new Place(options)
  }

  /** The schema by introspection (GraphQL specification, section 4). */
  async describe(signal: AbortSignal): Promise<Document> {
    const { url } = this.options.spec
    const headers = this.place.ownHeaders
    const text = await introspect((body) =>
      this.post({ url, headers, body, signal, repeatable: true, bytesMax: schemaBytesMax }),
    )
    return { location: url, text, mediaType: 'application/json' }
  }

  async run(run: GraphqlRun): Promise<Answer> {
    const { plan } = run
    const signal = AbortSignal.any([run.signal, this.closed.signal])
    switch (plan.kind) {
      case 'document': {
        const body = requestBody(plan.document, plan.operationName, run.args)
        return this.send({ ...run, signal }, plan.type, body)
      }
      case 'subscription':
        return this.stream({ ...run, signal }, plan)
      case 'free':
        return this.free({ ...run, signal })
    }
  }

  async close(): Promise<void> {
    this.closed.abort()
    const pools = [...this.pools.values()]
    this.pools.clear()
    await Promise.all(pools.map((pool) => pool.destroy()))
  }

  private pool(url: URL, kind: 'calls' | 'streams'): Dispatcher {
    const key = `${kind} ${url.origin}`
    let pool = this.pools.get(key)
    if (pool === undefined) {
      const { tls } = this.place
      pool = this.options.egress.pool(url, {
        // A stream holds its connection; it must not keep calls waiting.
        connections: kind === 'calls' ? connectionsMax : null,
        ...(tls === undefined ? {} : { tls }),
      })
      this.pools.set(key, pool)
    }
    return pool
  }

  private async post(request: Post): Promise<HttpAnswer> {
    const shown = await this.place.show(request.headers)
    const answer = await this.exchange({ ...request, headers: shown.headers })
    // Revoked before its time.
    const { repeatable } = request
    const isOver = answer.status === 401 && shown.token !== undefined
    if (!isOver || !mayRepeat({ repeatable, reached: 'refused', attempts: 1 }))
      return { ...answer, body: this.place.clean(answer.body, shown.headers) }
    const { headers } = await this.place.show(request.headers, shown.token)
    const second = await this.exchange({ ...request, headers })
    return { ...second, body: this.place.clean(second.body, headers) }
  }

  private async exchange({ url: address, headers, body, signal, repeatable, bytesMax }: Post) {
    const url = this.place.url(address)
    const once = (): Promise<HttpAnswer> =>
      httpExchange(
        this.pool(url, 'calls'),
        {
          method: 'POST',
          path: `${url.pathname}${url.search}`,
          headers: { ...headers, ...requestHeaders, 'accept-encoding': acceptedEncodings },
          body,
        },
        { signal, bytesMax },
      )
    try {
      return await once().catch((thrown: unknown) => {
        if (!(thrown instanceof HttpFault)) throw thrown
        const { reached, error } = thrown
        const { aborted: givenUp } = signal
        const attempt = { repeatable, reached, attempts: 1, code: error.code, givenUp }
        if (mayRepeat(attempt)) return once()
        throw thrown
      })
    } catch (thrown) {
      throw thrown instanceof HttpFault ? thrown.error : thrown
    }
  }

  private async send(run: GraphqlRun, type: 'query' | 'mutation', body: string): Promise<Answer> {
    const { common, headers, signal } = run
    const { url } = common
    return answerOf(
      await this.post({
        url,
        headers,
        body,
        signal,
        repeatable: type === 'query',
        bytesMax: answerBytesMax,
      }),
    )
  }

  private async free(run: GraphqlRun): Promise<Answer> {
    const { query, variables, operationName } = readFree(run.args)
    const values: unknown = JSON.parse(variables)
    const measured = await measure(
      {
        text: query,
        operationName,
        variables: typeof values === 'object' && values !== null ? { ...values } : {},
      },
      run.common.query,
    )
    if (measured.kind === 'refused')
      return textAnswer(`The document is not sent. ${measured.why}`, true)
    return this.send(run, measured.type, requestBody(query, measured.name, variables))
  }

  private async stream(run: GraphqlRun, plan: SubscriptionPlan): Promise<Answer> {
    const { transport, url: address } = run.common.subscriptions
    const url = this.place.url(address)
    const { egress } = this.options
    const { headers } = await this.place.show(run.headers)
    const open: Open = async (wanted, listener) =>
      transport === 'sse'
        ? subscribeEvents({ pool: this.pool(url, 'streams'), url, headers }, wanted, listener)
        : subscribeSocket({ egress, url, headers, tls: this.place.tls }, wanted, listener)
    return subscribe(run, plan, {
      open,
      clean: (text) => this.place.clean(Buffer.from(text), headers).toString(),
    })
  }
}

interface FreeArguments {
  readonly query: string
  /** Raw. */
  readonly variables: string
  readonly operationName: string | undefined
}

/** @throws GatewayError arguments_invalid */
function readFree(args: string): FreeArguments {
  try {
    const members = scanObject(args, {}, { depthMax: argumentsDepthMax, refuseDuplicates: true })
    const raw = (key: string): string | undefined => {
      const member = members.find((candidate) => candidate.key === key)
      return member === undefined ? undefined : args.slice(member.start, member.end)
    }
    return {
      query: stringValue(raw('query')) ?? '',
      variables: raw('variables') ?? '{}',
      operationName: stringValue(raw('operationName')),
    }
  } catch (thrown) {
    if (!(thrown instanceof JsonFault)) throw thrown
    throw new GatewayError('arguments_invalid', { detail: thrown.message, cause: thrown })
  }
}
