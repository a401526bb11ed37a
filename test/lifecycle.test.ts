/**
 * The order of the rooms, observed: the real flow runs over rooms that note who entered, and the tables of
 * `docs/lifecycle.md` must say the same. `UPDATE_DOCS=1` writes them anew.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { afterAll, expect, it } from 'vitest'
import { type Catalog, emptyListing, type Listing } from '../src/catalog/catalog.ts'
import { readItems } from '../src/catalog/items.ts'
import { Lister } from '../src/catalog/list.ts'
import { runCall } from '../src/flow/call.ts'
import { ListenHub } from '../src/flow/listen.ts'
import type { Rooms } from '../src/flow/rooms.ts'
import { serve } from '../src/flow/serve.ts'
import { createGuard } from '../src/guard/inspect.ts'
import { BoxMap } from '../src/kit/box-map.ts'
import { CancelSource } from '../src/kit/cancellation.ts'
import { compileLimits, type Limits } from '../src/limits/admit.ts'
import { unlimitedAccount } from '../src/model/account.ts'
import type { Endpoint } from '../src/model/action.ts'
import { type Call, type Era, noCapabilities } from '../src/model/call.ts'
import { desiredState } from '../src/model/desired-state.ts'
import { declaredIn } from '../src/model/facts.ts'
import { type MethodName, methodOf, methods } from '../src/model/methods.ts'
import type { Principal } from '../src/model/principal.ts'
import { GatewayError, toGatewayError } from '../src/model/refusal.ts'
import type { Reply } from '../src/model/reply.ts'
import type { Exchange, Session } from '../src/model/session.ts'
import type { Item } from '../src/model/target.ts'
import type { Policy } from '../src/policy/compile.ts'
import { createRecorder } from '../src/record/record.ts'
import { itemReaders } from '../src/registry/item-readers.ts'
import { compileSnapshot, limitPattern } from '../src/snapshot/compile.ts'

/** Every step, in the order of the code, with the file whose verb it is. */
const steps = {
  resolve: 'catalog/resolve.ts',
  list: 'catalog/list.ts',
  authorize: 'policy/authorize.ts',
  headers: 'wire/param-headers.ts',
  admit: 'limits/admit.ts',
  'inspect arguments': 'guard/inspect.ts',
  attach: 'credential/attach.ts',
  'record intent': 'record/record.ts',
  send: 'upstream/send.ts',
  'inspect reply': 'guard/inspect.ts',
  'record outcome': 'record/record.ts',
  'record refusal': 'record/record.ts',
  'record note': 'record/record.ts',
  release: 'limits/admit.ts',
} as const
type Step = keyof typeof steps

const schema = `{"type":"object","properties":{"text":{"type":"string"},"zone":{"type":"string","x-mcp-header":"Zone"}},"required":["text"]}`
const broken = `{"type":"object","properties":{"a":{"$ref":"https://example.org/a"}}}`

const principal: Principal = {
  id: '7f',
  label: 'key:ann',
  kind: 'agent',
  name: 'ann',
  user: undefined,
  teams: [],
  environment: 'default',
  roles: ['helper'],
  expiresAt: undefined,
}

const state = desiredState.parse({
  servers: { desk: { stdio: { command: 'desk' } } },
  roles: {
    helper: {
      allow: ['desk/*'],
      deny: ['desk/delete'],
    },
  },
  limits: [{ calls: '1/hour', concurrent: 1 }],
})

const answer: Reply = {
  kind: 'complete',
  body: { kind: 'whole', bytes: Buffer.from('{"content":[]}') },
  extras: [],
  era: 'modern',
  isError: false,
}

/** What a test may have otherwise. */
interface Setting {
  readonly sent?: () => Promise<Reply>
  readonly diskFull?: boolean
  readonly limitUsed?: boolean
  readonly keyRevoked?: boolean
  /** Of the server; modern when nothing is said. */
  readonly era?: Era
}

