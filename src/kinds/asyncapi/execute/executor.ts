/** Carries out calls of AsyncAPI tools: one connection a call, which ends with it. */
import type { Dispatcher } from 'undici'
import type { PoolOptions } from '../../../egress/egress.ts'
import {
  type AsyncApiCommon,
  type AsyncApiPlan,
  type AsyncApiSpec,
  streamBounds,
} from '../../../model/kinds/asyncapi.ts'
import { GatewayError } from '../../../model/refusal.ts'
import { Secrets, secretsOfHeaders } from '../../../upstream/secrets.ts'
import { jsonAnswer, textAnswer } from '../../api/answer.ts'
import { RestCredentials } from '../../api/credentials.ts'
import type { Answer, Executor, ExecutorOptions, Run } from '../../api/executor.ts'
import { OAuthTokens } from '../../api/oauth-tokens.ts'
import { Take, takenJson } from '../../api/take.ts'
import { StreamRefused } from '../../api/web-socket.ts'
import {
  ArgumentFault,
  addressOf,
  firstMessages,
  type Given,
  headersOfArguments,
  numberOf,
  outgoingOf,
  readGiven,
} from './arguments.ts'
import { awaitReply } from './ask.ts'
import { messageBytesMax, openEvents } from './events.ts'
import { holds } from './fit.ts'
import { read, wanted } from './message.ts'
import { Socket, type SocketListener } from './socket.ts'

/** Of all messages of a call together. */
const messagesBytesMax = 16_000_000

export function createAsyncapiExecutor(
  options: ExecutorOptions<AsyncApiSpec>,
): Executor<AsyncApiPlan, AsyncApiCommon> {
  return new AsyncApiExecutor(options)
}

type StreamRun = Run<AsyncApiPlan, AsyncApiCommon>

/** A call whose address, headers and secrets are known. */
interface Ready {
  readonly run: StreamRun
  readonly given: Given
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  /** Takes secrets out of a text. */
  clean(text: string): string
}

class AsyncApiExecutor implements Executor<AsyncApiPlan, AsyncApiCommon> {
  private readonly options: ExecutorOptions<AsyncApiSpec>
  private readonly credentials: RestCredentials
  private readonly secrets: Secrets
  private readonly pools = new Map<string, Dispatcher>()
  private readonly closed = new AbortController()

  constructor(options: ExecutorOptions<AsyncApiSpec>) {
    const { credential, egress, now } = options
    this.options = options
    this.credentials = new RestCredentials(credential, new OAuthTokens({ egress, now }))
    this.secrets = new Secrets(credential)
  }

  async run(run: StreamRun): Promise<Answer> {
    const signal = AbortSignal.any([run.signal, this.closed.signal])
    if (signal.aborted) throw new GatewayError('cancelled')
    let ready: Ready
    try {
      ready = await this.prepare({ ...run, signal })
    } catch (thrown) {
      if (thrown instanceof ArgumentFault) return textAnswer(thrown.message, true)
      throw thrown
    }
    try {
      switch (run.plan.kind) {
        case 'send':
          return await this.send(ready)
        case 'ask':
          return await this.ask(ready)
        case 'take':
          return await this.take(ready)
      }
    } catch (thrown) {
      if (thrown instanceof StreamRefused) return textAnswer(ready.clean(thrown.message), true)
      throw thrown
    }
  }

  async close(): Promise<void> {
    this.closed.abort()
    const pools = [...this.pools.values()]
    this.pools.clear()
    await Promise.all(pools.map((pool) => pool.destroy()))
  }

  private async prepare(run: StreamRun): Promise<Ready> {
    const { plan, common } = run
    const given = readGiven(run.args)
    const url = addressOf(plan, given)
    const own = headersOfArguments(plan, given)
    const placed = await this.credentials.place({
      plan: { security: plan.security, baseUrl: plan.url.replace(/^ws/, 'http') },
      common,
    })
    for (const [name, value] of placed.query)
      url.search += `${url.search === '' ? '?' : '&'}${name}=${value}`
    const cookies = placed.cookies.map(([name, value]) => `${name}=${value}`).join('; ')
    // What is configured comes last: no argument replaces it.
    const headers = {
      ...own,
      ...run.headers,
      ...placed.headers,
      ...(cookies === '' ? {} : { cookie: cookies }),
    }
    const secrets = [
      ...secretsOfHeaders(headers),
      ...placed.secrets,
      ...this.options.spec.protocols,
    ]
    return { run, given, url, headers, clean: (text) => this.secrets.cleanText(text, secrets) }
  }

