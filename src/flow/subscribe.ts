/** Streams of changes: `subscriptions/listen` of modern clients, subscriptions of legacy sessions. */

import { resolveResource, resolveTask, type Scope, unknownTarget } from '../catalog/resolve.ts'
import { scanArray, scanObject, stringValue } from '../kit/json-scan.ts'
import { ownText } from '../kit/own-text.ts'
import { admit } from '../limits/admit.ts'
import { textWeight } from '../model/account.ts'
import type { Endpoint } from '../model/action.ts'
import type { Call } from '../model/call.ts'
import { tasksExtension } from '../model/extensions.ts'
import { type Members, rawOf } from '../model/members.ts'
import { notifications } from '../model/methods.ts'
import type { Principal } from '../model/principal.ts'
import type { Admitted } from '../model/proofs.ts'
import { GatewayError, type RefusalCode } from '../model/refusal.ts'
import type { Exchange, Session } from '../model/session.ts'
import type { Target } from '../model/target.ts'
import { authorize } from '../policy/authorize.ts'
import type { Snapshot } from '../snapshot/compile.ts'
import { encodeOwnNotification, encodeOwnResult, type OutMessage } from '../wire/encode.ts'
import { requireDeclared } from './extensions.ts'
import type { ChangeKind, ListenHub, Subscriber } from './listen.ts'
import type { Rooms } from './rooms.ts'

interface Deps {
  readonly rooms: Rooms
  readonly hub: ListenHub
}

const urisMax = 200
const subjectCharsMax = 8_192
/** What a listen stream costs, and each name that it listens to beside its text. */
const listenBytes = 4_000
const subjectBytes = 1_000
const filterKeys: Readonly<Record<string, ChangeKind>> = {
  toolsListChanged: 'tools',
  promptsListChanged: 'prompts',
  resourcesListChanged: 'resources',
}

/**
 * Opens a listen stream (MCP 2026-07-28 basic/patterns/subscriptions): first the acknowledgement of what is honoured,
 * then only that, all tagged with the id of the request. Settles when the stream ends, with the final message.
 */
export async function runListen(
  deps: Deps,
  call: Call,
  exchange: Exchange,
): Promise<{ readonly ended: Promise<OutMessage> }> {
  if (!call.streams) throw new GatewayError('accept_refused', { hint: 'A listen needs a stream.' })
  const asked = readFilter(rawOf(call.params, 'notifications'))
  if (asked.taskIds.length > 0) requireDeclared(call, tasksExtension)
  const { account } = call
  const bytes = listenBytes + weightOf([...asked.uris, ...asked.taskIds])
  account.take(bytes)
  try {
    return await listen(deps, call, exchange, asked, () => account.give(bytes))
  } catch (thrown) {
    account.give(bytes)
    throw thrown
  }
}

async function listen(
  deps: Deps,
  call: Call,
  exchange: Exchange,
  asked: Filter,
  onEnd: () => void,
): Promise<{ readonly ended: Promise<OutMessage> }> {
  const uris = asked.uris.flatMap((uri) => wish(uri, () => admittedResource(deps, call, uri)))
  const tasks = asked.taskIds.flatMap((id) => wish(id, () => admittedTask(deps, call, id)))
  const wishes = [...uris, ...tasks]
  const all = [...asked.kinds, ...asked.uris, ...asked.taskIds].join(' ')
  const admitted = wishes.map((one) => one.admitted)
  // What is listened to is on record before a server is asked for it.
  const watchables = await deps.rooms.recorder.listen(call, admitted, all)
  const subscriber = new ListenSubscriber(call, asked.kinds, exchange)
  const honoured = new Map<Wish, () => void>()
  try {
    for (const [index, one] of wishes.entries()) {
      const watchable = watchables[index]
      if (watchable === undefined) continue
      const end = await deps.hub.watch(subscriber, watchable, one.publicId).catch(notHonoured)
      if (end !== undefined) honoured.set(one, end)
    }
  } catch (thrown) {
    for (const end of honoured.values()) end()
    throw thrown
  }
  for (const [one, end] of honoured) {
    if (isStillAllowed(deps, call, one.admitted.target)) continue
    end()
    honoured.delete(one)
  }
  const ends = [onEnd, ...honoured.values()]
  const told = (some: readonly Wish[]): string[] =>
    some.flatMap((one) => (honoured.has(one) ? one.publicId : []))
  subscriber.deliver(notifications.acknowledged, acknowledged(asked.kinds, told(uris), told(tasks)))
  ends.push(deps.hub.add(subscriber))
  // Wrapped, so that awaiting this function does not wait for the end of the stream.
  return { ended: subscriber.ended(ends) }
}

