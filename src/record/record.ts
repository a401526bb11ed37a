/** The room of evidence: every action leaves an intent and an outcome, or one refusal. */
import { hash } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { type Action, endpointText } from '../model/action.ts'
import type { Admitted, Attached, Recorded, Watchable } from '../model/proofs.ts'
import type { NoteEntry, OutcomeStatus } from '../model/record.ts'
import type { RefusalCode } from '../model/refusal.ts'
import { clippedTo } from './clip.ts'
import { intentLine, noteLine, outcomeLine, refusalLine } from './lines.ts'
import { createSuppression, type Holder } from './suppress.ts'

/** What the recorder needs of a journal. */
export interface EntrySink {
  intent(line: string): Promise<void>
  append(line: string): Promise<void>
}

export interface RecorderOptions {
  readonly journal: EntrySink
  /** Epoch milliseconds. */
  readonly now?: () => number
  /** Monotonic milliseconds, the clock of `startedAt`. */
  readonly clock?: () => number
}

export interface Outcome {
  readonly status: OutcomeStatus
  /** Bytes of the result as the server sent them. */
  readonly bytes: number
  /** Refusal code or JSON-RPC code of an `error`; empty otherwise. */
  readonly code: string
}

export interface Refused {
  readonly action: Action
  /** Empty when the name did not resolve. */
  readonly server: string
  readonly name: string
  readonly code: RefusalCode
  /** Private, e.g. which rule denied. */
  readonly detail: string
}

export interface Recorder {
  /**
   * Resolves when the intent is on disk. `startedAt`: reading of the monotonic clock at the door;
   * `snapshot`: version that the action holds. Rejects with GatewayError('journal_unavailable').
   */
  intent<A extends Action>(
    attached: Attached<A>,
    startedAt: number,
    snapshot: number,
  ): Promise<Recorded<A>>
  /** Await it before the last byte of the reply. Never rejects. */
  outcome(recorded: Recorded, outcome: Outcome): Promise<void>
  /** Never rejects. */
  refusal(refused: Refused): Promise<void>
  /**
   * Writes that an action begins to listen, in one entry; `detail` is all that it asked for. Resolves with those of what was
   * asked for that may be watched, in their order. Never rejects.
   */
  listen<A extends Action>(
    action: A,
    admitted: readonly Admitted<A>[],
    detail: string,
  ): Promise<readonly Watchable<A>[]>
  /** A list, a sign-in or something of the gateway itself. Never rejects. */
  note(note: Omit<NoteEntry, 'at'>): Promise<void>
  /** Writes what was only counted so far. */
  flush(): void
}

/** Of one text as it stands in the journal, escapes included. */
const textBytesMax = 4_096
/** Entries of a minute that need no right: about 400 refusals of one key, 4,000 of all. */
const principalBytesMax = 128_000
const bytesMax = 1_280_000

/** The recorder over a journal. The only maker of `Recorded` and `Watchable`. */
export function createRecorder(options: RecorderOptions): Recorder {
  const { journal, now = Date.now, clock = () => performance.now() } = options
  const suppression = createSuppression({
    append: (line) => void journal.append(line),
    principalBytesMax,
    bytesMax,
    now,
  })
  const appendAdmitted = (holder: Holder, what: string, line: string): Promise<void> =>
    suppression.admits(holder, what, line) ? journal.append(line) : Promise.resolve()
  const recordNote = (note: Omit<NoteEntry, 'at'>): Promise<void> => {
    const line = noteLine({ ...note, at: now(), detail: clipped(note.detail) })
    const { principal, principalId, environment } = note
    // What the gateway itself did, no caller can bring about.
    if (note.kind === 'system') return journal.append(line)
    return appendAdmitted({ principal, principalId, environment }, note.kind, line)
  }
  return {
    async intent<A extends Action>(attached: Attached<A>, startedAt: number, snapshot: number) {
      await journal.intent(intentText(attached, now(), snapshot))
      return { ...attached, startedAt } as Recorded<A>
    },
    outcome(recorded, { status, bytes, code }) {
      const ms = Math.round((clock() - recorded.startedAt) * 1_000) / 1_000
      const call = recorded.action.id
      return journal.append(
        outcomeLine({ kind: 'outcome', call, at: now(), status, ms, bytes, code }),
      )
    },
    refusal(refused) {
      const { label: principal, id: principalId, environment } = refused.action.principal
      const holder = { principal, principalId, environment }
      return appendAdmitted(holder, `refusal ${refused.code}`, refusalText(refused, now()))
    },
    async listen<A extends Action>(action: A, admitted: readonly Admitted<A>[], detail: string) {
      const { principal, endpoint, method } = action
      await recordNote({
        kind: 'listen',
        principal: principal.label,
        principalId: principal.id,
        environment: principal.environment,
        endpoint: endpointText(endpoint),
        method,
        detail,
      })
      return admitted.map((one) => one as unknown as Watchable<A>)
    },
    note: recordNote,
    flush: suppression.flush,
  }
}

function intentText(attached: Attached, at: number, snapshot: number): string {
  const { action, target, rule } = attached
  const { principal, args } = action
  return intentLine({
    kind: 'intent',
    call: action.id,
    at,
    principal: principal.label,
    principalId: principal.id,
    environment: principal.environment,
    endpoint: endpointText(action.endpoint),
    method: action.method,
    server: target.server,
    name: clipped(target.name),
    revision: action.revision,
    argsDigest: args === undefined ? '' : hash('sha256', args),
    itemDigest: target.item?.digest ?? '',
    rule,
    snapshot,
  })
}

function refusalText({ action, server, name, code, detail }: Refused, at: number): string {
  const { principal } = action
  return refusalLine({
    kind: 'refusal',
    call: action.id,
    at,
    principal: principal.label,
    principalId: principal.id,
    environment: principal.environment,
    endpoint: endpointText(action.endpoint),
    method: clipped(action.method),
    server,
    name: clipped(name),
    code,
    detail: clipped(detail),
  })
}

/** A caller must not fill the disk with one long name. */
function clipped(text: string): string {
  return clippedTo(textBytesMax, text)
}
