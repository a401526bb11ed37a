// The era-bridging matrix as data: every feature, and what becomes of it between a client and a server of either era.
// The tests beside this file prove each cell; the guide docs/guides/protocol-eras.md is written from it.

/** Client era, then server era: L is 2024-11-05 to 2025-11-25, M is 2026-07-28. */
export const cells = ['LL', 'MM', 'LM', 'ML'] as const
export type CellId = (typeof cells)[number]

/** clean: mapped without state. stateful: the gateway keeps state. lossy: works with a loss. no: cannot be had. none: the pair has no such thing. */
export type Verdict = 'same' | 'clean' | 'stateful' | 'lossy' | 'no' | 'none'

export interface Row {
  readonly id: string
  readonly feature: string
  readonly verdicts: Readonly<Record<CellId, Verdict>>
  /** What a user notices; the loss, where there is one. */
  readonly note: string
}

const row = (
  id: string,
  feature: string,
  [ll, mm, lm, ml]: readonly [Verdict, Verdict, Verdict, Verdict],
  note: string,
): Row => ({ id, feature, verdicts: { LL: ll, MM: mm, LM: lm, ML: ml }, note })

export const rows: readonly Row[] = [
  row(
    'opening',
    'opening',
    ['same', 'same', 'clean', 'stateful'],
    'Each side opens as its era does; a modern client needs no session, a legacy server gets one from a pool',
  ),
  row(
    'session-id',
    'session id',
    ['same', 'none', 'stateful', 'stateful'],
    'Ids are ours and sealed; a server never sees a client’s, nor a client a server’s',
  ),
  row(
    'capabilities',
    'client capabilities',
    ['same', 'same', 'clean', 'stateful'],
    'A server is told what this caller can; legacy sessions are pooled by it',
  ),
  row(
    'identity',
    'instructions, identity',
    ['same', 'same', 'clean', 'clean'],
    'Instructions pass; the identity that clients see is the gateway’s',
  ),
  row(
    'primitives',
    'tools, prompts, resources, templates, completion',
    ['same', 'same', 'clean', 'clean'],
    'Results keep their bytes; members of one era are added or left out',
  ),
  row(
    'output',
    'structured content that is no object',
    ['none', 'same', 'lossy', 'none'],
    'Legacy callers get `{"result": value}`, and the output schema says so',
  ),
  row(
    'task-support',
    '`execution.taskSupport`, `capabilities.tasks`',
    ['same', 'none', 'none', 'clean'],
    'Left out for modern callers',
  ),
  row('progress', 'progress', ['same', 'same', 'clean', 'stateful'], 'With the caller’s own token'),
  row(
    'cancellation',
    'cancellation',
    ['same', 'same', 'clean', 'clean'],
    'A notification or a closed stream becomes what the server’s era knows',
  ),
  row(
    'disconnect',
    'client disconnect',
    ['same', 'same', 'clean', 'clean'],
    'Cancels a modern client’s call, not a legacy one’s',
  ),
  row(
    'resumption',
    'stream resumption',
    ['same', 'none', 'stateful', 'none'],
    'Legacy clients can take a broken stream up again, whatever the server is; the gateway does the same at legacy servers',
  ),
  row('ping', 'ping', ['same', 'none', 'clean', 'clean'], 'Answered by the gateway on both sides'),
  row(
    'logging',
    'logging',
    ['same', 'same', 'stateful', 'lossy'],
    'A legacy server has one level a session: the most verbose asked for; messages outside a call’s own stream are dropped',
  ),
  row(
    'list-changed',
    'changes of lists',
    ['same', 'same', 'stateful', 'stateful'],
    'GET streams and listen streams hear of them, coalesced; of a server over HTTP without such a stream within a minute, since its lists are asked for',
  ),
  row(
    'resource-updates',
    'resource subscriptions',
    ['same', 'same', 'stateful', 'stateful'],
    'Counted by reference, and asked for again after a restart of the server; a URI that the server does not honour is refused or missing from the acknowledgement',
  ),
  row(
    'questions',
    'form elicitation and sampling',
    ['same', 'same', 'stateful', 'stateful'],
    'A legacy client is asked on its call’s own stream, a modern one with `input_required`',
  ),
  row(
    'roots',
    'roots inside a request',
    ['same', 'same', 'stateful', 'stateful'],
    'Like any question',
  ),
  row(
    'roots-changed',
    'changes of roots',
    ['no', 'none', 'no', 'no'],
    'Dropped: sessions at servers are pooled, and modern servers have no such notification',
  ),
  row(
    'url-elicitation',
    'URL elicitation',
    ['same', 'same', 'lossy', 'clean'],
    'A modern server cannot say when the person is done: it is asked again with a growing pause, for 5 minutes at most; only clients of 2025-11-25 can be asked',
  ),
  row(
    'urls-required',
    'error -32042',
    ['same', 'none', 'none', 'clean'],
    'Becomes a question; the call is made again on the retry',
  ),
  row(
    'loose-requests',
    'server requests outside a call',
    ['lossy', 'none', 'none', 'lossy'],
    'What comes on the GET stream of a session is put to the only call in flight there; with none or several, or with `session: shared`, nobody can be asked, and the server is refused with -32601',
  ),
  row(
    'stdio-requests',
    'questions of stdio servers',
    ['lossy', 'none', 'none', 'lossy'],
    'Attributed when exactly one call is in flight on the process, else refused. Needs `process: per-principal`: a shared process is told that nobody can be asked',
  ),
  row(
    'missing-capability',
    'a capability that the caller lacks',
    ['same', 'same', 'lossy', 'lossy'],
    'Legacy has no code for it: a tool error, or -32603; a legacy server never says -32021',
  ),
  row(
    'core-tasks',
    'core tasks of 2025-11-25',
    ['lossy', 'none', 'no', 'no'],
    'Relayed on the server’s own endpoint, bound to the key, without `tasks/list` and status notifications',
  ),
  row(
    'caching',
    'caching hints',
    ['none', 'same', 'clean', 'clean'],
    'Legacy servers get conservative ones (`0`, `private`)',
  ),
  row(
    'headers',
    '`Mcp-Method`, `Mcp-Name`, `Mcp-Param-*`',
    ['none', 'same', 'clean', 'clean'],
    'Checked at the door and made anew for the server',
  ),
  row(
    'not-found',
    'resource not found',
    ['same', 'same', 'clean', 'clean'],
    '-32002 for legacy callers, -32602 for modern ones',
  ),
  row(
    'batches',
    'batches',
    ['same', 'none', 'clean', 'none'],
    'Revision 2025-03-26 only; run one by one and joined',
  ),
  row(
    'http-sse',
    'HTTP+SSE of 2024-11-05',
    ['same', 'none', 'clean', 'clean'],
    'Clients at `/sse`; servers by detection or `transport: sse`',
  ),
  row(
    'server-state',
    'state that a server keeps in a session',
    ['lossy', 'none', 'none', 'lossy'],
    'A session belongs to one key and one set of capabilities, not to one client',
  ),
  row('trace', 'trace context', ['same', 'same', 'clean', 'clean'], '`_meta` passes'),
  row(
    'extensions',
    'extensions map',
    ['same', 'same', 'clean', 'clean'],
    'By allow-list; tasks only between modern peers',
  ),
]
