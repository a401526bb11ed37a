/** Questions to a legacy client: real requests on the stream of its own call, then the call again with the answers. */
import { randomUUID } from 'node:crypto'
import { scanObject, textMember } from '../kit/json-scan.ts'
import { messageWeight } from '../model/account.ts'
import type { Call } from '../model/call.ts'
import { objectText } from '../model/members.ts'
import { notifications, questionKindOf } from '../model/methods.ts'
import { GatewayError, toGatewayError } from '../model/refusal.ts'
import type { CallNotification, Question, Reply } from '../model/reply.ts'
import type { Exchange, Session } from '../model/session.ts'
import { encodeOwnNotification, encodeQuestion } from '../wire/encode.ts'
import type { Ended } from './call.ts'
import type { Rooms } from './rooms.ts'
import { runRound } from './round.ts'

const roundsMax = 16
/** How long people may take over one question. */
const answerMs = 300_000
/** A server whose URL was opened is asked again after so long, then after twice as long, and so on. */
const urlFirstMs = 1_000
const urlMostMs = 15_000

/**
 * Runs a call of a legacy client to its end: every `input_required` becomes requests to the client, whose answers go
 * into the next round. A round is a call of its own: authorized, limited and recorded again.
 * @throws GatewayError question_refused when the client cannot be asked or does not answer
 */
export async function runLegacyCall(
  rooms: Rooms,
  first: Call,
  exchange: Exchange,
  session: Session | undefined,
  notify: (notification: CallNotification) => void,
  nextCallId: () => string,
): Promise<Ended> {
  let current = first
  /** Of the last round, whose call may still be open at the server. */
  let state: string | undefined
  const opened = new OpenedUrls(rooms.now())
  const { account } = first
  /** Of the answers so far, which go on with the call. */
  let answered = 0
  try {
    for (let round = 0; ; ) {
      const ended = await runRound(rooms, current, notify, nextCallId)
      const { reply } = ended.released
      if (reply.kind !== 'input_required') {
        opened.complete(exchange)
        return ended
      }
      state = reply.requestState
      const again = opened.waitsFor(reply)
      if (!again) round++
      const answers = await recorded(rooms, current, ended.server, async () => {
        if (session === undefined || !current.streams)
          throw new GatewayError('question_refused', { detail: 'the client takes no stream' })
        if (round > roundsMax)
          throw new GatewayError('question_refused', {
            detail: `more than ${roundsMax} rounds of questions`,
          })
        if (!again) return askAll(reply, exchange, session, current, opened)
        await opened.wait(current, rooms.now())
        return { inputResponses: opened.answersTo(reply), declined: undefined }
      })
      const bytes = (answers.inputResponses?.length ?? 0) * messageWeight
      account.take(bytes)
      answered += bytes
      current = { ...current, id: nextCallId(), ...answers, requestState: state }
    }
  } catch (thrown) {
    if (state !== undefined) rooms.giveUp(state, 'The client gave no answer.')
    throw thrown
  } finally {
    account.give(answered)
  }
}

/** What ends a call between two rounds belongs to neither, so it is recorded by itself. */
async function recorded<T>(
  rooms: Rooms,
  call: Call,
  server: string,
  act: () => Promise<T>,
): Promise<T> {
  try {
    return await act()
  } catch (thrown) {
    const { code, message } = toGatewayError(thrown)
    await rooms.recorder.refusal({
      action: call,
      server,
      name: call.subject,
      code,
      detail: message,
    })
    throw thrown
  }
}

type Questions = Extract<Reply, { kind: 'input_required' }>

/**
 * URLs that the client agreed to open. A modern server cannot say when the person is done there, so it asks the same
 * again: the person is not, the server is, with a growing pause (protocol.md section 5, URL elicitation).
 */
class OpenedUrls {
  private readonly accepted = new Map<string, { readonly id: string; readonly answer: string }>()
  private readonly until: number
  private pauseMs = urlFirstMs

  constructor(now: number) {
    this.until = now + answerMs
  }

  accept(url: string, id: string, answer: string): void {
    this.accepted.set(url, { id, answer })
  }

  waitsFor(reply: Questions): boolean {
    return (
      reply.questions.length > 0 &&
      reply.questions.every((question) => {
        const url = urlOf(question)
        return url !== undefined && this.accepted.has(url)
      })
    )
  }

  answersTo(reply: Questions): string {
    const parts = reply.questions.map((question) => {
      const answer = this.accepted.get(urlOf(question) ?? '')?.answer ?? '{}'
      return `${JSON.stringify(question.key)}:${answer}`
    })
    return `{${parts.join(',')}}`
  }

