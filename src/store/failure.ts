/** How failures of the database and of the disk become refusals. Doubt means `busy`: the caller may try again. */
import { GatewayError } from '../model/refusal.ts'

/** A refusal to start or to go on that only an operator can mend. The sentence is public and holds no secret. */
export function refuse(sentence: string, cause?: unknown): GatewayError {
  return new GatewayError('internal', { detail: sentence, hint: sentence, cause })
}

/** The database cannot be used at the moment. */
export function away(reason: string, cause?: unknown): GatewayError {
  return new GatewayError('busy', { detail: `The database is away: ${reason}`, cause })
}

/**
 * Turns what a query threw into a refusal. Bad data, broken constraints and wrong statements
 * (SQLSTATE classes 0A, 22, 23, 42 and P0) are ours; everything else says that the database is away.
 */
export function fromDatabase(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  if (/^(0A|22|23|42|P0)/.test(codeOf(thrown) ?? '') || thrown instanceof TypeError)
    return new GatewayError('internal', { detail: message, cause: thrown })
  return away(message || (codeOf(thrown) ?? 'no reason given'), thrown)
}

/** `code` of a system or database error. */
export function codeOf(thrown: unknown): string | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return undefined
  return typeof thrown.code === 'string' ? thrown.code : undefined
}