/** A listen stream while it waits. There may be thousands, so it holds nothing else of its request. */
class ListenSubscriber implements Subscriber {
  readonly principal: Principal
  readonly endpoint: Endpoint
  private readonly kinds: ReadonlySet<ChangeKind>
  private readonly rpcId: string
  private readonly exchange: Exchange

  constructor(call: Call, kinds: ReadonlySet<ChangeKind>, exchange: Exchange) {
    this.principal = call.principal
    this.endpoint = call.endpoint
    this.kinds = kinds
    // A part of a long text would keep all of it.
    this.rpcId = Buffer.from(call.rpcId).toString()
    this.exchange = exchange
  }

  wants(kind: ChangeKind): boolean {
    return this.kinds.has(kind)
  }

  deliver(method: string, params: Members): void {
    this.exchange.send(encodeOwnNotification(method, [...params, { key: '_meta', raw: this.tag }]))
  }

  private get tag(): string {
    return `{"io.modelcontextprotocol/subscriptionId":${this.rpcId}}`
  }

  ended(ends: readonly (() => void)[]): Promise<OutMessage> {
    return new Promise((settle) => {
      this.exchange.cancel.onCancel(() => {
        for (const end of ends) end()
        settle(encodeOwnResult(this.rpcId, `{"resultType":"complete","_meta":${this.tag}}`))
      })
    })
  }
}

/** What names that are listened to cost, with their places in the tables. */
function weightOf(names: readonly string[]): number {
  return names.reduce((sum, { length }) => sum + subjectBytes + length * textWeight, 0)
}

interface Wish {
  /** As the caller names it. */
  readonly publicId: string
  readonly admitted: Admitted<Call>
}

/** None for what the caller must not have. */
function wish(publicId: string, admit: () => Admitted<Call>): Wish[] {
  try {
    return [{ publicId, admitted: admit() }]
  } catch (thrown) {
    notHonoured(thrown)
    return []
  }
}

/** What is refused, here or by the server, is missing from the acknowledgement. @throws what is no refusal */
function notHonoured(thrown: unknown): undefined {
  if (!(thrown instanceof GatewayError) || thrown.code === 'internal') throw thrown
}

function acknowledged(
  kinds: ReadonlySet<ChangeKind>,
  uris: readonly string[],
  taskIds: readonly string[],
): Members {
  const parts = Object.entries(filterKeys).flatMap(([key, kind]) =>
    kinds.has(kind) ? [`"${key}":true`] : [],
  )
  if (uris.length > 0) parts.push(`"resourceSubscriptions":${JSON.stringify(uris)}`)
  if (taskIds.length > 0) parts.push(`"taskIds":${JSON.stringify(taskIds)}`)
  return [{ key: 'notifications', raw: `{${parts.join(',')}}` }]
}

interface Filter {
  readonly kinds: ReadonlySet<ChangeKind>
  readonly uris: readonly string[]
  /** Public ids. */
  readonly taskIds: readonly string[]
}

function readFilter(raw: string | undefined): Filter {
  if (raw === undefined || !raw.startsWith('{'))
    throw new GatewayError('params_invalid', { hint: '"notifications" must be an object.' })
  const kinds = new Set<ChangeKind>()
  let uris: readonly string[] = []
  let taskIds: readonly string[] = []
  for (const member of scanObject(raw, {}, { depthMax: 8, refuseDuplicates: true })) {
    const value = raw.slice(member.start, member.end)
    const kind = filterKeys[member.key]
    if (kind !== undefined && value === 'true') kinds.add(kind)
    if (member.key === 'resourceSubscriptions') uris = readTexts(value)
    if (member.key === 'taskIds') taskIds = readTexts(value)
  }
  return { kinds: shared(kinds), uris, taskIds }
}

/** One set for each combination of kinds, however many streams ask for it. */
const kindSets = new Map<string, ReadonlySet<ChangeKind>>()

function shared(kinds: ReadonlySet<ChangeKind>): ReadonlySet<ChangeKind> {
  const key = [...kinds].sort().join()
  const known = kindSets.get(key) ?? kinds
  kindSets.set(key, known)
  return known
}

