/**
 * What every kind of API promises alike, as one table: deadline, cancel, size, credentials, retries, errors, redaction.
 * A kind plugs in with `describeKind(subject)`: a real server of its own and an executor for it.
 */

import { describe, expect, it, onTestFinished } from 'vitest'
import type { Answer, Executor, Run } from '../../src/kinds/api/executor.ts'
import { GatewayError, publicSentence } from '../../src/model/refusal.ts'
import { patienceMs, until } from '../patience.ts'

/** What the real server behind a kind does, and what it saw. */
export interface Started<Plan, Common> {
  readonly executor: Executor<Plan, Common>
  readonly common: Common
  /** Undefined: the kind has nothing like it, and says why in `missing`. */
  readonly ops: {
    /** Answers `{"text": ...}` of the argument, in the kind's own form. */
    readonly echo: Plan
    /** Answers nothing until the caller goes away; must count in `seen.slow` and, when told of the end, in `seen.stopped`. */
    readonly slow: Plan
    /** Answers more than the kind's cap, for as long as it is read. */
    readonly huge?: Plan
    /** Answers for as long as it is read; its result is handed on while it arrives. Must count in `seen.streamed` when told of the end. */
    readonly endless?: Plan
    /** Says no, with the text `the-reason` of its own. */
    readonly fail: Plan
    /** Answers only with the accepted credential; else says no, with the credential that it got in its message. */
    readonly guarded?: Plan
    /** Breaks the connection without an answer the first time, then answers; safe to repeat. */
    readonly flakyRead?: Plan
    /** The same, not safe to repeat. */
    readonly flakyWrite?: Plan
  }
  /** What `credential/attach.ts` would attach, made of the presented secret. */
  readonly headers: Readonly<Record<string, string>>
  /** How often the server saw each, live. */
  readonly seen: { slow: number; stopped: number; flaky: number; streamed?: number }
  /** Ends the server; the executor is closed by the suite. */
  stop(): Promise<void>
}

export interface Subject<Plan, Common> {
  readonly name: string
  /** The executor (or `headers`) presents one secret, the server accepts one: the same, but in one test. */
  start(secrets: {
    readonly presented: string
    readonly accepted: string
  }): Promise<Started<Plan, Common>>
  /** Arguments of `echo` for a text. */
  readonly echoArgs: (text: string) => string
  /** Why an optional operation is not there; one that is missing without a reason fails. */
  readonly missing?: Readonly<
    Partial<Record<'huge' | 'endless' | 'guarded' | 'flakyRead' | 'flakyWrite', string>>
  >
}

const secret = 'contract-secret-7f3a'
const secrets = { presented: secret, accepted: secret }

export function textOf(answer: Answer): string {
  if (answer.body.kind !== 'whole') throw new Error('the result is a stream')
  return answer.body.bytes.toString()
}

/** All bytes of a result, also of one that streams. */
export async function bytesOf({ body }: Answer): Promise<Buffer> {
  if (body.kind === 'whole') return body.bytes
  const pieces = [body.head]
  for await (const piece of body.rest) pieces.push(piece)
  return Buffer.concat(pieces)
}

/** Its size; nothing is kept. */
async function readThrough({ body }: Answer): Promise<number> {
  if (body.kind === 'whole') return body.bytes.length
  let bytes = body.head.length
  for await (const piece of body.rest) bytes += piece.length
  return bytes
}

async function thrown(promise: Promise<unknown>): Promise<GatewayError> {
  try {
    await promise
  } catch (fault) {
    if (fault instanceof GatewayError) return fault
    throw fault
  }
  throw new Error('nothing was thrown')
}

/** Everything that an error shows, private detail and causes included. */
function dump(error: unknown): string {
  const parts: string[] = []
  for (let at: unknown = error; at instanceof Error; at = at.cause)
    parts.push(at.message, at.stack ?? '', JSON.stringify(at))
  if (error instanceof GatewayError) parts.push(publicSentence(error))
  return parts.join('\n')
}

