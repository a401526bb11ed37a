/** The only writer of desired state: one write at a time, recorded before it is made, compiled at once, taken back when it does not compile. */
import type { Actor, Change } from '../model/change.ts'
import type { Issue } from '../model/desired-state.ts'
import { GatewayError } from '../model/refusal.ts'
import { changesOf } from '../store/describe-change.ts'
import type { StoredKind } from '../store/store.ts'
import { check } from '../store/stored-kinds.ts'
import { fromRefusal, invalid, issueView } from './fault.ts'
import type { AdminPorts } from './ports.ts'

export interface Writer {
  /** Stores an object; returns warnings. With an empty name its content gives the name. */
  put(actor: Actor, kind: StoredKind, name: string, value: unknown): Promise<string[]>
  /** Returns undefined when there was none of that name. */
  remove(actor: Actor, kind: StoredKind, name: string): Promise<string[] | undefined>
  /** Any other write that `undo` can take back. */
  change(
    actor: Actor,
    changes: readonly Change[],
    write: () => Promise<unknown>,
    undo: () => Promise<unknown>,
  ): Promise<string[]>
}

type WriterPorts = Pick<AdminPorts, 'store' | 'apply' | 'issues' | 'underRecord'>

export function createWriter(ports: WriterPorts): Writer {
  const { store } = ports
  let last: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work, work)
    last = turn.catch(() => undefined)
    return turn
  }
  const stored = async (kind: StoredKind, name: string) =>
    (await store.list(kind)).find((row) => row.name === name)
  const make: Writer['change'] = (actor, changes, write, undo) =>
    ports.underRecord(actor, changes, () => applied(ports, write, undo))

  return {
    put: (actor, kind, given, value) =>
      inTurn(async () => {
        const { name } = check(kind, given, value)
        const before = await stored(kind, name)
        return make(
          actor,
          changesOf(kind, name, before?.value, value),
          () => store.put(kind, name, value),
          () =>
            before === undefined ? store.remove(kind, name) : store.put(kind, name, before.value),
        )
      }),
    remove: (actor, kind, name) =>
      inTurn(async () => {
        const row = await stored(kind, name)
        if (row === undefined) return undefined
        return make(
          actor,
          changesOf(kind, name, row.value, undefined),
          () => store.remove(kind, name),
          () => store.put(kind, name, row.value),
        )
      }),
    change: (...given) => inTurn(() => make(...given)),
  }
}

/** Issues that were there before are no fault of this write; they are told as warnings. */
async function applied(
  ports: WriterPorts,
  write: () => Promise<unknown>,
  undo: () => Promise<unknown>,
): Promise<string[]> {
  const before = new Set(ports.issues().map(textOf))
  await write()
  let issues: readonly Issue[]
  try {
    issues = await ports.apply()
  } catch (fault) {
    if (!(fault instanceof GatewayError)) throw fault
    return [
      `Stored, but not in force here before the database can be read again. ${fromRefusal(fault).error.message}`,
    ]
  }
  const fresh = issues.filter((issue) => !before.has(textOf(issue)))
  if (fresh.length > 0) {
    await undo()
    await ports.apply()
    throw invalid('The change does not compile, so nothing was changed.', fresh.map(issueView))
  }
  if (issues.length === 0) return []
  return [
    `Stored, but not in force before the configuration is mended: ${issues.map(textOf).join('; ')}.`,
  ]
}

function textOf({ path, message }: Issue): string {
  return `${path}: ${message}`
}
