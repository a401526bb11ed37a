import type { Action } from '../model/action.ts'
import type { Attached, Inspected } from '../model/proofs.ts'

/** What is presented to one server, resolved from its references when the snapshot was compiled. */
export type CredentialHeaders = Readonly<Record<string, string>>

const none: CredentialHeaders = Object.freeze({})

/** The only maker of Attached. The caller's own token never goes upstream: only what was configured for the server does. */
export function attach<A extends Action>(
  inspected: Inspected<A>,
  credentialOf: (server: string) => CredentialHeaders | undefined,
): Attached<A> {
  return { ...inspected, headers: credentialOf(inspected.target.server) ?? none } as Attached<A>
}
