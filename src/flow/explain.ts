/** Why a principal, found by the name that people use, may or may not use something: what `authorize` would decide. */
import { canBeJudged } from '../catalog/resolve.ts'
import { ownerPrincipal } from '../identity/owner.ts'
import { ownerId, type Principal } from '../model/principal.ts'
import { type Explanation, explain } from '../policy/explain.ts'
import type { Snapshot } from '../snapshot/compile.ts'

const oddUri =
  'servers read this form of a URI in different ways, so it is answered only when the server lists it word for word'

export interface ExplainRequest {
  /** `key:NAME`, `owner`, `local`, or `user:NAME`: the valid keys of that user decide. */
  readonly principal: string
  readonly kind: 'tool' | 'prompt' | 'resource'
  readonly server: string
  readonly name: string
}

/** `now` in epoch milliseconds. Undefined: there is no such principal. */
export function explainFor(
  { identities, engine, catalog, state }: Snapshot,
  request: ExplainRequest,
  now: number,
): Explanation | undefined {
  const target = { kind: request.kind, server: request.server, name: request.name }
  const odd = request.kind === 'resource' && !canBeJudged(catalog, request.server, request.name)
  const accountFor = (principal: Principal): Explanation => {
    const account = explain(engine, principal, target)
    if (principal.expiresAt !== undefined && principal.expiresAt <= now)
      return { ...account, allowed: false, rule: 'the key has expired' }
    return odd ? { ...account, allowed: false, rule: oddUri } : account
  }
  if (request.principal === ownerId) return accountFor(ownerPrincipal(state.environment))
  if (request.principal === 'local')
    return identities.local === undefined ? undefined : accountFor(identities.local)
  const [kind, name] = [
    request.principal.slice(0, request.principal.indexOf(':')),
    request.principal.slice(request.principal.indexOf(':') + 1),
  ]
  const principals = identities
    .principals()
    .filter((principal) =>
      kind === 'user' ? principal.user === name : principal.label === request.principal,
    )
  const accounts = principals.map(accountFor)
  // Of a user's keys, one that is allowed speaks for the user.
  return accounts.find((account) => account.allowed) ?? accounts[0]
}
