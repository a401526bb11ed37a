/**
 * The HTTP proxy that the environment names, and how requests go through it: tunnels for https (RFC 9110 section 9.3.6),
 * the absolute form for http (RFC 9112 section 3.2.2).
 */
import { Socket } from 'node:net'
import { domainToASCII } from 'node:url'
import { type buildConnector, Client, type Dispatcher } from 'undici'
import { parseCidr } from '../kit/cidr.ts'
import { GatewayError } from '../model/refusal.ts'
import { blockList, canonicalAddress, isIn } from './addresses.ts'

export interface HttpProxy {
  readonly origin: string
  /** For sentences: host and port, without user and password. */
  readonly host: string
  /** Proxy-Authorization, a secret. */
  readonly headers: Readonly<Record<string, string>>
}

const defaultPorts: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' }
const portOf = (url: URL): string => url.port || (defaultPorts[url.protocol] ?? '')
const bare = (host: string): string => host.replace(/^\[|\]$/g, '').replace(/\.$/, '')

/** The proxy for requests to `url`. @throws GatewayError server_unavailable when the variable cannot be understood */
export function proxyFor(
  url: URL,
  environment: Readonly<Record<string, string | undefined>>,
): HttpProxy | undefined {
  const upper = { 'http:': 'HTTP_PROXY', 'https:': 'HTTPS_PROXY' }[url.protocol]
  if (upper === undefined) return undefined
  // As curl does: an empty variable is none, and the lower case goes first.
  const [name, text] =
    [upper.toLowerCase(), upper]
      .map((one) => [one, environment[one] ?? ''] as const)
      .find(([, value]) => value !== '') ?? []
  if (text === undefined || isExcepted(url, environment['no_proxy'] || environment['NO_PROXY']))
    return undefined
  const proxy = URL.parse(text.includes('://') ? text : `http://${text}`)
  if (proxy === null || !(proxy.protocol in defaultPorts) || proxy.hostname === '')
    throw new GatewayError('server_unavailable', {
      detail: `the environment variable ${name} is not the URL of an http or https proxy`,
    })
  const user = [proxy.username, proxy.password].map(plain).join(':')
  return {
    origin: proxy.origin,
    host: `${proxy.hostname}:${portOf(proxy)}`,
    headers:
      user === ':'
        ? {}
        : { 'proxy-authorization': `Basic ${Buffer.from(user).toString('base64')}` },
  }
}

