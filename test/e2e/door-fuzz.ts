// Mutated messages at a live gateway's door, over keep-alive connections.

import { readFile } from 'node:fs/promises'
import { Agent, type IncomingMessage, request } from 'node:http'
import fc from 'fast-check'
import { refusals } from '../../src/model/refusal.ts'
import { patienceMs } from '../patience.ts'
import { bearer, legacySession, modernHeaders, modernMeta } from './client.ts'
import { dig } from './json.ts'
import { startWorld } from './world.ts'

/** Another one every time; `SEED` in the environment repeats a run. */
export function newSeed(): number {
  // biome-ignore lint/style/noProcessEnv: how a person repeats a run
  return Number(process.env['SEED'] ?? Date.now() % 1_000_000_000)
}

export interface FuzzOptions {
  readonly messages: number
  readonly seed: number
  /** Megabytes of heap that the gateway may use; it ends when it needs more. */
  readonly heapMb: number
}

export interface FuzzReport {
  readonly sent: number
  /** How often each status came. */
  readonly statuses: Readonly<Record<string, number>>
  readonly refusals: Readonly<Record<string, number>>
  /** What an answer must not be, with what was sent; empty when all is well. */
  readonly faults: readonly string[]
  readonly rssBeforeKb: number
  readonly rssAfterKb: number
  /** The same process answers a sane call afterwards. */
  readonly servesAtTheEnd: boolean
}

