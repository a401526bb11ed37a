/** Questions to a legacy client: real requests on the stream of its own call, then the call again with the answers. */
import type { Call, Identified } from '../model/call.ts'
import { GatewayError } from '../model/refusal.ts'
import type { CallNotification, Question, Reply } from '../model/reply.ts'
import type { Exchange, Session } from '../model/session.ts'
import { encodeQuestion } from '../wire/encode.ts'
import { type Ended, runCall } from './call.ts'
import type { Rooms } from './rooms.ts'

const roundsMax = 16
/** How long people may take over one question. */
const answerMs = 300_000

/**
 * Runs a call of a legacy client to its end: every `input_required` becomes requests to the client, whose answers go
 * into the next round. A round is a call of its own: authorized, limited and recorded again.
 * @throws GatewayError question_refused when the client cannot be asked or does not answer
 */
export async function runLegacyCall(
  rooms: Rooms,
  identified: Identified,
  exchange: Exchange,
  session: Session | undefined,
  notify: (notification: CallNotification) => void,
  nextCallId: () => string,
): Promise<Ended> {
  let current = identified
  for (let round = 0; round < roundsMax; round++) {
    const ended = await runCall(rooms, current, notify)
    const { reply } = ended.released
    if (reply.kind !== 'input_required') return ended
    if (session === undefined || !current.call.streams)
      throw new GatewayError('question_refused', { detail: 'the client takes no stream' })
    const answers = await askAll(reply, exchange, session, current.call)
    const call: Call = {
      ...current.call,
      callId: nextCallId(),
      ...answers,
      requestState: reply.requestState,
    }
    current = { call, principal: current.principal }
  }
  throw new GatewayError('question_refused', {
    detail: `more than ${roundsMax} rounds of questions`,
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
): Promise<Pick<Call, 'inputResponses' | 'declined'>> {
  const answers = await Promise.all(
    reply.questions.map((question) => ask(question, exchange, session, call)),
  )
  const given = answers.filter((answer) => !answer.declined)
  const declined = answers.filter((answer) => answer.declined)
  return {
    inputResponses: `{${given.map(({ key, raw }) => `${JSON.stringify(key)}:${raw}`).join(',')}}`,
    declined:
      declined.length === 0 ? undefined : new Map(declined.map(({ key, raw }) => [key, raw])),
  }
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
      else if (question.method === 'elicitation/create')
        resolve({ key, raw: '{"action":"cancel"}', declined: false })
      else resolve({ key, raw: answer.raw, declined: true })
    })
    exchange.send(encodeQuestion(rpcId, question))
  })
}
