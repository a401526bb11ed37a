// A name is for people: what one key's holder left open is reachable for nobody who gets a key of the same name later.
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readJournal } from '../../src/record/read.ts'
import { builtProgram } from '../built.ts'
import { FIXTURE_SERVER, type Fixture, startFixture } from '../conformance/start-fixture.ts'
import {
  bearer,
  eventually,
  type Feed,
  type LegacyClient,
  legacySession,
  modernCall,
  modernTool,
  openFeed,
  openListen,
  type Params,
  parseEvents,
} from './client.ts'
import { startGateway, type TestGateway } from './gateway.ts'
import { dig, digList, digNumber, digText, names } from './json.ts'

const tasks = { extensions: { 'io.modelcontextprotocol/tasks': {} } }
const withTasks = { _meta: { 'io.modelcontextprotocol/clientCapabilities': tasks } }
const withQuestions = {
  _meta: { 'io.modelcontextprotocol/clientCapabilities': { elicitation: {} } },
}
const question = { name: 'test_input_required_result_elicitation', arguments: {}, ...withQuestions }

let folder: string
let fixture: Fixture
let worker: Fixture
let gateway: TestGateway

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-holders-'))
  const file = join(folder, 'shop.db')
  const shop = new DatabaseSync(file)
  shop.exec('create table orders (id integer primary key, total real)')
  for (let id = 1; id <= 9; id++) shop.exec(`insert into orders values (${id}, ${id})`)
  shop.close()
  fixture = await startFixture({ era: 'dual' })
  worker = await startFixture({ era: 'modern', args: ['--extensions'] })
  const stdio = { command: process.execPath, args: [FIXTURE_SERVER, '--stdio'] }
  gateway = await startGateway({
    config: {
      servers: {
        remote: { http: { url: fixture.url }, era: 'legacy' },
        child: { stdio: { ...stdio, process: 'per-principal' } },
        work: { http: { url: worker.url }, era: 'modern' },
        shop: { sql: { url: `sqlite:${file}` } },
      },
    },
  })
  await eventually(async () => {
    const list = await modernCall(gateway.url, gateway.key, 'tools/list')
    const found = names(list.message, 'tools')
    return ['remote__echo', 'child__echo', 'work__echo', 'shop__query'].every((name) =>
      found.includes(name),
    )
  })
})
afterAll(async () => {
  await gateway?.stop()
  await fixture?.stop()
  await worker?.stop()
  await rm(folder, { recursive: true, force: true })
})

async function cli(...args: string[]): Promise<unknown> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [builtProgram, ...args, '--data', gateway.dataDir, '--json'],
    { env: { PATH: '/usr/bin:/bin', NODE_NO_WARNINGS: '1' } },
  )
  return JSON.parse(stdout)
}

async function makeKey(name: string, ...more: string[]): Promise<{ key: string; id: string }> {
  const made = await cli('keys', 'create', name, '--role', 'all-tools', ...more)
  return { key: digText(made, 'key'), id: digText(made, 'id') }
}

const code = (message: unknown): unknown => dig(message, 'error', 'data', 'code')

async function pidFor(key: string): Promise<number> {
  const { message } = await modernTool(gateway.server('child'), key, 'stats')
  return digNumber(message, 'result', 'structuredContent', 'pid')
}

async function upstreamSession(key: string): Promise<string> {
  const { message } = await modernTool(gateway.server('remote'), key, 'request_info')
  return digText(message, 'result', 'structuredContent', 'headers', 'mcp-session-id')
}

/** Whether the server behind still knows a session of its own. */
async function livesAtServer(session: string): Promise<boolean> {
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-session-id': session,
  }
  const body = '{"jsonrpc":"2.0","id":1,"method":"ping"}'
  return (await fetch(fixture.url, { method: 'POST', headers, body })).status !== 404
}

function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

async function stat(name: string): Promise<number> {
  const { message } = await modernTool(gateway.server('remote'), gateway.key, 'stats')
  return digNumber(message, 'result', 'structuredContent', name)
}

const orders = async (key: string, more: Params) =>
  (
    await modernTool(gateway.server('shop'), key, 'query', {
      sql: 'select id from orders order by id',
      limit: 2,
      ...more,
    })
  ).message

/** What one holder leaves behind. */
interface Left {
  readonly upstream: string
  readonly pid: number
  readonly state: string
  readonly answers: Params
  readonly taskId: string
  readonly cursor: string
  readonly session: LegacyClient
  readonly feeds: readonly Feed[]
  readonly eventId: string
  /** Of the pair. */
  readonly place: string
  readonly call: Promise<Response>
}

