/**
 * One relayed call at a server: collects its messages, and ends round by round.
 * A legacy server that asks mid-call ends the round with `input_required`; the open call stays parked until
 * the caller comes back with answers (protocol.md section 6.3). Independent of the transport.
 */

import { isObjectText, scanObject, stringValue, textMember } from '../kit/json-scan.ts'
import type { Call } from '../model/call.ts'
import type { ServerCodec, ServerMessage } from '../model/codec.ts'
import { tasksExtension } from '../model/extensions.ts'
import { type Members, rawOf } from '../model/members.ts'
import { methodOf, notificationKindOf, questionKindOf } from '../model/methods.ts'
import { GatewayError } from '../model/refusal.ts'
import type { CallNotification, NotificationSink, Question, Reply } from '../model/reply.ts'
import {
  parseInputRequired,
  urlQuestions,
  urlsRequired,
  withoutElicitationId,
} from './input-required.ts'
import type { Continuation } from './parking.ts'
import type { ResultStream } from './result-stream.ts'

const keptNotificationsMax = 200
const questionsMax = 32
const saidBytesMax = 8_192

interface Asked {
  readonly question: Question
  /** The server's own id of its request, raw. */
  readonly rpcId: string
}

export interface RoundOptions {
  readonly codec: ServerCodec
  readonly era: 'legacy' | 'modern'
  /** Our id of the request at the server. */
  readonly id: number
  /** Sends a message back to the server on the transport of the call. */
  readonly answer: (text: string) => void
  /** How long to collect questions that come together, in milliseconds. */
  readonly gatherMs: number
  /** Makes the sealed requestState: under which the open call is found again, or that holds the server's own state. */
  readonly park: (serverState?: string) => string
  /** Extensions that may pass between this server and its callers. */
  readonly extensions: ReadonlySet<string>
  /** What the server said when the call failed at it: the text of its error, or its tool result as JSON. */
  readonly onFailed?: (said: string) => void
  /** Runs once when nothing more can come; `answered`: the server itself ended the call. */
  readonly onEnd?: (answered: boolean) => void
}

type Waiter = { resolve: (reply: Reply) => void; reject: (error: GatewayError) => void }

export class OpenCall implements Continuation {
  private readonly options: RoundOptions
  private call: Call
  private sink: NotificationSink
  private waiter: Waiter | undefined
  private ended: Reply | GatewayError | undefined
  private asked: Asked[] = []
  private kept: CallNotification[] = []
  private gathering: NodeJS.Timeout | undefined
  private keyCounter = 0
  parked = false

  constructor(options: RoundOptions, call: Call, sink: NotificationSink) {
    this.options = options
    this.call = call
    this.sink = sink
  }

  /** Resolves with the end of the current round. */
  next(): Promise<Reply> {
    const { ended } = this
    if (ended instanceof GatewayError) return Promise.reject(ended)
    if (ended !== undefined) return Promise.resolve(ended)
    return new Promise((resolve, reject) => {
      this.waiter = { resolve, reject }
      if (this.asked.length > 0) this.gather()
    })
  }

  /** Goes on after a question: posts the answers and opens the next round for the returned caller. */
  resume(call: Call, sink: NotificationSink, answers: ReadonlyMap<string, string>): Promise<Reply> {
    this.call = call
    this.sink = sink
    this.parked = false
    for (const notification of this.kept.splice(0)) sink(notification)
    const { answer, codec } = this.options
    const left: Asked[] = []
    for (const entry of this.asked) {
      const error = call.declined?.get(entry.question.key)
      const result = answers.get(entry.question.key)
      if (error !== undefined) answer(codec.answerRawError(entry.rpcId, error))
      else if (result !== undefined) answer(codec.answer(entry.rpcId, result))
      else left.push(entry)
    }
    this.asked = left
    return this.next()
  }

  /** Takes a message that belongs to this call. */
  take(message: ServerMessage): void {
    try {
      this.takeChecked(message)
    } catch (fault) {
      // What a server says must end its own call at the worst, whatever reads the transport.
      this.end(
        fault instanceof GatewayError
          ? fault
          : new GatewayError('server_broken', { detail: 'a malformed message', cause: fault }),
      )
    }
  }

