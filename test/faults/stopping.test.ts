// A gateway that is told to stop: what runs gets its answer, whoever comes hears of it, and all ends in order.
import type { ChildProcess } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { runCommand, startCommand } from '../cli/built-commands.ts'
import {
  bearer,
  eventually,
  Feed,
  legacySession,
  modernCall,
  modernRequest,
  modernTool,
  openFeed,
  openListen,
  postText,
  type Reply,
} from '../e2e/client.ts'
import { codeOf, entriesOf, textOf } from '../e2e/cluster-calls.ts'
import { everything, startGateway, type TestGateway } from '../e2e/gateway.ts'
import { dig, digText } from '../e2e/json.ts'
import { openRaw } from '../e2e/raw-http.ts'
import { until } from '../patience.ts'
import { type AskingServer, startAskingServer } from './asking-server.ts'
import { answers, yes } from './asking-world.ts'
import { type Stub, sendJson, startStub } from './stub-server.ts'

const heldServer = fileURLToPath(new URL('../fixtures/held-server.mjs', import.meta.url))

/** A gateway before servers whose calls end when the test says so. */
class World {
  gateway: TestGateway
  readonly folder: string
  readonly held: ServerResponse[]
  readonly asking: AskingServer
  /** Whether lists are held as well; how many links asked the stub who it is. */
  readonly holds: { lists: boolean; discovered: number }
  private readonly stub: Stub
  private readonly ids: unknown[]

  private constructor(parts: {
    gateway: TestGateway
    folder: string
    held: ServerResponse[]
    ids: unknown[]
    holds: World['holds']
    stub: Stub
    asking: AskingServer
  }) {
    this.gateway = parts.gateway
    this.folder = parts.folder
    this.held = parts.held
    this.ids = parts.ids
    this.holds = parts.holds
    this.stub = parts.stub
    this.asking = parts.asking
  }

  static async start(drain: string): Promise<World> {
    const folder = await mkdtemp(join(tmpdir(), 'sallyport-held-'))
    const held: ServerResponse[] = []
    const ids: unknown[] = []
    const holds = { lists: false, discovered: 0 }
    const stub = await startStub({
      era: 'modern',
      tools: [{ name: 'hold', inputSchema: { type: 'object' } }],
      handle({ method, message, response }) {
        if (method === 'server/discover') holds.discovered++
        if (method !== 'tools/call' && !(holds.lists && method === 'tools/list')) return false
        held.push(response)
        ids.push(dig(message, 'id'))
        return true
      },
    })
    const asking = await startAskingServer('legacy')
    const gateway = await startGateway({
      config: {
        listen: { drain },
        servers: {
          held: { http: { url: stub.url } },
          asking: { http: { url: asking.url }, era: 'legacy' },
          child: {
            stdio: { command: process.execPath, args: [heldServer, join(folder, 'go')] },
            era: 'legacy',
          },
        },
      },
      keys: { first: everything },
    })
    return new World({ gateway, folder, held, ids, holds, stub, asking })
  }

  get origin(): string {
    return new URL(this.gateway.url).origin
  }

  get key(): string {
    return this.gateway.key
  }

  /** A call that runs until `release`. */
  hold(server: 'held' | 'child'): Promise<Reply> {
    return modernTool(this.gateway.server(server), this.key, 'hold')
  }

  /** Lets every held call end. */
  async release(): Promise<void> {
    await writeFile(join(this.folder, 'go'), '')
    for (const [index, response] of this.held.entries()) {
      const content = [{ type: 'text', text: 'of the stub' }]
      const result = { resultType: 'complete', content }
      sendJson(response, { jsonrpc: '2.0', id: this.ids[index], result })
    }
  }

  command(args: readonly string[]): ChildProcess & ReturnType<typeof startCommand> {
    return startCommand([...args, '--data', this.gateway.dataDir], {
      cwd: this.folder,
      env: { SALLYPORT_KEY: this.key },
    })
  }

  signal(signal: NodeJS.Signals): void {
    process.kill(this.gateway.pid, signal)
  }

  /** Tells it to stop, and waits until it takes nothing new. */
  async told(signal: NodeJS.Signals): Promise<void> {
    this.signal(signal)
    await eventually(async () => (await this.call()).status === 503)
  }

  /** A call that would be answered at once. */
  call(): Promise<Reply> {
    return modernCall(this.gateway.url, this.key, 'tools/list')
  }

