/** Carries out calls of tools that were made of gRPC services: unary ones, and server streams with a bound. */
import { messageOf } from '../../../kit/thrown.ts'
import type { Document } from '../../../model/conversion.ts'
import { headersOf } from '../../../model/credential.ts'
import type { GrpcCommon, GrpcPlan, GrpcSpec } from '../../../model/kinds/grpc.ts'
import { GatewayError } from '../../../model/refusal.ts'
import { type Attempt, mayRepeat } from '../../../upstream/retry.ts'
import { Secrets, secretsOfHeaders } from '../../../upstream/secrets.ts'
import { jsonAnswer, textAnswer } from '../../api/answer.ts'
import type { Answer, Executor, ExecutorOptions, Run } from '../../api/executor.ts'
import { Take, takenJson } from '../../api/take.ts'
import { CallFault, callStream, callUnary, type Line, openDialogue } from './calls.ts'
import { Channel } from './channel.ts'
import { ArgumentFault, decodeMessage, encodeMessage, registryOf } from './messages.ts'
import { reflect } from './reflection.ts'
import { statusText } from './status.ts'

const messageBytesMax = 16_000_000
const attemptsMax = 3
const reflectionPaths = [
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
  '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo',
]
const unimplemented = 12
const unavailable = 14
class GrpcExecutor implements Executor<GrpcPlan, GrpcCommon> {
  readonly describe?: (signal: AbortSignal) => Promise<Document>
  private readonly options: ExecutorOptions<GrpcSpec>
  private readonly secrets: Secrets
  private readonly channel: Channel
  private readonly closed = new AbortController()

  constructor(options: ExecutorOptions<GrpcSpec>) {
    this.options = options
    this.secrets = new Secrets(options.credential)
    const { server, spec, credential, egress } = options
    this.channel = new Channel({ server, spec, credential, egress, messageBytesMax })
    if (options.spec.proto === undefined) this.describe = (signal) => this.introspect(signal)
  }

  async run(run: Run<GrpcPlan, GrpcCommon>): Promise<Answer> {
    const { plan, common, args } = run
    if (run.signal.aborted) throw new GatewayError('cancelled')
    let request: Buffer
    try {
      request = encodeMessage(plan, common, args)
    } catch (thrown) {
      if (thrown instanceof ArgumentFault) return textAnswer(thrown.message, true)
      throw thrown
    }
    const signal = AbortSignal.any([run.signal, this.closed.signal])
    const secrets = secretsOfHeaders(run.headers)
    try {
      const json = plan.stream
        ? await this.stream(run, request, signal)
        : Buffer.from(decodeMessage(plan, common, await this.repeated(run, request, signal)))
      return jsonAnswer(this.secrets.clean(json, secrets))
    } catch (thrown) {
      if (!(thrown instanceof CallFault)) throw thrown
      const { code, details, metadata } = thrown.status
      const refusal = signal.aborted ? new GatewayError('cancelled') : refusalOf(thrown)
      if (refusal !== undefined) throw refusal
      const [trailer] = metadata.get('grpc-status-details-bin')
      const text = statusText(
        { code, message: details, details: Buffer.isBuffer(trailer) ? trailer : undefined },
        registryOf(common),
        (json) => this.secrets.cleanText(json, secrets),
      )
      return textAnswer(this.secrets.cleanText(text, secrets), true)
    }
  }

  /** Sends again only when the connection broke without a word of the server. */
  private async repeated(
    run: Run<GrpcPlan, GrpcCommon>,
    request: Buffer,
    signal: AbortSignal,
  ): Promise<Buffer> {
    for (let attempts = 1; ; attempts++) {
      const line = await this.line()
      try {
        const { plan, headers } = run
        return await callUnary(line, { path: plan.path, request, headers, signal })
      } catch (thrown) {
        const lost =
          thrown instanceof CallFault && thrown.status.code === unavailable && !thrown.answered
        if (lost) this.channel.forget(line.client)
        const { repeatable } = run.plan
        const { aborted: givenUp } = signal
        const attempt: Attempt = { repeatable, reached: 'sent', attempts, givenUp }
        if (!lost || !mayRepeat(attempt, attemptsMax)) throw thrown
      }
    }
  }

