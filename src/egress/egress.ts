/**
 * The one way out. Every connection of the gateway to anything, MCP servers, descriptions, APIs and databases alike,
 * is made by an `Egress`; no other file opens a socket, and a test says so.
 */
import type { LookupFunction, Socket } from 'node:net'
import type { Dispatcher } from 'undici'

export interface ConnectOptions {
  readonly host: string
  readonly port: number
  /** TLS with this server name; undefined: plain. */
  readonly tls:
    | {
        readonly servername: string
        readonly ca?: string
        readonly cert?: string
        readonly key?: string
      }
    | undefined
  readonly timeoutMs: number
}

export interface PoolOptions {
  readonly connections: number | null
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string }
}

/** Connections on behalf of one server. Names are resolved once per connection, and the checked address is dialled. */
export interface Egress {
  /** Before anything is sent: scheme, host, and the address when it is a literal. @throws GatewayError egress_refused */
  check(url: URL): void
  /** For libraries that dial themselves (ws, tls): resolves, checks every address, hands out only allowed ones. */
  readonly lookup: LookupFunction
  /** A pool to one origin whose sockets all went through the guard. @throws GatewayError egress_refused */
  pool(origin: URL, options: PoolOptions): Dispatcher
  /** Whether a connection for requests to this URL can be made. @throws GatewayError egress_refused, server_unavailable */
  reach(url: URL, timeoutMs: number): Promise<void>
  /** A connected socket, for protocols that are not HTTP. @throws GatewayError egress_refused, server_unavailable */
  connect(options: ConnectOptions): Promise<Socket>
  /** One allowed address of a host, for libraries that take no socket and no lookup. @throws GatewayError egress_refused */
  resolve(host: string): Promise<{ readonly address: string; readonly family: 4 | 6 }>
}