  /** @throws GatewayError question_refused when nobody finished at the URL in time, cancelled */
  async wait(call: Call, now: number): Promise<void> {
    if (now >= this.until)
      throw new GatewayError('question_refused', { detail: 'the URL was opened, but not finished' })
    await pause(call, this.pauseMs)
    this.pauseMs = Math.min(urlMostMs, this.pauseMs * 2)
  }

  /** Tells the client that what it opened is done with (2025-11-25 client/elicitation, "Completion Notifications"). */
  complete(exchange: Exchange): void {
    for (const { id } of this.accepted.values())
      exchange.send(
        encodeOwnNotification(notifications.urlVisited, [
          { key: 'elicitationId', raw: JSON.stringify(id) },
        ]),
      )
  }
}

/** The URL that a question wants opened; undefined for other questions. */
function urlOf({ method, params }: Question): string | undefined {
  if (questionKindOf(method) !== 'elicitation' || params === undefined) return undefined
  return textMember(params, 'mode') === 'url' ? textMember(params, 'url') : undefined
}

function pause(call: Call, ms: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      forget()
      resolve()
    }, ms)
    const forget = call.cancel.onCancel(() => {
      clearTimeout(timer)
      reject(new GatewayError('cancelled'))
    })
  })
}

interface Answered {
  readonly key: string
  /** Raw result, or raw error object when the client declined. */
  readonly raw: string
  readonly declined: boolean
}

async function askAll(
  reply: Extract<Reply, { kind: 'input_required' }>,
  exchange: Exchange,
  session: Session,
  call: Call,
  opened: OpenedUrls,
): Promise<Pick<Call, 'inputResponses' | 'declined'>> {
  const answers = await Promise.all(
    reply.questions.map(async (question) => {
      const url = urlOf(question)
      if (url === undefined) return ask(question, exchange, session, call)
      const id = textMember(question.params ?? '{}', 'elicitationId') ?? randomUUID()
      const answer = await ask(withElicitationId(question, id), exchange, session, call)
      if (textMember(answer.raw, 'action') === 'accept') opened.accept(url, id, answer.raw)
      return answer
    }),
  )
  const given = answers.filter((answer) => !answer.declined)
  const declined = answers.filter((answer) => answer.declined)
  return {
    inputResponses: `{${given.map(({ key, raw }) => `${JSON.stringify(key)}:${raw}`).join(',')}}`,
    declined:
      declined.length === 0 ? undefined : new Map(declined.map(({ key, raw }) => [key, raw])),
  }
}

/** Legacy clients tell the URLs that they opened apart by an id; modern servers give none. */
function withElicitationId(question: Question, id: string): Question {
  const params = question.params ?? '{}'
  if (textMember(params, 'elicitationId') === id) return question
  const kept = scanObject(params, {}, { depthMax: 512, refuseDuplicates: false })
    .filter((member) => member.key !== 'elicitationId')
    .map((member) => ({ key: member.key, raw: params.slice(member.start, member.end) }))
  const own = { key: 'elicitationId', raw: JSON.stringify(id) }
  return { ...question, params: objectText([own, ...kept]) }
}

function ask(
  question: Question,
  exchange: Exchange,
  session: Session,
  call: Call,
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    if (call.cancel.cancelled) {
      reject(new GatewayError('cancelled'))
      return
    }
    const rpcId = `"sp-${session.nextId()}"`
    const settle = (): void => {
      clearTimeout(timer)
      forget()
      session.asked.delete(rpcId)
    }
    const timer = setTimeout(() => {
      settle()
      reject(new GatewayError('question_refused', { detail: 'the client did not answer in time' }))
    }, answerMs)
    const forget = call.cancel.onCancel(() => {
      settle()
      reject(new GatewayError('cancelled'))
    })
    session.asked.set(rpcId, (answer) => {
      settle()
      const { key } = question
      if (!answer.raw.startsWith('{'))
        reject(new GatewayError('question_refused', { detail: 'the answer is no object' }))
      else if (answer.kind === 'result') resolve({ key, raw: answer.raw, declined: false })
      else if (questionKindOf(question.method) === 'elicitation')
        resolve({ key, raw: '{"action":"cancel"}', declined: false })
      else resolve({ key, raw: answer.raw, declined: true })
    })
    exchange.send(encodeQuestion(rpcId, question, call.revision))
  })
}
