import { expect, test } from 'vitest'
import { Pool, type PoolOptions } from './pool.ts'

interface Line {
  readonly number: number
  usable: boolean
}

function lines(more: Partial<PoolOptions<Line>> = {}) {
  const opened: Line[] = []
  const closed: number[] = []
  const pool = new Pool<Line>({
    open: async () => {
      const line = { number: opened.length, usable: true }
      opened.push(line)
      return line
    },
    close: ({ number }) => closed.push(number),
    usable: ({ usable }) => usable,
    connectionsMax: 2,
    idleMs: 30,
    waitersMax: 2,
    ...more,
  })
  return { pool, opened, closed, signal: new AbortController().signal }
}

test('a clean connection is lent again, a used up or broken one never', async () => {
  const { pool, closed, signal } = lines()
  const first = await pool.take(signal)
  pool.give(first, true)
  expect(await pool.take(signal)).toBe(first)
  pool.give(first, false)
  expect(closed).toEqual([0])
  const second = await pool.take(signal)
  expect(second.number).toBe(1)
  pool.give(second, true)
  second.usable = false
  expect((await pool.take(signal)).number).toBe(2)
  expect(closed).toEqual([0, 1])
})

test('no more are open than may be; the next in line gets the next one; the line has an end', async () => {
  const { pool, opened, signal } = lines()
  const [one, two] = [await pool.take(signal), await pool.take(signal)]
  const third = pool.take(signal)
  const gone = new AbortController()
  const fourth = pool.take(gone.signal)
  await expect(pool.take(signal)).rejects.toMatchObject({ code: 'server_busy' })
  gone.abort()
  await expect(fourth).rejects.toMatchObject({ code: 'cancelled' })
  pool.give(one, true)
  expect(await third).toBe(one)
  pool.give(two, false)
  expect((await pool.take(signal)).number).toBe(2)
  expect(opened).toHaveLength(3)
  expect(pool.size).toBe(2)
})

test('idle ones are closed, and one that cannot be opened leaves no gap', async () => {
  const { pool, closed, signal } = lines()
  pool.give(await pool.take(signal), true)
  await expect.poll(() => closed).toEqual([0])
  expect(pool.size).toBe(0)
  let fail = true
  const broken = lines({
    open: async () => {
      if (fail) throw new Error('down')
      return { number: 9, usable: true }
    },
    connectionsMax: 1,
  })
  await expect(broken.pool.take(signal)).rejects.toThrow('down')
  fail = false
  expect((await broken.pool.take(signal)).number).toBe(9)
})

test('closing ends what is lent, what is idle and who waits', async () => {
  const { pool, closed, signal } = lines()
  const one = await pool.take(signal)
  pool.give(await pool.take(signal), true)
  await pool.take(signal)
  const waiting = pool.take(signal)
  pool.close()
  await expect(waiting).rejects.toMatchObject({ code: 'server_unavailable' })
  await expect(pool.take(signal)).rejects.toMatchObject({ code: 'server_unavailable' })
  expect(closed.sort()).toEqual([0, 1])
  pool.give(one, true)
})
