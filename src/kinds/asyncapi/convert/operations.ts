/** The operations of AsyncAPI 2 (channels with publish and subscribe) and 3 (operations over channels) in one form. */

import type { Documents } from '../../document/documents.ts'
import { isObject, listAt, memberOf, membersOf, textAt } from '../../document/json.ts'
import { placeIn, type Spot } from '../../document/place.ts'
import { OperationFault } from '../../document/report.ts'
import { type Memory, once } from './memory.ts'
import type { Operation, ReadOperation, Version } from './operation.ts'

export interface ReadOptions {
  readonly version: Version
  /** Whose sends and receives are told. */
  readonly describes: 'server' | 'client'
  /** Of version 3: by channel, the operations with which we send. */
  readonly senders: ReadonlyMap<unknown, readonly Spot[]>
  readonly memory: Memory
}

/** Messages of one operation that are looked at; a description may say thousands of times the same. */
const messagesMax = 200

export function listOperations(documents: Documents, version: Version): Operation[] {
  const { root } = documents
  const found: Operation[] = []
  if (version === 3) {
    const at = placeIn(root.at, 'operations')
    for (const [id, value] of membersOf(memberOf(root.value, 'operations'))) {
      const target = documents.target({ value, at: placeIn(at, id) })
      const spot = target.kind === 'found' ? target.spot : { value, at: placeIn(at, id) }
      const action = textAt(spot.value, 'action')
      const fault =
        target.kind === 'lost'
          ? new OperationFault(target.code, target.reason, spot.at)
          : action === 'send' || action === 'receive'
            ? undefined
            : new OperationFault(
                'description_invalid',
                'Its action is neither send nor receive.',
                spot.at,
              )
      found.push({ key: `${action ?? 'operation'} ${id}`, id, spot, channel: undefined, fault })
    }
    return found
  }
  const at = placeIn(root.at, 'channels')
  for (const [name, value] of membersOf(memberOf(root.value, 'channels'))) {
    const target = documents.target({ value, at: placeIn(at, name) })
    const channel = target.kind === 'found' ? target.spot : { value, at: placeIn(at, name) }
    if (target.kind === 'lost')
      found.push({
        key: `channel ${name}`,
        id: name,
        spot: channel,
        channel: undefined,
        fault: new OperationFault(target.code, target.reason, channel.at),
      })
    for (const action of ['publish', 'subscribe']) {
      const operation = memberOf(channel.value, action)
      if (!isObject(operation)) continue
      const spot = { value: operation, at: placeIn(channel.at, action) }
      const id = textAt(operation, 'operationId') ?? `${action} ${name}`
      found.push({
        key: `${action} ${name}`,
        id,
        spot,
        channel: { spot: channel, address: name },
        fault: undefined,
      })
    }
  }
  return found
}

/** @throws OperationFault */
export function readOperation(
  documents: Documents,
  operation: Operation,
  options: ReadOptions,
): ReadOperation {
  return once(options.memory.operations, operation, () => readAnew(documents, operation, options))
}

function readAnew(documents: Documents, operation: Operation, options: ReadOptions): ReadOperation {
  return options.version === 3
    ? readThree(documents, operation.spot, options)
    : readTwo(documents, operation, options)
}

/** The action of version 3 with which we send: what a server receives, or what a client sends. */
const ourAction = (describes: ReadOptions['describes']): string =>
  describes === 'server' ? 'receive' : 'send'

function readThree(documents: Documents, spot: Spot, options: ReadOptions): ReadOperation {
  const { memory, describes } = options
  const channel = required(documents, spot, 'channel')
  const messages = chosen(documents, spot) ?? messagesOfChannel(documents, channel, memory)
  const ours = textAt(spot.value, 'action') === ourAction(describes)
  const reply = memberOf(spot.value, 'reply')
  const replies =
    ours && reply !== undefined
      ? readReply(documents, { value: reply, at: placeIn(spot.at, 'reply') }, channel, memory)
      : undefined
  return {
    verb: !ours ? 'take' : replies === undefined ? 'send' : 'ask',
    spot,
    channel,
    address: textAt(channel.value, 'address'),
    messages,
    replies: replies ?? [],
    sendable: ours
      ? []
      : once(memory.sendable, channel.value, () => sendableOf(documents, channel, options)),
  }
}

/** Each message once, though several operations send it. */
function sendableOf(
  documents: Documents,
  channel: Spot,
  { senders, memory }: ReadOptions,
): readonly Spot[] {
  const found = new Map<unknown, Spot>()
  for (const sender of senders.get(channel.value) ?? [])
    for (const message of chosen(documents, sender) ??
      messagesOfChannel(documents, channel, memory)) {
      if (found.size === messagesMax) return [...found.values()]
      if (!found.has(message.value)) found.set(message.value, message)
    }
  return [...found.values()]
}

/** Operations with which we send, by channel. One whose messages cannot be read is left out. */
export function sendersOf(
  documents: Documents,
  operations: readonly Operation[],
  describes: ReadOptions['describes'],
): ReadonlyMap<unknown, readonly Spot[]> {
  const senders = new Map<unknown, Spot[]>()
  for (const { spot, fault } of operations) {
    if (fault !== undefined || textAt(spot.value, 'action') !== ourAction(describes)) continue
    const reference = memberOf(spot.value, 'channel')
    const channel = documents.target({ value: reference, at: placeIn(spot.at, 'channel') })
    if (channel.kind === 'lost' || !readable(documents, spot)) continue
    const known = senders.get(channel.spot.value)
    if (known === undefined) senders.set(channel.spot.value, [spot])
    else if (known.length < messagesMax) known.push(spot)
  }
  return senders
}

