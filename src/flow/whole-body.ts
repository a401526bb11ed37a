import { GatewayError } from '../model/refusal.ts'
import type { ResultBody } from '../model/reply.ts'

/**
 * The bytes of a result that must be judged before it leaves.
 * @throws GatewayError answer_too_large for one that is streamed, which cannot be
 */
export function wholeBody(body: ResultBody, what: string): Buffer {
  if (body.kind === 'whole') return body.bytes
  const error = new GatewayError('answer_too_large', { detail: `${what} larger than is held` })
  body.rest.stop(error)
  throw error
}
