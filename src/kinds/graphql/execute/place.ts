/** Where a GraphQL service is, what it is shown, and how its requests look (GraphQL over HTTP, section 5). */

import type { PoolOptions } from '../../../egress/egress.ts'
import { headersOf } from '../../../model/credential.ts'
import type { GraphqlSpec } from '../../../model/kinds/graphql.ts'
import { GatewayError } from '../../../model/refusal.ts'
import { Secrets, secretsOfHeaders } from '../../../upstream/secrets.ts'
import type { ExecutorOptions } from '../../api/executor.ts'
import { OAuthTokens } from '../../api/oauth-tokens.ts'

/** Of one answer, unpacked; of all messages of a subscription together. */
export const answerBytesMax = 16_000_000
/** Of a schema by introspection, which says everything twice as long as SDL. */
export const schemaBytesMax = 40_000_000

/** Both media types of GraphQL over HTTP section 6.2: servers of today and of before. */
export const requestHeaders: Readonly<Record<string, string>> = {
  accept: 'application/graphql-response+json, application/json;q=0.9',
  'content-type': 'application/json',
}

/** What goes with one request to show who calls. */
export interface Shown {
  readonly headers: Readonly<Record<string, string>>
  /** An access token that was fetched; one that is refused may be replaced once. */
  readonly token: string | undefined
}

export class Place {
  private readonly options: ExecutorOptions<GraphqlSpec>
  private readonly tokens: OAuthTokens
  private readonly secrets: Secrets

  constructor(options: ExecutorOptions<GraphqlSpec>) {
    const { egress, now, credential } = options
    this.options = options
    this.tokens = new OAuthTokens({ egress, now })
    this.secrets = new Secrets(credential)
  }

  /** The URL with a credential that travels in its query. */
  url(text: string): URL {
    const { credential } = this.options
    const url = new URL(text)
    if (credential !== undefined && 'query' in credential)
      url.searchParams.append(credential.query.name, credential.query.value)
    return url
  }

  /** Headers of requests that belong to no call, e.g. an introspection; lower-case names. */
  get ownHeaders(): Readonly<Record<string, string>> {
    const { spec, credential } = this.options
    const configured = Object.entries(spec.headers).map(([name, value]) => [
      name.toLowerCase(),
      value,
    ])
    return {
      ...Object.fromEntries(configured),
      ...(credential === undefined ? {} : headersOf(credential)),
    }
  }

  /**
   * `given` are the headers that came with the call; `refused` is a token that the service did not take.
   * @throws GatewayError server_refused_us, server_unavailable, egress_refused, not_yet
   */
  async show(given: Readonly<Record<string, string>>, refused?: string): Promise<Shown> {
    const { credential } = this.options
    if (credential !== undefined && 'schemes' in credential)
      throw new GatewayError('not_yet', {
        detail: 'a GraphQL schema names no security schemes; give one credential',
      })
    if (credential === undefined || !('oauth' in credential))
      return { headers: given, token: undefined }
    const { clientId, clientSecret, tokenUrl, scopes = [] } = credential.oauth
    if (tokenUrl === undefined)
      throw new GatewayError('server_refused_us', { detail: 'set credential.oauth.tokenUrl' })
    const token = await this.tokens.get({ tokenUrl, clientId, clientSecret, scopes }, refused)
    return { headers: { ...given, authorization: `Bearer ${token}` }, token }
  }

  /** A service that names the token that it refuses would hand it to a model. */
  clean(bytes: Buffer, headers: Readonly<Record<string, string>>): Buffer {
    return this.secrets.clean(bytes, secretsOfHeaders(headers))
  }

  get tls(): PoolOptions['tls'] {
    const tls = this.options.credential?.tls
    if (tls === undefined) return undefined
    const { ca, cert, key } = tls
    return {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    }
  }
}

/** The body of a request: what the caller gave is spliced in as it is. */
export function requestBody(
  document: string,
  operationName: string | undefined,
  variables: string,
): string {
  const name =
    operationName === undefined ? '' : `,"operationName":${JSON.stringify(operationName)}`
  return `{"query":${JSON.stringify(document)}${name},"variables":${variables}}`
}
