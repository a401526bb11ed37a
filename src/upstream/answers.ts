import { scanObject } from '../kit/json-scan.ts'
import { GatewayError } from '../model/refusal.ts'

/**
 * The raw results in `inputResponses`, by key. A client sends the bare result of each question
 * (MCP 2026-07-28 basic/patterns/mrtr). @throws GatewayError params_invalid
 */
export function readAnswers(raw: string | undefined): ReadonlyMap<string, string> {
  const answers = new Map<string, string>()
  if (raw === undefined) return answers
  for (const member of scanObject(raw, { '*': {} }, { depthMax: 64, refuseDuplicates: true })) {
    const text = raw.slice(member.start, member.end)
    if (!text.startsWith('{'))
      throw new GatewayError('params_invalid', {
        hint: `The answer "${member.key.slice(0, 40)}" must be an object.`,
      })
    answers.set(member.key, text)
  }
  return answers
}
