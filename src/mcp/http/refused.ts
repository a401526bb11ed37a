/** What an HTTP answer says that is no result: that the server is busy, down, or knows the session no more. */
import type { ServerMessage } from '../../model/codec.ts'
import { GatewayError } from '../../model/refusal.ts'
import type { AnswerHeaders } from './exchange.ts'

/** How a request was refused, or what came in the place of a result. */
export interface Refusal {
  readonly status: number
  readonly headers: AnswerHeaders
  /** The JSON-RPC message of the answer, if it was one. */
  readonly message: ServerMessage | undefined
  /** The beginning of the body otherwise. */
  readonly text: string
}

/**
 * Turns an HTTP status that is no MCP answer into the refusal that it means.
 * @throws GatewayError server_refused_us, server_busy, server_unavailable
 */
export function refuseStatus(
  { status, headers, text }: Omit<Refusal, 'message'>,
  now: number,
): void {
  if (status !== 401 && status !== 403 && status !== 429 && status < 500) return
  const wait = retryAfterMs(headers['retry-after'], now)
  const said = text.trim() === '' ? '' : `: ${text.slice(0, 200)}`
  throw new GatewayError(
    status === 429 ? 'server_busy' : status >= 500 ? 'server_unavailable' : 'server_refused_us',
    {
      detail: `HTTP ${status}${said}`,
      ...(wait === undefined ? {} : { data: { retryAfterMs: wait } }),
    },
  )
}

const waitMsMax = 86_400_000

/** Seconds or a date (RFC 9110 section 10.2.3). */
function retryAfterMs(header: string | string[] | undefined, now: number): number | undefined {
  if (typeof header !== 'string') return undefined
  const ms = /^\s*\d{1,9}\s*$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - now
  return Number.isNaN(ms) ? undefined : Math.min(waitMsMax, Math.max(0, ms))
}

/** `unclear`: the session may be gone; asking the server something else in it tells. */
export type Verdict = 'lost' | 'unclear' | 'kept'

/** What says that a session is gone (MCP 2025-11-25 basic/transports, "Session Management"), and its sibling. */
const gone: ReadonlySet<number> = new Set([404, 410])
/** Refusals that are about this one request, whatever their body says. */
const ofTheRequest: ReadonlySet<number> = new Set([406, 408, 413, 415, 429, 431])
const unopened =
  /\b(?:not|un)[\s_-]*(?:yet\s+)?(?:been\s+)?initiali[sz]ed|before\s+(?:being\s+)?initiali[sz]|expect\w*\s+(?:an?\s+)?initiali[sz]e|initiali[sz]e\s+(?:request\s+)?(?:first|must)|must\s+(?:first\s+)?(?:be\s+)?initiali[sz]e/i
const ofSessions = /session/i
/** Codes under which servers say it, besides those that any wrong request has. */
const codes: ReadonlySet<number> = new Set([-32_000, -32_001, -32_600])

/**
 * Whether an answer says that the session is gone. Servers say so with every status and in every wording; what only may
 * mean it is `unclear`, so that the fault of one call does not end a session with all that the server keeps in it.
 */
export function verdictOf({ status, message, text }: Refusal, id?: number): Verdict {
  const error = message?.kind === 'error' ? message : undefined
  const ours = error !== undefined && error.id === String(id)
  if (message !== undefined && error === undefined) return 'kept'
  if (gone.has(status)) return ours && error?.code === -32_601 ? 'unclear' : 'lost'
  if (ofTheRequest.has(status) || (status < 400 && error === undefined)) return 'kept'
  const said = error === undefined ? text : `${error.message} ${error.data ?? ''}`.slice(0, 4_096)
  const hints = unopened.test(said) || ofSessions.test(said)
  if (status < 400 || status >= 500)
    return hints || (ours && error?.code === -32_001) ? 'unclear' : 'kept'
  if (ours) return hints || codes.has(error?.code ?? 0) ? 'unclear' : 'kept'
  return hints ? 'lost' : 'unclear'
}