async function leave(key: string): Promise<Left> {
  const remote = gateway.server('remote')
  const upstream = await upstreamSession(key)
  const pid = await pidFor(key)
  const asked = await modernCall(remote, key, 'tools/call', question)
  const state = digText(asked.message, 'result', 'requestState')
  const [name = ''] = Object.keys(Object(dig(asked.message, 'result', 'inputRequests')))
  const answers = { [name]: { action: 'accept', content: { name: 'Ada' } } }
  const task = { name: 'slow_compute', arguments: { seconds: 300 }, ...withTasks }
  const made = await modernCall(gateway.server('work'), key, 'tools/call', task)
  const cursor = digText(await orders(key, {}), 'result', 'structuredContent', 'nextCursor')
  const session = await legacySession(remote, key)
  const logged = parseEvents((await session.tool('test_tool_with_logging')).text)
  const get = await session.listen()
  expect(
    dig((await session.request('resources/subscribe', { uri: watched })).message, 'result'),
  ).toEqual({})
  const listen = await openListen(remote, key, { resourceSubscriptions: [watched] })
  await listen.untilMethod('notifications/subscriptions/acknowledged')
  const headers = { ...bearer(key), accept: 'text/event-stream' }
  const sse = await openFeed(gateway.url.replace(/mcp$/, 'sse'), { method: 'GET', headers })
  const place = await eventually(async () => sse.events[0]?.data)
  const started = await stat('hangStarted')
  const call = session.post(
    '{"jsonrpc":"2.0","id":"h","method":"tools/call","params":{"name":"hang","arguments":{}}}',
  )
  await eventually(async () => (await stat('hangStarted')) === started + 1)
  const eventId = logged.findLast((event) => event.id !== undefined)?.id ?? ''
  expect(eventId).not.toBe('')
  return {
    upstream,
    pid,
    state,
    answers,
    taskId: digText(made.message, 'result', 'taskId'),
    cursor,
    session,
    feeds: [get, listen, sse],
    eventId,
    place,
    call,
  }
}

const watched = 'test://watched-resource'

describe('a new key under the name of a revoked one', () => {
  test('reaches nothing of the former holder, and what that one held is ended', async () => {
    const former = await makeKey('alice')
    const left = await leave(former.key)
    const cancelled = await stat('hangCancelled')
    expect(await livesAtServer(left.upstream)).toBe(true)
    await cli('keys', 'revoke', 'alice')
    // Ended at once, whoever comes next.
    for (const feed of left.feeds) await eventually(async () => feed.ended)
    await left.call.then((response) => response.text()).catch(() => undefined)
    await eventually(async () => (await stat('hangCancelled')) > cancelled)
    await eventually(async () => !runs(left.pid))
    await eventually(async () => !(await livesAtServer(left.upstream)))
    expect((await modernTool(gateway.server('remote'), former.key, 'echo')).status).toBe(401)

    const { key, id } = await makeKey('alice')
    expect(id).not.toBe(former.id)
    const remote = gateway.server('remote')
    expect(await upstreamSession(key)).not.toBe(left.upstream)
    expect(await pidFor(key)).not.toBe(left.pid)
    const again = { ...question, requestState: left.state, inputResponses: left.answers }
    expect(code((await modernCall(remote, key, 'tools/call', again)).message)).toBe('state_invalid')
    const about = { taskId: left.taskId, ...withTasks }
    for (const method of ['tasks/get', 'tasks/cancel', 'tasks/update']) {
      const named = { headers: { 'mcp-name': left.taskId } }
      const reply = await modernCall(gateway.server('work'), key, method, about, named)
      expect([method, code(reply.message)]).toEqual([method, 'task_unknown'])
    }
    const paged = await orders(key, { cursor: left.cursor })
    expect(dig(paged, 'result', 'isError')).toBe(true)
    const headers = { ...bearer(key), 'mcp-session-id': left.session.id }
    const get = { ...headers, accept: 'text/event-stream', 'last-event-id': left.eventId }
    expect((await fetch(remote, { headers: get })).status).toBe(404)
    expect((await fetch(remote, { method: 'DELETE', headers })).status).toBe(404)
    const place = new URL(left.place, gateway.url)
    const json = { ...bearer(key), 'content-type': 'application/json' }
    const body = '{"jsonrpc":"2.0","id":1,"method":"ping"}'
    expect((await fetch(place, { method: 'POST', headers: json, body })).status).toBe(404)
  })

  test('is told apart in the journal and the list of keys', async () => {
    const { keys } = Object(await cli('keys', 'ls'))
    const alices = digList(keys).filter((key) => dig(key, 'name') === 'alice')
    expect(alices.map((key) => dig(key, 'state')).sort()).toEqual(['revoked', 'valid'])
    const ids = new Set(alices.map((key) => digText(key, 'id')))
    expect(ids.size).toBe(2)
    const seen = new Set<string>()
    for await (const { entry } of readJournal(join(gateway.dataDir, 'journal'), {
      onFault: () => undefined,
    }))
      if ('principal' in entry && entry.principal === 'key:alice') seen.add(entry.principalId)
    expect(seen).toEqual(ids)
    const explained = await cli('explain', 'alice', 'remote.echo')
    expect(dig(explained, 'principal')).toBe('key:alice')
  })
})

test('an expired key ends what it held, too', async () => {
  const brief = await makeKey('brief', '--expires', '20s')
  const left = await leave(brief.key)
  while (left.feeds.some((feed) => !feed.ended)) await delay(50)
  await eventually(async () => !runs(left.pid))
  await eventually(async () => !(await livesAtServer(left.upstream)))
  // The name is free again.
  const next = await makeKey('brief')
  expect(await pidFor(next.key)).not.toBe(left.pid)
})