const guard = createGuard()
afterAll(() => guard.close())

function recordingRooms(setting: Setting = {}) {
  const entered: Step[] = []
  const entries: string[] = []
  const enter = (step: Step): void => {
    if (entered.at(-1) !== step) entered.push(step)
  }
  const compiled = compileSnapshot({
    state,
    keys: [],
    listings: [listing(enter, setting.era ?? 'modern')],
    local: principal,
    previous: undefined,
  })
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.issues))
  const limits = watchedLimits(enter, setting.limitUsed === true)
  const { engine, catalog } = compiled.snapshot
  const snapshot = {
    ...compiled.snapshot,
    limits,
    catalog: watchedCatalog(catalog, enter),
    engine: watchedEngine(engine, enter),
  }
  const recorder = createRecorder({
    journal: {
      async intent(line) {
        enter('record intent')
        if (setting.diskFull === true) throw new GatewayError('journal_unavailable')
        entries.push(kindOf(line))
      },
      async append(line) {
        const kind = kindOf(line)
        entries.push(kind)
        if (kind === 'outcome') enter('record outcome')
        else if (kind === 'refusal') enter('record refusal')
        else enter('record note')
      },
    },
  })
  const lister = new Lister({
    pageItemsMax: 10,
    pageBytesMax: 10_000,
    cacheBytesMax: 10_000,
    hideAfterMs: 1_000,
    ttlMs: 1_000,
    sealCursor: (text) => text,
    openCursor: (text) => text,
    offlineOf: () => 'keep',
    appsJoined: () => false,
  })
  const page = lister.page.bind(lister)
  lister.page = (...asked) => {
    enter('list')
    return page(...asked)
  }
  const rooms: Rooms = {
    snapshot: () => snapshot,
    isStillValid: () => setting.keyRevoked !== true,
    tasks: { seal: () => '', open: () => ({ server: 'desk', tool: 'say', task: 't-1' }) },
    lister,
    guard: {
      inspectArguments: (admitted) => {
        enter('inspect arguments')
        return guard.inspectArguments(admitted)
      },
      inspectReply: (reply) => {
        enter('inspect reply')
        return guard.inspectReply(reply)
      },
    },
    recorder,
    present: () => {
      enter('attach')
      return undefined
    },
    send: () => {
      enter('send')
      return setting.sent?.() ?? Promise.resolve(answer)
    },
    giveUp: () => undefined,
    seen: async () => undefined,
    refreshList: () => Promise.resolve(),
    fault: () => undefined,
    now: Date.now,
    clock: () => performance.now(),
  }
  return { rooms, entered, entries }
}

function kindOf(line: string): string {
  const entry: { kind?: string } = JSON.parse(line)
  return entry.kind ?? ''
}

function listing(enter: (step: Step) => void, era: Era): Listing {
  const definitions = {
    tool: [
      `{"name":"say","inputSchema":${schema}}`,
      `{"name":"delete","inputSchema":{"type":"object"}}`,
      `{"name":"odd","inputSchema":${broken}}`,
    ],
    prompt: ['{"name":"greet"}'],
    resource: ['{"uri":"desk:///a","name":"a"}'],
    template: [],
  }
  const itemsOf = (kind: keyof typeof definitions) =>
    readItems(
      { server: 'desk', era, readers: itemReaders('server') },
      kind,
      definitions[kind],
    ).items.map((item) => watchedItem(item, enter))
  return {
    ...emptyListing('desk'),
    facts: {
      era,
      revision: era === 'modern' ? '2026-07-28' : '2025-11-25',
      declared: declaredIn(
        `{"tools":{},"prompts":{},"resources":{},"completions":{},${era === 'modern' ? '' : '"tasks":{},'}"extensions":{"io.modelcontextprotocol/tasks":{},"io.modelcontextprotocol/skills":{}}}`,
      ),
      serverInfo: '{}',
      instructions: undefined,
    },
    items: {
      tool: itemsOf('tool'),
      prompt: itemsOf('prompt'),
      resource: itemsOf('resource'),
      template: itemsOf('template'),
      skill: [],
    },
    listedAt: 1,
  }
}