function plain(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Whether NO_PROXY names the target: `*`, a host or what it ends in, an address, a range, each but `*` and a range with a port. */
function isExcepted(url: URL, list = ''): boolean {
  const host = bare(url.hostname)
  const address = canonicalAddress(host)
  return list.split(/[\s,]+/).some((entry) => {
    if (entry === '' || entry === '*') return entry === '*'
    if (entry.includes('/'))
      return (
        address !== undefined && parseCidr(entry) !== undefined && isIn(blockList([entry]), address)
      )
    const whole = canonicalAddress(bare(entry))
    if (whole !== undefined) return whole === address
    const [, name = '', port] = /^(.*?)(?::(\d+))?$/.exec(entry) ?? []
    if (port !== undefined && port !== portOf(url)) return false
    const literal = canonicalAddress(bare(name))
    if (literal !== undefined || address !== undefined) return literal === address
    const suffix = domainToASCII(bare(name.replace(/^\*?\./, '')))
    return suffix !== '' && (host === suffix || host.endsWith(`.${suffix}`))
  })
}

/** A connection to the proxy itself. */
export function dialProxy(proxy: HttpProxy, connector: buildConnector.connector): Promise<Socket> {
  const { protocol, hostname, host, port } = new URL(proxy.origin)
  const { promise, resolve, reject } = Promise.withResolvers<Socket>()
  connector({ protocol, hostname: bare(hostname), host, port }, (fault, socket) => {
    if (fault === null) resolve(socket)
    else reject(unreachable(proxy, fault))
  })
  return promise
}

function unreachable(proxy: HttpProxy, cause: unknown): GatewayError {
  if (cause instanceof GatewayError) return cause
  return new GatewayError('server_unavailable', {
    detail: `the proxy ${proxy.host} cannot be reached: ${codeOf(cause)}`,
    cause,
  })
}

/** What does not speak HTTP has no code. */
function codeOf(fault: unknown): string {
  if (!(fault instanceof Error)) return 'failed'
  return 'code' in fault && typeof fault.code === 'string' ? fault.code : fault.name
}

function refused(proxy: HttpProxy, status: number): GatewayError {
  const asks = status === 407 ? ': it asks for a user and password that it accepts' : ''
  return new GatewayError('server_unavailable', {
    detail: `the proxy ${proxy.host} refused the connection with status ${status}${asks}`,
  })
}

/** A socket that leads through the proxy to the target. @throws GatewayError server_unavailable */
export async function openTunnel(
  proxy: HttpProxy,
  target: URL,
  { connector, timeoutMs }: { connector: buildConnector.connector; timeoutMs: number },
): Promise<Socket> {
  const authority = `${target.hostname}:${portOf(target)}`
  const client = new Client(proxy.origin, {
    connect: (_, callback) =>
      dialProxy(proxy, connector).then(
        (socket) => callback(null, socket),
        (fault: unknown) => callback(unreachable(proxy, fault), null),
      ),
  })
  try {
    const { statusCode, socket } = await client.connect({
      path: authority,
      headers: { host: authority, ...proxy.headers },
      signal: AbortSignal.timeout(timeoutMs),
    })
    if (statusCode >= 200 && statusCode < 300) {
      // It is typed as any stream, and is the socket that was dialled.
      if (socket instanceof Socket) return socket
    }
    socket.on('error', () => undefined).destroy()
    throw refused(proxy, statusCode)
  } catch (fault) {
    throw unreachable(proxy, fault)
  } finally {
    void client.destroy().catch(() => undefined)
  }
}

/** Of whoever gave the request up, or waited long enough. */
const ours = /^(?:AbortError|TimeoutError|UND_ERR_ABORTED)$/

/** A connection to a proxy that broke when it was there: all that is told of such a fault is its code. */
function brokenThrough(proxy: HttpProxy, fault: Error): Error {
  if (fault instanceof GatewayError || ours.test(codeOf(fault))) return fault
  const code = `${codeOf(fault)} through the proxy ${proxy.host}`
  return Object.assign(new Error(fault.message, { cause: fault }), { code })
}

/** Only a proxy answers 407 (RFC 9110 section 15.5.8): that is no answer of the server. */
function refusing(
  proxy: HttpProxy,
  handler: Dispatcher.DispatchHandler,
): Dispatcher.DispatchHandler {
  return {
    onRequestStart: (...args) => handler.onRequestStart?.(...args),
    onRequestUpgrade: (...args) => handler.onRequestUpgrade?.(...args),
    onResponseStart: (...args) => {
      const [controller, status] = args
      if (status === 407) controller.abort(refused(proxy, status))
      else handler.onResponseStart?.(...args)
    },
    onResponseData: (...args) => handler.onResponseData?.(...args),
    onResponseEnd: (...args) => handler.onResponseEnd?.(...args),
    onResponseError: (controller, fault) =>
      handler.onResponseError?.(controller, brokenThrough(proxy, fault)),
  }
}

/** Requests to `origin` in the form for a proxy. Answers other than 407 are those of the server, or look like them. */
export function forwarding(origin: URL, proxy: HttpProxy): Dispatcher.DispatcherComposeInterceptor {
  return (dispatch) => (options, handler) =>
    dispatch(
      {
        ...options,
        origin: proxy.origin,
        path: origin.origin + options.path,
        headers: { host: origin.host, ...ofRecord(options.headers), ...proxy.headers },
      },
      refusing(proxy, handler),
    )
}

const ofRecord = (headers: Dispatcher.DispatchOptions['headers']): Record<string, string> =>
  Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name, String(value)]))