  private takeChecked(message: ServerMessage): void {
    if (message.kind === 'notification') this.notify(message.method, message.params)
    else if (message.kind === 'request') this.ask(message)
    else if (message.kind === 'broken')
      this.end(new GatewayError('server_broken', { detail: message.detail }))
    else if (message.kind === 'error' && message.code === urlsRequired && this.bridgesEras)
      this.end(urlQuestions(this.call, message.data, this.options.park))
    else if (message.kind === 'error') {
      this.options.onFailed?.(message.message)
      this.end({
        kind: 'error',
        code: message.code,
        message: message.message,
        data: message.data,
        era: this.options.era,
      })
    } else this.finish(message)
  }

  /** A large result has begun: the call ends as complete, and its bytes follow. */
  takeStream(stream: ResultStream): void {
    if (this.ended !== undefined) {
      stream.stop(this.ended instanceof GatewayError ? this.ended : new GatewayError('cancelled'))
      return
    }
    const head = stream.take()
    if (this.options.era === 'modern') {
      // Questions and tasks must be read whole before they may pass; one that shows late breaks the stream off.
      stream.onSeen = (key, raw) => {
        if (key === 'resultType' && raw !== '"complete"') stream.stop(questionTooLarge())
      }
      const seen = stream.seen.get('resultType')
      if (seen !== undefined && seen !== '"complete"') {
        stream.stop(questionTooLarge())
        this.end(questionTooLarge())
        return
      }
    }
    this.end({
      kind: 'complete',
      body: {
        kind: 'stream',
        head,
        rest: stream,
        isError: () => stream.seen.get('isError') === 'true',
      },
      extras: [],
      era: this.options.era,
      isError: stream.seen.get('isError') === 'true',
    })
  }

  /** The server or the transport failed. */
  fail(error: GatewayError): void {
    this.end(error)
  }

  /** Gives a parked call up: refuses what the server asked, so that it can end cleanly. */
  abandon(reason: string): void {
    for (const entry of this.asked.splice(0))
      this.options.answer(this.options.codec.answerError(entry.rpcId, -32603, reason))
    const error = new GatewayError('state_invalid', { detail: reason })
    const { ended } = this
    // A large answer that came while nobody waited is read by nobody now.
    if (
      ended !== undefined &&
      !(ended instanceof GatewayError) &&
      ended.kind === 'complete' &&
      ended.body.kind === 'stream'
    )
      ended.body.rest.stop(error)
    this.end(error)
  }

  get done(): boolean {
    return this.ended !== undefined
  }

  /** A modern caller and a legacy server: what the server asks is put in the caller's form. */
  private get bridgesEras(): boolean {
    return this.options.era === 'legacy' && this.call.era === 'modern'
  }

  private finish(message: Extract<ServerMessage, { kind: 'result' }>): void {
    const result = message.bytes.subarray(message.start, message.end)
    if (message.isError) this.options.onFailed?.(result.toString('utf8', 0, saidBytesMax))
    if (this.options.era === 'modern' && message.resultType === 'input_required') {
      this.end(inputRequired(result, this.call, this.options.park))
      return
    }
    const taskId = this.madeTask(message, result)
    if (
      this.options.era === 'modern' &&
      message.resultType !== undefined &&
      message.resultType !== 'complete' &&
      taskId === undefined
    ) {
      this.end(
        new GatewayError('server_broken', {
          detail: `unknown resultType ${message.resultType.slice(0, 40)}`,
        }),
      )
      return
    }
    this.end({
      kind: 'complete',
      body: { kind: 'whole', bytes: result },
      extras: message.extras,
      // A modern server that leaves `resultType` out answers in the shape of a legacy one; it means `complete`.
      era: message.resultType === undefined ? 'legacy' : this.options.era,
      isError: message.isError,
      ...(taskId === undefined ? {} : { taskId }),
    })
  }

  /** The server's own id of a task that it made instead of a result, for a caller that takes tasks. */
  private madeTask(
    message: Extract<ServerMessage, { kind: 'result' }>,
    result: Buffer,
  ): string | undefined {
    const { call, options } = this
    if (methodOf(call.method).result !== 'tool' || !options.extensions.has(tasksExtension))
      return undefined
    if (options.era === 'modern')
      return message.resultType === 'task' &&
        call.era === 'modern' &&
        call.capabilities.extensions.has(tasksExtension)
        ? taskIdOf(result, 'taskId')
        : undefined
    // Core tasks of 2025-11-25: the caller asked for one with `params.task`.
    const asked = call.era === 'legacy' && call.params.some((member) => member.key === 'task')
    return asked ? taskIdOf(result, 'task') : undefined
  }