/** The check of `Mcp-Param-*` headers begins with the item's annotations, and nothing else reads them. */
function watchedItem(item: Item, enter: (step: Step) => void): Item {
  const { headerParams } = item
  return Object.defineProperty({ ...item }, 'headerParams', {
    get: () => {
      enter('headers')
      return headerParams
    },
  })
}

/** `resolve` is the only room that looks names up. */
function watchedCatalog(catalog: Catalog, enter: (step: Step) => void): Catalog {
  const { byPublic, byServer } = catalog
  return Object.defineProperties(
    { ...catalog },
    {
      byPublic: {
        get: () => {
          enter('resolve')
          return byPublic
        },
      },
      byServer: {
        get: () => {
          enter('resolve')
          return byServer
        },
      },
    },
  )
}

/** The engine itself, but for a note at each decision. */
function watchedEngine(engine: Policy, enter: (step: Step) => void): Policy {
  const watched: Policy = Object.create(engine)
  return Object.defineProperty(watched, 'decide', {
    value: (...asked: Parameters<Policy['decide']>) => {
      enter('authorize')
      return engine.decide(...asked)
    },
  })
}

function watchedLimits(enter: (step: Step) => void, used: boolean): Limits {
  const { limits } = compileLimits(state.limits, limitPattern)
  for (const limit of limits.values()) {
    if (used) limit.rate?.take(principal.id, Date.now())
    const forget = limit.running.delete.bind(limit.running)
    limit.running.delete = (subject) => {
      enter('release')
      return forget(subject)
    }
  }
  return {
    get limits() {
      enter('admit')
      return limits
    },
  }
}

function call(changes: Partial<Call> = {}): Call {
  const { method = 'tools/call' } = changes
  return {
    id: 'c-1',
    principal,
    kind: methodOf(method).action,
    method,
    endpoint: { kind: 'all' },
    era: 'modern',
    revision: '2026-07-28',
    rpcId: '1',
    subject: 'desk__say',
    args: '{"text":"hello"}',
    params: [],
    meta: [],
    progressToken: undefined,
    capabilities: noCapabilities,
    logLevel: undefined,
    reference: undefined,
    inputResponses: undefined,
    declined: undefined,
    requestState: undefined,
    paramHeaders: {},
    streams: true,
    bytes: 100,
    account: unlimitedAccount,
    cancel: new CancelSource(),
    ...changes,
  }
}

const fails = (code: 'server_timeout' | 'cancelled') => () => Promise.reject(new GatewayError(code))
const streamed: Reply = {
  ...answer,
  body: {
    kind: 'stream',
    head: Buffer.from('{"content":['),
    rest: {
      async *[Symbol.asyncIterator]() {
        yield Buffer.from(']}')
      },
      stop: () => undefined,
      onStop: () => undefined,
    },
    isError: () => false,
  },
}
const question: Reply = {
  kind: 'input_required',
  questions: [],
  requestState: 'sealed',
  extras: [],
}
const serverError: Reply = {
  kind: 'error',
  code: -32603,
  message: 'no',
  data: undefined,
  era: 'modern',
}