  /** Intents without an outcome, and the statuses of the outcomes. */
  async recorded(): Promise<{ open: number; statuses: readonly string[] }> {
    const entries = await entriesOf(this.gateway)
    const calls = new Set(entries.flatMap((entry) => (entry.kind === 'intent' ? [entry.call] : [])))
    // Changes of the configuration have outcomes, too.
    const statuses = entries.flatMap((entry) =>
      entry.kind === 'outcome' && calls.has(entry.call) ? [entry.status] : [],
    )
    return { open: calls.size - statuses.length, statuses }
  }

  async stop(): Promise<void> {
    await this.release().catch(() => undefined)
    await this.gateway.stop()
    await this.stub.stop()
    await this.asking.stop()
    await rm(this.folder, { recursive: true, force: true })
  }
}

let world: World
afterEach(() => world?.stop())

const toolCall = (id: number, name: string, args = '{}'): string =>
  `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"${name}","arguments":${args}}}`
const opening = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`
const initialized = '{"jsonrpc":"2.0","method":"notifications/initialized"}'

test.each(['SIGTERM', 'SIGINT'] as const)(
  'after %s what runs ends in order, and what is new hears that the gateway stops',
  async (signal) => {
    world = await World.start('10m')
    const { gateway, key, origin } = world
    // What only waits.
    const idle = await legacySession(gateway.server('held'), key)
    const stream = await idle.listen()
    const listening = await openListen(gateway.url, key, { toolsListChanged: true })
    const kept = await openRaw(gateway.url)
    kept.write(`GET /healthz HTTP/1.1\r\nHost: ${new URL(gateway.url).host}\r\n\r\n`)
    expect((await kept.next()).status).toBe(200)
    const tail = world.command(['audit', 'tail', '--follow'])
    const tailed = text(tail.stdout)

    // What runs, through every door.
    const plain = world.hold('held')
    const child = world.hold('child')
    const session = await legacySession(gateway.server('held'), key)
    const legacy = session.tool('hold')
    const pair = await openFeed(`${origin}/sse`, { method: 'GET', headers: bearer(key) })
    const place = await eventually(async () =>
      pair.events.find(({ event }) => event === 'endpoint'),
    )
    const messages = new URL(place.data, `${origin}/sse`).href
    for (const message of [opening, initialized, toolCall(2, 'held__hold')])
      expect((await postText(messages, key, message)).status).toBe(202)
    const command = world.command(['call', 'held.hold'])
    const commanded = text(command.stdout)
    const relay = world.command(['stdio', '--server', 'held'])
    const relayed = text(relay.stdout)
    relay.stdin.write(`${opening}\n${initialized}\n${toolCall(2, 'hold')}\n`)
    const asked = await legacySession(gateway.server('asking'), key, {
      capabilities: { elicitation: {} },
    })
    const question = new Feed(
      await asked.post(toolCall(7, 'ask', '{"by":"user"}')),
      new AbortController(),
    )
    const { id: questionId } = Object(await question.untilMethod('elicitation/create'))
    const parked = await modernCall(gateway.server('asking'), key, 'tools/call', {
      name: 'ask',
      arguments: { by: 'model' },
      _meta: { 'io.modelcontextprotocol/clientCapabilities': { elicitation: { form: {} } } },
    })
    expect(dig(parked.message, 'result', 'resultType')).toBe('input_required')
    await until(() => world.held.length === 5)
    await eventually(async () =>
      (await entriesOf(gateway)).some(
        ({ kind, ...entry }) => kind === 'intent' && 'server' in entry && entry.server === 'child',
      ),
    )

    await world.told(signal)

    const fresh = await openRaw(gateway.url)
    for (const connection of [fresh, kept]) {
      const { body, headers } = modernRequest('tools/list')
      const lines = {
        host: new URL(gateway.url).host,
        'content-type': 'application/json',
        'content-length': body.length,
        ...bearer(key),
        ...headers,
      }
      connection.write(
        `POST /mcp HTTP/1.1\r\n${Object.entries(lines)
          .map(([name, value]) => `${name}: ${value}\r\n`)
          .join('')}\r\n${body}`,
      )
      const { status, head, body: refusal } = await connection.next()
      expect([status, dig(JSON.parse(refusal), 'error', 'data', 'code')]).toEqual([
        503,
        'shutting_down',
      ])
      expect(head).toMatch(/\r\nconnection: close/i)
      expect(head).toMatch(/\r\nretry-after: \d+/i)
      await connection.untilClosed()
    }
    const ready = await fetch(`${origin}/readyz`)
    expect(ready.status).toBe(503)
    expect(await ready.json()).toMatchObject({
      status: 'stopping',
      details: expect.arrayContaining([expect.stringContaining('stopping')]),
    })
    expect((await fetch(`${origin}/healthz`)).status).toBe(200)
    expect((await postText(gateway.url, key, opening)).status).toBe(503)
    const more = await session.tool('hold')
    expect([more.status, codeOf(more)]).toEqual([503, 'shutting_down'])
    expect(more.headers.get('retry-after')).toMatch(/^\d+$/)
    const late = await runCommand(['call', 'held.hold', '--data', gateway.dataDir], {
      cwd: world.folder,
    })
    expect([late.code, late.stderr]).toEqual([
      1,
      expect.stringMatching(/stopping[\s\S]*[Tt]ry again/),
    ])
    const lateRelay = await runCommand(['stdio', '--data', gateway.dataDir, '--key', key], {
      cwd: world.folder,
    })
    expect([lateRelay.code, lateRelay.stderr]).toEqual([
      1,
      expect.stringMatching(/stopping[\s\S]*[Tt]ry again/),
    ])
    relay.stdin.write(`${toolCall(3, 'hold')}\n`)
    await postText(messages, key, toolCall(3, 'held__hold'))
    const answerOf = (feed: Feed, id: unknown) =>
      feed.until((one) => dig(one, 'id') === id && dig(one, 'method') === undefined)
    expect(dig(await answerOf(pair, 3), 'error', 'data', 'code')).toBe('shutting_down')
    for (const feed of [stream, listening]) await until(() => feed.ended)
    expect(await tailed).not.toBe('')
    await until(() => tail.exitCode !== null)
    expect([tail.exitCode, await text(tail.stderr)]).toEqual([0, ''])

    // Questions of what runs are still answered.
    await asked.post(JSON.stringify({ jsonrpc: '2.0', id: questionId, result: yes }))
    expect(digText(await answerOf(question, 7), 'result', 'content', 0, 'text')).toBe('user')
    const resumed = await modernCall(gateway.server('asking'), key, 'tools/call', {
      name: 'ask',
      arguments: { by: 'model' },
      ...answers(parked),
    })
    expect(textOf(resumed)).toBe('model')

    await world.release()
    expect(textOf(await plain)).toBe('of the stub')
    expect((await plain).headers.get('connection')).toBe('close')
    expect(textOf(await child)).toBe('of the child')
    expect(textOf(await legacy)).toBe('of the stub')
    expect(digText(await answerOf(pair, 2), 'result', 'content', 0, 'text')).toBe('of the stub')
    expect(await commanded).toContain('of the stub')
    const lines = (await relayed)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines.find(({ id }) => id === 2)).toMatchObject({
      result: { content: [{ text: 'of the stub' }] },
    })
    expect(lines.find(({ id }) => id === 3)).toMatchObject({
      error: { data: { code: 'shutting_down' } },
    })
    await until(() => command.exitCode !== null && relay.exitCode !== null)
    expect([command.exitCode, relay.exitCode]).toEqual([0, 0])
    expect(await gateway.ended()).toBe(0)
    await expect(fetch(gateway.url)).rejects.toThrow()
    const { open, statuses } = await world.recorded()
    expect([open, new Set(statuses)]).toEqual([0, new Set(['ok', 'input-required'])])
  },
)

test('with nothing to wait for it ends at once, however long calls might take', async () => {
  world = await World.start('10m')
  const session = await legacySession(world.gateway.server('held'), world.key)
  const stream = await session.listen()
  const body = await openRaw(world.gateway.url)
  // Its message never comes.
  body.write(
    `POST /mcp HTTP/1.1\r\nHost: ${new URL(world.gateway.url).host}\r\nAuthorization: Bearer ${world.key}\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{`,
  )
  world.signal('SIGTERM')
  expect(await world.gateway.ended()).toBe(0)
  await until(() => stream.ended)
  expect((await body.next()).status).toBe(503)
})

test('a command other than a call gets its answer, too', async () => {
  world = await World.start('10m')
  // The gateway has its own list.
  await eventually(async () => (await world.call()).text.includes('held__hold'))
  world.holds.lists = true
  const before = world.holds.discovered
  const command = world.command(['doctor'])
  const said = Promise.all([text(command.stdout), text(command.stderr)])
  // The gateway may list again by itself, but only the command opens another link.
  await until(() => world.holds.discovered > before && world.held.length > 0)
  await world.told('SIGTERM')
  await world.release()
  expect((await said).join('')).toMatch(/held/)
  expect((await said).join('')).not.toContain('did not answer')
  expect(await world.gateway.ended()).toBe(0)
})

test('what runs longer than listen.drain is cancelled, told so and recorded', async () => {
  world = await World.start('1s')
  const call = world.hold('held')
  const command = world.command(['call', 'held.hold'])
  const said = text(command.stderr)
  await until(() => world.held.length === 2)
  world.signal('SIGTERM')
  expect(codeOf(await call)).toBe('cancelled')
  expect(await said).toContain('cancelled')
  expect(await world.gateway.ended()).toBe(0)
  expect(await world.recorded()).toEqual({ open: 0, statuses: ['cancelled', 'cancelled'] })
})

test('a second signal gives what runs no more time', async () => {
  world = await World.start('10m')
  const call = world.hold('child')
  await eventually(async () =>
    (await entriesOf(world.gateway)).some(({ kind }) => kind === 'intent'),
  )
  await world.told('SIGINT')
  const { pid } = world.gateway
  const again = setInterval(() => process.kill(pid, 'SIGINT'), 100)
  expect(codeOf(await call)).toBe('cancelled')
  clearInterval(again)
  expect(await world.gateway.ended()).toBe(0)
  expect(await world.recorded()).toEqual({ open: 0, statuses: ['cancelled'] })
})

test('an answer that its client has not read yet is not cut', async () => {
  world = await World.start('10m')
  const { gateway, key } = world
  const bytes = 20_000_000
  const { body, headers } = modernRequest('tools/call', { name: 'hold', arguments: { bytes } })
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1').pause()
  const lines = { host: new URL(gateway.url).host, ...bearer(key), ...headers }
  const head = Object.entries(lines).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(
    `POST /mcp/s/child HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n${head.join('')}\r\n${body}`,
  )
  await world.release()
  await eventually(async () => (await world.recorded()).statuses.length > 0)
  await world.told('SIGTERM')
  const answer = await text(socket)
  expect(Number(/content-length: (\d+)/i.exec(answer)?.[1])).toBeGreaterThan(bytes)
  expect(answer.length - answer.indexOf('\r\n\r\n') - 4).toBe(
    Number(/content-length: (\d+)/i.exec(answer)?.[1]),
  )
  expect(await gateway.ended()).toBe(0)
})

test('"sallyport stdio" without a gateway answers what runs, refuses what is new, and ends', async () => {
  world = await World.start('10m')
  world.signal('SIGTERM')
  await world.gateway.ended()
  const relay = startCommand(
    [
      'stdio',
      '--server',
      'child',
      '--data',
      world.gateway.dataDir,
      '--config',
      world.gateway.configFile,
    ],
    {
      cwd: world.folder,
      env: { SALLYPORT_KEY: world.key, DATABASE_URL: 'postgres://127.0.0.1:9/nobody' },
    },
  )
  const said: unknown[] = []
  createInterface({ input: relay.stdout }).on('line', (line) => said.push(JSON.parse(line)))
  relay.stdin.write(`${opening}\n${initialized}\n${toolCall(2, 'hold')}\n`)
  await eventually(async () =>
    (await entriesOf(world.gateway)).some(({ kind }) => kind === 'intent'),
  )
  relay.kill('SIGTERM')
  let id = 10
  // What came before the signal is answered in its place.
  await eventually(async () => {
    relay.stdin.write(`{"jsonrpc":"2.0","id":${++id},"method":"ping"}\n`)
    return said.some((one) => dig(one, 'error', 'data', 'code') === 'shutting_down')
  })
  await world.release()
  await until(() => relay.exitCode !== null)
  expect(relay.exitCode).toBe(0)
  expect(said).toContainEqual(
    expect.objectContaining({
      id: 2,
      result: { content: [{ type: 'text', text: 'of the child' }] },
    }),
  )
})