interface Shot {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

const concurrent = 24
const answerMs = patienceMs
const faultsMax = 10
const codes: ReadonlySet<string> = new Set(Object.keys(refusals))
/** What the fixture server, JSON-RPC and the catalogue may say. */
const rpcCodes: ReadonlySet<number> = new Set([
  ...Object.values(refusals).map(({ rpc }) => rpc),
  -32700,
  -32600,
  -32601,
  -32602,
  -32603,
  -32002,
])
const statuses: ReadonlySet<number> = new Set([
  200, 202, 400, 401, 403, 404, 405, 406, 408, 413, 415, 431, 500, 503,
])

const meta = JSON.stringify(modernMeta({ elicitation: {}, sampling: {} }))
const modern = (method: string, params: string): string =>
  `{"jsonrpc":"2.0","id":1,"method":"${method}","params":{${params}${params === '' ? '' : ','}"_meta":${meta}}}`
const legacy = (method: string, params: string): string =>
  `{"jsonrpc":"2.0","id":"a","method":"${method}","params":{${params}}}`

const seeds: readonly string[] = [
  modern('tools/call', '"name":"echo","arguments":{"a":[1,{"b":"c"}],"n":12345678901234567890}'),
  modern('tools/call', '"name":"test_simple_text","arguments":{}'),
  modern('tools/call', '"name":"test_x_mcp_header","arguments":{"region":"eu","priority":1}'),
  modern(
    'tools/call',
    '"name":"test_input_required_result_request_state","arguments":{},"inputResponses":{"confirm":{"action":"accept"}},"requestState":"abcd"',
  ),
  modern('tools/list', '"cursor":"AAAA"'),
  modern('server/discover', ''),
  modern('resources/read', '"uri":"test://static-text"'),
  modern('prompts/get', '"name":"test_prompt_with_arguments","arguments":{"arg1":"x","arg2":"y"}'),
  modern(
    'completion/complete',
    '"ref":{"type":"ref/prompt","name":"test_prompt_with_arguments"},"argument":{"name":"arg1","value":"p"}',
  ),
  legacy(
    'initialize',
    '"protocolVersion":"2025-11-25","capabilities":{"roots":{}},"clientInfo":{"name":"x","version":"1"}',
  ),
  legacy('tools/call', '"name":"echo","arguments":{"x":null},"_meta":{"progressToken":1}'),
  legacy('tools/list', ''),
  legacy('logging/setLevel', '"level":"info"'),
  legacy('resources/subscribe', '"uri":"test://watched-resource"'),
  '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}',
  '{"jsonrpc":"2.0","id":"sp-1","result":{"action":"accept"}}',
  '[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"ping"}]',
]

const spliced = [
  '"',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '\\',
  '\\u0000',
  '\\ud800',
  '\u0000',
  '\ufeff',
  'null',
  'true',
  '-0',
  '1e999',
  '"__proto__":{"a":1},',
  '"id":1,',
  '"METHOD":"tools/call",',
  '"name":"hang",',
  '"_meta":{},',
  '{"a":',
  '[[[[[[[[',
  '"io.modelcontextprotocol/protocolVersion":"2026-07-28"',
  '99999999999999999999',
  ' ',
  '\n',
  '\ud83d',
  'é',
]

const otherValues = [
  'null',
  '{}',
  '[]',
  '""',
  '-1',
  '"hang"',
  '{"a":{"a":{}}}',
  'true',
  '1e400',
  '"\\ud800"',
  '"__proto__"',
]

const position = fc.double({ min: 0, max: 1, noNaN: true })
const mutation = fc.oneof(
  fc.record({
    kind: fc.constant('cut' as const),
    at: position,
    length: fc.integer({ min: 1, max: 40 }),
  }),
  fc.record({
    kind: fc.constant('insert' as const),
    at: position,
    text: fc.constantFrom(...spliced),
  }),
  fc.record({
    kind: fc.constant('repeat' as const),
    at: position,
    length: fc.integer({ min: 1, max: 60 }),
    times: fc.integer({ min: 1, max: 30 }),
  }),
  fc.record({
    kind: fc.constant('byte' as const),
    at: position,
    value: fc.integer({ min: 0, max: 255 }),
  }),
  fc.record({
    kind: fc.constant('value' as const),
    at: position,
    text: fc.constantFrom(...otherValues),
  }),
  fc.record({
    kind: fc.constant('swap' as const),
    at: position,
    to: position,
    length: fc.integer({ min: 1, max: 20 }),
  }),
)
type Mutation = typeof mutation extends fc.Arbitrary<infer T> ? T : never

function mutate(bytes: Buffer, change: Mutation): Buffer {
  const at = Math.floor(change.at * bytes.length)
  switch (change.kind) {
    case 'cut':
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + change.length)])
    case 'insert':
      return Buffer.concat([bytes.subarray(0, at), Buffer.from(change.text), bytes.subarray(at)])
    case 'repeat': {
      const part = bytes.subarray(at, at + change.length)
      return Buffer.concat([
        bytes.subarray(0, at),
        ...Array<Buffer>(change.times).fill(part),
        bytes.subarray(at),
      ])
    }
    case 'byte': {
      const copy = Buffer.from(bytes)
      if (copy.length > 0) copy[Math.min(at, copy.length - 1)] = change.value
      return copy
    }
    case 'value': {
      // Another value for a member, so that the text stays JSON and gets further in.
      const text = bytes.toString('latin1')
      const values = [...text.matchAll(/:("(?:[^"\\]|\\.)*"|-?[0-9.]+|null|true|false|\{\}|\[\])/g)]
      const found = values[Math.min(Math.floor(change.at * values.length), values.length - 1)]
      if (found === undefined) return bytes
      const from = found.index + 1
      const end = from + (found[1]?.length ?? 0)
      return Buffer.from(text.slice(0, from) + change.text + text.slice(end), 'latin1')
    }
    case 'swap': {
      const to = Math.floor(change.to * bytes.length)
      const copy = Buffer.from(bytes)
      bytes.copy(copy, to, at, Math.min(at + change.length, bytes.length))
      return copy
    }
  }
}

