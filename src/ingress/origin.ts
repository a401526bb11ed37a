import type { IncomingMessage, ServerResponse } from 'node:http'
import { GatewayError } from '../model/refusal.ts'

/** Which Host names and web origins may call (MCP 2026-07-28 basic/transports/streamable-http, "Security"). */
export interface OriginRules {
  readonly origins: ReadonlySet<string>
  /** Host names without port; empty: any, for binds that are not loopback. */
  readonly hosts: ReadonlySet<string>
  /** Host headers that passed, so that a warm request costs one look-up. Bounded. */
  readonly seen: Set<string>
}

const seenMax = 64
const loopbackHosts = ['localhost', '127.0.0.1', '[::1]']

/** Loopback binds take loopback names only, so that no web page can reach them through a rebound name. */
export function originRules(listen: {
  host: string
  origins: readonly string[]
  hosts: readonly string[]
}): OriginRules {
  const loopback = isLoopback(listen.host)
  return {
    origins: new Set(listen.origins.map((origin) => origin.toLowerCase().replace(/\/$/, ''))),
    hosts: new Set(
      loopback
        ? [...loopbackHosts, ...listen.hosts.map((host) => host.toLowerCase())]
        : listen.hosts.map((host) => host.toLowerCase()),
    ),
    seen: new Set(),
  }
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host)
}

/** @throws GatewayError host_refused, origin_refused */
export function checkOrigin(rules: OriginRules, request: IncomingMessage): void {
  const { host } = request.headers
  if (rules.hosts.size > 0 && (host === undefined || !rules.seen.has(host))) checkHost(rules, host)
  const { origin } = request.headers
  if (origin === undefined || origin === '') return
  if (!originAllowed(rules, origin))
    throw new GatewayError('origin_refused', { detail: `Origin ${origin.slice(0, 100)}` })
}

function checkHost(rules: OriginRules, host: string | undefined): void {
  const name = hostName(host)
  if (name === undefined || !rules.hosts.has(name))
    throw new GatewayError('host_refused', { detail: `Host ${String(host).slice(0, 100)}` })
  if (host !== undefined && rules.seen.size < seenMax) rules.seen.add(host)
}

function originAllowed(rules: OriginRules, origin: string): boolean {
  const lower = origin.toLowerCase()
  if (rules.origins.has(lower)) return true
  // A page that this machine itself serves may call a loopback gateway.
  const name = /^https?:\/\/(\[[^\]]+\]|[^:/]+)(?::\d+)?$/.exec(lower)?.[1]
  return name !== undefined && rules.hosts.has('localhost') && loopbackHosts.includes(name)
}

function hostName(host: string | undefined): string | undefined {
  return host === undefined
    ? undefined
    : /^(\[[^\]]+\]|[^:]+)(?::\d+)?$/.exec(host.toLowerCase())?.[1]
}

const exposed = 'Mcp-Session-Id, WWW-Authenticate, Retry-After'
const accepted =
  'Authorization, Content-Type, Accept, Last-Event-ID, Mcp-Session-Id, MCP-Protocol-Version, Mcp-Method, Mcp-Name, X-Api-Key, Traceparent, Tracestate'

/** CORS headers for an origin that passed `checkOrigin`. The answer names the one origin, never `*`. */
export function allowCors(request: IncomingMessage, response: ServerResponse): void {
  const { origin } = request.headers
  if (origin === undefined || origin === '') return
  response.setHeader('access-control-allow-origin', origin)
  response.setHeader('access-control-expose-headers', exposed)
  response.setHeader('vary', 'Origin')
}

/** Answers a preflight. */
export function preflight(request: IncomingMessage, response: ServerResponse): void {
  const asked = request.headers['access-control-request-headers']
  // Mcp-Param-* names are open, so what the browser asks for is echoed when it is of that form.
  const extra = (asked ?? '')
    .split(',')
    .filter((name) => /^\s*mcp-param-[a-z0-9!#$%&'*+.^_`|~-]+\s*$/i.test(name))
  response.writeHead(204, {
    'access-control-allow-methods': 'POST, GET, DELETE, OPTIONS',
    'access-control-allow-headers': [accepted, ...extra.map((name) => name.trim())].join(', '),
    'access-control-max-age': '600',
  })
  response.end()
}
