import { expect, it } from 'vitest'
import { GatewayError } from '../model/refusal.ts'
import { Subscriptions, type Way } from './subscriptions.ts'

const uri = 'a:1'
const asked = (subscriptions: Subscriptions): string =>
  subscriptions.request().params.find(({ key }) => key === 'notifications')?.raw ?? ''

const stream = (honoured: ReadonlySet<string> | undefined): Way => ({
  kind: 'stream',
  renew: async () => honoured,
  shrink: async () => undefined,
})
const session = (subscribe: (uri: string) => Promise<void>): Way => ({
  kind: 'session',
  subscribe,
  unsubscribe: async () => undefined,
})
const refuse = async (): Promise<void> => {
  throw new GatewayError('subscription_refused')
}

it.each<[string, Way, boolean]>([
  ['a stream that honours it', stream(new Set([uri])), true],
  ['a stream that honours others', stream(new Set(['a:2'])), false],
  ['a server without a stream', stream(undefined), false],
  ['a session that takes it', session(async () => undefined), true],
  ['a session that refuses it', session(refuse), false],
])('keeps what was taken, and nothing else: %s', async (_, way, isKept) => {
  const subscriptions = new Subscriptions()
  const done = subscriptions.subscribe(uri, async () => way)
  if (isKept) await done
  else await expect(done).rejects.toMatchObject({ code: 'subscription_refused' })
  expect(asked(subscriptions).includes(uri)).toBe(isKept)
  expect(subscriptions.size).toBe(isKept ? 1 : 0)
})

it('asks a new session for all of it, whatever it refuses', async () => {
  const subscriptions = new Subscriptions()
  const taken = async (): Promise<Way> => session(async () => undefined)
  for (const one of ['a:1', 'a:2', 'a:3']) await subscriptions.subscribe(one, taken)
  await subscriptions.unsubscribe('a:2', taken)
  const again: string[] = []
  await subscriptions.restore(async (one) => {
    again.push(one)
    await refuse()
  })
  expect(again).toEqual(['a:1', 'a:3'])
})

it('knows no tasks of legacy servers', async () => {
  const subscriptions = new Subscriptions()
  await expect(
    subscriptions.subscribeTask(
      't',
      session(async () => undefined),
    ),
  ).rejects.toMatchObject({ code: 'method_unknown' })
  await subscriptions.subscribeTask('t', stream(new Set()))
  expect(asked(subscriptions)).toContain('"taskIds":["t"]')
  await subscriptions.unsubscribeTask('t', undefined)
  expect(asked(subscriptions)).not.toContain('taskIds')
})