/** Header values that HTTP can carry; what it cannot is for tests of the raw socket. */
const oddValue = fc.oneof(
  fc.constantFrom(
    '2026-07-28',
    '2025-11-25',
    '1999-01-01',
    'tools/call',
    'tools/list',
    'echo',
    'hang',
    '',
    '=?base64?ZWNobw==?=',
    '=?base64?!!?=',
    'x'.repeat(900),
  ),
  fc.string({ maxLength: 30 }).map((text) => text.replace(/[^\x20-\x7e]/g, '?').trim()),
)
const oddHeaders = fc.dictionary(
  fc.constantFrom(
    'mcp-protocol-version',
    'mcp-method',
    'mcp-name',
    'mcp-session-id',
    'mcp-param-region',
    'last-event-id',
    'accept',
    'content-type',
    'authorization',
  ),
  oddValue,
  { maxKeys: 2 },
)

const shot = fc.record({
  seed: fc.constantFrom(...seeds),
  changes: fc.array(mutation, { minLength: 0, maxLength: 4 }),
  headers: fc.oneof(
    { weight: 5, arbitrary: fc.constant({}) },
    { weight: 1, arbitrary: oddHeaders },
  ),
  session: fc.boolean(),
  endpoint: fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom('/mcp/s/modern', '/mcp/s/legacy', '/mcp') },
    { weight: 1, arbitrary: fc.constant('/mcp/s/nowhere') },
  ),
})

/** What the seed's own headers would be, so that mutations get past the first checks. */
function mirror(text: string): Record<string, string> {
  const message: unknown = JSON.parse(text)
  const version = dig(message, 'params', '_meta', 'io.modelcontextprotocol/protocolVersion')
  const method = dig(message, 'method')
  if (version === undefined || typeof method !== 'string') return {}
  const name = dig(message, 'params', method === 'resources/read' ? 'uri' : 'name')
  return {
    ...modernHeaders(method, typeof name === 'string' ? name : undefined),
    ...(name === 'test_x_mcp_header'
      ? { 'mcp-param-region': 'eu', 'mcp-param-priority': '1' }
      : {}),
  }
}

interface Answer {
  readonly status: number
  readonly type: string
  readonly text: string
}

function send(origin: string, agent: Agent, of: Shot): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      `${origin}${of.path}`,
      { method: 'POST', agent, headers: of.headers },
      (answer: IncomingMessage) => {
        const chunks: Buffer[] = []
        answer.on('data', (chunk: Buffer) => chunks.push(chunk))
        answer.on('error', reject)
        answer.on('end', () => {
          const type = String(answer.headers['content-type'] ?? '')
          resolve({
            status: answer.statusCode ?? 0,
            type,
            text: Buffer.concat(chunks).toString('utf8'),
          })
        })
      },
    )
    outgoing.setTimeout(answerMs, () => outgoing.destroy(new Error('no answer in time')))
    outgoing.on('error', reject)
    outgoing.end(of.body)
  })
}

/** What is wrong with an answer, or undefined. */
function wrong(answer: Answer, count: (code: string) => void): string | undefined {
  if (!statuses.has(answer.status)) return `status ${answer.status}`
  if (answer.status === 500) return 'an internal error'
  if (answer.status === 202) return answer.text === '' ? undefined : '202 with a body'
  const texts = answer.type.startsWith('text/event-stream')
    ? answer.text
        .split('\n')
        .filter((line) => line.startsWith('data: '))
        .map((line) => line.slice(6))
    : [answer.text]
  for (const text of texts) {
    let message: unknown
    try {
      message = JSON.parse(text)
    } catch {
      return 'no JSON'
    }
    for (const one of Array.isArray(message) ? message : [message]) {
      const error = dig(one, 'error')
      if (error === undefined) {
        if (answer.status !== 200) return `status ${answer.status} without an error`
        continue
      }
      const code = dig(error, 'data', 'code')
      if (!rpcCodes.has(Number(dig(error, 'code')))) return `code ${String(dig(error, 'code'))}`
      if (typeof dig(error, 'message') !== 'string') return 'no sentence'
      if (typeof code === 'string' && !codes.has(code)) return `refusal ${code}`
      if (code === 'internal') return 'an internal error'
      count(typeof code === 'string' ? code : 'of the server')
    }
  }
  return undefined
}

