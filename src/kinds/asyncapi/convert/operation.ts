/** What operations and messages of a description are, once they are read. */
import type { Spot } from '../../document/place.ts'
import type { OperationFault } from '../../document/report.ts'

export type Version = 2 | 3

/** What we do, as the service's counterpart. */
export type Verb = 'ask' | 'send' | 'take'

export interface Operation {
  /** In the description's own words; unique. */
  readonly key: string
  /** Its id, or channel and action. */
  readonly id: string
  readonly spot: Spot
  /** Of version 2, where an operation stands in its channel. */
  readonly channel: { readonly spot: Spot; readonly address: string } | undefined
  /** Defined: it cannot even be read. */
  readonly fault: OperationFault | undefined
}

/** An operation with everything that it refers to. */
export interface ReadOperation {
  readonly verb: Verb
  readonly spot: Spot
  readonly channel: Spot
  /** Undefined when the description does not know it. */
  readonly address: string | undefined
  /** What is sent, or taken. */
  readonly messages: readonly Spot[]
  readonly replies: readonly Spot[]
  /** Messages that the channel takes from us, of use before messages are taken. */
  readonly sendable: readonly Spot[]
}

export interface Message {
  readonly spot: Spot
  readonly name: string | undefined
  readonly title: string | undefined
  readonly summary: string | undefined
  /** Undefined: any. */
  readonly payload: Spot | undefined
  readonly json: boolean
  readonly correlation: readonly string[] | undefined
}