  private async stream(
    run: Run<GrpcPlan, GrpcCommon>,
    request: Buffer,
    signal: AbortSignal,
  ): Promise<Buffer> {
    const { plan, common } = run
    const { messages, seconds } = this.options.spec.stream
    const line = await this.line()
    const take = new Take({
      limit: messages,
      seconds,
      bytesMax: messageBytesMax,
      signal,
      progress: (done, total, message) => run.progress(done, total, message),
    })
    const { promise: failed, reject } = Promise.withResolvers<never>()
    failed.catch(() => undefined)
    const cancel = callStream(
      line,
      { path: plan.path, request, headers: run.headers },
      {
        message: (bytes) => {
          if (!take.open) return
          try {
            take.push(decodeMessage(plan, common, bytes))
          } catch (thrown) {
            reject(thrown)
          }
        },
        end: (fault) => (fault === undefined ? take.end('completed') : reject(fault)),
      },
    )
    try {
      return takenJson(await Promise.race([take.done, failed]))
    } finally {
      take.end('completed')
      cancel()
    }
  }

  private async line(): Promise<Line> {
    const { client, grpc } = await this.channel.open()
    return { client, grpc, deadline: this.options.now() + this.options.timeoutMs }
  }

  private async introspect(signal: AbortSignal): Promise<Document> {
    const { spec, credential } = this.options
    const headers = lowerCase({ ...spec.headers, ...(credential && headersOf(credential)) })
    for (const [index, path] of reflectionPaths.entries())
      try {
        const text = await this.reflected(path, headers, signal)
        return { location: spec.address, text, base64: true, mediaType: undefined }
      } catch (thrown) {
        if (!(thrown instanceof CallFault)) throw thrown
        const isLast = index === reflectionPaths.length - 1
        if (thrown.status.code === unimplemented && !isLast && !signal.aborted) continue
        throw signal.aborted ? new GatewayError('cancelled') : reflectionRefusal(thrown)
      }
    throw new GatewayError('description_unusable')
  }

  private async reflected(
    path: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<string> {
    const { ask, end } = openDialogue(await this.line(), { path, headers, signal })
    try {
      return await reflect(ask)
    } catch (thrown) {
      throw thrown instanceof CallFault || thrown instanceof GatewayError ? thrown : garbled(thrown)
    } finally {
      end()
    }
  }

  async close(): Promise<void> {
    this.closed.abort()
    await this.channel.close()
  }
}

function lowerCase(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  )
}

/** What is no answer of the service but a broken connection, a passed deadline or a bound of ours. */
function refusalOf({ status, answered }: CallFault): GatewayError | undefined {
  const { code, details } = status
  const detail = `gRPC: ${code} ${details.slice(0, 300)}`
  if (code === 8 && /larger than max/.test(details))
    return new GatewayError('answer_too_large', {
      detail,
      hint: `The answer is larger than ${messageBytesMax / 1_000_000} MB.`,
    })
  if (answered) return undefined
  if (code === 4) return new GatewayError('server_timeout', { detail })
  if (code === unavailable || code === 1 || code === 13 || code === 2)
    return new GatewayError('server_unavailable', { detail })
  return undefined
}

function garbled(thrown: unknown): GatewayError {
  const detail = messageOf(thrown)
  return new GatewayError('server_broken', {
    detail: `reflection: ${detail.slice(0, 300)}`,
    cause: thrown,
  })
}

function reflectionRefusal(fault: CallFault): GatewayError {
  const refusal = refusalOf(fault)
  if (refusal !== undefined) return refusal
  const { code, details } = fault.status
  if (code === unimplemented)
    return new GatewayError('description_unusable', {
      detail: 'the server has no reflection; set grpc.proto to a .proto file or a descriptor set',
    })
  if (code === 16 || code === 7)
    return new GatewayError('server_refused_us', { detail: `reflection: ${details.slice(0, 300)}` })
  return new GatewayError('server_broken', {
    detail: `reflection: ${code} ${details.slice(0, 300)}`,
  })
}

/** An executor for one server. */
export function createGrpcExecutor(
  options: ExecutorOptions<GrpcSpec>,
): Executor<GrpcPlan, GrpcCommon> {
  return new GrpcExecutor(options)
}
