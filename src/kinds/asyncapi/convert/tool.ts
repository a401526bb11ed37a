/** One operation as a tool: what is sent and awaited, the arguments, and the form of the answer. */

import type { ConvertedTool, JsonSchema, ToolAnnotations } from '../../../model/conversion.ts'
import type { CredentialPlace } from '../../../model/credential.ts'
import {
  type AsyncApiPlan,
  type AsyncApiSpec,
  type StreamArguments,
  streamBounds,
} from '../../../model/kinds/asyncapi.ts'
import type { Documents } from '../../document/documents.ts'
import type { Direction } from '../../document/hidden.ts'
import { type JsonDraft, setMember } from '../../document/json.ts'
import type { Spot } from '../../document/place.ts'
import { OperationFault } from '../../document/report.ts'
import type { Reference } from '../../document/schema.ts'
import type { Schemas } from '../../document/schemas.ts'
import { plainLine, plainText } from '../../text.ts'
import { openingOf, ownNames } from './arguments.ts'
import { type Memory, once } from './memory.ts'
import { correlationType, readMessage, streamMessage } from './messages.ts'
import type { Message, Operation, ReadOperation, Verb, Version } from './operation.ts'
import { type ReadOptions, readOperation, traitText } from './operations.ts'
import type { Security } from './security.ts'
import { serverOf } from './server.ts'

export interface ToolContext {
  readonly documents: Documents
  readonly spec: AsyncApiSpec
  readonly version: Version
  readonly schemas: Schemas
  readonly security: Security
  /** Parts of a request that the gateway fills. */
  readonly filled: readonly CredentialPlace[]
  readonly reading: ReadOptions
}

const descriptionCharsMax = 1_200
const titleCharsMax = 100
const messagesMax = 50

/** @throws OperationFault */
export function convertOperation(
  operation: Operation,
  name: string,
  context: ToolContext,
): ConvertedTool<AsyncApiPlan> {
  if (operation.fault !== undefined) throw operation.fault
  const { documents, spec, version, schemas, security } = context
  const read = readOperation(documents, operation, context.reading)
  const { address, channel, spot } = read
  if (address === undefined)
    throw new OperationFault(
      'feature_unsupported',
      'The address of its channel is not known before the service tells it.',
      channel.at,
    )
  const server = serverOf(documents, channel, { spec, version })
  if (server.transport === 'events' && read.verb !== 'take')
    throw new OperationFault(
      'transport_unsupported',
      'Over HTTP messages can be taken; to send them, describe the API with OpenAPI.',
      spot.at,
    )
  const { memory } = context.reading
  const readAll = (spots: readonly Spot[]): readonly Message[] =>
    spots
      .slice(0, messagesMax)
      .map((one) => once(memory.messages, one.value, () => readMessage(documents, one)))
  const messages = readAll(read.messages)
  const replies = readAll(read.replies)
  const opening = openingOf(documents, schemas, {
    channel,
    operation: spot,
    address,
    transport: server.transport,
    filled: context.filled,
  })
  const own = ownNames(new Set(opening.properties.keys()))
  const sendable =
    read.verb === 'take' && server.transport === 'socket' ? readAll(read.sendable) : []
  const awaited = read.verb === 'ask' ? replies : read.verb === 'take' ? messages : []
  const plan: AsyncApiPlan = {
    kind: read.verb,
    url: server.url,
    path: address,
    ...(server.topic === undefined ? {} : { topic: server.topic }),
    parameters: opening.parameters,
    protocols: spec.protocols.length > 0 ? spec.protocols : opening.protocols,
    method: opening.method,
    json: [...messages, ...replies].every(({ json }) => json),
    security: security.of(spot, server.spot),
    correlation: read.verb === 'ask' ? correlationOf(documents, messages) : undefined,
    messages: awaited.map((message) =>
      once(memory.fits, message, () => streamMessage(documents, message)),
    ),
    own,
  }
  const input = new Arguments(schemas, memory, opening.references)
  for (const [key, schema] of opening.properties) input.add(key, schema)
  input.need(opening.required)
  if (read.verb === 'take') addTake(input, own, sendable)
  else {
    input.add(own.message, input.payload(messages, 'What is sent'))
    input.need([own.message])
  }
  if (read.verb === 'ask') input.add(own.seconds, secondsSchema('How long to wait for the reply'))
  return {
    operation: operation.key,
    definition: {
      name,
      title: titleOf(documents, read, name),
      description: describe(context, read, { messages, replies }),
      inputSchema: input.schema(),
      outputSchema: outputOf(schemas, memory, read.verb, awaited),
      annotations: annotationsOf(read.verb),
    },
    plan,
  }
}

function correlationOf(
  documents: Documents,
  messages: readonly Message[],
): AsyncApiPlan['correlation'] {
  const message = messages.find(({ correlation }) => correlation !== undefined)
  const path = message?.correlation
  if (message === undefined || path === undefined) return undefined
  return { path, type: correlationType(documents, message.payload, path) }
}

/** Properties of the input schema, with what their references reach. */
class Arguments {
  private readonly schemas: Schemas
  private readonly memory: Memory
  private readonly references: Reference[]
  private readonly properties: JsonDraft = {}
  private readonly required: string[] = []

  constructor(schemas: Schemas, memory: Memory, references: readonly Reference[]) {
    this.schemas = schemas
    this.memory = memory
    this.references = [...references]
  }

  add(name: string, schema: JsonSchema): void {
    setMember(this.properties, name, schema)
  }

