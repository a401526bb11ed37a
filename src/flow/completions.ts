/** Completions of URI templates: only values are shown that lead to something that the caller may read. */
import { type JsonMember, scanObject, stringValue } from '../kit/json-scan.ts'
import type { Call } from '../model/call.ts'
import { rawOf } from '../model/members.ts'
import { GatewayError } from '../model/refusal.ts'
import type { Reply } from '../model/reply.ts'
import { wholeBody } from './whole-body.ts'

/** Whether a caller may read a URI, or some expansion of a template in which variables are left. */
export type MayReadSome = (uriOrTemplate: string) => boolean

/**
 * The result of a completion without the values that no rule lets the caller use, and without the number of all values,
 * which would count them, too. What is all allowed stays the bytes that it is.
 * @throws GatewayError answer_too_large, server_broken
 */
export function onlyAllowedValues(
  reply: Reply,
  call: Call,
  template: string,
  mayRead: MayReadSome,
): Reply {
  if (reply.kind !== 'complete') return reply
  const text = wholeBody(reply.body, 'a completion').toString('utf8')
  const completion = scanned(text, { completion: { values: { '[]': {} } } }).find(
    (member) => member.key === 'completion',
  )
  const values = completion?.members?.find((member) => member.key === 'values')
  if (completion?.members === undefined || values?.members === undefined) return reply
  const name = argumentName(call)
  const given = contextOf(call)
  const kept = values.members.filter((entry) => {
    const value = stringValue(text.slice(entry.start, entry.end))
    return value !== undefined && mayRead(expanded(template, new Map([...given, [name, value]])))
  })
  const isMore = completion.members.some(
    ({ key, start, end }) => key === 'hasMore' && text.slice(start, end) === 'true',
  )
  const hasTotal = completion.members.some(({ key }) => key === 'total')
  if (kept.length === values.members.length && !(isMore && hasTotal)) return reply
  const parts = completion.members.flatMap((member) => {
    if (member.key === 'total') return []
    if (member !== values) return [text.slice(member.keyStart, member.end)]
    return [`"values":[${kept.map(({ start, end }) => text.slice(start, end)).join(',')}]`]
  })
  const bytes = Buffer.from(
    `${text.slice(0, completion.start)}{${parts.join(',')}}${text.slice(completion.end)}`,
  )
  return { ...reply, body: { kind: 'whole', bytes } }
}

/** A template with the values that are known (RFC 6570, levels 1 and 2); other expressions stay in it. */
function expanded(template: string, values: ReadonlyMap<string, string>): string {
  return template.replace(
    /\{(\+?)([^{}+#./;?&,:*]+)\*?\}/g,
    (all, reserved: string, name: string) => {
      const value = values.get(name)?.toWellFormed()
      if (value === undefined) return all
      return reserved === '' ? encodeURIComponent(value) : encodeURI(value)
    },
  )
}

function argumentName({ params }: Call): string {
  const raw = rawOf(params, 'argument') ?? '{}'
  const name = scanned(raw, {}).find((member) => member.key === 'name')
  return (name === undefined ? undefined : stringValue(raw.slice(name.start, name.end))) ?? ''
}

/** Values that the caller chose before (2025-06-18 server/utilities/completion, `context.arguments`). */
function contextOf({ params }: Call): ReadonlyMap<string, string> {
  const raw = rawOf(params, 'context') ?? '{}'
  const given = scanned(raw, { arguments: {} }).find((member) => member.key === 'arguments')
  return new Map(
    given?.members?.flatMap((member): [string, string][] => {
      const value = stringValue(raw.slice(member.start, member.end))
      return value === undefined ? [] : [[member.key, value]]
    }),
  )
}

function scanned(text: string, collect: Parameters<typeof scanObject>[1]): readonly JsonMember[] {
  if (!text.startsWith('{')) return []
  try {
    return scanObject(text, collect, { depthMax: 512, refuseDuplicates: true })
  } catch (fault) {
    throw new GatewayError('server_broken', { detail: 'a malformed completion', cause: fault })
  }
}
