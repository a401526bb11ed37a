import type { Egress } from '../../egress/egress.ts'
import type { Revision } from '../../model/call.ts'
import type { Document } from '../../model/conversion.ts'
import type { Credential } from '../../model/credential.ts'
import type { ResultBody } from '../../model/reply.ts'

/** What an executor is made of: `createXExecutor(options: ExecutorOptions<XSpec>)` in `kinds/<kind>/execute/executor.ts`. */
export interface ExecutorOptions<Spec> {
  readonly server: string
  /** References resolved, paths absolute. */
  readonly spec: Spec
  /** Resolved. What is only headers comes with each run already; query, oauth, tls and schemes are placed here. */
  readonly credential: Credential | undefined
  readonly egress: Egress
  /** Cursors that a model brings back; `open` answers undefined for what was not sealed here. */
  readonly cursors: {
    seal(text: string): string
    open(sealed: string): string | undefined
  }
  /** Longest time of one call, in milliseconds: a bound for pools and sessions; `run.signal` is what ends a call. */
  readonly timeoutMs: number
  readonly now: () => number
}

/** One call of a converted tool. */
export interface Run<Plan, Common> {
  readonly plan: Plan
  readonly common: Common
  /** Raw JSON object of the arguments, checked against `inputSchema` already. */
  readonly args: string
  /** What `credential/attach.ts` attached, lower-case names: configured headers, and a credential that is only headers. */
  readonly headers: Readonly<Record<string, string>>
  /** Whom sealed cursors are bound to. */
  readonly principalId: string
  /** The caller's; undefined: the newest. What is streamed is made for it, since it can be given only once. */
  readonly revision?: Revision
  /**
   * The name under which the caller may call another tool of this server; undefined when it may not, and then nothing
   * is said of that tool. Absent: no tool is named.
   */
  readonly nameOf?: (tool: string) => string | undefined
  /** Aborts when the caller cancelled or the deadline passed: stop the work at the API as its protocol can. */
  readonly signal: AbortSignal
  /** Tells the caller how far it is; dropped when it asked for no progress. */
  progress(done: number, total: number | undefined, message: string | undefined): void
}

/** How a call ended: a CallToolResult, as JSON text. */
export interface Answer {
  readonly body: ResultBody
  readonly isError: boolean
}

/**
 * Carries out the call plans of one server. One implementation a kind in `kinds/`; the contract suite
 * `test/kinds/contract.ts` runs against each.
 */
export interface Executor<Plan, Common> {
  /**
   * The description by introspection; undefined for kinds whose description is a document.
   * @throws GatewayError server_*, egress_refused
   */
  readonly describe?: (signal: AbortSignal) => Promise<Document>
  /**
   * An API that says no is an Answer with `isError`; only a server that cannot be reached, breaks the protocol or
   * exceeds a bound is thrown. @throws GatewayError server_*, answer_too_large, egress_refused
   */
  run(run: Run<Plan, Common>): Promise<Answer>
  close(): Promise<void>
}
