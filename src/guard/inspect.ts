/**
 * The guard's room: arguments are checked against the tool's `inputSchema` before they leave, and
 * leave byte for byte as they came. What cannot be read of a schema is left to the server; a tool whose schema could
 * take any time to check cannot be called.
 */
import { Lru } from '../kit/lru.ts'
import type { Action } from '../model/action.ts'
import type { Admitted, Inspected, Released } from '../model/proofs.ts'
import { GatewayError } from '../model/refusal.ts'
import type { Reply } from '../model/reply.ts'
import type { Item } from '../model/target.ts'
import type { CheckAnswer, CheckJob } from './check-worker.ts'
import type { Verdict } from './compile.ts'
import { fitsQuickly, type Judgement, tooCostly } from './judge.ts'
import type { Skipped } from './schema.ts'
import { makeValidator, sourceChars, type Validator, type ValidatorSource } from './validator.ts'
import { isCapped, WorkerQueue } from './worker-queue.ts'

export interface GuardOptions {
  /** How long one schema may take to compile. */
  readonly compileMsMax?: number
  /** How long one check in the worker may take. */
  readonly checkMsMax?: number
  /** How long the first call of a tool waits for its schema, others in front of it included. */
  readonly waitMsMax?: number
  /** Bounds of what is kept compiled. */
  readonly validatorsMax?: number
  readonly sourceCharsMax?: number
  /** How many schemas may wait for the compiler. */
  readonly queueMax?: number
  /** Epoch milliseconds. */
  readonly clock?: () => number
}

export interface Guard {
  /**
   * Lets arguments pass that fit. Throws GatewayError: `arguments_invalid` with a hint that a model
   * can act on, `schema_unusable`, or `busy` when the schema could not be compiled in time.
   * Waits only when the schema is not compiled yet, or when the arguments are large, costly to judge or do not fit:
   * a worker judges those, so that no call stops the others. Then the refusal rejects the promise.
   */
  inspectArguments<A extends Action>(admitted: Admitted<A>): Inspected<A> | Promise<Inspected<A>>
  /** Lets a reply out, of a recorded call or of the gateway itself. */
  inspectReply(reply: Reply): Released
  /** What is wrong with the schema of an item. @throws GatewayError busy, shutting_down, internal */
  examineSchema(item: Item): Promise<SchemaFindings>
  close(): Promise<void>
}

/** What a schema cannot do. */
export interface SchemaFindings {
  /** Why no call of the tool is let through; undefined when arguments can be checked. */
  readonly fault: string | undefined
  /** Keywords that only the server can judge. */
  readonly skipped: readonly Skipped[]
}

type Entry =
  | {
      readonly kind: 'validator'
      /** Undefined when its source is so large that already its compilation would stop others. */
      readonly validator: Validator | undefined
      readonly source: ValidatorSource
      readonly skipped: readonly Skipped[]
    }
  | { readonly kind: 'fault'; readonly fault: string; readonly until: number }

const cappedMs = 60_000
/** Arguments that wait for the check worker, of everybody and of one principal. */
const checksMax = 64
const checksOfOneMax = 8
/** Of the source of a check that the main thread compiles, in characters. */
const quickSourceCharsMax = 100_000
const compileHeapMbMax = 192
const checkHeapMbMax = 256