const ways: readonly { title: string; call?: Partial<Call>; setting?: Setting }[] = [
  { title: 'allowed' },
  { title: 'large result, streamed', setting: { sent: async () => streamed } },
  { title: 'the server asks', setting: { sent: async () => question } },
  { title: 'unknown name', call: { subject: 'desk__nothing' } },
  { title: 'denied', call: { subject: 'desk__delete' } },
  {
    title: 'header disagrees',
    call: { args: '{"text":"a","zone":"x"}', paramHeaders: { zone: 'y' } },
  },
  { title: 'over the limit', setting: { limitUsed: true } },
  { title: 'arguments do not fit', call: { args: '{"text":1}' } },
  { title: 'schema cannot be checked', call: { subject: 'desk__odd', args: '{}' } },
  { title: 'the key is revoked meanwhile', setting: { keyRevoked: true } },
  { title: 'disk full', setting: { diskFull: true } },
  { title: 'server too slow', setting: { sent: fails('server_timeout') } },
  { title: 'server answers an error', setting: { sent: async () => serverError } },
  {
    title: 'the server has no such resource',
    call: { method: 'resources/read', subject: 'desk+desk:///a', args: undefined },
    setting: { sent: async () => ({ ...serverError, code: -32002 }) },
  },
  { title: 'caller cancels', setting: { sent: fails('cancelled') } },
]

/** One row: what happened to a call, in order, and how it ended. */
async function walk(way: (typeof ways)[number]): Promise<string[]> {
  const { rooms, entered, entries } = recordingRooms(way.setting)
  let end: string
  try {
    const { released } = await runCall(rooms, call(way.call), () => undefined)
    end = endOf(released.reply)
    if (released.reply.kind === 'complete' && released.reply.body.kind === 'stream')
      await Array.fromAsync(released.reply.body.rest)
  } catch (thrown) {
    end = `\`${toGatewayError(thrown).code}\``
  }
  return [way.title, entered.join(' → '), end, entries.join(', ')]
}

function endOf(reply: Reply): string {
  if (reply.kind === 'complete') return reply.isError ? 'result with `isError`' : 'result'
  return reply.kind === 'input_required' ? '`input_required`' : "the server's error"
}

/** What each method of the table is asked with. */
const requests: Readonly<Record<MethodName, string>> = {
  'tools/call': '"name":"desk__say","arguments":{"text":"a"}',
  'prompts/get': '"name":"desk__greet"',
  'resources/read': '"uri":"desk+desk:///a"',
  'completion/complete':
    '"ref":{"type":"ref/prompt","name":"desk__greet"},"argument":{"name":"a","value":"b"}',
  'tasks/get': '"taskId":"t"',
  'tasks/update': '"taskId":"t"',
  'tasks/cancel': '"taskId":"t"',
  'tasks/result': '"taskId":"t"',
  'skills/get': '"uri":"desk+desk:///a"',
  'resources/directory/read': '"uri":"desk+desk:///a"',
  'tools/list': '',
  'prompts/list': '',
  'resources/list': '',
  'resources/templates/list': '',
  'skills/list': '',
  'server/discover': '',
  'subscriptions/listen': '"notifications":{"toolsListChanged":true}',
  initialize: '"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{}',
  'resources/subscribe': '"uri":"desk+desk:///a"',
  'resources/unsubscribe': '"uri":"desk+desk:///a"',
  'logging/setLevel': '"level":"info"',
  ping: '',
}

const modernMeta =
  '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"extensions":{"io.modelcontextprotocol/tasks":{}}}}'

/** What one request passes; undefined when its era has no such method. */
async function pass(
  method: string,
  params: string,
  era: Era,
): Promise<{ entered: string; entries: string } | undefined> {
  // Core tasks are between legacy peers, on the endpoint of the server.
  const isCore = era === 'legacy' && methods.get(method)?.subject?.kind === 'task'
  const { rooms, entered, entries } = recordingRooms(isCore ? { era } : {})
  const hub = new ListenHub({
    subscribe: async () => undefined,
    unsubscribe: async () => undefined,
    subscribeTask: async () => undefined,
    unsubscribeTask: async () => undefined,
  })
  const members = [params, era === 'modern' ? modernMeta : ''].filter((text) => text !== '')
  const text = `{"jsonrpc":"2.0","id":1,"method":"${method}","params":{${members.join(',')}}}`
  const exchange = exchangeOf(era, isCore ? { kind: 'server', server: 'desk' } : { kind: 'all' })
  const deps = {
    rooms,
    hub,
    nextCallId: () => 'c-1',
    parkedAt: () => undefined,
    isStopping: () => false,
  }
  const served = await serve(deps, principal, exchange, text)
  exchange.cancel.cancel()
  if (served.kind === 'held') await served.ended
  if (served.kind === 'message' && served.message.head.join('').includes('"method_unknown"'))
    return undefined
  if (served.kind === 'message') expect(served.message.head.join('')).not.toContain('"error"')
  return { entered: entered.join(' → '), entries: entries.join(', ') }
}

