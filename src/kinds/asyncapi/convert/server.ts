/** Which server of a description a channel is reached at, and its address as a URL. */
import type { AsyncApiSpec } from '../../../model/kinds/asyncapi.ts'
import type { Documents } from '../../document/documents.ts'
import { listAt, memberOf, membersOf, textAt, textsAt } from '../../document/json.ts'
import { placeIn, type Spot } from '../../document/place.ts'
import { OperationFault } from '../../document/report.ts'
import type { Version } from './operation.ts'
import { follow } from './operations.ts'

export type Transport = 'socket' | 'events'

export interface Server {
  readonly url: string
  readonly transport: Transport
  /** Of a hub: the parameter of the query that names a topic; there is no path for each. */
  readonly topic: string | undefined
  /** Undefined when the configuration names the address. */
  readonly spot: Spot | undefined
}

const transports: Readonly<Record<string, Transport>> = {
  ws: 'socket',
  wss: 'socket',
  http: 'events',
  https: 'events',
  sse: 'events',
  // The Mercure protocol, section 5.1: server-sent events of the topics that the query names.
  mercure: 'events',
}
const topicOf = (protocol: string | undefined): string | undefined =>
  protocol?.toLowerCase() === 'mercure' ? 'topic' : undefined

/** They are gone through for each operation. */
const serversMax = 100

/** @throws OperationFault transport_unsupported */
export function serverOf(
  documents: Documents,
  channel: Spot,
  { spec, version }: { spec: AsyncApiSpec; version: Version },
): Server {
  const all = serversOf(documents, channel, version)
  const usable = all.find((server) => transportOf(server) !== undefined)
  if (spec.url !== undefined) return configured(spec.url, usable ?? all[0])
  if (usable === undefined) {
    const names = [...new Set(all.map(({ value }) => textAt(value, 'protocol') ?? 'none'))]
    throw new OperationFault(
      'transport_unsupported',
      all.length === 0
        ? 'The description names no server for it; say it with --base-url, or with asyncapi.url in a file.'
        : `It is offered over ${names.slice(0, 5).join(', ')}; WebSocket, server-sent events and Mercure are supported.`,
      channel.at,
    )
  }
  return described(usable, version)
}

function configured(url: string, spot: Spot | undefined): Server {
  const { protocol } = new URL(url)
  const transport = transports[protocol.slice(0, -1)] ?? 'socket'
  return { url, transport, topic: topicOf(textAt(spot?.value, 'protocol')), spot }
}

function serversOf(documents: Documents, channel: Spot, version: Version): readonly Spot[] {
  const { root } = documents
  const at = placeIn(root.at, 'servers')
  const named = membersOf(memberOf(root.value, 'servers'))
    .slice(0, serversMax)
    .map(([name, value]) => ({
      name,
      spot: follow(documents, { value, at: placeIn(at, name) }),
    }))
  const own = placeIn(channel.at, 'servers')
  if (version === 3) {
    const chosen = listAt(channel.value, 'servers')
      .slice(0, serversMax)
      .map((value, index) => follow(documents, { value, at: placeIn(own, String(index)) }))
    return chosen.length > 0 ? chosen : named.map(({ spot }) => spot)
  }
  const names = textsAt(channel.value, 'servers').slice(0, serversMax)
  return named
    .filter(({ name }) => names.length === 0 || names.includes(name))
    .map(({ spot }) => spot)
}

function transportOf({ value }: Spot): Transport | undefined {
  const protocol = textAt(value, 'protocol')?.toLowerCase() ?? ''
  return Object.hasOwn(transports, protocol) ? transports[protocol] : undefined
}

function described(spot: Spot, version: Version): Server {
  const { value, at } = spot
  const protocol = textAt(value, 'protocol')?.toLowerCase() ?? ''
  const transport = transports[protocol] ?? 'socket'
  const scheme = protocol === 'sse' || protocol === 'mercure' ? 'https' : protocol
  const raw =
    version === 3
      ? `${scheme}://${textAt(value, 'host') ?? ''}${textAt(value, 'pathname') ?? ''}`
      : (textAt(value, 'url') ?? '')
  const text = filled(raw.includes('://') ? raw : `${scheme}://${raw}`, spot)
  const url = URL.parse(text.replace(/^[a-z]+:/i, `${scheme}:`))
  if (url === null || url.hostname === '')
    throw new OperationFault(
      'description_invalid',
      `${JSON.stringify(text.slice(0, 200))} is no address of a server.`,
      at,
    )
  return { url: url.href.replace(/\/+$/, ''), transport, topic: topicOf(protocol), spot }
}

/** Variables have their default, or the first of their values. */
function filled(text: string, { value, at }: Spot): string {
  const variables = new Map(membersOf(memberOf(value, 'variables')))
  return text.replace(/\{([^{}]{1,100})\}/g, (_whole, name: string) => {
    const variable = variables.get(name)
    const preset = textAt(variable, 'default') ?? textsAt(variable, 'enum')[0]
    if (preset === undefined)
      throw new OperationFault(
        'description_invalid',
        `The variable ${name} of the server has no default; set asyncapi.url.`,
        at,
      )
    return preset
  })
}
