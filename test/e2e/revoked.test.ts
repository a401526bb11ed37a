/** A key that is not valid any more begins nothing, however long ago the request began that carries it. */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { runCommand } from '../cli/built-commands.ts'
import { bearer, eventually, modernRequest, modernTool, openFeed, postText } from './client.ts'
import { everything, startGateway } from './gateway.ts'
import { dig, digText } from './json.ts'
import { openRaw, type RawConnection, rawRequest } from './raw-http.ts'
import { startWorld, type TestWorld } from './world.ts'

let world: TestWorld
/** A server that nobody reaches until it is opened. */
const held: Socket[] = []
const door = createServer((socket) => {
  socket.on('error', () => undefined)
  if (isOpen) pass(socket)
  else held.push(socket)
})
let isOpen = false
const pass = (socket: Socket): void => {
  const server = connect(Number(new URL(world.fixture.url).port), '127.0.0.1')
  server.on('error', () => undefined)
  socket.pipe(server).pipe(socket)
}

beforeAll(async () => {
  door.listen(0, '127.0.0.1')
  await once(door, 'listening')
  const address = door.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const names = ['body', 'pair', 'closed', 'cold', 'list']
  world = await startWorld({
    servers: { cold: { http: { url: `http://127.0.0.1:${port}/mcp` }, era: 'modern' } },
    keys: Object.fromEntries(names.map((name) => [name, everything])),
  })
})
afterAll(async () => {
  await world?.stop()
  door.close()
})

const json = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
const code = (text: string): string => digText(JSON.parse(text), 'error', 'data', 'code')

const calls = async (): Promise<unknown> => {
  const stats = await modernTool(world.at('modern'), world.key, 'stats')
  return dig(stats.message, 'result', 'structuredContent', 'calls')
}

/** Nothing but what counts was called meanwhile. */
async function callsNothing(act: () => Promise<void>): Promise<void> {
  const before = Number(await calls())
  await act()
  expect(await calls()).toBe(before + 1)
}

async function revoke(name: string): Promise<void> {
  const { dataDir } = world.gateway
  const ran = await runCommand(['keys', 'revoke', name, '--data', dataDir], { cwd: dataDir })
  expect([ran.code, ran.stdout]).toEqual([0, expect.stringContaining(`Revoked ${name}`)])
}

// The first, since nobody waits for long for a server that does not answer.
test('a call that waits for a server until their key was revoked', async () => {
  const at = world.gateway.server('cold')
  const call = modernTool(at, world.gateway.keyOf('cold'), 'echo', { n: 1 })
  await eventually(async () => held.length > 0)
  await callsNothing(async () => {
    await revoke('cold')
    isOpen = true
    for (const socket of held.splice(0)) pass(socket)
    const { status, message } = await call
    expect([status, digText(message, 'error', 'data', 'code')]).toEqual([401, 'key_invalid'])
  })
  const { dataDir } = world.gateway
  const words = ['audit', 'tail', '--principal', 'key:cold', '--data', dataDir]
  const { stdout } = await runCommand(words, { cwd: dataDir })
  expect(stdout.trim().split('\n')).toEqual([
    expect.stringMatching(/ refusal .* code=key_invalid detail=/),
  ])
})

interface Begun {
  /** 100, unless it was refused at once. */
  readonly status: number
  readonly connection: RawConnection
  finish(): void
}

/** Sends all of a request but its end; the door has read its head once it says so. */
async function begin(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
): Promise<Begun> {
  const connection = await openRaw(url)
  const all = { ...json, ...headers, 'content-length': body.length, expect: '100-continue' }
  connection.write(rawRequest(url, 'POST', all))
  const { status } = await connection.next()
  connection.write(body.slice(0, -2))
  return { status, connection, finish: () => connection.write(body.slice(-2)) }
}

const tool = (name: string) => modernRequest('tools/call', { name, arguments: { n: 1 } })

test('a call whose body comes when its key was revoked', async () => {
  const key = world.gateway.keyOf('body')
  const { body, headers } = tool('echo')
  await callsNothing(async () => {
    const begun = await begin(world.at('modern'), { ...bearer(key), ...headers }, body)
    expect(begun.status).toBe(100)
    await revoke('body')
    begun.finish()
    const reply = await begun.connection.next()
    expect([reply.status, code(reply.body)]).toEqual([401, 'key_invalid'])
    expect(reply.head).toContain('Bearer realm="sallyport", error="invalid_token"')
  })
})

/** A call that began while its key was valid, at a gateway of its own, whose start may take a while. */
async function beginBeforeExpiry(
  lifeMs: number,
): Promise<{ begun: Begun; isOver: () => Promise<boolean> }> {
  const gateway = await startGateway({
    config: { servers: { modern: { http: { url: world.fixture.url }, era: 'modern' } } },
    keys: { short: { ...everything, expiresAt: Date.now() + lifeMs } },
  })
  onTestFinished(() => gateway.stop())
  const key = gateway.keyOf('short')
  const { body, headers } = tool('echo')
  const at = gateway.server('modern')
  const begun = await begin(at, { ...bearer(key), ...headers }, body)
  if (begun.status !== 100) return beginBeforeExpiry(lifeMs * 4)
  const isOver = async () => (await modernTool(at, key, 'no_such_tool')).status === 401
  return { begun, isOver }
}

test('a call whose body comes when its key has expired', async () => {
  await callsNothing(async () => {
    const { begun, isOver } = await beginBeforeExpiry(4_000)
    await eventually(isOver)
    begun.finish()
    const reply = await begun.connection.next()
    expect([reply.status, code(reply.body)]).toEqual([401, 'key_invalid'])
  })
})

/** A stream of the pair, and a call on it that is not whole yet. */
async function beginOnPair(key: string) {
  const { origin } = new URL(world.gateway.url)
  const feed = await openFeed(`${origin}/sse`, { method: 'GET', headers: bearer(key) })
  const { data } = await eventually(async () =>
    feed.events.find(({ event }) => event === 'endpoint'),
  )
  const params = { name: 'modern__echo', arguments: { n: 1 } }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })
  const url = `${origin}/${data}`
  return { feed, url, begun: await begin(url, bearer(key), body) }
}

test('a call of the pair whose body comes when its key was revoked', async () => {
  await callsNothing(async () => {
    const { feed, begun } = await beginOnPair(world.gateway.keyOf('pair'))
    await revoke('pair')
    begun.finish()
    const reply = await begun.connection.next()
    expect([reply.status, code(reply.body)]).toEqual([401, 'key_invalid'])
    await eventually(async () => feed.ended)
    expect(feed.messages.filter((message) => dig(message, 'id') !== undefined)).toEqual([])
  })
})

test('a call of the pair whose body comes when its stream has ended', async () => {
  await callsNothing(async () => {
    const key = world.gateway.keyOf('closed')
    const { feed, url, begun } = await beginOnPair(key)
    feed.close()
    const nothing = '{"jsonrpc":"2.0","method":"notifications/initialized"}'
    await eventually(async () => (await postText(url, key, nothing)).status === 404)
    begun.finish()
    const reply = await begun.connection.next()
    expect([reply.status, code(reply.body)]).toEqual([404, 'session_unknown'])
  })
})
