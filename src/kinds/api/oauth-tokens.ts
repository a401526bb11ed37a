/** Access tokens by the client credentials grant (RFC 6749 section 4.4): fetched once for all, kept until they expire. */

import type { Egress } from '../../egress/egress.ts'
import { Lru } from '../../kit/lru.ts'
import { GatewayError } from '../../model/refusal.ts'
import { type HttpAnswer, HttpFault, httpExchange } from './http-exchange.ts'

export interface ClientCredentials {
  readonly tokenUrl: string
  readonly clientId: string
  readonly clientSecret: string
  readonly scopes: readonly string[]
}

export interface OAuthTokensOptions {
  readonly egress: Egress
  readonly now: () => number
}

interface Token {
  readonly value: string
  readonly until: number
}

const fetchTimeoutMs = 15_000
const answerBytesMax = 65_536
const tokensMax = 64
/** A token that is about to expire is not used any more: the API's clock may be ahead. */
const skewMs = 30_000
/** RFC 6749 section 5.1 only recommends `expires_in`. */
const unknownLifeMs = 300_000

export class OAuthTokens {
  private readonly options: OAuthTokensOptions
  private readonly tokens = new Lru<string, Token>({ countMax: tokensMax })
  private readonly fetching = new Map<string, Promise<Token>>()
  /** Token endpoints that take the secret only in the body (RFC 6749 section 2.3.1). */
  private readonly inBody = new Set<string>()

  constructor(options: OAuthTokensOptions) {
    this.options = options
  }

  /**
   * A token that is valid for a while. One that `refused` names is not handed out again.
   * @throws GatewayError server_refused_us, server_unavailable, egress_refused
   */
  async get(client: ClientCredentials, refused?: string): Promise<string> {
    const key = JSON.stringify([client.tokenUrl, client.clientId, client.scopes])
    const kept = this.tokens.get(key)
    if (kept !== undefined && kept.value !== refused && kept.until > this.options.now())
      return kept.value
    let fetching = this.fetching.get(key)
    if (fetching === undefined) {
      fetching = this.fetch(client)
        .then((token) => {
          this.tokens.set(key, token)
          return token
        })
        .finally(() => this.fetching.delete(key))
      this.fetching.set(key, fetching)
    }
    return (await fetching).value
  }

  private async fetch(client: ClientCredentials): Promise<Token> {
    const url = URL.parse(client.tokenUrl)
    if (url === null) throw new GatewayError('server_refused_us', { detail: 'no valid token URL' })
    const pool = this.options.egress.pool(url, { connections: 1 })
    try {
      const first = await this.ask(pool, url, client)
      if (first.status < 400 || this.inBody.has(client.tokenUrl)) return this.read(first)
      // RFC 6749 section 2.3.1: basic is what every server must take; some take only the other way.
      this.inBody.add(client.tokenUrl)
      const second = await this.ask(pool, url, client)
      if (second.status >= 400) this.inBody.delete(client.tokenUrl)
      return this.read(second.status >= 400 ? first : second)
    } catch (fault) {
      if (!(fault instanceof HttpFault)) throw fault
      throw fault.error.code === 'cancelled'
        ? new GatewayError('server_unavailable', { detail: 'the token endpoint did not answer' })
        : fault.error
    } finally {
      void pool.destroy()
    }
  }

  private ask(
    pool: Parameters<typeof httpExchange>[0],
    url: URL,
    client: ClientCredentials,
  ): Promise<HttpAnswer> {
    const form = new URLSearchParams({ grant_type: 'client_credentials' })
    if (client.scopes.length > 0) form.set('scope', client.scopes.join(' '))
    const headers: Record<string, string> = {
      'content-type': 'application/x-www-form-urlencoded',
      accept: 'application/json',
    }
    if (this.inBody.has(client.tokenUrl)) {
      form.set('client_id', client.clientId)
      form.set('client_secret', client.clientSecret)
    } else {
      const pair = `${formEncode(client.clientId)}:${formEncode(client.clientSecret)}`
      headers['authorization'] = `Basic ${Buffer.from(pair).toString('base64')}`
    }
    return httpExchange(
      pool,
      { method: 'POST', path: url.pathname + url.search, headers, body: form.toString() },
      { signal: AbortSignal.timeout(fetchTimeoutMs), bytesMax: answerBytesMax },
    )
  }

  /** RFC 6749 sections 5.1 and 5.2. Nothing of the answer but its error code is told. */
  private read({ status, body }: HttpAnswer): Token {
    const answer = parsed(body)
    const { access_token: value, expires_in: seconds, token_type: type, error } = answer
    const isBearer = typeof type !== 'string' || type.toLowerCase() === 'bearer'
    if (status >= 400 || typeof value !== 'string' || !/^[\x21-\x7e]+$/.test(value) || !isBearer)
      throw new GatewayError(status >= 500 ? 'server_unavailable' : 'server_refused_us', {
        detail: `the token endpoint answered ${status}${typeof error === 'string' ? ` ${error.slice(0, 60)}` : ''}`,
      })
    const life = Number(seconds) > 0 ? Number(seconds) * 1000 : unknownLifeMs
    return { value, until: this.options.now() + life - Math.min(skewMs, life / 2) }
  }
}

function parsed(body: Buffer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body.toString())
    return typeof value === 'object' && value !== null
      ? Object.fromEntries(Object.entries(value))
      : {}
  } catch {
    return {}
  }
}

function formEncode(text: string): string {
  return new URLSearchParams({ a: text }).toString().slice(2)
}
