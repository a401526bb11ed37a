/** The guard of every outgoing connection. The rules are those of docs/adr/0017-egress.md. */

import { lookup as dnsLookup } from 'node:dns/promises'
import { connect as connectPlain, isIP, type LookupFunction, Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { buildConnector, type Dispatcher, Pool } from 'undici'
import { parseCidr } from '../kit/cidr.ts'
import { type Owner, owned } from '../kit/owner.ts'
import { errorOf } from '../kit/thrown.ts'
import type { EgressSpec } from '../model/egress.ts'
import { GatewayError } from '../model/refusal.ts'
import {
  type AddressClass,
  blockList,
  canonicalAddress,
  classOf,
  formsOf,
  isIn,
} from './addresses.ts'
import type { ConnectOptions, Egress } from './egress.ts'
import { dialProxy, forwarding, type HttpProxy, openTunnel, proxyFor } from './proxy.ts'

export interface Resolved {
  readonly address: string
  readonly family: 4 | 6
}

export interface EgressPolicy {
  /** Hosts that the operator wrote in the entry itself: address, base URL, place of the description. */
  readonly named: readonly string[]
  /**
   * Hosts that a description names which the operator gave as a file. They are allowed, localhost and private addresses
   * too; but nobody reads all of such a file, so it opens no link-local, metadata or reserved address.
   */
  readonly described?: readonly string[]
  readonly spec: EgressSpec
  /** Where a proxy is named, if `spec` says that it is used; default: nowhere. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** All addresses of a name; default: the system's resolver. */
  readonly resolve?: (host: string) => Promise<readonly Resolved[]>
}

const schemes: ReadonlySet<string> = new Set(['http:', 'https:', 'ws:', 'wss:'])
const connectTimeoutMs = 10_000
const keepAliveMs = 30_000
/** More answers than this are not looked at. */
const answersMax = 64

async function systemResolve(host: string): Promise<readonly Resolved[]> {
  const answers = await dnsLookup(host, { all: true })
  return answers.map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 }))
}

