import { GatewayError } from '../../../model/refusal.ts'
import { timeoutFault } from './fault.ts'
import type { Pool } from './pool.ts'

/** How long after its own limit a server is given to keep it. */
const graceMs = 1_000
/** How long stopping may take; a server that does not even answer that is left. */
const stopMsMax = 2_000

export interface Loan<Session> {
  readonly pool: Pool<Session>
  readonly signal: AbortSignal
  readonly timeoutMs: number
  /** Ends at the server what the session runs, and the session with it. Never fails. */
  readonly stop: (session: Session) => Promise<void>
  /** Rejects when the session broke in a way that nothing else tells. */
  readonly lost: (session: Session) => Promise<never>
}

/**
 * A session for the time of `work`. When the caller gives up or the time is over, the work is stopped at the server
 * and nobody waits for it any more. The server has the same limit, but a statement may lift that one.
 * @throws StatementFault timeout; GatewayError cancelled, server_*; whatever `work` throws
 */
export async function lend<Session, Answer>(
  { pool, signal, timeoutMs, stop, lost }: Loan<Session>,
  work: (session: Session) => Promise<{ readonly answer: Answer; readonly clean: boolean }>,
): Promise<Answer> {
  const session = await pool.take(signal)
  const halted = Promise.withResolvers<never>()
  halted.promise.catch(() => undefined)
  let clean = false
  let stopped = false
  const halt = (why: Error): void => {
    if (stopped) return
    stopped = true
    const end = (): void => {
      clearTimeout(late)
      halted.reject(why)
    }
    const late = setTimeout(end, stopMsMax)
    stop(session).then(end, end)
  }
  const cancelled = (): void => halt(new GatewayError('cancelled'))
  const closing = (): void =>
    halt(new GatewayError('server_unavailable', { detail: 'its connections are being closed' }))
  signal.addEventListener('abort', cancelled)
  pool.closed.addEventListener('abort', closing)
  const timer = setTimeout(() => halt(timeoutFault(timeoutMs)), timeoutMs + graceMs)
  try {
    const working = work(session)
    working.catch(() => undefined)
    const done = await Promise.race([working, halted.promise, lost(session)])
    clean = done.clean && !stopped
    return done.answer
  } catch (thrown) {
    // What the stopped work says of its end is of no use to anybody.
    throw stopped ? await halted.promise : thrown
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', cancelled)
    pool.closed.removeEventListener('abort', closing)
    pool.give(session, clean)
  }
}
