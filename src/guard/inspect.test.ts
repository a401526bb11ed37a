import { hash } from 'node:crypto'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import type { Admitted } from '../model/proofs.ts'
import { GatewayError } from '../model/refusal.ts'
import type { Item } from '../model/target.ts'
import { createGuard, type Guard, type GuardOptions } from './inspect.ts'

const open: Guard[] = []
function guardWith(options: GuardOptions = {}): Guard {
  const guard = createGuard(options)
  open.push(guard)
  return guard
}
afterEach(() => Promise.all(open.splice(0).map((guard) => guard.close())))

function itemOf(schema: unknown): Item {
  const inputSchema = typeof schema === 'string' ? schema : JSON.stringify(schema)
  const digest = hash('sha256', inputSchema, 'hex')
  return {
    kind: 'tool',
    server: 's',
    name: 't',
    raw: '{}',
    digest,
    inputSchema,
    wrapsOutput: false,
    headerParams: [],
  }
}

function callOf(
  item: Item | undefined,
  args: string | undefined,
  kind = 'tool',
  owner = 'key:a',
): Admitted {
  const target = { kind, server: 's', name: 't', item }
  const admitted: unknown = { action: { args, principal: { id: owner } }, target, rule: '' }
  // biome-ignore lint/nursery/noUnsafeTypeAssertion: only limits/admit.ts can make a real one
  return admitted as Admitted
}

async function refusal(act: () => unknown): Promise<GatewayError> {
  try {
    await act()
  } catch (error) {
    if (error instanceof GatewayError) return error
    throw error
  }
  throw new Error('it was let through')
}

async function expectWait(guard: Guard, call: Admitted): Promise<void> {
  const waiting = guard.inspectArguments(call)
  expect(waiting).toBeInstanceOf(Promise)
  await Promise.allSettled([waiting])
}

const pathTool = itemOf({
  type: 'object',
  properties: { path: { type: 'string' } },
  required: ['path'],
})

describe('arguments', () => {
  test('wait for the schema once, then are judged at once, and stay the same object', async () => {
    const guard = guardWith()
    const first = callOf(pathTool, '{"path":"a"}')
    const waiting = guard.inspectArguments(first)
    expect(waiting).toBeInstanceOf(Promise)
    expect(await waiting).toBe(first)
    const second = callOf(pathTool, '{ "path": "b", "n": 12345678901234567890 }')
    expect(guard.inspectArguments(second)).toBe(second)
  })

  test('that are also headers may be null, which says that they are absent, unless they are required', async () => {
    const guard = guardWith()
    const schema = {
      type: 'object',
      properties: {
        a: { type: 'string' },
        o: { type: 'object', properties: { b: { type: 'boolean' } } },
      },
      required: ['a'],
    }
    const plain = itemOf(schema)
    const headerParams = [
      { header: 'A', path: ['a'] },
      { header: 'B', path: ['o', 'b'] },
    ]
    const mirrored = { ...plain, digest: `${plain.digest}-mirrored`, headerParams }
    const nulled = '{"a":"x","o":{"b":null}}'
    const call = callOf(mirrored, nulled)
    expect(await guard.inspectArguments(call)).toBe(call)
    expect(call.action.args).toBe(nulled)
    for (const [item, args] of [
      [plain, nulled],
      [mirrored, '{"a":null}'],
      [mirrored, '{"a":"x","o":null}'],
    ] as const)
      expect((await refusal(() => guard.inspectArguments(callOf(item, args)))).code).toBe(
        'arguments_invalid',
      )
  })

  test('that do not fit are refused with a hint for the model, and no value in the detail', async () => {
    const guard = guardWith()
    const call = callOf(pathTool, '{"path":["secret"]}')
    for (const error of [
      await refusal(() => guard.inspectArguments(call)),
      await refusal(() => guard.inspectArguments(call)),
    ]) {
      expect(error.code).toBe('arguments_invalid')
      expect(error.hint).toContain('/path: expected string, got array of 1 items')
      expect(error.message).not.toContain('secret')
    }
  })

  test('that are absent count as none', async () => {
    const error = await refusal(() => guardWith().inspectArguments(callOf(pathTool, undefined)))
    expect(error.hint).toContain('/path: expected a required member')
  })

  test('too costly to check are refused', async () => {
    const item = itemOf({ allOf: [1, 2].map(() => ({ properties: { a: { $ref: '#' } } })) })
    const args = `${'{"a":'.repeat(60)}1${'}'.repeat(60)}`
    const error = await refusal(() => guardWith().inspectArguments(callOf(item, args)))
    expect(error.code).toBe('arguments_invalid')
    expect(error.hint).toContain('send less')
  })

  test.each([
    ['of a prompt', callOf(pathTool, '{}', 'prompt')],
    ['of an unlisted tool', callOf(undefined, '{}')],
    ['of a tool without a schema', callOf({ ...pathTool, inputSchema: undefined }, '{}')],
  ])('%s pass', (_name, call) => expect(guardWith().inspectArguments(call)).toBe(call))
})

