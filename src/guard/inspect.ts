/**
 * The guard's room: arguments are checked against the tool's `inputSchema` before they leave, and
 * leave byte for byte as they came. A tool whose schema cannot be checked cannot be called.
 */
import { Lru } from '../kit/lru.ts'
import type { Admitted, Inspected, Released } from '../model/proofs.ts'
import { GatewayError } from '../model/refusal.ts'
import type { Reply } from '../model/reply.ts'
import type { HeaderParam, Item } from '../model/target.ts'
import { BudgetSpent } from './budget.ts'
import { createCompiler } from './compiler.ts'
import { describeProblems } from './problems.ts'
import { makeValidator, type Validator } from './validator.ts'

export interface GuardOptions {
  /** How long one schema may take to compile. */
  readonly compileMsMax?: number
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
   * Waits only when the schema is not compiled yet; then the refusal rejects the promise.
   */
  inspectArguments(admitted: Admitted): Inspected | Promise<Inspected>
  /** Lets a reply out, of a recorded call or of the gateway itself. */
  inspectReply(reply: Reply): Released
  /** What is wrong with the schema of an item; undefined when it can be checked. */
  schemaFault(item: Item): Promise<string | undefined>
  close(): Promise<void>
}

type Entry =
  | { readonly kind: 'validator'; readonly validator: Validator }
  | { readonly kind: 'fault'; readonly fault: string; readonly until: number }

const cappedMs = 60_000

export function createGuard(options: GuardOptions = {}): Guard {
  const clock = options.clock ?? Date.now
  const waitMsMax = options.waitMsMax ?? 10_000
  const compiler = createCompiler({
    compileMsMax: options.compileMsMax ?? 2_000,
    queueMax: options.queueMax ?? 2_000,
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
    const verdict = await compiler.compile(schema)
    if (verdict.kind === 'source') {
      const entry: Entry = { kind: 'validator', validator: makeValidator(verdict) }
      entries.set(digest, entry, verdict.check.length + verdict.report.length)
      return entry
    }
    const until = verdict.kind === 'capped' ? clock() + cappedMs : Number.POSITIVE_INFINITY
    const entry: Entry = { kind: 'fault', fault: verdict.fault, until }
    entries.set(digest, entry, verdict.fault.length)
    return entry
  }

  const loadOnce = (digest: string, schema: string): Promise<Entry> => {
    const running = compiling.get(digest)
    if (running !== undefined) return running
    const started = load(digest, schema).finally(() => compiling.delete(digest))
    compiling.set(digest, started)
    return started
  }

  return {
    inspectArguments(admitted) {
      const { target } = admitted
      const schema =
        target.kind === 'tool' && target.task === undefined ? target.item?.inputSchema : undefined
      if (target.item === undefined || schema === undefined) return admitted as unknown as Inspected
      const { digest } = target.item
      const entry = known(digest)
      if (entry !== undefined) return judge(entry, admitted)
      return within(loadOnce(digest, schema), waitMsMax).then((loaded) => judge(loaded, admitted))
    },
    inspectReply: (reply) => ({ reply }) as Released,
    async schemaFault(item) {
      if (item.inputSchema === undefined) return undefined
      const entry = known(item.digest) ?? (await loadOnce(item.digest, item.inputSchema))
      return entry.kind === 'fault' ? entry.fault : undefined
    },
    close: () => compiler.close(),
  }
}

function judge(entry: Entry, admitted: Admitted): Inspected {
  if (entry.kind === 'fault') throw new GatewayError('schema_unusable', { detail: entry.fault })
  const text = admitted.call.args ?? '{}'
  const value = parseArguments(text)
  // Without this literal nothing in them is null.
  if (text.includes('null')) forgetNulls(value, admitted.target.item?.headerParams ?? [])
  if (!fits(entry.validator, value, text.length)) {
    const errors = entry.validator.problems(value)
    throw new GatewayError('arguments_invalid', {
      // The values belong to the caller, not into logs: the detail has places only.
      detail: errors
        .slice(0, 5)
        .map((error) => `${error.keyword} at ${error.schemaPath}`)
        .join(', ')
        .slice(0, 500),
      hint: describeProblems(errors, value),
    })
  }
  return admitted as unknown as Inspected
}

/**
 * Numbers become doubles here, so bounds are judged as doubles are: an integer beyond 2^53 stays an
 * integer and may pass a bound that it misses by less than a double can tell. What leaves is the text.
 */
function parseArguments(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new GatewayError('arguments_invalid', { hint: 'They are not valid JSON.', cause: error })
  }
}

/** `null` for an argument that is also a header says that it is absent (MCP 2026-07-28 server/tools, `x-mcp-header`). */
function forgetNulls(args: unknown, params: readonly HeaderParam[]): void {
  for (const { path } of params) {
    let holder = args
    for (const key of path.slice(0, -1)) holder = memberOf(holder, key)
    const last = path.at(-1)
    if (last !== undefined && memberOf(holder, last) === null && typeof holder === 'object')
      Reflect.deleteProperty(holder ?? {}, last)
  }
}

function memberOf(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
  const member: unknown = Reflect.get(value, key)
  return member
}

function fits(validator: Validator, value: unknown, chars: number): boolean {
  try {
    return validator.check(value, chars)
  } catch (error) {
    if (!(error instanceof BudgetSpent) && !(error instanceof RangeError)) throw error
    throw new GatewayError('arguments_invalid', {
      detail: error.message,
      hint: 'They are too large or too deeply nested to be checked: send less at once.',
      cause: error,
    })
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
