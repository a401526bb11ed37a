/** Channels to one gRPC server: the address is resolved and checked by the guard, and the checked one is dialled. */
import type { ChannelOptions, Client } from '@grpc/grpc-js'
import type { Egress } from '../../../egress/egress.ts'
import { owned } from '../../../kit/owner.ts'
import type { Credential } from '../../../model/credential.ts'
import type { GrpcSpec } from '../../../model/kinds/grpc.ts'
import { GatewayError } from '../../../model/refusal.ts'

/** grpc-js, loaded when a server of this kind is there. */
export type Grpc = typeof import('@grpc/grpc-js')

interface Target {
  readonly host: string
  readonly port: number
  readonly tls: boolean
}

const keepAliveMs = 60_000
const keepAliveWaitMs = 20_000
const backoffMsMax = 2_000

/** @throws GatewayError description_unusable when the address is none */
function targetOf({ address, plaintext }: Pick<GrpcSpec, 'address' | 'plaintext'>): Target {
  const [, scheme, rest] = /^(?:(grpcs?|https?):\/\/)?([^/]+)\/?$/i.exec(address.trim()) ?? []
  const url = URL.parse(`http://${rest ?? ''}`)
  const tls = scheme === undefined ? !plaintext : /s$/i.test(scheme)
  // A URL drops port 80, which is as good as any other here.
  const written = /:(\d{1,5})$/.exec(rest ?? '')?.[1]
  if (rest === undefined || url === null || url.hostname === '')
    throw new GatewayError('description_unusable', { detail: 'the address is no host:port' })
  const port = written === undefined ? (tls ? 443 : 80) : Number(written)
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port, tls }
}

export interface ChannelSettings {
  readonly server: string
  readonly spec: GrpcSpec
  readonly credential: Credential | undefined
  readonly egress: Egress
  readonly messageBytesMax: number
}

export interface OpenChannel {
  readonly grpc: Grpc
  readonly client: Client
}

/** The one channel of a server; it is opened by the first call, and again after a break. */
export class Channel {
  private readonly settings: ChannelSettings
  private opening: Promise<OpenChannel> | undefined
  private current: Client | undefined
  private closed = false

  constructor(settings: ChannelSettings) {
    this.settings = settings
  }

  /** @throws GatewayError egress_refused, server_unavailable, cancelled */
  open(): Promise<OpenChannel> {
    if (this.closed) return Promise.reject(new GatewayError('cancelled'))
    if (this.opening === undefined) {
      const opening = this.connect()
      this.opening = opening
      // An address that cannot be had is looked for again by the next call.
      opening.catch(() => {
        if (this.opening === opening) this.opening = undefined
      })
    }
    return this.opening
  }

  private async connect(): Promise<OpenChannel> {
    // CommonJS: a bundle gives only its default export.
    const { default: grpc } = await import('@grpc/grpc-js')
    // What the connection itself throws; what a call throws belongs to the call.
    const owner = { what: `the channel to ${this.settings.server}`, fail: () => this.breakOff() }
    const client = await owned(owner, () => openClient(grpc, this.settings))
    if (this.closed) {
      client.close()
      throw new GatewayError('cancelled')
    }
    this.current = client
    return { grpc, client }
  }

  private breakOff(): void {
    if (this.current !== undefined) this.forget(this.current)
  }

  /** The next call resolves the address anew. Calls that still run keep theirs until they end. */
  forget(client: Client): void {
    client.close()
    if (this.current !== client) return
    this.current = undefined
    this.opening = undefined
  }

  async close(): Promise<void> {
    this.closed = true
    if (this.current !== undefined) this.forget(this.current)
  }
}

async function openClient(grpc: Grpc, settings: ChannelSettings): Promise<Client> {
  const { spec, credential, egress, messageBytesMax } = settings
  const { host, port, tls } = targetOf(spec)
  const { address, family } = await egress.resolve(host)
  const authority = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
  const options: ChannelOptions = {
    'grpc.default_authority': authority,
    'grpc.max_receive_message_length': messageBytesMax,
    // Proxies of the environment would go around the guard, and what may be repeated is known here.
    'grpc.enable_http_proxy': 0,
    'grpc.enable_retries': 0,
    'grpc.service_config_disable_resolution': 1,
    'grpc.keepalive_time_ms': keepAliveMs,
    'grpc.keepalive_timeout_ms': keepAliveWaitMs,
    'grpc.max_reconnect_backoff_ms': backoffMsMax,
    // Two servers at one address share no connection: each has its own certificates.
    'grpc.use_local_subchannel_pool': 1,
    ...(tls ? { 'grpc.ssl_target_name_override': spec.serverName ?? host } : {}),
  }
  const dialled = family === 4 ? `ipv4:${address}:${port}` : `ipv6:[${address}]:${port}`
  const credentials = tls ? secure(grpc, credential) : grpc.credentials.createInsecure()
  const client = new grpc.Client(dialled, credentials, options)
  // Connects here: begun by a call, the connection would be that call's.
  client.getChannel().getConnectivityState(true)
  return client
}

function secure(grpc: Grpc, credential: Credential | undefined) {
  const { ca, cert, key } = credential?.tls ?? {}
  const bytes = (text: string | undefined): Buffer | null =>
    text === undefined ? null : Buffer.from(text)
  return grpc.credentials.createSsl(bytes(ca), bytes(key), bytes(cert))
}