export function createGuard(options: GuardOptions = {}): Guard {
  const clock = options.clock ?? Date.now
  const waitMsMax = options.waitMsMax ?? 10_000
  const queueMax = options.queueMax ?? 2_000
  const compiler = new WorkerQueue<string, Verdict>({
    name: 'compile-worker',
    jobMsMax: options.compileMsMax ?? 2_000,
    heapMbMax: compileHeapMbMax,
    queueMax,
    ownerMax: queueMax,
  })
  const checker = new WorkerQueue<CheckJob, CheckAnswer>({
    name: 'check-worker',
    jobMsMax: options.checkMsMax ?? 10_000,
    heapMbMax: checkHeapMbMax,
    queueMax: checksMax,
    ownerMax: checksOfOneMax,
  })
  const entries = new Lru<string, Entry>({
    countMax: options.validatorsMax ?? 5_000,
    weightMax: options.sourceCharsMax ?? 64_000_000,
  })
  const compiling = new Map<string, Promise<Entry>>()

  const known = (digest: string): Entry | undefined => {
    const entry = entries.get(digest)
    return entry?.kind === 'fault' && entry.until <= clock() ? undefined : entry
  }

  const load = async (digest: string, schema: string): Promise<Entry> => {
    const verdict = await compiler.run('', schema)
    if (verdict.kind === 'source') {
      const { check, report, skipped } = verdict
      const source = { check, report }
      const validator = check.length > quickSourceCharsMax ? undefined : makeValidator(source)
      const entry: Entry = { kind: 'validator', validator, source, skipped }
      entries.set(digest, entry, sourceChars(source))
      return entry
    }
    const fault =
      verdict.kind === 'capped' ? `it takes too much ${verdict.what} to compile` : verdict.fault
    const until = verdict.kind === 'capped' ? clock() + cappedMs : Number.POSITIVE_INFINITY
    const entry: Entry = { kind: 'fault', fault, until }
    entries.set(digest, entry, fault.length)
    return entry
  }

  const loadOnce = (digest: string, schema: string): Promise<Entry> => {
    const running = compiling.get(digest)
    if (running !== undefined) return running
    const started = load(digest, schema).finally(() => compiling.delete(digest))
    compiling.set(digest, started)
    return started
  }

  /** Lets arguments through at once when they are quickly seen to fit. */
  const judge = <A extends Action>(
    entry: Entry,
    item: Item,
    admitted: Admitted<A>,
  ): Inspected<A> | Promise<Inspected<A>> => {
    const { args = '{}', principal } = admitted.action
    if (entry.kind === 'fault') throw new GatewayError('schema_unusable', { detail: entry.fault })
    const { digest, headerParams } = item
    const job = { digest, text: args, headerParams }
    if (entry.validator !== undefined && fitsQuickly(entry.validator, args, headerParams))
      return admitted as unknown as Inspected<A>
    return judgeElsewhere(principal.id, entry.source, job).then((judgement) => {
      if (judgement.kind === 'fits') return admitted as unknown as Inspected<A>
      const { detail, hint } = judgement
      throw new GatewayError('arguments_invalid', { detail, hint })
    })
  }

  const judgeElsewhere = async (
    owner: string,
    source: ValidatorSource,
    job: Omit<CheckJob, 'source'>,
  ): Promise<Judgement> => {
    let answer = await checker.run(owner, { ...job, source: undefined })
    if (answer.kind === 'source-wanted') answer = await checker.run(owner, { ...job, source })
    if (isCapped(answer)) return tooCostly(`the check takes too much ${answer.what}`)
    if (answer.kind === 'source-wanted')
      throw new GatewayError('internal', { detail: 'the check worker lost a schema' })
    return answer
  }

  return {
    inspectArguments<A extends Action>(
      admitted: Admitted<A>,
    ): Inspected<A> | Promise<Inspected<A>> {
      const { target } = admitted
      const { item } = target
      const schema =
        target.kind === 'tool' && target.task === undefined ? item?.inputSchema : undefined
      if (item === undefined || schema === undefined) return admitted as unknown as Inspected<A>
      const entry = known(item.digest)
      if (entry !== undefined) return judge(entry, item, admitted)
      return within(loadOnce(item.digest, schema), waitMsMax).then((loaded) =>
        judge(loaded, item, admitted),
      )
    },
    inspectReply: (reply) => ({ reply }) as Released,
    async examineSchema(item) {
      if (item.inputSchema === undefined) return { fault: undefined, skipped: [] }
      const entry = known(item.digest) ?? (await loadOnce(item.digest, item.inputSchema))
      return entry.kind === 'fault'
        ? { fault: entry.fault, skipped: [] }
        : { fault: undefined, skipped: entry.skipped }
    },
    close: async () => {
      await Promise.all([compiler.close(), checker.close()])
    },
  }
}

function within<T>(promise: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new GatewayError('busy', { detail: 'the schema of the tool is not compiled yet' }))
    }, ms)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
