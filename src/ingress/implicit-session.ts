import { newestLegacy, noCapabilities } from '../model/call.ts'
import type { SessionStart } from '../model/session.ts'

/** What a session holds that exists before `initialize`: on stdio and on the HTTP+SSE pair the connection is the session. */
export const noFacts: SessionStart = {
  revision: newestLegacy,
  capabilities: noCapabilities,
}