function exchangeOf(era: Era, endpoint: Endpoint): Exchange {
  const session: Session = {
    account: unlimitedAccount,
    id: 's',
    principalId: principal.id,
    endpoint,
    revision: '2025-11-25',
    capabilities: noCapabilities,
    logLevel: undefined,
    running: new BoxMap(),
    asked: new Map(),
    subscriptions: new Map(),
    push: () => true,
    nextId: () => 1,
    ended: false,
  }
  return {
    endpoint,
    headers: undefined,
    bytes: 100,
    streams: true,
    session: era === 'legacy' ? session : undefined,
    nodes: undefined,
    begin: () => session,
    send: () => undefined,
    account: unlimitedAccount,
    cancel: new CancelSource(),
  }
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows]
    .map((row) => `| ${row.map((cell) => cell || '—').join(' | ')} |`)
    .join('\n')
}

/** The text between two markers of a document; with UPDATE_DOCS=1 it is written first. */
function block(name: string, wanted: string): string | undefined {
  const file = new URL('../docs/lifecycle.md', import.meta.url)
  const text = readFileSync(file, 'utf8')
  const form = new RegExp(`(<!-- ${name}: generated -->\n)([\\s\\S]*?)(\n<!-- ${name}: end -->)`)
  // biome-ignore lint/style/noProcessEnv: a switch of the test run, not of the product
  if (process.env['UPDATE_DOCS'] === '1') {
    writeFileSync(
      file,
      text.replace(form, (_, start, __, end) => `${start}${wanted}${end}`),
    )
    return wanted
  }
  return form.exec(text)?.[2]
}

it('walks a call through the rooms in the order that docs/lifecycle.md shows', async () => {
  const rows: string[][] = []
  for (const way of ways) rows.push(await walk(way))
  const wanted = table(['what happens', 'steps, in order', 'the caller gets', 'entries'], rows)
  expect(block('order', wanted)).toBe(wanted)
})

it('lets each method pass the rooms that docs/lifecycle.md shows', async () => {
  expect(Object.keys(requests)).toEqual([...methods.keys()])
  const rows: string[][] = []
  for (const [method, params] of Object.entries(requests)) {
    const modern = await pass(method, params, 'modern')
    const legacy = await pass(method, params, 'legacy')
    const isSame = modern?.entered === legacy?.entered && modern?.entries === legacy?.entries
    const eras = [
      ...(legacy === undefined ? [] : ['legacy']),
      ...(modern === undefined ? [] : ['modern']),
    ]
    expect(methods.get(method)?.eras).toEqual(eras)
    const row = (era: string, passed: typeof modern): string[][] =>
      passed === undefined ? [] : [[`\`${method}\``, era, passed.entered, passed.entries]]
    rows.push(
      ...(isSame ? row('both', modern) : [...row('modern', modern), ...row('legacy', legacy)]),
    )
  }
  const wanted = table(['method', 'era', 'steps, in order', 'entries'], rows)
  expect(block('methods', wanted)).toBe(wanted)
})

it('names the file of every step', () => {
  const wanted = table(
    ['step', 'file'],
    Object.entries(steps).map(([step, file]) => [step, `\`src/${file}\``]),
  )
  for (const file of Object.values(steps))
    expect(readFileSync(new URL(`../src/${file}`, import.meta.url), 'utf8')).not.toBe('')
  expect(block('steps', wanted)).toBe(wanted)
})
