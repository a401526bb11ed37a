/** Arguments that open a channel: parameters of its address, and what its WebSocket or HTTP binding asks for. */
import type { JsonSchema } from '../../../model/conversion.ts'
import { type CredentialPlace, isFilled } from '../../../model/credential.ts'
import type { StreamArguments, StreamParameter } from '../../../model/kinds/asyncapi.ts'
import type { Documents } from '../../document/documents.ts'
import { isObject, memberOf, membersOf, textAt, textsAt } from '../../document/json.ts'
import { placeIn, type Spot } from '../../document/place.ts'
import { OperationFault } from '../../document/report.ts'
import type { Reference } from '../../document/schema.ts'
import type { Schemas } from '../../document/schemas.ts'
import { plainLine } from '../../text.ts'
import { traitMember } from './operations.ts'
import type { Transport } from './server.ts'

export interface Opening {
  readonly parameters: readonly StreamParameter[]
  readonly properties: ReadonlyMap<string, JsonSchema>
  readonly required: readonly string[]
  readonly references: readonly Reference[]
  readonly protocols: readonly string[]
  readonly method: 'GET' | 'POST'
}

const parametersMax = 100
const descriptionCharsMax = 400

/** Headers that belong to the connection, never to an argument. */
const ownHeader =
  /^(host|connection|upgrade|content-length|transfer-encoding|trailer|te|sec-websocket-.*)$/i

interface Holder {
  readonly channel: Spot
  readonly operation: Spot
  readonly address: string
  readonly transport: Transport
  /** What the gateway sends by itself is no argument. */
  readonly filled: readonly CredentialPlace[]
}

/** @throws OperationFault */
export function openingOf(documents: Documents, schemas: Schemas, holder: Holder): Opening {
  const collector = new Collector(schemas, holder.filled)
  const { channel, address, transport } = holder
  const described = memberOf(channel.value, 'parameters')
  const at = placeIn(channel.at, 'parameters')
  for (const name of new Set(
    [...address.matchAll(/\{([^{}]{1,100})\}/g)].map((hit) => hit[1] ?? ''),
  )) {
    const raw = memberOf(described, name)
    const found = documents.target({ value: raw, at: placeIn(at, name) })
    collector.path(name, found.kind === 'found' ? found.spot : { value: {}, at })
  }
  const kind = transport === 'socket' ? 'ws' : 'http'
  const bindings = [channel, holder.operation].flatMap((spot) => bindingOf(documents, spot, kind))
  for (const binding of bindings) {
    collector.binding(documents, binding, 'query')
    if (transport === 'socket') collector.binding(documents, binding, 'headers')
  }
  const methods = bindings.map(({ value }) => textAt(value, 'method')?.toUpperCase())
  return { ...collector.result(), method: methodOf(methods, transport) }
}

/** The binding of a WebSocket names GET; what a stream over HTTP is sent by its service with is no request of ours. */
function methodOf(methods: readonly (string | undefined)[], transport: Transport): 'GET' | 'POST' {
  return transport === 'events' && methods.includes('POST') && methods.includes('GET')
    ? 'POST'
    : 'GET'
}

function bindingOf(documents: Documents, holder: Spot, kind: 'ws' | 'http'): Spot[] {
  const bindings = traitMember(documents, holder, 'bindings')
  if (bindings === undefined) return []
  const all = documents.target(bindings)
  if (all.kind === 'lost') return []
  const value = memberOf(all.spot.value, kind)
  if (!isObject(value)) return []
  const found = documents.target({ value, at: placeIn(all.spot.at, kind) })
  return found.kind === 'found' ? [found.spot] : []
}

class Collector {
  private readonly schemas: Schemas
  private readonly parameters: StreamParameter[] = []
  private readonly properties = new Map<string, JsonSchema>()
  private readonly required: string[] = []
  private readonly references: Reference[] = []
  private readonly protocols: string[] = []
  private readonly filled: Holder['filled']

  constructor(schemas: Schemas, filled: Holder['filled']) {
    this.schemas = schemas
    this.filled = filled
  }

  result(): Omit<Opening, 'method'> {
    const { parameters, properties, required, references, protocols } = this
    return { parameters, properties, required, references, protocols }
  }

  /** Version 3 describes a parameter as text; version 2 with a schema. */
  path(name: string, spot: Spot): void {
    const schema = memberOf(spot.value, 'schema')
    const described: JsonSchema =
      schema === undefined
        ? plainParameter(spot)
        : this.schemas.convert(
            { value: schema, at: placeIn(spot.at, 'schema') },
            'input',
            this.references,
          )
    const description = textAt(spot.value, 'description')
    this.add({ name, in: 'path' }, spot, {
      ...(description === undefined
        ? {}
        : { description: plainLine(description, descriptionCharsMax) }),
      ...described,
    })
    if (!('default' in described)) this.required.push(this.parameters.at(-1)?.argument ?? name)
  }

  binding(documents: Documents, binding: Spot, key: 'query' | 'headers'): void {
    const raw = memberOf(binding.value, key)
    if (raw === undefined) return
    const found = documents.target({ value: raw, at: placeIn(binding.at, key) })
    if (found.kind === 'lost') return
    const { value, at } = found.spot
    const required = new Set(textsAt(value, 'required'))
    for (const [name, schema] of membersOf(memberOf(value, 'properties'))) {
      if (key === 'headers' && ownHeader.test(name)) {
        if (/^sec-websocket-protocol$/i.test(name)) this.protocols.push(...valuesOf(schema))
        continue
      }
      const spot = { value: schema, at: placeIn(placeIn(at, 'properties'), name) }
      const where = key === 'query' ? 'query' : 'header'
      if (isFilled(this.filled, { in: where, name })) continue
      this.add({ name, in: where }, spot, this.schemas.convert(spot, 'input', this.references))
      if (required.has(name)) this.required.push(this.parameters.at(-1)?.argument ?? name)
    }
  }

  private add(
    parameter: Omit<StreamParameter, 'argument'>,
    { at }: Spot,
    schema: JsonSchema,
  ): void {
    if (this.parameters.length >= parametersMax)
      throw new OperationFault(
        'feature_unsupported',
        `It has more than ${parametersMax} parameters.`,
        at,
      )
    const { name } = parameter
    const taken = this.properties.has(name)
    const argument = taken ? `${name}_${parameter.in}` : name
    this.properties.set(argument, schema)
    this.parameters.push({ ...parameter, argument })
  }
}

function plainParameter({ value }: Spot): JsonSchema {
  const values = textsAt(value, 'enum')
  const preset = textAt(value, 'default')
  const examples = textsAt(value, 'examples').slice(0, 3)
  return {
    type: 'string',
    ...(values.length === 0 ? {} : { enum: values }),
    ...(preset === undefined ? {} : { default: preset }),
    ...(examples.length === 0 ? {} : { examples }),
  }
}

/** Values that a schema allows by name. */
function valuesOf(schema: unknown): readonly string[] {
  const fixed = textAt(schema, 'const') ?? textAt(schema, 'default')
  const values = fixed === undefined ? textsAt(schema, 'enum') : [fixed]
  // RFC 6455 section 4.1: a subprotocol is an HTTP token.
  return values.filter((value) => /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/.test(value)).slice(0, 10)
}

/** Our own arguments beside those of the description. */
export function ownNames(taken: ReadonlySet<string>): StreamArguments {
  const free = (name: string): string => (taken.has(name) ? `_${name}` : name)
  return {
    message: free('message'),
    seconds: free('seconds'),
    count: free('count'),
    where: free('where'),
    first: free('first'),
  }
}
