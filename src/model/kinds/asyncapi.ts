import { z } from 'zod'
import { secret } from '../credential.ts'
import type { RestSecurity } from './openapi.ts'
import { address, headersSpec, location, rootSpec, selectionSpec } from './selection.ts'

export const asyncapiSpec = z
  .strictObject({
    spec: location.describe('File or URL of the description'),
    root: rootSpec,
    url: address('ws', 'wss', 'http', 'https')
      .optional()
      .describe('Where to connect; default: the first server of the description that can be used'),
    headers: headersSpec,
    operations: selectionSpec.prefault({}),
    describes: z
      .enum(['server', 'client'])
      .optional()
      .describe(
        'Whose sends and receives the description tells; default: of the server, unless it sends what only clients do',
      ),
    protocols: z
      .array(secret)
      .max(10)
      .default([])
      .describe('WebSocket subprotocols to offer; default: those of the description'),
  })
  .describe('A WebSocket or SSE service with an AsyncAPI description')

export type AsyncApiSpec = z.infer<typeof asyncapiSpec>

/** Bounds of the arguments that streams have beside those of the description, and what holds without them. */
export const streamBounds = {
  countDefault: 10,
  countMax: 1_000,
  secondsDefault: 30,
  secondsMax: 600,
  /** Messages that are sent before messages are taken. */
  firstMax: 10,
} as const

/** How one argument gets into the address of a channel or into the request that opens it. */
export interface StreamParameter {
  readonly argument: string
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
}

/**
 * What of a schema tells messages apart: types, fixed values and required members, a few levels deep. No pattern and
 * no format, so that looking at a message costs no more than reading it.
 */
export interface Fit {
  readonly types?: readonly string[]
  /** JSON texts of the values that are allowed. */
  readonly values?: readonly string[]
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, Fit>>
  readonly all?: readonly Fit[]
  readonly any?: readonly Fit[]
}

/** A message that may come. */
export interface StreamMessage {
  readonly fit: Fit
  /** Keys that lead to the correlation id in the payload. */
  readonly correlation: readonly string[] | undefined
}

/** Names of our own arguments; they step aside when an argument of the description has that name. */
export interface StreamArguments {
  readonly message: string
  readonly seconds: string
  readonly count: string
  readonly where: string
  readonly first: string
}

/** How to carry out one operation. */
export interface AsyncApiPlan {
  /** `ask` sends and awaits the reply, `send` only sends, `take` takes messages that come. */
  readonly kind: 'ask' | 'send' | 'take'
  /** ws, wss: a WebSocket; http, https: a stream of events or lines. Its path is in front of `path`. */
  readonly url: string
  /** With `{name}` for each parameter in the path. */
  readonly path: string
  /** The path is no path but the topic of a hub, in this parameter of the query. */
  readonly topic?: string
  readonly parameters: readonly StreamParameter[]
  /** WebSocket subprotocols to offer. */
  readonly protocols: readonly string[]
  /** Of the request that opens a stream over HTTP. */
  readonly method: 'GET' | 'POST'
  /** Payloads are JSON; else text. */
  readonly json: boolean
  /** Alternatives; each is a set of scheme names that go together. */
  readonly security: readonly (readonly string[])[]
  /** Where the message that is sent carries its correlation id, and of which type it is. */
  readonly correlation:
    | { readonly path: readonly string[]; readonly type: 'string' | 'integer' }
    | undefined
  /** What is waited for; nothing else counts. Empty: every message. */
  readonly messages: readonly StreamMessage[]
  readonly own: StreamArguments
}

export interface AsyncApiCommon {
  readonly security: Readonly<Record<string, RestSecurity>>
}