/** Lower case, without brackets and the root's dot, IDN as punycode; undefined when it is no host. */
function canonicalHost(host: string): string | undefined {
  const literal = canonicalAddress(host)
  if (literal !== undefined) return literal
  if (/[/?#@\\:\s[\]]/.test(host)) return undefined
  const name = URL.parse(`http://${host}/`)?.hostname.replace(/\.$/, '')
  if (name === undefined || name === '') return undefined
  return canonicalAddress(name) ?? name
}

const canonicalHosts = (host: string): string[] => {
  const canonical = canonicalHost(host)
  return canonical === undefined ? [] : [canonical]
}

const openedByDescriptions: ReadonlySet<AddressClass> = new Set(['public', 'private', 'loopback'])

function isLocalhost(host: string): boolean {
  // RFC 6761 section 6.3: names under localhost are loopback too.
  return host === 'localhost' || host.endsWith('.localhost')
}

function labelsMatch(pattern: string, host: string): boolean {
  const wanted = pattern.toLowerCase().replace(/\.$/, '').split('.')
  const labels = host.split('.')
  return (
    isIP(host) === 0 &&
    wanted.length === labels.length &&
    wanted.every((label, index) => label === '*' || label === labels[index])
  )
}

class Guard implements Egress {
  readonly lookup: LookupFunction
  private readonly named: ReadonlySet<string>
  /** Those of them that the operator wrote, and no description. */
  private readonly written: ReadonlySet<string>
  private readonly proxy: (url: URL) => HttpProxy | undefined
  /** Addresses that were written as such. */
  private readonly literal: ReadonlySet<string>
  private readonly patterns: readonly string[]
  private readonly words: ReadonlySet<string>
  private readonly networks: ReturnType<typeof blockList>
  private readonly single: ReturnType<typeof blockList>
  private readonly answers: (host: string) => Promise<readonly Resolved[]>

  constructor({
    named,
    described = [],
    spec,
    environment = {},
    resolve = systemResolve,
  }: EgressPolicy) {
    this.proxy = (url) => (spec.proxy === 'environment' ? proxyFor(url, environment) : undefined)
    const literalHosts = spec.hosts.filter((host) => !host.includes('*'))
    const written = [...named, ...literalHosts].flatMap(canonicalHosts)
    const told = described.flatMap(canonicalHosts)
    this.written = new Set(written)
    this.named = new Set([...written, ...told])
    const harmless = told.filter((host) =>
      formsOf(host).every((form) => openedByDescriptions.has(classOf(form))),
    )
    this.literal = new Set([...written, ...harmless].filter((host) => isIP(host) !== 0))
    this.patterns = spec.hosts.filter((host) => host.includes('*'))
    this.words = new Set(spec.networks)
    this.networks = blockList(spec.networks)
    this.single = blockList(
      spec.networks.filter((text) => {
        const cidr = parseCidr(text)
        return cidr !== undefined && cidr.prefix === (cidr.family === 4 ? 32 : 128)
      }),
    )
    this.answers = resolve
    this.lookup = (host, options, callback) => {
      this.allowed(host).then(
        (all) => {
          const { family } = options
          const wanted =
            family === 4 || family === 'IPv4' ? 4 : family === 6 || family === 'IPv6' ? 6 : 0
          const fitting = wanted === 0 ? all : all.filter((one) => one.family === wanted)
          const [first] = fitting
          if (first === undefined) callback(notFound(host), '', 0)
          else if (options.all === true) callback(null, [...fitting])
          else callback(null, first.address, first.family)
        },
        (fault: unknown) => callback(errorOf(fault), '', 0),
      )
    }
  }

  check(url: URL): void {
    if (!schemes.has(url.protocol))
      throw new GatewayError('egress_refused', {
        detail: `${url.protocol} is not a scheme that connections are made with`,
      })
    this.checkHost(url.hostname)
  }

  /** The host in one spelling; a literal address is checked at once. */
  private checkHost(host: string): string {
    const canonical = canonicalHost(host)
    if (canonical === undefined)
      throw new GatewayError('egress_refused', { detail: `${JSON.stringify(host)} is no host` })
    if (
      !this.named.has(canonical) &&
      !this.patterns.some((pattern) => labelsMatch(pattern, canonical))
    )
      throw new GatewayError('egress_refused', {
        detail: `the host ${canonical} is not that of the server; allow it with egress.hosts: ["${canonical}"]`,
      })
    if (isIP(canonical) !== 0) this.checkAddress(canonical, canonical)
    return canonical
  }

  /** @throws GatewayError egress_refused */
  private checkAddress(host: string, address: string): void {
    const refused = this.refusedClass(host, address)
    if (refused === undefined) return
    const where = host === address ? address : `${host} is at ${address}, which`
    const word = refused === 'metadata' || refused === 'reserved' ? undefined : refused
    const own = isIP(address) === 6 ? `${address}/128` : `${address}/32`
    throw new GatewayError('egress_refused', {
      detail: `${where} is a ${refused} address; allow it with egress.networks: ["${word ?? own}"]`,
    })
  }

  private refusedClass(host: string, address: string): AddressClass | undefined {
    // Somebody who writes an address means that address.
    if (host === address && this.literal.has(address)) return undefined
    return formsOf(address)
      .map((form) => [form, classOf(form)] as const)
      .find(([form, kind]) => {
        if (kind === 'public') return false
        if (isIn(this.single, form) || isIn(this.single, address)) return false
        if (kind === 'metadata') return true
        if (kind === 'loopback' && isLocalhost(host) && this.named.has(host)) return false
        return !this.words.has(kind) && !isIn(this.networks, form)
      })?.[1]
  }

  /** Addresses that may be dialled, at least one, of a host that may be reached. */
  private async allowed(host: string): Promise<readonly Resolved[]> {
    const canonical = this.checkHost(host)
    const literal = isIP(canonical)
    if (literal !== 0) return [{ address: canonical, family: literal === 6 ? 6 : 4 }]
    const answers = (await this.answers(canonical)).slice(0, answersMax)
    let refusal: unknown
    const allowed: Resolved[] = []
    for (const answer of answers) {
      const address = canonicalAddress(answer.address)
      if (address === undefined) continue
      try {
        this.checkAddress(canonical, address)
        allowed.push({ address, family: isIP(address) === 6 ? 6 : 4 })
      } catch (fault) {
        refusal ??= fault
      }
    }
    if (allowed.length > 0) return allowed
    throw refusal ?? notFound(canonical)
  }

  pool(origin: URL, { connections, tls }: Parameters<Egress['pool']>[1]): Dispatcher {
    this.check(origin)
    const proxy = this.proxy(origin)
    const options = { connections, pipelining: 1, keepAliveTimeout: keepAliveMs }
    // A literal address was checked just now and is never looked up; a name is looked up once a connection.
    const direct = buildConnector({ ...tls, timeout: connectTimeoutMs, lookup: this.lookup })
    if (proxy === undefined)
      return new Pool(origin.origin, { ...options, connect: ownedConnector(direct) })
    const through = ownedConnector((target, callback) => {
      this.throughProxy(proxy, origin).then(
        (socket) => {
          if (origin.protocol === 'https:') direct({ ...target, httpSocket: socket }, callback)
          else callback(null, socket)
        },
        (fault: unknown) => callback(errorOf(fault), null),
      )
    })
    if (origin.protocol === 'https:')
      return new Pool(origin.origin, { ...options, connect: through })
    return new Pool(proxy.origin, { ...options, connect: through }).compose(
      forwarding(origin, proxy),
    )
  }

  /** A socket to the proxy for what it may be asked for; for https one that leads on to the target. */
  private async throughProxy(proxy: HttpProxy, url: URL): Promise<Socket> {
    const host = this.checkHost(url.hostname)
    try {
      await this.allowed(host)
    } catch (fault) {
      if (fault instanceof GatewayError) throw fault
      // The proxy will resolve what has no address here, and nobody can judge where that leads.
      if (!this.written.has(host))
        throw new GatewayError('egress_refused', {
          detail: `${host} has no address here that could be judged; allow the proxy to resolve it with egress.hosts: ["${host}"]`,
          cause: fault,
        })
    }
    // The operator named the proxy, so that its address is not judged.
    const connector = buildConnector({ timeout: connectTimeoutMs, allowH2: false })
    return url.protocol === 'https:'
      ? openTunnel(proxy, url, { connector, timeoutMs: connectTimeoutMs })
      : dialProxy(proxy, connector)
  }

  async reach(url: URL, timeoutMs: number): Promise<void> {
    this.check(url)
    const proxy = this.proxy(url)
    const isTls = url.protocol === 'https:' || url.protocol === 'wss:'
    const port = url.port === '' ? (isTls ? 443 : 80) : Number(url.port)
    const host = url.hostname.replace(/^\[|\]$/g, '')
    const socket = await (proxy === undefined
      ? this.connect({ host, port, tls: undefined, timeoutMs })
      : this.throughProxy(proxy, url))
    socket.destroy()
  }

  async resolve(host: string): Promise<Resolved> {
    const [first] = await this.allowed(host)
    if (first === undefined) throw notFound(host)
    return first
  }

  async connect({ host, port, tls, timeoutMs }: ConnectOptions): Promise<Socket> {
    const canonical = this.checkHost(host)
    const target = { host: canonical, port, lookup: this.lookup }
    const socket =
      tls === undefined
        ? connectPlain(target)
        : connectTls({
            ...target,
            ...tls,
            ...(isIP(tls.servername) === 0 ? {} : { servername: '' }),
          })
    // Whoever gets the socket listens a turn later; until then an error must not end the process.
    socket.on('error', () => undefined)
    const { promise, resolve, reject } = Promise.withResolvers<Socket>()
    const timer = setTimeout(
      () => socket.destroy(Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' })),
      timeoutMs,
    )
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => resolve(socket))
    socket.once('error', reject)
    try {
      return await promise
    } catch (fault) {
      socket.destroy()
      if (fault instanceof GatewayError) throw fault
      const code = fault instanceof Error && 'code' in fault ? String(fault.code) : 'failed'
      throw new GatewayError('server_unavailable', {
        detail: `connection to ${canonical}:${port}: ${code}`,
        cause: fault,
      })
    } finally {
      clearTimeout(timer)
      socket.off('error', reject)
    }
  }
}

/**
 * Calls come and go on a pooled connection, so what is thrown in its events belongs to none of those that opened it:
 * it ends the connection, and with it the one call that is on it.
 */
function ownedConnector(connector: buildConnector.connector): buildConnector.connector {
  return (target, callback) => {
    let socket: unknown
    const owner: Owner = {
      what: `a connection to ${target.hostname}`,
      fail: (thrown) => {
        const fault = errorOf(thrown)
        if (socket instanceof Socket) socket.destroy(fault)
      },
    }
    return owned(owner, () => {
      socket = connector(target, (...made) => {
        socket = made[1]
        callback(...made)
      })
      return socket
    })
  }
}

function notFound(host: string): Error {
  return Object.assign(new Error(`${host} has no address`), { code: 'ENOTFOUND' })
}

/** Connections on behalf of one server, bound by what its operator allows. */
export function createEgress(policy: EgressPolicy): Egress {
  return new Guard(policy)
}
