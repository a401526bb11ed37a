/** Evidence of changes of what is wanted: each is on disk before it is made, and its outcome follows it. */
import type { Actor, Change, Shown, ShownScalar, ShownValue, UnderRecord } from '../model/change.ts'
import type { ChangeEntry, OutcomeStatus } from '../model/record.ts'
import { clippedTo } from './clip.ts'
import { changeLine, outcomeLine } from './lines.ts'
import type { EntrySink } from './record.ts'
import type { HeldEntries } from './unrecorded.ts'

export interface ChangeRecorderOptions {
  readonly journal: EntrySink
  /** Keeps what the journal does not take. */
  readonly unrecorded: HeldEntries
  /** Ids of the kind that calls have; none is given twice. */
  readonly nextId: () => string
  /** Epoch milliseconds. */
  readonly now: () => number
  /** Monotonic milliseconds. */
  readonly clock: () => number
}

/** Of one value, and of all that an entry says of one side, as they stand in the journal. */
const valueBytesMax = 512
const sideBytesMax = 4_096
/** Written and synced together. */
const togetherMax = 256

/**
 * A change that cannot be recorded is not made: rejects with GatewayError('journal_unavailable') then, unless the journal
 * is best-effort. A key is revoked all the same, since to go on with it would be worse: its entry is begun first, but the
 * revocation does not wait for the disk; the entry does, in a file beside the journal.
 */
export function createChangeRecorder(options: ChangeRecorderOptions): UnderRecord {
  const { journal, unrecorded, nextId, now, clock } = options
  return async (actor, changes, make) => {
    const startedAt = clock()
    const begun: string[] = []
    const late: Promise<void>[] = []
    const begin = async (change: Change): Promise<void> => {
      const call = nextId()
      const line = changeLine(entryOf(actor, change, call, now()))
      const written = journal.intent(line)
      if (change.action === 'revoked') late.push(written.catch(() => unrecorded.hold(call, line)))
      else await written
      begun.push(call)
    }
    const end = async (status: OutcomeStatus, code: string): Promise<void> => {
      await Promise.all(late)
      const ms = Math.round((clock() - startedAt) * 1_000) / 1_000
      for (const call of begun.splice(0)) {
        const line = outcomeLine({ kind: 'outcome', call, at: now(), status, ms, bytes: 0, code })
        await (unrecorded.holds(call) ? unrecorded.hold(call, line) : journal.append(line))
      }
    }
    try {
      for (let from = 0; from < changes.length; from += togetherMax) {
        const together = changes.slice(from, from + togetherMax).map(begin)
        const failed = (await Promise.allSettled(together)).find(
          ({ status }) => status === 'rejected',
        )
        if (failed?.status === 'rejected') throw failed.reason
      }
      const made = await make()
      await end('ok', '')
      return made
    } catch (thrown) {
      const code = codeOf(thrown)
      await end(code === '' || doubtful.has(code) ? 'unknown' : 'error', code)
      throw thrown
    }
  }
}

/** After these nobody knows whether the change was made. */
const doubtful: ReadonlySet<string> = new Set(['busy', 'database_unavailable', 'internal'])

function codeOf(thrown: unknown): string {
  if (!(thrown instanceof Error) || !('code' in thrown)) return ''
  return typeof thrown.code === 'string' ? thrown.code : ''
}

function entryOf(actor: Actor, change: Change, call: string, at: number): ChangeEntry {
  const { label, id, via, uid = -1 } = actor
  const { action, object, name, before, after } = change
  return {
    kind: 'change',
    call,
    at,
    principal: label,
    principalId: id,
    via,
    uid,
    action,
    object,
    name: clippedTo(valueBytesMax, name),
    before: bounded(before),
    after: bounded(after),
  }
}

/** As many members as there is room for, and how many more there were. */
function bounded(side: Shown): Shown {
  const members = Object.entries(side)
  const kept: [string, ShownValue][] = []
  let bytes = 0
  for (const [path, value] of members) {
    const member: [string, ShownValue] = [clippedTo(valueBytesMax, path), boundedValue(value)]
    bytes += Buffer.byteLength(JSON.stringify(member))
    if (bytes > sideBytesMax) break
    kept.push(member)
  }
  const more = members.length - kept.length
  return Object.fromEntries(more === 0 ? kept : [...kept, ['…', `${more} more`]])
}

function boundedValue(value: ShownValue): ShownValue {
  if (typeof value !== 'object' || value === null) return boundedScalar(value)
  const kept: ShownScalar[] = []
  let bytes = 0
  for (const member of value) {
    const scalar = boundedScalar(member)
    bytes += Buffer.byteLength(JSON.stringify(scalar)) + 1
    if (bytes > sideBytesMax / 2) return [...kept, `… ${value.length - kept.length} more`]
    kept.push(scalar)
  }
  return kept
}

function boundedScalar(value: ShownScalar): ShownScalar {
  return typeof value === 'string' ? clippedTo(valueBytesMax, value) : value
}
