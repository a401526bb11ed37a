import { expect, test } from 'vitest'
import type { Actor, Change } from '../model/change.ts'
import { GatewayError } from '../model/refusal.ts'
import { createChangeRecorder } from './change.ts'
import { entriesOf, newFolder, open } from './journal-fixture.ts'

const actor: Actor = { label: 'owner', id: 'owner', via: 'socket', uid: 7 }
const change: Change = { action: 'created', object: 'role', name: 'x', before: {}, after: { a: 1 } }

function recording(refuses: (line: string) => boolean = () => false) {
  const lines: Record<string, unknown>[] = []
  const push = (line: string): void => void lines.push(JSON.parse(line))
  let count = 0
  const held = new Map<string, unknown[]>()
  const recorded = createChangeRecorder({
    unrecorded: {
      holds: (call) => held.has(call),
      hold: async (call, line) => {
        held.set(call, [...(held.get(call) ?? []), JSON.parse(line)])
      },
    },
    journal: {
      intent: async (line) => {
        if (refuses(line)) throw new GatewayError('journal_unavailable')
        push(line)
      },
      append: async (line) => push(line),
    },
    nextId: () => `c${++count}`,
    now: () => 5,
    clock: () => 1,
  })
  const told = () =>
    lines.map(({ kind, call, status = '', code = '' }) =>
      [kind, call, status, code].join(' ').trim(),
    )
  return { recorded, told, lines, held }
}

test('a change is recorded before it is made, and its outcome after it', async () => {
  const { recorded, told, lines } = recording()
  const made = await recorded(actor, [change, change], async () => {
    expect(told()).toEqual(['change c1', 'change c2'])
    return 'made'
  })
  expect(made).toBe('made')
  expect(told()).toEqual(['change c1', 'change c2', 'outcome c1 ok', 'outcome c2 ok'])
  const who = { principal: 'owner', principalId: 'owner', via: 'socket', uid: 7 }
  expect(lines[0]).toEqual({ kind: 'change', call: 'c1', at: 5, ...who, ...change })
})

test.each([
  [Object.assign(new Error('no'), { code: 'invalid' }), 'error invalid'],
  [new GatewayError('busy'), 'unknown busy'],
  [new Error('no'), 'unknown'],
])('a change that fails says so: %o', async (fault, ending) => {
  const { recorded, told } = recording()
  await expect(recorded(actor, [change], () => Promise.reject(fault))).rejects.toBe(fault)
  expect(told()).toEqual(['change c1', `outcome c1 ${ending}`])
})

test('of changes that belong together none is made when one cannot be recorded', async () => {
  const { recorded, told } = recording((line) => line.includes('"b"'))
  const make = () => Promise.reject(new Error('made'))
  const all = [change, { ...change, name: 'b' }]
  await expect(recorded(actor, all, make)).rejects.toMatchObject({ code: 'journal_unavailable' })
  expect(told()).toEqual(['change c1', 'outcome c1 error journal_unavailable'])
})

test('a key is revoked all the same, and the entry is kept beside the journal', async () => {
  const { recorded, told, held } = recording(() => true)
  const revoked = { ...change, action: 'revoked', object: 'key' } as const
  expect(await recorded(actor, [revoked], async () => 'made')).toBe('made')
  expect(told()).toEqual([])
  expect(held.get('c1')).toMatchObject([
    { kind: 'change', call: 'c1', action: 'revoked' },
    { kind: 'outcome', call: 'c1', status: 'ok' },
  ])
})

test('an entry takes a bounded number of bytes, whatever it tells', async () => {
  const { recorded, lines } = recording()
  const long = '\u0000'.repeat(9_000)
  const members = Array.from({ length: 500 }, (_, n) => [`${n}${long}`, long])
  const huge = { list: Array.from({ length: 5_000 }, () => long), ...Object.fromEntries(members) }
  await recorded(actor, [{ ...change, name: long, before: huge, after: huge }], async () => 1)
  expect(Buffer.byteLength(JSON.stringify(lines[0]))).toBeLessThan(10_000)
  expect(lines[0]?.['after']).toMatchObject({ '…': expect.stringMatching(/^\d+ more$/) })
})

test('a change that the end of the process cut short gets an unknown outcome', async () => {
  const dir = await newFolder()
  const journal = await open(dir)
  let count = 0
  const ids = () => `c${++count}`
  const recorded = createChangeRecorder({
    journal,
    unrecorded: { holds: () => false, hold: async () => undefined },
    nextId: ids,
    now: () => 5,
    clock: () => 1,
  })
  void recorded(actor, [change], () => new Promise(() => undefined))
  await expect.poll(() => journal.durable).toBe(1)
  await journal.close()
  expect(
    (await entriesOf(dir)).map((entry) => [entry.kind, 'status' in entry ? entry.status : '']),
  ).toEqual([
    ['change', ''],
    ['outcome', 'unknown'],
  ])
})
