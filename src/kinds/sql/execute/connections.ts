/** What the engines have in common that reach their database by connections. */
import { GatewayError } from '../../../model/refusal.ts'
import { mayRepeat } from '../../../upstream/retry.ts'
import type { Rows, Statement } from './engine.ts'

export const connectTimeoutMs = 10_000
export const idleMs = 60_000
export const waitersMax = 500
export const introspectTimeoutMs = 60_000
/** How long a server may take to end, asked from beside, what a session runs. */
export const stopTimeoutMs = 2_000

const attemptsMax = 3

/** The code that a driver gives its errors, or nothing. */
export function codeOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string'
    ? thrown.code
    : ''
}

/** `refusals`: codes by which a server says that it does not want this account. */
export function connectFault(thrown: unknown, signal: AbortSignal, refusals: RegExp): GatewayError {
  if (thrown instanceof GatewayError) return thrown
  if (signal.aborted) return new GatewayError('cancelled', { cause: thrown })
  const code = codeOf(thrown)
  const message = thrown instanceof Error ? thrown.message : ''
  return new GatewayError(refusals.test(code) ? 'server_refused_us' : 'server_unavailable', {
    detail: code === '' ? message : `${code}: ${message}`,
    cause: thrown,
  })
}

/**
 * A statement whose connection was ended by somebody else (`isEnded`) is asked again when it only reads.
 * @throws GatewayError server_unavailable when that does not help; whatever else `once` throws
 */
export async function repeated(
  statement: Statement,
  isEnded: (thrown: unknown) => boolean,
  once: () => Promise<Rows>,
): Promise<Rows> {
  for (let attempts = 1; ; attempts++) {
    try {
      return await once()
    } catch (thrown) {
      if (!isEnded(thrown)) throw thrown
      const repeatable = statement.access === 'read'
      const { aborted: givenUp } = statement.signal
      if (!mayRepeat({ repeatable, reached: 'sent', attempts, givenUp }, attemptsMax))
        throw new GatewayError('server_unavailable', { cause: thrown })
    }
  }
}
