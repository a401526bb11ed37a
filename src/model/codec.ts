import type { Call, Capabilities, Era, Revision } from './call.ts'
import type { Members } from './members.ts'
import type { HeaderParam } from './target.ts'

/** One request of ours to a server, other than a relayed call. */
export interface OwnRequest {
  readonly id: number
  readonly method: string
  readonly params: Members
  readonly capabilities: Capabilities
}

/** A relayed call on its way to a server. */
export interface RelayedRequest {
  readonly id: number
  readonly call: Call
  /** The name, URI or task id at the server. */
  readonly name: string
  /** Extensions that the server may be told of. */
  readonly extensions: ReadonlySet<string>
  /** The server's own requestState, already taken out of our box. */
  readonly requestState: string | undefined
}

/**
 * A message of a server, scanned once. Spans are byte offsets into `bytes`. The id of an answer is raw, but for a number in
 * quotes or with a fraction of zero: that is the number which we sent.
 */
export type ServerMessage =
  | {
      readonly kind: 'result'
      readonly id: string
      readonly bytes: Buffer
      /** Span of the result object. */
      readonly start: number
      readonly end: number
      /** Members of the result with short values of interest. */
      readonly resultType: string | undefined
      readonly isError: boolean
      readonly extras: Members
    }
  | {
      readonly kind: 'error'
      /** Raw id, or `null`. */
      readonly id: string
      readonly code: number
      readonly message: string
      readonly data: string | undefined
    }
  | {
      /** An answer that is no valid one. Its call ends all the same, since it carries the id. */
      readonly kind: 'broken'
      readonly id: string
      readonly detail: string
    }
  | {
      readonly kind: 'notification'
      readonly method: string
      readonly params: Members
      readonly meta: Members
    }
  | {
      readonly kind: 'request'
      readonly id: string
      readonly method: string
      readonly params: string | undefined
    }

/** What `upstream` needs of the wire; given by the composition root, since rooms do not import rooms. */
export interface ServerCodec {
  ownRequest(era: Era, revision: Revision, request: OwnRequest): string
  relayedRequest(era: Era, revision: Revision, request: RelayedRequest): string
  notification(method: string, params: Members): string
  /** Answer to a server's question; `result` is raw. */
  answer(rpcId: string, result: string): string
  answerRawError(rpcId: string, error: string): string
  answerError(rpcId: string, code: number, message: string): string
  /** HTTP headers of a request; legacy: the version once it is negotiated. */
  headers(
    era: Era,
    revision: Revision | undefined,
    method: string,
    name: string,
  ): Record<string, string>
  /** `Mcp-Param-*` of a tool call from its arguments. */
  paramHeaders(params: readonly HeaderParam[], args: string | undefined): Record<string, string>
  /** @throws GatewayError server_broken */
  decode(bytes: Buffer): ServerMessage
  /** The beginning of what is no message, e.g. why a request was refused, as it may be told. */
  said(bytes: Buffer): string
}