async function rssKb(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Number(/VmRSS:\s+(\d+)/.exec(text)?.[1] ?? 0)
}

/** Throws the messages, then looks whether all is as before. */
export async function fuzzTheDoor({ messages, seed, heapMb }: FuzzOptions): Promise<FuzzReport> {
  const world = await startWorld({
    env: { NODE_OPTIONS: `--max-old-space-size=${heapMb}` },
    config: {
      roles: {
        calm: {
          allow: ['*/*'],
          deny: [
            'tool:*/hang',
            'tool:*/slow',
            'tool:*/crash',
            'tool:*/big',
            'tool:*/add_tool',
            'resource:*/test://big',
          ],
        },
      },
    },
    keys: { calm: { roles: ['calm'] } },
  })
  const agent = new Agent({ keepAlive: true, maxSockets: concurrent })
  const origin = new URL(world.gateway.url).origin
  const key = world.gateway.keyOf('calm')
  const seen: Record<string, number> = {}
  const refused: Record<string, number> = {}
  const faults: string[] = []
  const add = (into: Record<string, number>, name: string): void => {
    into[name] = (into[name] ?? 0) + 1
  }
  try {
    const sessions: Record<string, string> = {}
    for (const path of ['/mcp/s/modern', '/mcp/s/legacy', '/mcp'])
      sessions[path] = (await legacySession(`${origin}${path}`, key)).id
    const shots = function* (): Generator<Shot> {
      for (let from = 0; from < messages; from += 1_000) {
        const many = fc.sample(shot, {
          seed: seed + from,
          numRuns: Math.min(1_000, messages - from),
        })
        for (const one of many) {
          const id = sessions[one.endpoint]
          const headers = {
            'content-type': 'application/json',
            accept: 'application/json, text/event-stream',
            ...bearer(key),
            ...mirror(one.seed.startsWith('[') ? '{}' : one.seed),
            ...(one.session && id !== undefined ? { 'mcp-session-id': id } : {}),
            ...one.headers,
          }
          yield {
            path: one.endpoint,
            headers,
            body: one.changes.reduce(mutate, Buffer.from(one.seed)),
          }
        }
      }
    }
    const queue = shots()
    let sent = 0
    const worker = async (): Promise<void> => {
      for (const next of queue) {
        if (faults.length >= faultsMax) return
        sent++
        let fault: string | undefined
        try {
          const answer = await send(origin, agent, next)
          add(seen, String(answer.status))
          fault = wrong(answer, (code) => add(refused, code))
          if (fault !== undefined) fault += ` in ${answer.status} ${answer.text.slice(0, 300)}`
        } catch (error) {
          fault = `no answer: ${String(error)}`
        }
        if (fault !== undefined)
          faults.push(
            `${fault} to ${next.path} ${JSON.stringify(next.headers)} ${next.body.toString('latin1').slice(0, 1_000)}`,
          )
      }
    }
    const pid = world.gateway.pid
    const rssBeforeKb = await rssKb(pid)
    await Promise.all(Array.from({ length: concurrent }, worker))
    const rssAfterKb = await rssKb(pid)
    const body = Buffer.from(seeds[1] ?? '')
    const last = {
      'content-type': 'application/json',
      accept: '*/*',
      ...bearer(key),
      ...mirror(seeds[1] ?? ''),
    }
    const answer = await send(origin, agent, { path: '/mcp/s/modern', headers: last, body })
    const servesAtTheEnd =
      answer.status === 200 &&
      answer.text.includes('simple text response') &&
      world.gateway.pid === pid
    return {
      sent,
      statuses: seen,
      refusals: refused,
      faults,
      rssBeforeKb,
      rssAfterKb,
      servesAtTheEnd,
    }
  } finally {
    agent.destroy()
    await world.stop()
  }
}
