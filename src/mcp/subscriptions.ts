/** What the gateway asked a server to tell of. It outlives the sessions and streams in which it was asked. */
import { scanArray, scanObject, stringValue } from '../kit/json-scan.ts'
import { type Capabilities, noCapabilities } from '../model/call.ts'
import type { OwnRequest, ServerMessage } from '../model/codec.ts'
import { tasksExtension } from '../model/extensions.ts'
import { names } from '../model/methods.ts'
import { GatewayError } from '../model/refusal.ts'

/** The URIs that a modern server acknowledged; undefined: it has no such stream. */
export type Honoured = ReadonlySet<string> | undefined

/** How a server is told: a modern one on its one stream, a legacy one thing by thing. */
export type Way =
  | {
      readonly kind: 'stream'
      /** Asks for all of it, and waits for what of it is honoured. @throws GatewayError */
      renew(): Promise<Honoured>
      /** Asks for all of it; what is told less than before need not be waited for. */
      shrink(): Promise<void>
    }
  | {
      readonly kind: 'session'
      subscribe(uri: string): Promise<void>
      unsubscribe(uri: string): Promise<void>
    }

export class Subscriptions {
  private readonly uris = new Set<string>()
  private readonly taskIds = new Set<string>()

  get size(): number {
    return this.uris.size
  }

  /** What the stream of a modern server is asked for. */
  request(): Omit<OwnRequest, 'id'> {
    return listenRequest(this.uris, this.taskIds)
  }

  /** @throws GatewayError subscription_refused when the server would never tell of the resource */
  async subscribe(uri: string, open: () => Promise<Way>): Promise<void> {
    this.uris.add(uri)
    try {
      const way = await open()
      if (way.kind === 'session') await way.subscribe(uri)
      else if ((await way.renew())?.has(uri) !== true)
        throw new GatewayError('subscription_refused', { detail: 'not acknowledged' })
    } catch (fault) {
      this.uris.delete(uri)
      throw fault
    }
  }

  async unsubscribe(uri: string, open: () => Promise<Way>): Promise<void> {
    this.uris.delete(uri)
    const way = await open()
    await (way.kind === 'session' ? way.unsubscribe(uri) : way.shrink())
  }

  async subscribeTask(taskId: string, way: Way): Promise<void> {
    if (way.kind === 'session')
      throw new GatewayError('method_unknown', { detail: 'a legacy server tells nothing of tasks' })
    this.taskIds.add(taskId)
    await way.shrink()
  }

  /** `way`: undefined where nothing is open, which will not ask for the task again. */
  async unsubscribeTask(taskId: string, way: Way | undefined): Promise<void> {
    if (this.taskIds.delete(taskId) && way?.kind === 'stream') await way.shrink()
  }

  /** Asks a legacy session that is new for all of it. */
  async restore(subscribe: (uri: string) => Promise<void>): Promise<void> {
    // One that the server refuses by now is no reason to go without the others.
    for (const uri of this.uris) await subscribe(uri).catch(() => undefined)
  }
}

/** @throws GatewayError subscription_refused for an error in the place of an answer */
export function requireSubscribed(message: ServerMessage | undefined): void {
  if (message?.kind === 'error')
    throw new GatewayError('subscription_refused', {
      detail: `${message.code} ${message.message.slice(0, 200)}`,
    })
}

const urisMax = 20_000

/** The URIs in an acknowledgement. */
export function honouredUris(raw: string | undefined): ReadonlySet<string> {
  const honoured = new Set<string>()
  if (raw === undefined || !raw.startsWith('{')) return honoured
  const options = { depthMax: 8, refuseDuplicates: false }
  for (const member of scanObject(raw, {}, options)) {
    const value = raw.slice(member.start, member.end)
    if (member.key !== 'resourceSubscriptions' || !value.startsWith('[')) continue
    for (const entry of scanArray(value, urisMax, options)) {
      const uri = stringValue(value.slice(entry.start, entry.end))
      if (uri !== undefined) honoured.add(uri)
    }
  }
  return honoured
}

const tasksDeclared: Capabilities = {
  ...noCapabilities,
  raw: `{"extensions":{"${tasksExtension}":{}}}`,
}

/** What the one stream of changes of a modern server is asked for (MCP 2026-07-28 basic/patterns/subscriptions). */
function listenRequest(uris: Iterable<string>, taskIds: Iterable<string>): Omit<OwnRequest, 'id'> {
  const parts = ['"toolsListChanged":true,"promptsListChanged":true,"resourcesListChanged":true']
  const resources = [...uris]
  const tasks = [...taskIds]
  if (resources.length > 0) parts.push(`"resourceSubscriptions":${JSON.stringify(resources)}`)
  if (tasks.length > 0) parts.push(`"taskIds":${JSON.stringify(tasks)}`)
  return {
    method: names.listen,
    params: [{ key: 'notifications', raw: `{${parts.join(',')}}` }],
    capabilities: tasks.length > 0 ? tasksDeclared : noCapabilities,
  }
}
