import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { createKeyRing, newRingKey } from '../kit/key-ring.ts'
import { unlimitedAccount } from '../model/account.ts'
import type { Principal } from '../model/principal.ts'
import type { Exchange } from '../model/session.ts'
import { SessionTable } from './sessions.ts'
import type { DoorPorts, Outcome } from './settings.ts'
import { serveStdio } from './stdio.ts'

const principal: Principal = {
  id: 'local',
  label: 'local',
  kind: 'user',
  name: 'local',
  user: undefined,
  teams: [],
  environment: 'test',
  roles: [],
  expiresAt: undefined,
}

/** A door whose calls wait until they are cancelled, and then say so. */
function open(): {
  say: (text: string) => void
  lines: () => string[]
  end: () => Promise<void>
  /** As when the client is killed. */
  lose: () => Promise<void>
  cancelled: string[]
  taken: string[]
} {
  const [input, output] = [new PassThrough(), new PassThrough()]
  const cancelled: string[] = []
  const taken: string[] = []
  let written = ''
  output.setEncoding('utf8').on('data', (chunk: string) => {
    written += chunk
  })
  const ports: DoorPorts = {
    identify: () => principal,
    serve: (_principal: Principal, exchange: Exchange, text: string): Promise<Outcome> => {
      taken.push(text)
      if (!text.includes('"hang"')) return Promise.resolve({ kind: 'accepted' })
      return new Promise((resolve) => {
        exchange.cancel.onCancel(() => {
          cancelled.push(text)
          resolve({ kind: 'accepted' })
        })
      })
    },
    account: () => unlimitedAccount,
    refusalText: (error) => JSON.stringify({ refused: error.code }),
    endpointExists: () => true,
    peers: {
      addressOf: () => undefined,
      takesNew: () => false,
      livesAt: () => false,
      seal: () => '',
      arrived: () => false,
    },
    anonymous: () => undefined,
    join: () => () => undefined,
    hasParked: () => false,
    subscribe: () => () => undefined,
    ready: () => ({ ready: true, text: '' }),
    log: () => undefined,
  }
  const sessions = new SessionTable({
    ring: createKeyRing({ keys: [newRingKey(0)] }),
    node: 'n',
    countMax: 10,
    perPrincipalMax: 10,
    idleMs: 60_000,
    lifeMs: 60_000,
    now: Date.now,
  })
  const endpoint = { kind: 'all' } as const
  const limits = { messageBytesMax: 1_000, concurrentMax: 100 }
  const served = serveStdio(ports, sessions, { input, output, principal, endpoint, ...limits })
  return {
    say: (text) => input.write(`${text}\n`),
    lines: () => written.split('\n').slice(0, -1),
    end: () => {
      input.end()
      return served.finally(() => sessions.close())
    },
    lose: () => {
      input.destroy()
      return served.finally(() => sessions.close())
    },
    cancelled,
    taken,
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const call = (id: string): string => `{"jsonrpc":"2.0","id":${id},"method":"hang"}`

test('what is no UTF-8 or too long is refused, and the next line is read', async () => {
  const door = open()
  door.say('x'.repeat(2_000))
  door.say('{"jsonrpc":"2.0","method":"after"}')
  await turn()
  expect(door.taken.at(-1)).toBe('{"jsonrpc":"2.0","method":"after"}')
  await door.end()
})

test('data that looks like a cancellation cancels nothing', async () => {
  const door = open()
  door.say(call('1'))
  door.say(
    '{"jsonrpc":"2.0","id":2,"method":"x","params":{"arguments":{"method":"notifications/cancelled","requestId":1}}}',
  )
  await turn()
  const found = [...door.cancelled]
  await door.lose()
  expect(found).toEqual([])
  expect(door.cancelled).toEqual([call('1')])
})
