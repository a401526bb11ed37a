import { JsonFault } from '../kit/json-scan.ts'
import { messageOf } from '../kit/thrown.ts'

/**
 * The refusal catalogue: every way in which Sallyport says no.
 * `docs/errors.md` lists exactly these codes; a test compares the two in both directions.
 * Codes are never reused. Sources: protocol.md section 7, MCP 2026-07-28 basic/index.
 */
export interface RefusalKind {
  /** JSON-RPC error code. Own codes stay outside -32768..-32000. */
  readonly rpc: number
  /** HTTP status when the refusal is the whole HTTP answer. */
  readonly http: number
  /** The sentence for people. */
  readonly sentence: string
  /** What to do about it. */
  readonly wayOut: string
}

const kind = (rpc: number, http: number, sentence: string, wayOut: string): RefusalKind => ({
  rpc,
  http,
  sentence,
  wayOut,
})

export const refusals = {
  key_missing: kind(
    -31001,
    401,
    'No key was sent.',
    'Send a key as "Authorization: Bearer sp_..." or "x-api-key"; "sallyport keys create NAME --role ROLE" makes one.',
  ),
  key_invalid: kind(
    -31002,
    401,
    'The key is not known here, or is revoked or expired.',
    'Ask for a new key; "sallyport keys ls" shows which are valid.',
  ),
  header_repeated: kind(
    -31021,
    400,
    'A header that may stand once stands more than once.',
    'Send it once; a proxy before the gateway may add it a second time.',
  ),
  origin_refused: kind(
    -31003,
    403,
    'This web origin may not call Sallyport.',
    'Add it under listen.origins in sallyport.yaml.',
  ),
  host_refused: kind(
    -31004,
    403,
    'The Host header does not name this gateway.',
    'Use the address that "sallyport up" printed, or add the name under listen.hosts.',
  ),
  endpoint_unknown: kind(
    -31005,
    404,
    'There is nothing at this path.',
    'The endpoints are /mcp, /mcp/s/<server> and /mcp/t/<toolset>.',
  ),
  verb_refused: kind(-31006, 405, 'This endpoint does not take that HTTP method.', 'Send a POST.'),
  content_type_refused: kind(
    -31007,
    415,
    'The body must be application/json.',
    'Set "Content-Type: application/json".',
  ),
  accept_refused: kind(
    -31008,
    406,
    'The client accepts neither of the two answer forms.',
    'Send "Accept: application/json, text/event-stream".',
  ),
  body_too_large: kind(
    -31009,
    413,
    'The message is larger than this gateway takes.',
    'Send less, or raise listen.bodyMax.',
  ),
  body_timeout: kind(-31010, 408, 'The message did not arrive in time.', 'Send it again, faster.'),
  busy: kind(-31011, 503, 'The gateway has no room for more at the moment.', 'Try again shortly.'),
  database_unavailable: kind(
    -31022,
    503,
    'The database cannot be used at the moment, so nothing can be stored in it or read from it.',
    'Mend what is named, e.g. DATABASE_URL, the free space or the permissions; the log of the gateway and "postgres.log" in the data folder say more. Calls go on.',
  ),
  memory_limited: kind(
    -31020,
    503,
    'The gateway keeps as much in memory for callers as it may.',
    'Take the answers and end the streams, sessions, subscriptions and questions that are open; an operator can raise listen.memoryMax.',
  ),
  shutting_down: kind(
    -31012,
    503,
    'The gateway is stopping.',
    'Try again; another node or the next start will answer.',
  ),
  json_invalid: kind(
    -32700,
    400,
    'The message is not valid JSON.',
    'Send one JSON-RPC 2.0 message in UTF-8.',
  ),
  json_duplicate_key: kind(
    -32600,
    400,
    'An object in the message has the same key twice.',
    'Send every key once; two parsers could read two different calls.',
  ),
  json_too_deep: kind(-32600, 400, 'The message is nested too deeply.', 'Flatten the arguments.'),
  request_invalid: kind(
    -32600,
    400,
    'This is not a valid JSON-RPC request.',
    'See the MCP specification of your protocol revision.',
  ),
  method_unknown: kind(
    -32601,
    404,
    'The method is not known here.',
    'See the MCP specification of your protocol revision.',
  ),
  meta_invalid: kind(
    -32602,
    400,
    'A required _meta member is missing or malformed.',
    'Send io.modelcontextprotocol/protocolVersion and clientCapabilities in params._meta.',
  ),
  header_mismatch: kind(
    -32020,
    400,
    'A header is missing or disagrees with the body.',
    'Send MCP-Protocol-Version, Mcp-Method, Mcp-Name and Mcp-Param-* equal to the body.',
  ),
  capability_missing: kind(
    -32021,
    400,
    'The call needs a client capability that was not declared.',
    'Declare it, or use a client that has it.',
  ),
  version_unsupported: kind(
    -32022,
    400,
    'This protocol version is not supported.',
    'Use one of the versions in error.data.supported.',
  ),
  version_header_invalid: kind(
    -31013,
    400,
    'The MCP-Protocol-Version header names no revision that this gateway speaks.',
    'Send the version that was negotiated.',
  ),
  session_missing: kind(
    -31014,
    400,
    'The Mcp-Session-Id header is missing.',
    'Send initialize first, then the session id of its answer.',
  ),
  session_unknown: kind(
    -31015,
    404,
    'The session is not known or has ended.',
    'Send initialize again.',
  ),
  tool_unknown: kind(
    -32602,
    200,
    'Unknown tool.',
    'List the tools again; only what the list shows can be called.',
  ),
  task_unknown: kind(
    -32602,
    200,
    'Unknown task.',
    'Make the call again; a task belongs to the key that made it, and ends with its time to live.',
  ),
  prompt_unknown: kind(-32602, 200, 'Unknown prompt.', 'List the prompts again.'),
  resource_unknown: kind(-32002, 200, 'Resource not found.', 'List the resources again.'),
  params_invalid: kind(
    -32602,
    200,
    'The parameters are not valid for this method.',
    'See the MCP specification of your protocol revision.',
  ),
  cursor_invalid: kind(-32602, 200, 'The cursor is not valid.', 'List again from the start.'),
  state_invalid: kind(
    -32602,
    200,
    'The requestState is not valid, has expired or belongs to another call.',
    'Make the call again from the start.',
  ),
  arguments_invalid: kind(
    -32602,
    200,
    'The arguments do not fit the schema of the tool.',
    'Correct them as the message says and call again.',
  ),
  schema_unusable: kind(
    -31016,
    200,
    'The input schema of this tool could take any time to check, so the tool cannot be called.',
    '"sallyport doctor" says what is wrong with it; the owner of the server must mend it.',
  ),
  rate_limited: kind(
    -31017,
    200,
    'Too many calls in a minute.',
    'Wait for error.data.retryAfterMs, then call again.',
  ),
  concurrency_limited: kind(
    -31018,
    200,
    'Too many calls at the same time.',
    'Wait for one to end, then call again.',
  ),
  server_unavailable: kind(
    -32603,
    200,
    'The server behind this name cannot be reached.',
    'Try again later; "sallyport doctor" says what is wrong.',
  ),
  server_busy: kind(
    -32603,
    200,
    'The server behind this name has no room for more calls.',
    'Try again shortly, or after error.data.retryAfterMs where the server names a time.',
  ),
  server_timeout: kind(
    -32603,
    200,
    'The server did not answer in time.',
    'Try again, or raise the timeout of the server.',
  ),
  server_broken: kind(
    -32603,
    200,
    'The server gave an answer that cannot be read.',
    'Report it to the owner of the server; "sallyport doctor" shows more.',
  ),
  server_refused_us: kind(
    -32603,
    200,
    'The server does not accept the credential that is configured for it.',
    'An operator must set a valid credential; "sallyport doctor" says which server.',
  ),
  egress_refused: kind(
    -32603,
    200,
    'The gateway may not connect to that address for this server.',
    'An operator can allow it under egress.hosts or egress.networks of the server; "sallyport doctor" names the address.',
  ),
  role_too_wide: kind(
    -32603,
    200,
    'The account that the gateway has at this database may do more than can be held to reading.',
    'An operator must give the gateway an account of its own; "sallyport doctor" shows the statements that make one.',
  ),
  description_unusable: kind(
    -32603,
    200,
    'The description of this server cannot be turned into tools.',
    '"sallyport convert" says what is wrong with it, and where.',
  ),
  question_refused: kind(
    -32603,
    200,
    'The server asked a question that this client cannot answer.',
    'Use a client with that capability, or a tool that does not ask.',
  ),
  subscription_refused: kind(
    -32603,
    200,
    'The server does not tell of changes of this resource.',
    'Read the resource again when it may have changed.',
  ),
  answer_too_large: kind(
    -32603,
    200,
    'The server asked or answered more than this gateway holds.',
    'Ask for less.',
  ),
  node_lost: kind(
    -31019,
    502,
    'The node that holds this session or call was lost before it answered.',
    'The request may have been carried out; look before you send it again.',
  ),
  journal_unavailable: kind(
    -32603,
    200,
    'It cannot be recorded, so it is not done.',
    'An operator must free disk space or mend the data folder.',
  ),
  cancelled: kind(-32603, 200, 'The call was cancelled.', 'Make it again if it is still wanted.'),
  not_yet: kind(
    -32603,
    200,
    'This is not built yet.',
    'See the changelog for what this version can do.',
  ),
  internal: kind(
    -32603,
    500,
    'Something in the gateway itself went wrong.',
    'Report it with the call id.',
  ),
} as const satisfies Record<string, RefusalKind>