  private notify(method: string, params: Members): void {
    const kind = notificationKindOf(method)
    if ((kind !== 'progress' && kind !== 'message') || this.ended !== undefined) return
    const notification: CallNotification = {
      kind,
      params:
        kind === 'progress' ? params.filter((member) => member.key !== 'progressToken') : params,
      level: kind === 'message' ? stringValue(rawOf(params, 'level')) : undefined,
    }
    if (!this.parked) this.sink(notification)
    else if (this.kept.length < keptNotificationsMax) this.kept.push(notification)
  }

  private ask(message: Extract<ServerMessage, { kind: 'request' }>): void {
    const { codec, answer } = this.options
    if (methodOf(message.method).duty === 'pong') {
      answer(codec.answer(message.id, '{}'))
      return
    }
    if (message.params !== undefined && !isObjectText(message.params)) {
      answer(codec.answerError(message.id, -32602, 'The params must be an object.'))
      return
    }
    if (!mayAsk(this.call, message.method, message.params) || this.asked.length >= questionsMax) {
      answer(codec.answerError(message.id, -32601, 'The client cannot answer this.'))
      return
    }
    this.keyCounter++
    const params = this.bridgesEras ? withoutElicitationId(message.params) : message.params
    this.asked.push({
      question: { key: `q${this.keyCounter}`, method: message.method, params },
      rpcId: message.id,
    })
    if (this.waiter !== undefined) this.gather()
  }

  private gather(): void {
    this.gathering ??= setTimeout(() => {
      this.gathering = undefined
      const { waiter } = this
      if (waiter === undefined || this.asked.length === 0) return
      this.waiter = undefined
      this.parked = true
      waiter.resolve({
        kind: 'input_required',
        questions: this.asked.map((entry) => entry.question),
        requestState: this.options.park(),
        extras: [],
      })
    }, this.options.gatherMs)
  }

  private end(end: Reply | GatewayError): void {
    if (this.ended !== undefined) return
    this.ended = end
    if (this.gathering !== undefined) clearTimeout(this.gathering)
    this.options.onEnd?.(!(end instanceof GatewayError))
    const { waiter } = this
    this.waiter = undefined
    if (end instanceof GatewayError) waiter?.reject(end)
    else waiter?.resolve(end)
  }
}

function questionTooLarge(): GatewayError {
  return new GatewayError('answer_too_large', { detail: 'a question or task larger than is held' })
}

/** The id of a task in a result: at the top (tasks extension), or inside `task` (core tasks). */
function taskIdOf(result: Buffer, key: 'taskId' | 'task'): string | undefined {
  const text = result.toString('utf8')
  const members = scanObject(text, { task: {} }, { depthMax: 512, refuseDuplicates: false })
  const found = members.find((member) => member.key === key)
  const id = key === 'taskId' ? found : found?.members?.find((member) => member.key === 'taskId')
  const value = id === undefined ? undefined : stringValue(text.slice(id.start, id.end))
  return value === '' ? undefined : value
}

/** Whether the caller declared that it can be asked this. */
function mayAsk(call: Call, method: string, params: string | undefined): boolean {
  const { capabilities } = call
  const kind = questionKindOf(method)
  if (kind === undefined) return false
  if (kind !== 'elicitation') return capabilities[kind]
  return params !== undefined && textMember(params, 'mode') === 'url'
    ? capabilities.elicitationUrl
    : capabilities.elicitation
}

/** The questions of a modern server, its requestState inside our box. */
function inputRequired(
  result: Buffer,
  call: Call,
  park: (serverState?: string) => string,
): Reply | GatewayError {
  const parsed = parseInputRequired(result.toString('utf8'))
  if (parsed === undefined)
    return new GatewayError('server_broken', { detail: 'malformed input_required' })
  // Only what the caller declared may be asked (MCP 2026-07-28 basic/patterns/mrtr).
  const unasked = parsed.questions.find(({ method, params }) => !mayAsk(call, method, params))
  if (unasked !== undefined)
    return new GatewayError('question_refused', { detail: `${unasked.method} was not declared` })
  return {
    kind: 'input_required',
    questions: parsed.questions,
    requestState: parsed.state === undefined ? undefined : park(parsed.state),
    extras: parsed.extras,
  }
}
