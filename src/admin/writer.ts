/** The only writer of desired state: one write at a time, recorded before it is made, compiled at once, taken back when it does not compile. */
import type { Actor, Change } from '../model/change.ts'
import type { InForce } from '../model/desired-state.ts'
import { GatewayError } from '../model/refusal.ts'
import { changesOf } from '../store/describe-change.ts'
import type { StoredKind } from '../store/store.ts'
import { check } from '../store/stored-kinds.ts'
import { fromRefusal, invalid, issueView } from './fault.ts'
import type { AdminPorts } from './ports.ts'

export interface Writer {
  /** Stores an object; returns warnings. With an empty name its content gives the name. */
  put(
    actor: Actor,
    kind: StoredKind,
    name: string,
    value: unknown,
    beside?: Beside,
  ): Promise<string[]>
  /** Returns undefined when there was none of that name. */
  remove(
    actor: Actor,
    kind: StoredKind,
    name: string,
    beside?: Pick<Beside, 'after'>,
  ): Promise<string[] | undefined>
  /** Any other write that `undo` can take back. */
  change(
    actor: Actor,
    changes: readonly Change[],
    write: () => Promise<unknown>,
    undo: () => Promise<unknown>,
  ): Promise<string[]>
  /** Anything that must not run beside another write. */
  inTurn<T>(work: () => Promise<T>): Promise<T>
}

/** What belongs to a write and is kept elsewhere; it runs within the turn of that write. */
export interface Beside {
  /** Before anything is written; may refuse. `stored`: what there is of that name. */
  before(stored: unknown): Promise<void>
  /** However it ended, with what is stored then. */
  after(stored: unknown): Promise<void>
}

type WriterPorts = Pick<AdminPorts, 'store' | 'apply' | 'issues' | 'underRecord'>

export function createWriter(ports: WriterPorts): Writer {
  const { store } = ports
  let last: Promise<unknown> = Promise.resolve()
  const inTurn: Writer['inTurn'] = (work) => {
    const turn = last.then(work, work)
    last = turn.catch(() => undefined)
    return turn
  }
  const stored = async (kind: StoredKind, name: string) =>
    (await store.list(kind)).find((row) => row.name === name)
  /** Without knowing what is stored, what lies beside it stays. */
  const settle = async (
    kind: StoredKind,
    name: string,
    beside: Pick<Beside, 'after'> | undefined,
  ) => {
    if (beside === undefined) return
    const rows = await store.list(kind).catch((fault: unknown) => {
      if (fault instanceof GatewayError) return undefined
      throw fault
    })
    if (rows !== undefined) await beside.after(rows.find((row) => row.name === name)?.value)
  }
  const make: Writer['change'] = (actor, changes, write, undo) =>
    ports.underRecord(actor, changes, () => applied(ports, write, undo))

  return {
    put: (actor, kind, given, value, beside) =>
      inTurn(async () => {
        const { name } = check(kind, given, value)
        const before = await stored(kind, name)
        try {
          await beside?.before(before?.value)
          return await make(
            actor,
            changesOf(kind, name, before?.value, value),
            () => store.put(kind, name, value),
            () =>
              before === undefined ? store.remove(kind, name) : store.put(kind, name, before.value),
          )
        } finally {
          await settle(kind, name, beside)
        }
      }),
    remove: (actor, kind, name, beside) =>
      inTurn(async () => {
        const row = await stored(kind, name)
        if (row === undefined) return undefined
        try {
          return await make(
            actor,
            changesOf(kind, name, row.value, undefined),
            () => store.remove(kind, name),
            () => store.put(kind, name, row.value),
          )
        } finally {
          await settle(kind, name, beside)
        }
      }),
    change: (...given) => inTurn(() => make(...given)),
    inTurn,
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
  let outcome: InForce
  try {
    outcome = await ports.apply()
  } catch (fault) {
    if (!(fault instanceof GatewayError)) throw fault
    return [
      `Stored, but not in force here before the database can be read again. ${fromRefusal(fault).error.message}`,
    ]
  }
  const { inForce, issues } = outcome
  const fresh = issues.filter((issue) => !before.has(textOf(issue)))
  if (fresh.length > 0) {
    await undo()
    await ports.apply()
    throw invalid('The change does not compile, so nothing was changed.', fresh.map(issueView))
  }
  if (inForce) return []
  return [
    `Stored, but not in force before the configuration is mended: ${issues.map(textOf).join('; ')}.`,
  ]
}

function textOf({ path, message }: InForce['issues'][number]): string {
  return `${path}: ${message}`
}