export type RefusalCode = keyof typeof refusals

/** Public data that a refusal carries beside its code, in the form that the specification names. */
export type RefusalData = Readonly<Record<string, unknown>>

/** Which of the failures of one code it was, for those who must tell them apart: nobody reads words for it. */
export type FailureReason = 'program-missing' | 'file-unusable'

/**
 * An expected "no". Thrown by a room, caught once by the flow.
 * `message` is private detail for logs and records; only the catalogue's sentences leave the gateway.
 */
export class GatewayError extends Error {
  readonly code: RefusalCode
  /** Members of `error.data`. Public. */
  readonly data: RefusalData | undefined
  /** A public addition to the sentence, e.g. which header disagreed. Never holds a secret. */
  readonly hint: string | undefined
  readonly reason: FailureReason | undefined

  constructor(
    code: RefusalCode,
    options: {
      detail?: string
      hint?: string
      data?: RefusalData
      reason?: FailureReason | undefined
      cause?: unknown
    } = {},
  ) {
    super(
      options.detail ?? code,
      options.cause === undefined ? undefined : { cause: options.cause },
    )
    this.name = 'GatewayError'
    this.code = code
    this.data = options.data
    this.hint = options.hint
    this.reason = options.reason
  }
}

/** The public sentence of a refusal: what happened, the hint if there is one, and the way out. */
export function publicSentence(error: GatewayError): string {
  const { sentence, wayOut } = refusals[error.code]
  return error.hint === undefined ? `${sentence} ${wayOut}` : `${sentence} ${error.hint} ${wayOut}`
}

/** Turns anything thrown into a refusal; a bug becomes `internal` and keeps its cause for the log. */
export function toGatewayError(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown
  // A part of a message that was scanned again with closer bounds than the whole.
  if (thrown instanceof JsonFault)
    return new GatewayError('params_invalid', { detail: thrown.message, cause: thrown })
  const detail = messageOf(thrown)
  return new GatewayError('internal', { detail, cause: thrown })
}
