/**
 * In which era a server of both is spoken to in one call. What it can do in each is not told anywhere: some servers answer
 * in both, but ask the user only as legacy servers do. So a legacy client that can be asked is served in its own era, and a
 * modern one is once the server was seen not to ask in that one.
 */
import type { Call } from '../model/call.ts'
import { methodOf } from '../model/methods.ts'

/** How long it is believed that a server takes no `initialize`. */
const refusedMs = 3_600_000

/** What servers say where they cannot ask. */
const cannotAsk =
  /server-initiated requests?|\b(?:elicit\w*|sampl\w*|list_?roots|roots)\b.{0,120}\b(?:un|not (?:be )?)(?:available|supported)\b/is
const saidMax = 4_096

export class Asking {
  private readonly now: () => number
  private refusedUntil = Number.NEGATIVE_INFINITY
  private onlyLegacy = false

  constructor(now: () => number) {
    this.now = now
  }

  /** Whether the call is best made in the legacy era at a server that was found to be a modern one. */
  wantsLegacy(call: Call): boolean {
    return (
      (call.era === 'legacy' || this.onlyLegacy) &&
      methodOf(call.method).asks &&
      canBeAsked(call) &&
      // What began in one era goes on in it.
      call.inputResponses === undefined &&
      call.requestState === undefined &&
      this.now() >= this.refusedUntil
    )
  }

  /** The server is none of the legacy era. */
  refused(): void {
    this.refusedUntil = this.now() + refusedMs
  }

  /** What a modern server said of a call that failed. */
  failed(call: Call, said: string): void {
    if (canBeAsked(call) && cannotAsk.test(said.slice(0, saidMax))) this.onlyLegacy = true
  }
}

function canBeAsked({ capabilities }: Call): boolean {
  return (
    capabilities.elicitation ||
    capabilities.elicitationUrl ||
    capabilities.sampling ||
    capabilities.roots
  )
}
