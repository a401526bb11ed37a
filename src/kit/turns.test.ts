import { expect, it } from 'vitest'
import { Turns } from './turns.ts'

const turnsOf = (waitingMax = 9, ownerMax = 9): Turns =>
  new Turns({
    waitingMax,
    ownerMax,
    full: () => new Error('full'),
    closed: () => new Error('closed'),
  })

it('runs one at a time, owners in turns, whatever becomes of each', async () => {
  const turns = turnsOf()
  const order: string[] = []
  let running = 0
  const work = (name: string) => async (): Promise<string> => {
    expect(++running).toBe(1)
    await Promise.resolve()
    running--
    order.push(name)
    if (name === 'a2') throw new Error('its own')
    return name
  }
  const all = await Promise.allSettled([
    turns.run('a', work('a1')),
    turns.run('a', work('a2')),
    turns.run('a', work('a3')),
    turns.run('b', work('b1')),
  ])
  expect(order).toEqual(['a1', 'a2', 'b1', 'a3'])
  expect(all.map(({ status }) => status)).toEqual([
    'fulfilled',
    'rejected',
    'fulfilled',
    'fulfilled',
  ])
})

it('lets wait so many, and of one owner so many', async () => {
  const turns = turnsOf(2, 1)
  const { promise, resolve } = Promise.withResolvers<void>()
  const first = turns.run('a', () => promise)
  const second = turns.run('a', async () => undefined)
  await expect(turns.run('a', async () => undefined)).rejects.toThrow('full')
  const third = turns.run('b', async () => undefined)
  await expect(turns.run('c', async () => undefined)).rejects.toThrow('full')
  resolve()
  await Promise.all([first, second, third])
  await turns.run('c', async () => undefined)
})

it('begins nothing once it is closed', async () => {
  const turns = turnsOf()
  const { promise, resolve } = Promise.withResolvers<number>()
  const first = turns.run('a', () => promise)
  const second = turns.run('a', async () => 2)
  turns.close()
  await expect(second).rejects.toThrow('closed')
  await expect(turns.run('a', async () => 3)).rejects.toThrow('closed')
  resolve(1)
  expect(await first).toBe(1)
})
