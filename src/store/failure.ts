/** How failures of the database become refusals. Doubt means `database_unavailable`: the caller may try again. */
import { messageOf } from '../kit/thrown.ts'
import { GatewayError } from '../model/refusal.ts'

/** A refusal to start or to go on that only an operator can mend. The sentence is public and holds no secret. */
export function refuse(sentence: string, cause?: unknown): GatewayError {
  return new GatewayError('internal', { detail: sentence, hint: sentence, cause })
}

/** The database cannot be used at the moment. The reason is for administrators and holds no secret. */
export function away(reason: string, cause?: unknown): GatewayError {
  const sentence = `${reason.slice(0, 1).toUpperCase()}${reason.slice(1)}`
  const hint = /[.!?]$/.test(sentence) ? sentence : `${sentence}.`
  return new GatewayError('database_unavailable', { detail: reason, hint, cause })
}

/** The database cannot be used, since it could not be started or opened. */
export function awayBecause(fault: unknown): GatewayError {
  return away(messageOf(fault), fault)
}

/**
 * Turns what a query threw into a refusal. Bad data, broken constraints and wrong statements
 * (SQLSTATE classes 0A, 22, 23, 42 and P0) are ours; everything else, a lack of rights (42501) and tables that are not
 * there (42P01) say that the database cannot be used.
 */
export function fromDatabase(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown
  const message = messageOf(thrown)
  const code = codeOf(thrown) ?? ''
  const isOurs = /^(0A|22|23|42|P0)/.test(code) && code !== '42501' && code !== '42P01'
  if (isOurs || thrown instanceof TypeError)
    return new GatewayError('internal', { detail: message, cause: thrown })
  return away(`${causeOf(thrown)} (${message || code})`, thrown)
}

const unknownCause = 'it does not answer as it should'

/** By what the system (`code`), PostgreSQL (SQLSTATE) or the driver (its message) says. */
const causes: readonly (readonly [RegExp, string])[] = [
  [/^(ECONNREFUSED|ENOENT)$/, 'nothing listens at its address'],
  // What a server that cannot start says of its disk is more than that it cannot.
  [/^(53100|ENOSPC)$|No space left on device/, 'its disk is full'],
  [/^(ENOTFOUND|EAI_AGAIN)$/, 'the name of its host is not known'],
  [/^(EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN)$/, 'its host cannot be reached'],
  [/^(EACCES|EPERM)$/, 'its socket may not be opened'],
  [/^(ETIMEDOUT|57014)$|time-?out/i, 'it does not answer in time'],
  [/^(57P03)$/, 'it is starting or stopping'],
  [/^57P/, 'it was stopped'],
  [/^(ECONNRESET|EPIPE|08...)$|^Connection terminated|not queryable/, 'the connection was lost'],
  [/^28P01$|^SASL/, 'it does not take the password'],
  [/^28/, 'it does not let the user in'],
  [/^3D000$/, 'it has no database of that name'],
  [/^42501$/, 'the user may not do that there'],
  [/^42P01$/, 'it does not have the tables of this gateway'],
  [/^53200$/, 'it is out of memory'],
  [/^53300$/, 'it takes no more connections'],
  [/^(25006)$/, 'it takes no writes'],
  [/CERT|SSL|TLS/, 'the encryption of the connection cannot be agreed on'],
  [/does not start/, 'it does not start'],
  [/newer Sallyport|is not the one/, 'another version of the gateway has written it'],
]

/** Why the database cannot be used, for anybody: without names of hosts, users or files. */
export function causeOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return unknownCause
  for (const said of [codeOf(thrown), thrown.message]) {
    const found = said === undefined ? undefined : causes.find(([pattern]) => pattern.test(said))
    if (found !== undefined) return found[1]
  }
  return causeOf(thrown.cause)
}

/** `code` of a system or database error. */
export function codeOf(thrown: unknown): string | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return undefined
  return typeof thrown.code === 'string' ? thrown.code : undefined
}