function readable(documents: Documents, operation: Spot): boolean {
  try {
    chosen(documents, operation)
    return true
  } catch {
    return false
  }
}

function readReply(
  documents: Documents,
  raw: Spot,
  channel: Spot,
  memory: Memory,
): readonly Spot[] {
  const reply = follow(documents, raw)
  const reference = memberOf(reply.value, 'channel')
  const other =
    reference === undefined
      ? channel
      : follow(documents, { value: reference, at: placeIn(reply.at, 'channel') })
  if (
    other.value !== channel.value &&
    textAt(other.value, 'address') !== textAt(channel.value, 'address')
  )
    throw new OperationFault(
      'feature_unsupported',
      'The reply comes on another channel, which is another connection.',
      reply.at,
    )
  return chosen(documents, reply) ?? messagesOfChannel(documents, other, memory)
}

function chosen(documents: Documents, holder: Spot): readonly Spot[] | undefined {
  if (!Array.isArray(memberOf(holder.value, 'messages'))) return undefined
  const at = placeIn(holder.at, 'messages')
  return listAt(holder.value, 'messages')
    .slice(0, messagesMax)
    .map((value, index) => follow(documents, { value, at: placeIn(at, String(index)) }))
}

function messagesOfChannel(
  documents: Documents,
  channel: Spot,
  { channels }: Memory,
): readonly Spot[] {
  const at = placeIn(channel.at, 'messages')
  return once(channels, channel.value, () =>
    membersOf(memberOf(channel.value, 'messages'))
      .slice(0, messagesMax)
      .map(([name, value]) => follow(documents, { value, at: placeIn(at, name) })),
  )
}

function readTwo(
  documents: Documents,
  { spot, channel: place }: Operation,
  { memory, describes }: ReadOptions,
): ReadOperation {
  if (place === undefined)
    throw new OperationFault('description_invalid', 'It belongs to no channel.', spot.at)
  const { spot: channel, address } = place
  const publish = spot.at.key === 'publish'
  const ours = publish === (describes === 'server')
  const messages = messagesOfTwo(documents, spot, memory)
  const other = publish ? 'subscribe' : 'publish'
  const counter = memberOf(channel.value, other)
  const others = isObject(counter)
    ? messagesOfTwo(documents, { value: counter, at: placeIn(channel.at, other) }, memory)
    : []
  // Version 2 has no replies; messages of both directions that correlate are request and reply.
  const replies =
    ours && messages.some(correlates) ? others.filter((message) => correlates(message)) : []
  return {
    verb: ours ? (replies.length > 0 ? 'ask' : 'send') : 'take',
    spot,
    channel,
    address,
    messages,
    replies,
    sendable: ours ? [] : others,
  }
}

const correlates = ({ value }: Spot): boolean => memberOf(value, 'correlationId') !== undefined

function messagesOfTwo(
  documents: Documents,
  operation: Spot,
  { alternatives }: Memory,
): readonly Spot[] {
  const raw = memberOf(operation.value, 'message')
  if (raw === undefined) return []
  const message = follow(documents, { value: raw, at: placeIn(operation.at, 'message') })
  const many = memberOf(message.value, 'oneOf')
  if (!Array.isArray(many)) return [message]
  const at = placeIn(message.at, 'oneOf')
  return once(alternatives, many, () =>
    many
      .slice(0, messagesMax)
      .map((value: unknown, index) => follow(documents, { value, at: placeIn(at, String(index)) })),
  )
}

function required(documents: Documents, holder: Spot, key: string): Spot {
  const value = memberOf(holder.value, key)
  if (value === undefined)
    throw new OperationFault('description_invalid', `It has no ${key}.`, holder.at)
  return follow(documents, { value, at: placeIn(holder.at, key) })
}

/** @throws OperationFault when the reference leads nowhere */
export function follow(documents: Documents, spot: Spot): Spot {
  const found = documents.target(spot)
  if (found.kind === 'lost') throw new OperationFault(found.code, found.reason, spot.at)
  return found.spot
}

/** A member of an object or of the first of its traits that has it (AsyncAPI 3, sections on traits). */
export function traitMember(
  documents: Documents,
  { value, at }: Spot,
  key: string,
): Spot | undefined {
  const own = memberOf(value, key)
  if (own !== undefined) return { value: own, at: placeIn(at, key) }
  const traits = placeIn(at, 'traits')
  for (const [index, raw] of listAt(value, 'traits').entries()) {
    const found = documents.target({ value: raw, at: placeIn(traits, String(index)) })
    if (found.kind === 'lost') continue
    const member = memberOf(found.spot.value, key)
    if (member !== undefined) return { value: member, at: placeIn(found.spot.at, key) }
  }
  return undefined
}

export function traitText(documents: Documents, spot: Spot, key: string): string | undefined {
  const member = traitMember(documents, spot, key)?.value
  return typeof member === 'string' ? member : undefined
}
