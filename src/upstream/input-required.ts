import { scanObject, stringValue } from '../kit/json-scan.ts'
import type { Members } from '../model/members.ts'
import type { Question } from '../model/reply.ts'

export interface InputRequired {
  readonly questions: readonly Question[]
  readonly state: string | undefined
  readonly extras: Members
}

const methods: ReadonlySet<string> = new Set([
  'elicitation/create',
  'sampling/createMessage',
  'roots/list',
])
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
        if (method === undefined || !methods.has(method) || questions.length >= questionsMax)
          return undefined
        questions.push({ key: entry.key, method, params: of('params') })
      }
    } else if (member.key !== 'resultType') extras.push({ key: member.key, raw })
  }
  return questions.length === 0 && state === undefined ? undefined : { questions, state, extras }
}
