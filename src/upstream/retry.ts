/**
 * Whether something may be sent again. Everybody who sends asks here, and says what is known: whether doing it twice is doing
 * it once (the table of methods, or the call plan of an API; what an MCP server says of its own tools does not count,
 * adr/0031), and how far it got.
 */
import type { RefusalCode } from '../model/refusal.ts'

/**
 * `unsent`: the other side cannot have seen it. `refused`: it says that it did nothing, e.g. since a session or a token is
 * over. `sent`: it may have seen it, and nothing came back. `begun`: it said something of it.
 */
export type Reached = 'unsent' | 'refused' | 'sent' | 'begun'

export interface Attempt {
  /** Doing it twice is doing it once. */
  readonly repeatable: boolean
  readonly reached: Reached
  /** How often it was sent, this time included. */
  readonly attempts: number
  /** How it failed; undefined where the other side asked for another attempt. */
  readonly code?: RefusalCode
  /** Nobody waits any more. */
  readonly givenUp?: boolean
}

const attemptsMax = 2

/** `max`: where a break is likelier to pass, as on idle connections of a pool. */
export function mayRepeat(attempt: Attempt, max = attemptsMax): boolean {
  const { repeatable, reached, attempts, code = 'server_unavailable', givenUp = false } = attempt
  if (givenUp || attempts >= max || code !== 'server_unavailable') return false
  if (reached === 'sent') return repeatable
  return reached !== 'begun'
}

/** What connections say that were never there. */
const unconnected: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
])

/** How far an HTTP exchange got that broke with a code of the system or of the client, when no part of an answer had come. */
export function reachedBy(code: string): Reached {
  return unconnected.has(code) ? 'unsent' : 'sent'
}
