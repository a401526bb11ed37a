/** Listings of directories (skills extension): only children that the caller may read are shown. */
import { type JsonMember, scanObject, stringValue } from '../kit/json-scan.ts'
import { GatewayError } from '../model/refusal.ts'
import type { Reply } from '../model/reply.ts'
import { wholeBody } from './whole-body.ts'

/**
 * The result of `resources/directory/read` without the children that the caller may not read; the others stay the bytes
 * that they are. @throws GatewayError answer_too_large for a listing that is streamed, since it cannot be judged,
 * server_broken for one that two parsers could read differently
 */
export function onlyAllowed(reply: Reply, allowed: (uri: string) => boolean): Reply {
  if (reply.kind !== 'complete') return reply
  const text = wholeBody(reply.body, 'a directory').toString('utf8')
  const list = membersOf(text).find((member) => member.key === 'resources')
  if (list?.members === undefined) return reply
  const kept = list.members.filter((child) => {
    const uri = child.members?.find((member) => member.key === 'uri')
    const name = uri === undefined ? undefined : stringValue(text.slice(uri.start, uri.end))
    return name !== undefined && allowed(name)
  })
  if (kept.length === list.members.length) return reply
  const shown = kept.map((child) => text.slice(child.start, child.end)).join(',')
  const bytes = Buffer.from(`${text.slice(0, list.start)}[${shown}]${text.slice(list.end)}`)
  return { ...reply, body: { kind: 'whole', bytes } }
}

function membersOf(text: string): readonly JsonMember[] {
  try {
    return scanObject(text, { resources: { '[]': {} } }, { depthMax: 512, refuseDuplicates: true })
  } catch (fault) {
    throw new GatewayError('server_broken', { detail: 'a malformed directory', cause: fault })
  }
}