  private get tls(): PoolOptions['tls'] {
    const tls = this.options.credential?.tls
    if (tls === undefined) return undefined
    const { ca, cert, key } = tls
    return {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    }
  }

  private open({ run, url, headers }: Ready, listener: SocketListener): Promise<Socket> {
    const { egress } = this.options
    const { protocols } = run.plan
    const place = { egress, url, headers, protocols, tls: this.tls, messageBytesMax }
    return Socket.open(place, run.signal, listener)
  }

  private async send(ready: Ready): Promise<Answer> {
    const { run, given } = ready
    const ended = Promise.withResolvers<Error>()
    const socket = await this.open(ready, {
      message: () => undefined,
      end: () => undefined,
      fault: ended.resolve,
    })
    try {
      const sent = socket.send(outgoingOf(run.plan, given).text)
      const fault = await Promise.race([sent, ended.promise])
      if (fault !== undefined) throw fault
    } finally {
      socket.close()
    }
    return jsonAnswer(Buffer.from('{"sent":true}'))
  }

  private async ask(ready: Ready): Promise<Answer> {
    const { run, given, clean } = ready
    const { own } = run.plan
    const { secondsDefault, secondsMax } = streamBounds
    const seconds = numberOf(given, own.seconds, secondsDefault, secondsMax)
    const outgoing = outgoingOf(run.plan, given)
    const reply = awaitReply(run.plan, outgoing, seconds)
    const opening = this.open(ready, reply.listener)
    try {
      // Both are waited for together: what ends the connection ends the wait.
      const socket = await opening
      await socket.send(outgoing.text)
      const answer = await reply.done
      if (answer.kind === 'none') return textAnswer(clean(answer.sentence), true)
      return jsonAnswer(Buffer.from(`{"reply":${clean(answer.raw)}}`))
    } finally {
      reply.stop()
      closeOf(opening)
    }
  }

  private async take(ready: Ready): Promise<Answer> {
    const { run, given, clean } = ready
    const { plan } = run
    const { countDefault, countMax, secondsDefault, secondsMax } = streamBounds
    const take = new Take({
      limit: numberOf(given, plan.own.count, countDefault, countMax),
      seconds: numberOf(given, plan.own.seconds, secondsDefault, secondsMax),
      bytesMax: messagesBytesMax,
      signal: run.signal,
      progress: (done, total, message) => run.progress(done, total, message),
    })
    const where = given.values[plan.own.where] ?? {}
    const listener: SocketListener = {
      message: (text) => {
        if (!take.open) return
        const message = read(plan, text)
        if (message === undefined || !wanted(plan, message) || !holds(message.value, where)) return
        take.push(clean(message.raw))
      },
      end: () => take.end('completed'),
      fault: (fault) => take.fail(fault),
    }
    const opening = /^ws/.test(plan.url)
      ? this.takeSocket(ready, listener)
      : this.takeEvents(ready, listener)
    opening.catch((fault: unknown) =>
      take.fail(
        fault instanceof GatewayError || fault instanceof StreamRefused
          ? fault
          : new GatewayError('internal', { cause: fault }),
      ),
    )
    try {
      return jsonAnswer(takenJson(await take.done))
    } finally {
      closeOf(opening)
    }
  }

  private async takeSocket(ready: Ready, listener: SocketListener): Promise<{ close(): void }> {
    const socket = await this.open(ready, listener)
    for (const text of firstMessages(ready.run.plan, ready.given)) await socket.send(text)
    return socket
  }

  private async takeEvents(
    { run, url, headers }: Ready,
    listener: Parameters<typeof openEvents>[2],
  ): Promise<{ close(): void }> {
    const close = openEvents(
      this.pool(url),
      {
        method: run.plan.method,
        path: `${url.pathname}${url.search}`,
        headers: {
          accept: 'text/event-stream, application/x-ndjson, application/json',
          ...headers,
        },
        body: undefined,
      },
      listener,
    )
    return { close }
  }

  private pool(url: URL): Dispatcher {
    let pool = this.pools.get(url.origin)
    if (pool === undefined) {
      const { tls } = this
      pool = this.options.egress.pool(url, {
        connections: null,
        ...(tls === undefined ? {} : { tls }),
      })
      this.pools.set(url.origin, pool)
    }
    return pool
  }
}

/** Closes what was opened, or will be. */
function closeOf(opening: Promise<{ close(): void }>): void {
  void opening.then(
    (opened) => opened.close(),
    () => undefined,
  )
}
