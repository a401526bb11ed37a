import type { Page } from '../catalog/list.ts'
import { stringValue } from '../kit/json-scan.ts'
import { endpointText } from '../model/action.ts'
import type { Call } from '../model/call.ts'
import { rawOf } from '../model/members.ts'
import type { ListMethod } from '../model/methods.ts'
import { GatewayError } from '../model/refusal.ts'
import { showsSkills } from './extensions.ts'
import type { Rooms } from './rooms.ts'
import { seenSnapshot, unseenServers } from './unseen.ts'

/** How long a first list waits for servers that were not seen yet; then it answers with `ttlMs: 0` and notifies later. */
const firstListMs = 1_000

/**
 * One page of a list, from the catalogue alone: no server is asked.
 * @throws GatewayError endpoint_unknown, cursor_invalid, params_invalid
 */
export async function runList(rooms: Rooms, call: Call, method: ListMethod): Promise<Page> {
  const { principal } = call
  const first = rooms.snapshot()
  const unseen = unseenServers(first, call.endpoint, principal)
  const snapshot = await seenSnapshot(rooms, principal, first, unseen, firstListMs)
  const scope = snapshot.scopes.of(call.endpoint)
  if (scope === undefined) throw new GatewayError('endpoint_unknown')
  const rawCursor = rawOf(call.params, 'cursor')
  const cursor = stringValue(rawCursor)
  if (rawCursor !== undefined && cursor === undefined) throw new GatewayError('cursor_invalid')
  const { engine } = snapshot
  const page = rooms.lister.page(snapshot.catalog, {
    scope,
    method,
    era: call.era,
    cursor,
    allowed: (kind, server, name) => {
      if (kind === 'template') return engine.couldAllowTemplate(principal, server, name)
      if (kind !== 'skill') return engine.decide(principal, kind, server, name).allowed
      return (
        showsSkills(snapshot, call.endpoint, server) &&
        engine.decide(principal, 'resource', server, name).allowed
      )
    },
    permittedKey: `${snapshot.digest} ${engine.roleSetOf(principal)}`,
    now: rooms.now(),
  })
  await rooms.recorder.note({
    kind: 'list',
    principal: principal.label,
    principalId: principal.id,
    environment: principal.environment,
    endpoint: endpointText(call.endpoint),
    method,
    detail: `${page.count} shown`,
  })
  return page
}