describe('schemas', () => {
  test('that cannot be used refuse every call, and say why in private', async () => {
    const guard = guardWith()
    const item = itemOf({ allOf: [{ $ref: '#' }] })
    for (const act of [() => guard.inspectArguments(callOf(item, '{}'))]) {
      const error = await refusal(act)
      expect(error.code).toBe('schema_unusable')
      expect(error.message).toContain('without end')
    }
    expect(await guard.examineSchema(item)).toEqual({
      fault: 'it refers to itself without end',
      skipped: [],
    })
    expect(await guard.examineSchema(pathTool)).toEqual({ fault: undefined, skipped: [] })
  })

  test('that can be read in part are judged in part, and the rest is named', async () => {
    const guard = guardWith()
    const item = itemOf({
      type: 'object',
      properties: { a: { type: 'string', pattern: 'x(?=y)' }, b: { type: 'number' } },
    })
    const call = callOf(item, '{"a":"anything","b":1}')
    expect(await guard.inspectArguments(call)).toBe(call)
    expect((await refusal(() => guard.inspectArguments(callOf(item, '{"a":1}')))).hint).toContain(
      '/a: expected string',
    )
    expect((await guard.examineSchema(item)).skipped).toEqual([
      { place: '/properties/a/pattern', reason: expect.stringContaining('linear time') },
    ])
  })

  test('that compile for too long stop nobody else, and are tried again later', async () => {
    let now = 0
    const guard = guardWith({ compileMsMax: 25, clock: () => now })
    const wide = {
      type: 'object',
      properties: { a: { type: 'string', maxLength: 3 } },
      minProperties: 1,
    }
    const slow = itemOf({ allOf: Array(1_300).fill(wide) })
    const results = await Promise.all([guard.examineSchema(slow), guard.examineSchema(slow)])
    expect(results).toEqual([
      { fault: 'it takes too much time to compile', skipped: [] },
      { fault: 'it takes too much time to compile', skipped: [] },
    ])
    expect((await refusal(() => guard.inspectArguments(callOf(slow, '{}')))).code).toBe(
      'schema_unusable',
    )
    now = 61_000
    await expectWait(guard, callOf(slow, '{}'))
  })

  test('that wait too long let the call go as busy', async () => {
    const guard = guardWith({ waitMsMax: 1 })
    expect((await refusal(() => guard.inspectArguments(callOf(pathTool, '{}')))).code).toBe('busy')
  })

  test('beyond the bound are compiled again', async () => {
    const guard = guardWith({ validatorsMax: 1 })
    expect((await guard.examineSchema(pathTool)).fault).toBeUndefined()
    expect((await guard.examineSchema(itemOf({ type: 'object' }))).fault).toBeUndefined()
    await expectWait(guard, callOf(pathTool, '{"path":""}'))
  })

  test('in too great a number, and after the end, are refused', async () => {
    const guard = guardWith({ queueMax: 1 })
    const faults = Array.from({ length: 4 }, (_, i) =>
      refusal(() => guard.examineSchema(itemOf({ minimum: i }))),
    )
    expect((await faults[3])?.code).toBe('busy')
    await guard.close()
    expect((await faults[0])?.code).toBe('shutting_down')
    expect((await refusal(() => guard.examineSchema(pathTool))).code).toBe('shutting_down')
  })
})

