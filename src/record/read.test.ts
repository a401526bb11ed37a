import { expect, test } from 'vitest'
import { newFolder, open, outcome, pairs } from './journal-fixture.ts'
import { type ReadEntry, type ReadOptions, readJournal } from './read.ts'

const onFault = (error: Error): never => {
  throw error
}

async function sequences(dir: string, options: Partial<ReadOptions> = {}): Promise<number[]> {
  const found: number[] = []
  for await (const { sequence } of readJournal(dir, { onFault, ...options })) found.push(sequence)
  return found
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, i) => from + i)

test('reads from any sequence, over segments, once each', async () => {
  const dir = await newFolder()
  const journal = await open(dir, { segmentBytesMax: 2_000 })
  await pairs(journal, 0, 15)
  for (const from of [0, 1, 7, 29, 30, 99])
    expect(await sequences(dir, { from: () => from })).toEqual(range(from, Math.max(from, 30)))
  await journal.close()
  expect(await sequences(dir, { from: () => 28 })).toEqual([28, 29])
})

test('holds back what is not durable', async () => {
  const dir = await newFolder()
  const journal = await open(dir)
  await pairs(journal, 0, 2)
  await journal.append(outcome('x'))
  expect(await sequences(dir, { below: () => 4 })).toEqual([0, 1, 2, 3])
  await journal.close()
})

test('passes over what retention removed', async () => {
  const dir = await newFolder()
  let at = 1
  const journal = await open(dir, { segmentBytesMax: 2_000, now: () => at++ })
  await pairs(journal, 0, 15)
  await journal.prune(at - 1)
  const left = await sequences(dir)
  expect(left).toEqual(range(left[0] ?? 0, 30))
  expect(left.length).toBeLessThan(30)
  await journal.close()
})

test('follows live writers, over rotations, and writers that begin later', async () => {
  const dir = await newFolder()
  const stop = new AbortController()
  const found: ReadEntry[] = []
  const following = (async () => {
    const follow = { pollMs: 5, signal: stop.signal }
    for await (const entry of readJournal(dir, { follow, onFault })) {
      found.push(entry)
      if (found.length === 60) stop.abort()
    }
  })()
  const first = await open(dir, { segmentBytesMax: 3_000 })
  await pairs(first, 0, 10)
  const second = await open(dir, { node: 'n2', segmentBytesMax: 3_000 })
  await Promise.all([pairs(first, 10, 20), pairs(second, 0, 10)])
  await following
  const of = (writer: string): number[] =>
    found.filter((entry) => entry.writer === writer).map(({ sequence }) => sequence)
  expect(of(first.writer)).toEqual(range(0, 40))
  expect(of(second.writer)).toEqual(range(0, 20))
  await Promise.all([first.close(), second.close()])
})
