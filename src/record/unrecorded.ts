/**
 * Entries that the journal did not take although what they tell was done all the same: revocations of keys. They are kept
 * in a file of the data folder, over kills and starts, until the journal has them on disk.
 */

import { z } from 'zod'
import { replaceFile } from '../kit/durable-file.ts'
import { readStateFile } from '../kit/state-file.ts'
import { errorOf } from '../kit/thrown.ts'
import type { LineWriter } from './line-writer.ts'
import { readJournal } from './read.ts'

const file = z.strictObject({
  format: z.literal(1),
  entries: z.array(
    z.strictObject({
      call: z.string(),
      /** The change, then its outcome as soon as there is one. */
      lines: z.array(z.string()).min(1),
      /** Who tried to write them, and how much it had on disk then. */
      writer: z.string(),
      from: z.number(),
    }),
  ),
})

type Held = z.output<typeof file>['entries'][number]

/** The part that takes entries. */
export interface HeldEntries {
  /** Whether the entry of a call is kept here, so that what belongs to it must be, too. */
  holds(call: string): boolean
  /** Keeps a line. Never rejects: once it resolves the line is durable, or `fault` says why not. */
  hold(call: string, line: string): Promise<void>
}

type Writing = Pick<LineWriter, 'intent' | 'append' | 'writer' | 'durable' | 'state'>

const againMs = 2_000

export class Unrecorded implements HeldEntries {
  readonly #path: string
  readonly #journal: Writing
  readonly #held: Map<string, Held>
  #last: Promise<unknown> = Promise.resolve()
  #fault: Error | undefined
  #again: NodeJS.Timeout | undefined
  #flushing: Promise<void> | undefined

  private constructor(path: string, journal: Writing, held: readonly Held[]) {
    this.#path = path
    this.#journal = journal
    this.#held = new Map(held.map((one) => [one.call, one]))
  }

  /**
   * With what earlier processes kept, as far as the journal in `journalDir` lacks it; that is written at once if the disk
   * takes it. Rejects with a sentence when the file is damaged.
   */
  static async load(path: string, journalDir: string, journal: Writing): Promise<Unrecorded> {
    const text = await readStateFile(path)
    if (text === undefined) return new Unrecorded(path, journal, [])
    let held: readonly Held[]
    try {
      held = file.parse(JSON.parse(text)).entries
    } catch (cause) {
      throw new Error(
        `${path} is damaged. It holds entries of revocations that the journal did not take. Keep it as evidence: move it away, and start again.`,
        { cause },
      )
    }
    const written = held.length === 0 ? new Set() : await callsSince(journalDir, held)
    const { writer, durable } = journal
    const left = held.filter(({ call }) => !written.has(call))
    const unrecorded = new Unrecorded(
      path,
      journal,
      left.map((one) => ({ ...one, writer, from: durable })),
    )
    if (held.length > 0) await unrecorded.#save()
    await unrecorded.flush()
    return unrecorded
  }

  /** Why the file could not be written last; what is held then ends with the process. */
  get fault(): Error | undefined {
    return this.#fault
  }

  holds(call: string): boolean {
    return this.#held.has(call)
  }

  hold(call: string, line: string): Promise<void> {
    const { writer, durable } = this.#journal
    const held = this.#held.get(call)
    if (held === undefined) this.#held.set(call, { call, lines: [line], writer, from: durable })
    else held.lines.push(line)
    this.#later()
    return this.#save()
  }

  /** Writes what the journal takes now, and comes again for the rest; one after the other. Never rejects. */
  flush(): Promise<void> {
    this.#flushing ??= this.#flush().finally(() => {
      this.#flushing = undefined
    })
    return this.#flushing
  }

  async #flush(): Promise<void> {
    clearTimeout(this.#again)
    let count = 0
    for (const [call, { lines }] of [...this.#held]) {
      const [change = ''] = lines
      if (!(await this.#isTaken(change))) break
      for (let at = 1; at < lines.length; at++) await this.#journal.append(lines[at] ?? '')
      this.#held.delete(call)
      count++
    }
    if (count > 0) await this.#save()
    if (this.#held.size > 0) this.#later()
  }

  /** Best-effort journals take everything, and drop what the disk does not: they say so in their state. */
  async #isTaken(line: string): Promise<boolean> {
    const isWell = (): boolean => this.#journal.state().kind === 'ok'
    if (!isWell()) return false
    return this.#journal.intent(line).then(isWell, () => false)
  }

  /** Tries once more. What the journal does not take waits for the next start. */
  async close(): Promise<void> {
    await this.#flushing
    await this.flush()
    clearTimeout(this.#again)
    await this.#last
  }

  #later(): void {
    clearTimeout(this.#again)
    this.#again = setTimeout(() => void this.flush(), againMs).unref()
  }

  #save(): Promise<void> {
    const turn = this.#last.then(async () => {
      const text = JSON.stringify({ format: 1, entries: [...this.#held.values()] })
      this.#fault = await replaceFile(this.#path, text).then(
        () => undefined,
        (thrown: unknown) => errorOf(thrown),
      )
    })
    this.#last = turn
    return turn
  }
}

/** Calls in the journal that were written after entries began to be held: a kill may come before they are forgotten. */
async function callsSince(journalDir: string, held: readonly Held[]): Promise<ReadonlySet<string>> {
  const from = new Map<string, number>()
  for (const { writer, from: at } of held)
    from.set(writer, Math.min(from.get(writer) ?? Number.POSITIVE_INFINITY, at))
  const calls = new Set<string>()
  const entries = readJournal(journalDir, {
    from: (writer) => from.get(writer) ?? Number.POSITIVE_INFINITY,
    onFault: () => undefined,
  })
  for await (const { entry } of entries) if (entry.kind === 'change') calls.add(entry.call)
  return calls
}