function readTexts(raw: string): readonly string[] {
  if (!raw.startsWith('[')) return []
  return scanArray(raw, urisMax, { depthMax: 8, refuseDuplicates: true }).flatMap((entry) => {
    const text = stringValue(raw.slice(entry.start, entry.end))
    // As `name` and `uri` of a call: what policy judges must be one text for everybody.
    const usable = text !== undefined && text.length <= subjectCharsMax && text.isWellFormed()
    return usable ? [ownText(text)] : []
  })
}

/** A task that is the caller's, and whose tool it may still use. @throws GatewayError */
function admittedTask({ rooms }: Deps, call: Call, publicId: string): Admitted<Call> {
  const snapshot = rooms.snapshot()
  const origin = rooms.tasks.open(call.principal.id, publicId)
  return admitted(
    rooms,
    snapshot,
    call,
    resolveTask(snapshot.catalog, scopeOf(snapshot, call), origin),
  )
}

/** A resource that the caller may read. @throws GatewayError */
function admittedResource({ rooms }: Deps, call: Call, publicUri: string): Admitted<Call> {
  const snapshot = rooms.snapshot()
  const target = resolveResource(snapshot.catalog, scopeOf(snapshot, call), publicUri)
  return admitted(rooms, snapshot, call, target)
}

function scopeOf(snapshot: Snapshot, { endpoint }: Call): Scope {
  const scope = snapshot.scopes.of(endpoint)
  if (scope === undefined) throw new GatewayError('endpoint_unknown')
  return scope
}

/** Servers may take long to answer; meanwhile the rules may have changed. */
function isStillAllowed({ rooms }: Deps, { principal }: Call, target: Target): boolean {
  const { kind, server, name } = target
  return (
    rooms.isStillValid(principal) &&
    rooms.snapshot().engine.decide(principal, kind, server, name).allowed
  )
}

/** Counts against rates; how many run at once is about calls, which a watch is not. */
function admitted(rooms: Rooms, snapshot: Snapshot, call: Call, target: Target): Admitted<Call> {
  const permitted = authorize(snapshot.engine, call, target)
  const taken = admit(snapshot.limits, permitted, rooms.now())
  taken.release()
  return taken
}

/** What servers say of a resource that they do not have, or do not tell of. */
const refusals: ReadonlySet<RefusalCode> = new Set(['subscription_refused', 'resource_unknown'])

/** `resources/subscribe` of a legacy session; updates come on its GET stream. */
export async function runSubscribe(deps: Deps, call: Call, session: Session): Promise<void> {
  const uri = ownText(call.subject)
  if (session.subscriptions.has(uri)) return
  if (session.subscriptions.size >= urisMax)
    throw new GatewayError('busy', { detail: `more than ${urisMax} subscriptions in one session` })
  const subscriber: Subscriber = {
    principal: call.principal,
    endpoint: session.endpoint,
    wants: () => false,
    deliver: (method, params) => {
      session.push(encodeOwnNotification(method, params))
    },
  }
  const { account } = session
  const bytes = weightOf([uri])
  account.take(bytes)
  let unwatch: () => void
  try {
    unwatch = await watchResource(deps, call, subscriber, uri)
  } catch (thrown) {
    account.give(bytes)
    throw thrown
  }
  const end = (): void => {
    unwatch()
    account.give(bytes)
  }
  // Meanwhile the session may have ended, or have subscribed to the same on another request.
  if (session.ended || session.subscriptions.has(uri)) end()
  else session.subscriptions.set(uri, end)
}

async function watchResource(
  deps: Deps,
  call: Call,
  subscriber: Subscriber,
  publicUri: string,
): Promise<() => void> {
  const one = admittedResource(deps, call, publicUri)
  const [watchable] = await deps.rooms.recorder.listen(call, [one], publicUri)
  if (watchable === undefined) throw new GatewayError('internal', { detail: 'nothing to watch' })
  try {
    const end = await deps.hub.watch(subscriber, watchable, publicUri)
    if (isStillAllowed(deps, call, one.target)) return end
    end()
    throw unknownTarget('resource', publicUri)
  } catch (thrown) {
    // What is not listed may not be there; the server's no would tell it from what is denied.
    const isListed = one.target.item?.kind === 'resource'
    if (isListed || !(thrown instanceof GatewayError) || !refusals.has(thrown.code)) throw thrown
    throw unknownTarget('resource', publicUri)
  }
}

export function runUnsubscribe(session: Session, uri: string): void {
  session.subscriptions.get(uri)?.()
  session.subscriptions.delete(uri)
}
