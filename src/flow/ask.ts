/** Questions to a legacy client: real requests on the stream of its own call, then the call again with the answers. */
import type { Call, Identified } from '../model/call.ts'
import { GatewayError } from '../model/refusal.ts'
import { type CallNotification, declined, type Question, type Reply } from '../model/reply.ts'
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
    const inputResponses = await askAll(reply, exchange, session, current.call)
    const call: Call = {
      ...current.call,
      callId: nextCallId(),
      inputResponses,
      requestState: reply.requestState,
    }
    current = { call, principal: current.principal }
  }
  throw new GatewayError('question_refused', {
    detail: `more than ${roundsMax} rounds of questions`,
  })
}

async function askAll(
  reply: Extract<Reply, { kind: 'input_required' }>,
  exchange: Exchange,
  session: Session,
  call: Call,
): Promise<string> {
  const answers = await Promise.all(
    reply.questions.map((question) => ask(question, exchange, session, call)),
  )
  return `{${answers.join(',')}}`
}

function ask(
  question: Question,
  exchange: Exchange,
  session: Session,
  call: Call,
): Promise<string> {
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
      if (answer.kind === 'result') resolve(`${JSON.stringify(question.key)}:${answer.raw}`)
      else if (question.method === 'elicitation/create')
        resolve(`${JSON.stringify(question.key)}:{"action":"cancel"}`)
      else resolve(`${JSON.stringify(question.key)}:${declined(answer.raw)}`)
    })
    exchange.send(encodeQuestion(rpcId, question))
  })
}
