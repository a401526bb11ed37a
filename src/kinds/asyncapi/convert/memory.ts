/** What many operations share, e.g. the messages of a channel, is read once: thousands may stand over one channel. */
import type { JsonSchema } from '../../../model/conversion.ts'
import type { StreamMessage } from '../../../model/kinds/asyncapi.ts'
import type { Direction } from '../../document/hidden.ts'
import type { Spot } from '../../document/place.ts'
import type { Reference } from '../../document/schema.ts'
import type { Message, Operation, ReadOperation } from './operation.ts'

export interface Payload {
  readonly schema: JsonSchema
  readonly references: readonly Reference[]
}

/** Of one conversion. What is found in a description goes by the object that it is there. */
export class Memory {
  readonly operations = new Map<Operation, ReadOperation>()
  /** Messages of a channel, of an operation of version 2, and those that a channel takes from us. */
  readonly channels = new Map<unknown, readonly Spot[]>()
  readonly alternatives = new Map<unknown, readonly Spot[]>()
  readonly sendable = new Map<unknown, readonly Spot[]>()
  readonly messages = new Map<unknown, Message>()
  readonly fits = new Map<Message, StreamMessage>()
  readonly payloads: Readonly<Record<Direction, Map<Message, Payload>>> = {
    input: new Map(),
    output: new Map(),
  }
}

/** What is known under the key, or what is made now; a fault is not kept. */
export function once<K, V>(known: Map<K, V>, key: K, make: () => V): V {
  const value = known.get(key)
  if (value !== undefined) return value
  const made = make()
  known.set(key, made)
  return made
}
