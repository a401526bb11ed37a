/** Listings of directories (skills extension): only children that the caller may read are shown. */
import { scanObject, stringValue } from '../kit/json-scan.ts'
import type { Principal } from '../model/principal.ts'
import { GatewayError } from '../model/refusal.ts'
import type { Reply } from '../model/reply.ts'
import type { PolicyEngine } from '../policy/engine.ts'

/**
 * The result of `resources/directory/read` without the children that no rule allows; the others stay the bytes that
 * they are. @throws GatewayError answer_too_large for a listing that is streamed, since it cannot be judged
 */
export function onlyAllowed(
  engine: PolicyEngine,
  principal: Principal,
  server: string,
  reply: Reply,
): Reply {
  if (reply.kind !== 'complete') return reply
  if (reply.body.kind === 'stream')
    throw new GatewayError('answer_too_large', { detail: 'a directory larger than is held' })
  const text = reply.body.bytes.toString('utf8')
  const members = scanObject(
    text,
    { resources: { '[]': {} } },
    { depthMax: 512, refuseDuplicates: false },
  )
  const list = members.find((member) => member.key === 'resources')
  if (list?.members === undefined) return reply
  const kept = list.members.filter((child) => {
    const uri = child.members?.find((member) => member.key === 'uri')
    const name = uri === undefined ? undefined : stringValue(text.slice(uri.start, uri.end))
    return name !== undefined && engine.decide(principal, 'resource', server, name).allowed
  })
  if (kept.length === list.members.length) return reply
  const shown = kept.map((child) => text.slice(child.start, child.end)).join(',')
  const bytes = Buffer.from(`${text.slice(0, list.start)}[${shown}]${text.slice(list.end)}`)
  return { ...reply, body: { kind: 'whole', bytes } }
}
