import type { Owner } from '../../../kit/owner.ts'
import { messageOf } from '../../../kit/thrown.ts'
import { GatewayError } from '../../../model/refusal.ts'

/** Owns what a driver does on one connection: what it throws there ends that connection, and the work that has it. */
export class SessionOwner implements Owner {
  readonly what: string
  /** Rejects when the driver threw. */
  readonly lost: Promise<never>
  private readonly reject: (fault: GatewayError) => void
  private end: () => void = () => undefined

  constructor(server: string) {
    this.what = `a connection to the database of ${server}`
    const { promise, reject } = Promise.withResolvers<never>()
    promise.catch(() => undefined)
    this.lost = promise
    this.reject = reject
  }

  /** What ends the connection; known once there is one. */
  endsWith(end: () => void): void {
    this.end = end
  }

  fail(thrown: unknown): void {
    const detail = `the driver failed: ${messageOf(thrown)}`
    this.reject(new GatewayError('server_broken', { detail: detail.slice(0, 300), cause: thrown }))
    this.end()
  }
}
