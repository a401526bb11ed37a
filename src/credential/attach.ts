import type { Action } from '../model/action.ts'
import type { Presented } from '../model/presented.ts'
import type { Principal } from '../model/principal.ts'
import type { Attached, Inspected } from '../model/proofs.ts'

/** Where credentials come from. Undefined: the server is not there any more. */
export type Present = (principal: Principal, server: string) => Presented | undefined

const nothing: Presented = Object.freeze({ identity: '', headers: Object.freeze({}), secrets: [] })

/** The only maker of Attached. The caller's own token never goes upstream: only what was configured for the server does. */
export function attach<A extends Action>(inspected: Inspected<A>, present: Present): Attached<A> {
  const { action, target } = inspected
  const presented = present(action.principal, target.server) ?? nothing
  return { ...inspected, presented } as Attached<A>
}
