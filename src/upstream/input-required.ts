import { isObjectText, scanObject, stringValue } from '../kit/json-scan.ts'
import { mayName } from '../kit/may-name.ts'
import type { Call } from '../model/call.ts'
import { type Members, objectText } from '../model/members.ts'
import { questionKindOf, questions as questionNames } from '../model/methods.ts'
import { GatewayError } from '../model/refusal.ts'
import type { Question, Reply } from '../model/reply.ts'

export interface InputRequired {
  readonly questions: readonly Question[]
  readonly state: string | undefined
  readonly extras: Members
}

const questionsMax = 32

/** Parses an `input_required` result (MCP 2026-07-28 basic/patterns/mrtr); undefined when it is malformed. */
export function parseInputRequired(text: string): InputRequired | undefined {
  const questions: Question[] = []
  const extras: { key: string; raw: string }[] = []
  let state: string | undefined
  for (const member of scanObject(
    text,
    { inputRequests: { '*': {} } },
    { depthMax: 512, refuseDuplicates: false },
  )) {
    const raw = text.slice(member.start, member.end)
    if (member.key === 'requestState') {
      state = stringValue(raw)
      if (state === undefined) return undefined
    } else if (member.key === 'inputRequests') {
      for (const entry of member.members ?? []) {
        const of = (key: string) => {
          const found = entry.members?.find((inner) => inner.key === key)
          return found === undefined ? undefined : text.slice(found.start, found.end)
        }
        const method = stringValue(of('method'))
        if (
          method === undefined ||
          questionKindOf(method) === undefined ||
          questions.length >= questionsMax
        )
          return undefined
        const params = of('params')
        if (params !== undefined && !isObjectText(params)) return undefined
        questions.push({ key: entry.key, method, params })
      }
    } else if (member.key !== 'resultType') extras.push({ key: member.key, raw })
  }
  return questions.length === 0 && state === undefined ? undefined : { questions, state, extras }
}

/** UrlElicitationRequiredError of 2025-11-25 (client/elicitation, "URL Mode With Elicitation Required Error Flow"). */
export const urlsRequired = -32_042

/** As deep as a message of a server may be. */
const scanOptions = { depthMax: 512, refuseDuplicates: false }

/** The parameters of a question without `elicitationId`, which only legacy callers know. */
export function withoutElicitationId(params: string | undefined): string | undefined {
  if (params === undefined || !mayName(params, 'elicitationId')) return params
  const kept = scanObject(params, {}, scanOptions)
    .filter((member) => member.key !== 'elicitationId')
    .map((member) => ({ key: member.key, raw: params.slice(member.start, member.end) }))
  return objectText(kept)
}

/**
 * The URLs that a legacy server wants visited before it is called again, as questions to a modern caller. The state
 * holds only that they were asked: on the retry the answers are dropped and the server is called again.
 */
export function urlQuestions(
  call: Call,
  data: string | undefined,
  park: (serverState: string) => string,
): Reply | GatewayError {
  if (!call.capabilities.elicitationUrl)
    return new GatewayError('capability_missing', {
      data: { requiredCapabilities: { elicitation: { url: {} } } },
    })
  const questions: Question[] = []
  const members = isObjectText(data)
    ? scanObject(data, { elicitations: { '[]': {} } }, scanOptions)
    : []
  for (const entry of members.find((member) => member.key === 'elicitations')?.members ?? []) {
    const params = data?.slice(entry.start, entry.end)
    if (!isObjectText(params) || questions.length >= questionsMax) break
    questions.push({
      key: `url${questions.length + 1}`,
      method: questionNames.elicitation,
      params: withoutElicitationId(params),
    })
  }
  if (questions.length === 0)
    return new GatewayError('server_broken', { detail: '-32042 without elicitations' })
  return { kind: 'input_required', questions, requestState: park('again'), extras: [] }
}
