/**
 * An API behind tools that a converter made: one link for every kind of API. Its list is the conversion, its calls are
 * carried out by the kind's executor; to the rest of the gateway it is a server like any other, of the modern era.
 */

import type { RecordedCall } from '../../model/call.ts'
import { newestModern } from '../../model/call.ts'
import {
  type Conversion,
  ConversionFault,
  type ConvertedTool,
  type Document,
  type JsonSchema,
} from '../../model/conversion.ts'
import { declaredIn, type Facts } from '../../model/facts.ts'
import { type ListMethod, listChanged, listFactsOf } from '../../model/methods.ts'
import { GatewayError, toGatewayError } from '../../model/refusal.ts'
import type { Reply } from '../../model/reply.ts'
import { judgedMember } from '../../model/target.ts'
import type { Listed, Sent, ServerLink, ServerNotice, Start } from '../../upstream/kind.ts'
import type { Answer, Executor } from './executor.ts'
import { withFilled } from './fill.ts'
import { formatHints, withTexts } from './format-hint.ts'

export interface ApiLinkOptions<Plan, Common> {
  /**
   * Reads the description. With `changedOnly`: undefined when it, and all that it points at, is as it was the last time.
   * @throws GatewayError, ConversionFault
   */
  readonly describe: (signal: AbortSignal, changedOnly: boolean) => Promise<Document | undefined>
  /** Converts it, off the main thread. @throws ConversionFault */
  readonly convert: (description: Document) => Promise<Conversion<Plan, Common>>
  readonly executor: Executor<Plan, Common>
  readonly describeTimeoutMs: number
  /** Why no call of the conversion could arrive now. */
  readonly whyUnreachable: (
    conversion: Conversion<Plan, Common>,
    fault: GatewayError | undefined,
  ) => Promise<string | undefined>
  /** The name under which the caller of a call may call another tool of its server; undefined when it may not. */
  readonly nameOf?: (recorded: RecordedCall, tool: string) => string | undefined
  /** Tells when the description may have changed; returns the way to stop. Undefined: it is only asked again. */
  readonly onChange?: (changed: () => void) => () => void
}

interface Converted<Plan, Common> {
  readonly conversion: Conversion<Plan, Common>
  readonly tools: ReadonlyMap<string, ConvertedTool<Plan>>
  readonly definitions: readonly string[]
}

/** A definition with the schema by which its arguments are judged, which lists do not show. */
function withJudged(definition: string, judged: JsonSchema | undefined): string {
  return judged === undefined
    ? definition
    : `${definition.slice(0, -1)}${judgedMember}${JSON.stringify(judged)}}`
}

/** What an API has: tools, which change when its description does. */
const onlyTools = declaredIn('{"tools":{"listChanged":true}}')

/** Faults of calls after which it is asked whether the API can be reached at all. */
const doubtful: ReadonlySet<string> = new Set([
  'server_unavailable',
  'server_timeout',
  'server_broken',
])

export class ApiLink<Plan, Common> implements ServerLink {
  private readonly options: ApiLinkOptions<Plan, Common>
  private converted: Converted<Plan, Common> | undefined
  private converting: Promise<Converted<Plan, Common>> | undefined
  /** Why the latest version of the description is not in use. */
  private fault: GatewayError | undefined
  /** Whether the latest version was looked at to the end, whatever came of it. */
  private isJudged = false
  private notice: ServerNotice | undefined
  private stopWatching: (() => void) | undefined
  private readonly stopped = new AbortController()

  constructor(options: ApiLinkOptions<Plan, Common>) {
    this.options = options
  }

  start(start: Start): Sent | Promise<Sent> {
    const { converted } = this
    if (converted !== undefined) return this.startWith(converted, start)
    return this.refresh().then((fresh) => this.startWith(fresh, start))
  }

  private startWith({ tools, conversion }: Converted<Plan, Common>, start: Start): Sent {
    if (!start.wanted()) throw new GatewayError('cancelled')
    const { recorded, sink } = start
    const tool = tools.get(recorded.target.name)
    if (recorded.action.kind !== 'tool' || tool === undefined)
      throw new GatewayError('tool_unknown', { detail: 'the description has it no more' })
    const cancel = new AbortController()
    const running = this.options.executor
      .run({
        plan: tool.plan,
        common: conversion.common,
        args: withFilled(recorded.action.args ?? '{}', tool.filled),
        headers: recorded.presented.headers,
        principalId: recorded.action.principal.id,
        revision: recorded.action.revision,
        nameOf: (tool) => this.options.nameOf?.(recorded, tool),
        signal: cancel.signal,
        progress: (done, total, message) =>
          sink({
            kind: 'progress',
            params: [
              { key: 'progress', raw: String(done) },
              ...(total === undefined ? [] : [{ key: 'total', raw: String(total) }]),
              ...(message === undefined ? [] : [{ key: 'message', raw: JSON.stringify(message) }]),
            ],
            level: undefined,
          }),
      })
      .then(
        ({ body, isError }): Reply => ({
          kind: 'complete',
          body: isError ? withFormatHints(body, recorded) : body,
          extras: [],
          era: 'modern',
          isError,
        }),
        (thrown: unknown): never => {
          const fault = toGatewayError(thrown)
          if (doubtful.has(fault.code)) this.notice?.('sallyport/unreachable', [])
          throw fault
        },
      )
    return {
      open: { next: () => running, fail: () => cancel.abort() },
      cancel: () => cancel.abort(),
    }
  }