describe('large and costly arguments', () => {
  /** How many turns of the event loop pass while something runs. */
  async function turnsDuring(work: Promise<unknown>): Promise<number> {
    let turns = 0
    let running = true
    const turn = () => {
      turns++
      if (running) setImmediate(turn)
    }
    turn()
    await Promise.allSettled([work])
    running = false
    return turns
  }
  const many = (chars: number) =>
    JSON.stringify({ a: Array.from({ length: chars / 14 }, (_, i) => ({ a: i })) })
  const enumOfObjects = Array.from({ length: 2_000 }, (_, i) => ({ a: i, b: { c: i } }))
  const all = Array.from({ length: 600 }, (_, i) => ({ properties: { [`p${i}`]: true } }))
  const text = JSON.stringify({ a: 'x'.repeat(2_000_000) })

  test.each<[string, unknown, string]>([
    ['contains', { properties: { a: { contains: { enum: enumOfObjects } } } }, many(2_000_000)],
    ['uniqueItems', { properties: { a: { uniqueItems: true } } }, many(2_000_000)],
    ['unevaluatedProperties', { allOf: all, unevaluatedProperties: false }, many(1_600_000)],
    ['lengths', { properties: { a: { allOf: Array(1_300).fill({ maxLength: 1e9 }) } } }, text],
    [
      'many alternatives of small arguments',
      { properties: { a: { items: { oneOf: Array(1_000).fill({ type: 'string' }) } } } },
      many(60_000),
    ],
  ])('are judged while others go on: %s', async (_name, schema, args) => {
    const guard = guardWith({ checkMsMax: 60_000, compileMsMax: 60_000, waitMsMax: 60_000 })
    const item = itemOf(schema)
    expect((await guard.examineSchema(item)).fault).toBeUndefined()
    const before = process.threadCpuUsage()
    const judged = Promise.resolve(guard.inspectArguments(callOf(item, args)))
    judged.catch(() => undefined)
    const spent = process.threadCpuUsage(before)
    // What is done before others have their turn again, in microseconds of this thread.
    expect(spent.user + spent.system).toBeLessThan(150_000)
    expect(await turnsDuring(judged)).toBeGreaterThan(1)
  })

  test('fit when they fit', async () => {
    const guard = guardWith()
    const call = callOf(pathTool, JSON.stringify({ path: 'x'.repeat(3_000_000) }))
    expect(await guard.inspectArguments(call)).toBe(call)
  })

  test('that wait are bounded, and each principal has a share of its own', async () => {
    const guard = guardWith()
    const large = JSON.stringify({ path: 'x'.repeat(100_000) })
    expect((await guard.examineSchema(pathTool)).fault).toBeUndefined()
    const judged = (owner: string) =>
      Promise.resolve(guard.inspectArguments(callOf(pathTool, large, 'tool', owner)))
    const results = await Promise.allSettled([
      ...Array.from({ length: 30 }, () => judged('key:a')),
      judged('key:b'),
    ])
    const refused = results.filter(({ status }) => status === 'rejected')
    expect(refused.length).toBeGreaterThan(0)
    expect(refused.length).toBeLessThan(30)
    expect(results.at(-1)?.status).toBe('fulfilled')
  })

  test('that break the cap of time are refused', async () => {
    const guard = guardWith({ checkMsMax: 1 })
    const error = await refusal(() =>
      guard.inspectArguments(callOf(pathTool, JSON.stringify({ path: 'x'.repeat(4_000_000) }))),
    )
    expect(error.hint).toContain('send less')
  })
})

test('nothing but a GatewayError is ever thrown', async () => {
  const guard = guardWith()
  const schema = fc.oneof(fc.json(), fc.constantFrom('{"type":"object"}', '{"pattern":"^(a+)+$"}'))
  await fc.assert(
    fc.asyncProperty(schema, fc.oneof(fc.json(), fc.string()), async (text, args) => {
      try {
        await guard.inspectArguments(callOf(itemOf(text), args))
      } catch (error) {
        expect(error).toBeInstanceOf(GatewayError)
      }
    }),
    { numRuns: 200 },
  )
})
