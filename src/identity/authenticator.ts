import type { Principal } from '../model/principal.ts'

/** One way to prove who calls, in a file of its own. `Identities` asks them in order. */
export interface Authenticator {
  /** Who shows this token; undefined: it is none that this one gave out. Whether it has expired is not asked. */
  authenticate(token: string): Principal | undefined
  /** Whom it would let in, by id; undefined: nobody of that id, or not any more. */
  principal(id: string): Principal | undefined
  /** All whom it knows, for administration. */
  principals(): Iterable<Principal>
}