export function describeKind<Plan, Common>(subject: Subject<Plan, Common>): void {
  const start = async (): Promise<Started<Plan, Common>> => {
    const started = await subject.start(secrets)
    onTestFinished(async () => {
      await started.executor.close()
      await started.stop()
    })
    return started
  }
  const run = (
    { executor, common, headers }: Started<Plan, Common>,
    plan: Plan,
    over: Partial<Run<Plan, Common>> = {},
  ): Promise<Answer> =>
    executor.run({
      plan,
      common,
      args: '{}',
      headers,
      principalId: 'key:test',
      signal: AbortSignal.timeout(patienceMs),
      progress: () => undefined,
      ...over,
    })
  const optional = (
    name: 'huge' | 'endless' | 'guarded' | 'flakyRead' | 'flakyWrite',
    act: (started: Started<Plan, Common>, plan: Plan) => Promise<void>,
  ): (() => Promise<void>) => {
    return async () => {
      const started = await start()
      const plan = started.ops[name]
      const reason = subject.missing?.[name]
      if (plan === undefined) {
        if (reason === undefined) throw new Error(`${subject.name} has no ${name} and says not why`)
        process.stdout.write(`  ${subject.name}: no ${name}: ${reason}\n`)
        return
      }
      await act(started, plan)
    }
  }

  describe(`${subject.name} keeps the contract of kinds`, () => {
    it('answers with what the API said, as a result that is JSON', async () => {
      const started = await start()
      const answer = await run(started, started.ops.echo, { args: subject.echoArgs('h\u00e9"llo') })
      expect(answer.isError).toBe(false)
      const result: unknown = JSON.parse(textOf(answer))
      expect(result).toMatchObject({ resultType: 'complete' })
      expect(JSON.stringify(result)).toContain('h\u00e9')
    })

    it('takes many calls at a time, each its own answer', async () => {
      const started = await start()
      const texts = Array.from({ length: 40 }, (_, index) => `text-${index}-end`)
      const answers = await Promise.all(
        texts.map((text) => run(started, started.ops.echo, { args: subject.echoArgs(text) })),
      )
      for (const [index, answer] of answers.entries())
        expect(textOf(answer)).toContain(`text-${index}-end`)
    })

    it('a cancel ends the call at once and reaches the API', async () => {
      const started = await start()
      const cancel = new AbortController()
      const running = thrown(run(started, started.ops.slow, { signal: cancel.signal }))
      await until(() => started.seen.slow === 1)
      cancel.abort()
      // The API itself answers only when it is told to, or never: nothing else ends the call.
      expect((await running).code).toBe('cancelled')
      await until(() => started.seen.stopped === 1)
      // The place at the server is free again.
      const answer = await run(started, started.ops.echo, { args: subject.echoArgs('after') })
      expect(textOf(answer)).toContain('after')
    })

    it('a deadline ends it like a cancel, and a call that is over before it starts is never sent', async () => {
      const started = await start()
      const deadline = new AbortController()
      const running = thrown(run(started, started.ops.slow, { signal: deadline.signal }))
      await until(() => started.seen.slow === 1)
      deadline.abort(new DOMException('The deadline is over', 'TimeoutError'))
      await running
      await until(() => started.seen.stopped === 1)
      await thrown(run(started, started.ops.slow, { signal: AbortSignal.abort() }))
      expect(started.seen.slow).toBe(1)
    })

    it('what the API refuses is a result that names the reason', async () => {
      const started = await start()
      const answer = await run(started, started.ops.fail)
      expect(answer.isError).toBe(true)
      expect(JSON.parse(textOf(answer))).toMatchObject({ isError: true })
      expect(textOf(answer)).toContain('the-reason')
      expect(textOf(answer)).not.toContain('structuredContent')
      expect(textOf(answer)).not.toContain(secret)
    })

    it(
      'presents the credential',
      optional('guarded', async (started, plan) => {
        expect((await run(started, plan)).isError).toBe(false)
      }),
    )

    it(
      'a refused credential says what to do and is not shown, not even when the API echoes it',
      optional('guarded', async () => {
        const other = await subject.start({ presented: secret, accepted: 'another-secret-91bd' })
        onTestFinished(async () => {
          await other.executor.close()
          await other.stop()
        })
        const plan = other.ops.guarded
        if (plan === undefined) throw new Error('guarded is gone')
        const outcome = await run(other, plan).then(textOf, dump)
        expect(outcome).not.toContain(secret)
        expect(outcome).toMatch(/credential/)
      }),
    )

    it(
      'refuses an answer that is too large, and goes on',
      optional('huge', async (started, plan) => {
        expect((await thrown(run(started, plan).then(readThrough))).code).toBe('answer_too_large')
        const answer = await run(started, started.ops.echo, { args: subject.echoArgs('after') })
        expect(textOf(answer)).toContain('after')
      }),
    )

    it(
      'hands a large answer on while it arrives, and breaks it off at the API when its reader is gone',
      optional('endless', async (started, plan) => {
        const streamed = async (): Promise<Extract<Answer['body'], { kind: 'stream' }>> => {
          const { body } = await run(started, plan)
          if (body.kind !== 'stream') throw new Error('it was held whole')
          return body
        }
        const gone = await streamed()
        for await (const piece of gone.rest) if (piece.length > 0) break
        await until(() => started.seen.streamed === 1)
        const stopped = await streamed()
        stopped.rest.stop(new GatewayError('server_timeout'))
        await until(() => started.seen.streamed === 2)
        const read = async (): Promise<never> => {
          for await (const _piece of stopped.rest);
          throw new Error('nothing was thrown')
        }
        expect((await thrown(read())).code).toBe('server_timeout')
        const cancel = new AbortController()
        const cancelled = await run(started, plan, { signal: cancel.signal })
        cancel.abort()
        await until(() => started.seen.streamed === 3)
        expect((await thrown(readThrough(cancelled))).code).toBe('cancelled')
      }),
    )

    it(
      'repeats what is safe to repeat when the connection broke without an answer',
      optional('flakyRead', async (started, plan) => {
        expect((await run(started, plan)).isError).toBe(false)
        expect(started.seen.flaky).toBe(2)
      }),
    )

    it(
      'never repeats what is not',
      optional('flakyWrite', async (started, plan) => {
        expect((await thrown(run(started, plan))).code).toBe('server_unavailable')
        expect(started.seen.flaky).toBe(1)
      }),
    )

    it('a server that is gone is unavailable, and errors hold no secret', async () => {
      const started = await subject.start(secrets)
      onTestFinished(() => started.executor.close())
      await run(started, started.ops.echo, { args: subject.echoArgs('once') })
      await started.stop()
      const error = await thrown(
        run(started, started.ops.echo, { args: subject.echoArgs('twice') }),
      )
      expect(error.code).toBe('server_unavailable')
      expect(dump(error)).not.toContain(secret)
    })

    it('closes while calls run', async () => {
      const started = await start()
      const running = thrown(run(started, started.ops.slow))
      await until(() => started.seen.slow === 1)
      await started.executor.close()
      expect((await running).code).toMatch(/^(?:server_unavailable|cancelled)$/)
    })
  })
}