  need(names: readonly string[]): void {
    this.required.push(...names)
  }

  payload(messages: readonly Message[], what: string): JsonSchema {
    return payloadSchema(this.schemas, messages, {
      memory: this.memory,
      direction: 'input',
      references: this.references,
      what,
    })
  }

  schema(): JsonSchema {
    const root: JsonDraft = {
      type: 'object',
      properties: this.properties,
      ...(this.required.length === 0 ? {} : { required: [...new Set(this.required)] }),
      additionalProperties: false,
    }
    return this.schemas.assemble(root, this.references, 'input').schema
  }
}

function addTake(input: Arguments, own: StreamArguments, sendable: readonly Message[]): void {
  const { countDefault, countMax, firstMax } = streamBounds
  input.add(own.count, {
    type: 'integer',
    minimum: 1,
    maximum: countMax,
    default: countDefault,
    description: 'How many messages to take',
  })
  input.add(own.seconds, secondsSchema('How long to wait for them'))
  input.add(own.where, {
    type: 'object',
    description:
      'Only messages with these members, e.g. {"event":"trade"}; the others are passed over',
  })
  if (sendable.length > 0)
    input.add(own.first, {
      type: 'array',
      maxItems: firstMax,
      items: input.payload(sendable, 'A message to the service'),
      description: 'Messages to send before any is taken, e.g. to subscribe',
    })
}

function secondsSchema(what: string): JsonSchema {
  const { secondsDefault, secondsMax } = streamBounds
  return {
    type: 'number',
    exclusiveMinimum: 0,
    maximum: secondsMax,
    default: secondsDefault,
    description: `${what}, in seconds`,
  }
}

interface PayloadOptions {
  readonly memory: Memory
  readonly direction: Direction
  readonly references: Reference[]
  readonly what: string
}

function payloadSchema(
  schemas: Schemas,
  messages: readonly Message[],
  { memory, direction, references, what }: PayloadOptions,
): JsonSchema {
  const parts = messages.map((message): JsonSchema => {
    const { payload, summary, title, name, json } = message
    if (payload === undefined) return json ? {} : { type: 'string' }
    const converted = once(memory.payloads[direction], message, () => {
      const own: Reference[] = []
      return { schema: schemas.convert(payload, direction, own), references: own }
    })
    references.push(...converted.references)
    const { schema } = converted
    const words = summary ?? title ?? name
    return 'description' in schema || words === undefined || messages.length === 1
      ? schema
      : { description: plainLine(words, 200), ...schema }
  })
  const [first = {}, second] = parts
  if (second === undefined) return 'description' in first ? first : { description: what, ...first }
  return { description: what, anyOf: parts }
}

/** What a tool answers: a reply, the messages that came, or that a message was sent. */
function outputOf(
  schemas: Schemas,
  memory: Memory,
  verb: Verb,
  awaited: readonly Message[],
): JsonSchema {
  if (verb === 'send')
    return { type: 'object', properties: { sent: { const: true } }, required: ['sent'] }
  const references: Reference[] = []
  const what = verb === 'ask' ? 'The reply' : 'A message'
  const payload = payloadSchema(schemas, awaited, {
    memory,
    direction: 'output',
    references,
    what,
  })
  const root: JsonDraft =
    verb === 'ask'
      ? { type: 'object', properties: { reply: payload }, required: ['reply'] }
      : {
          type: 'object',
          properties: {
            messages: { type: 'array', items: payload },
            ended: {
              type: 'string',
              enum: ['limit', 'time', 'completed'],
              description: 'Why no more messages follow',
            },
          },
          required: ['messages', 'ended'],
        }
  return schemas.assemble(root, references, 'output').schema
}

/** Its own title, or the words of the tool's name. */
function titleOf(documents: Documents, { spot }: ReadOperation, name: string): string {
  const words = name.replaceAll('_', ' ')
  const title =
    traitText(documents, spot, 'title') ?? words.charAt(0).toUpperCase() + words.slice(1)
  return plainLine(title, titleCharsMax)
}

const does: Readonly<Record<Verb, string>> = {
  ask: 'Sends a message and answers with the reply.',
  send: 'Sends a message; no reply is awaited.',
  take: 'Waits for messages and answers with those that came, until the count or the time is reached.',
}

function describe(
  { documents }: ToolContext,
  { spot, channel, verb }: ReadOperation,
  { messages, replies }: { messages: readonly Message[]; replies: readonly Message[] },
): string {
  const own = [traitText(documents, spot, 'summary'), traitText(documents, spot, 'description')]
  const channelWords = traitText(documents, channel, 'description')
  const ofMessages = messages.map(({ summary, title }) => summary ?? title)
  const ofReplies = replies.map(({ summary, title }) => summary ?? title)
  const told = (label: string, words: readonly (string | undefined)[]): string | undefined => {
    const known = [...new Set(words.filter((word) => word !== undefined))].slice(0, 5)
    return known.length === 0
      ? undefined
      : `${label}: ${known.map((word) => plainLine(word, 160)).join(' | ')}`
  }
  const parts = [
    ...own,
    ...(own.some((text) => text !== undefined) ? [] : [channelWords]),
    does[verb],
    told('Message', ofMessages),
    told('Reply', ofReplies),
  ]
  return plainText(parts.filter((part) => part !== undefined).join('\n'), descriptionCharsMax)
}

function annotationsOf(verb: Verb): ToolAnnotations {
  return verb === 'take'
    ? { readOnlyHint: true, openWorldHint: true }
    : { readOnlyHint: false, openWorldHint: true }
}
