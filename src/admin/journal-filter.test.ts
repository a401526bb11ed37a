import { expect, test } from 'vitest'
import { createJournalFilter, type Wanted } from './journal-filter.ts'
import type { JournalLine } from './ports.ts'

const at = (sequence: number, entry: Readonly<Record<string, unknown>> & { kind: string }) =>
  ({ writer: 'w', sequence, entry: { at: sequence, ...entry } }) satisfies JournalLine

const call = { method: 'tools/call', principal: 'key:ann', principalId: 'a1' }
const lines: readonly JournalLine[] = [
  at(0, { kind: 'system', principal: '', method: 'start' }),
  at(1, { kind: 'intent', call: 'c1', ...call, server: 'crm', name: 'find' }),
  at(2, { kind: 'intent', call: 'c2', ...call, server: 'web', name: 'find' }),
  at(3, {
    kind: 'refusal',
    call: 'c3',
    ...call,
    server: 'crm',
    name: 'drop',
    code: 'tool_unknown',
  }),
  at(4, { kind: 'outcome', call: 'c2', status: 'error', code: 'busy' }),
  at(5, { kind: 'outcome', call: 'c1', status: 'ok' }),
  at(6, { kind: 'change', call: 'c4', principal: 'owner', object: 'server', name: 'crm' }),
  at(7, { kind: 'change', call: 'c5', principal: 'owner', object: 'role', name: 'crm' }),
  at(8, { kind: 'outcome', call: 'c5', status: 'error', code: 'invalid' }),
  at(9, { kind: 'outcome', call: 'c4', status: 'ok' }),
  at(10, { kind: 'list', ...call, method: 'tools/list' }),
  at(11, { kind: 'anonymous', source: '10.0.0.1', code: 'key_missing', count: 3 }),
  at(12, { kind: 'outcome', call: 'lost', status: 'unknown' }),
  at(13, {
    kind: 'intent',
    call: 'c6',
    ...call,
    method: 'prompts/get',
    server: 'crm',
    name: 'find',
  }),
]

const all = lines.map(({ sequence }) => sequence)

test.each<[Wanted, readonly number[]]>([
  [{}, all],
  [{ since: 4, until: 7 }, [4, 5, 6]],
  [{ kind: ['intent', 'change'] }, [1, 2, 6, 7, 13]],
  [{ principal: 'key:ann' }, [1, 2, 3, 4, 5, 10, 13]],
  [{ principal: 'a1', kind: ['outcome'] }, [4, 5]],
  [{ principal: 'key:bob' }, []],
  [{ server: 'crm' }, [1, 3, 5, 6, 9, 13]],
  [{ tool: 'find' }, [1, 2, 4, 5]],
  [{ tool: 'drop' }, [3]],
  [{ server: 'crm', tool: 'find' }, [1, 5]],
  [{ status: ['ok'] }, [1, 5, 6, 9]],
  [{ status: ['error'] }, [2, 4, 7, 8]],
  [{ status: ['refused'] }, [3, 11]],
  [{ status: ['error', 'refused'], server: 'crm' }, [3]],
  [{ status: ['error'], kind: ['intent'] }, [2]],
  [{ status: ['ok'], since: 5, until: 6 }, [1, 5]],
  [{ status: ['unknown'] }, []],
  [{ principal: 'owner', status: ['ok', 'error'], kind: ['change'] }, [7, 6]],
])('%j wants %j', (wanted, sequences) => {
  const filter = createJournalFilter(wanted)
  const taken = lines.flatMap((line) => filter.take(line)).map(({ sequence }) => sequence)
  expect(taken).toEqual(sequences)
  expect(filter.narrows).toBe(Object.keys(wanted).length > 0)
})

test('calls that have not ended are held up to a bound', () => {
  const filter = createJournalFilter({ status: ['ok'] })
  for (let n = 0; n <= 100_000; n++) filter.take(at(n, { kind: 'intent', call: `c${n}`, ...call }))
  expect(filter.take(at(1, { kind: 'outcome', call: 'c0', status: 'ok' }))).toEqual([])
  expect(filter.take(at(2, { kind: 'outcome', call: 'c1', status: 'ok' }))).toHaveLength(2)
})