  /**
   * Looks whether the description changed, and converts it when it did. A version that cannot be used leaves the tools
   * of the last good one in place.
   */
  async facts(): Promise<Facts> {
    const { conversion } = await this.refresh()
    const { fault } = this
    return {
      era: 'modern',
      revision: newestModern,
      declared: onlyTools,
      serverInfo: JSON.stringify({ name: conversion.title, version: conversion.version }),
      instructions: conversion.description,
      ...(fault === undefined
        ? {}
        : { trouble: `the tools are those of an earlier description: ${fault.message}` }),
    }
  }

  /** The tools as `facts` found them. */
  async list(method: ListMethod): Promise<Listed> {
    return { items: listFactsOf(method).kind === 'tool' ? (await this.current()).definitions : [] }
  }

  async whyUnreachable(): Promise<string | undefined> {
    return this.options.whyUnreachable(await this.conversion(), this.fault)
  }

  /** The whole conversion, for reports. */
  async conversion(): Promise<Conversion<Plan, Common>> {
    return (await this.current()).conversion
  }

  private current(): Promise<Converted<Plan, Common>> {
    return this.converted === undefined ? this.refresh() : Promise.resolve(this.converted)
  }

  private refresh(): Promise<Converted<Plan, Common>> {
    this.converting ??= this.convert().finally(() => {
      this.converting = undefined
    })
    return this.converting
  }

  private async convert(): Promise<Converted<Plan, Common>> {
    try {
      const fresh = await this.convertChanged()
      if (fresh !== undefined) this.converted = fresh
    } catch (thrown) {
      this.fault = faultOf(thrown)
      // What cannot be reached now may be there later; what was read and is wrong stays wrong until it changes.
      this.isJudged = thrown instanceof ConversionFault && thrown.code !== 'document_unreadable'
    }
    if (this.converted !== undefined) return this.converted
    throw this.fault ?? new GatewayError('description_unusable')
  }

  private async convertChanged(): Promise<Converted<Plan, Common> | undefined> {
    const { describe, convert, describeTimeoutMs } = this.options
    const signal = AbortSignal.any([this.stopped.signal, AbortSignal.timeout(describeTimeoutMs)])
    const description = await describe(signal, this.isJudged)
    if (description === undefined) return undefined
    const conversion = await convert(description)
    this.fault = undefined
    this.isJudged = true
    return {
      conversion,
      tools: new Map(conversion.tools.map((tool) => [tool.definition.name, tool])),
      definitions: conversion.tools.map(({ definition, judged }) =>
        withJudged(JSON.stringify(definition), judged),
      ),
    }
  }

  async watch(notice: ServerNotice): Promise<void> {
    this.notice = notice
    this.stopWatching ??= this.options.onChange?.(() => notice(listChanged.tools, []))
  }

  subscribe(): Promise<void> {
    return Promise.reject(new GatewayError('resource_unknown'))
  }

  async unsubscribe(): Promise<void> {
    // Nothing can be subscribed to.
  }

  subscribeTask(): Promise<void> {
    return Promise.reject(new GatewayError('task_unknown'))
  }

  async unsubscribeTask(): Promise<void> {
    // An API makes no tasks.
  }

  /** A call of an API ends with its caller, and nothing is kept for the next one. */
  dropPrincipals(): void {}

  async close(): Promise<void> {
    this.stopped.abort()
    this.stopWatching?.()
    await this.options.executor.close()
  }
}

/** What an API refused may have been refused for the form of an argument. */
function withFormatHints(body: Answer['body'], { action, target }: RecordedCall): Answer['body'] {
  if (body.kind !== 'whole') return body
  const hints = formatHints(target.item?.inputSchema, action.args ?? '{}')
  return { ...body, bytes: withTexts(body.bytes, hints) }
}

function faultOf(thrown: unknown): GatewayError {
  if (!(thrown instanceof ConversionFault)) return toGatewayError(thrown)
  const place = thrown.place === '' ? '' : ` (${thrown.place})`
  return new GatewayError('description_unusable', {
    detail: `${thrown.code}: ${thrown.message}${place}`,
    cause: thrown,
  })
}
