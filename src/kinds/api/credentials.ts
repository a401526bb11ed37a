/** Where the credential of a server goes in a request, by the security schemes of the operation. */
import { type Credential, headersOf, type SchemeCredential } from '../../model/credential.ts'
import type { RestCommon, RestPlan } from '../../model/kinds/openapi.ts'
import { GatewayError } from '../../model/refusal.ts'
import { type AwsKey, awsAddress } from './aws-signature.ts'
import { escapeAll, type Pair } from './escape.ts'
import type { ClientCredentials, OAuthTokens } from './oauth-tokens.ts'

/** What goes with one request. The caller's own token is never among it. */
export interface Placed {
  readonly headers: Readonly<Record<string, string>>
  readonly query: readonly Pair[]
  readonly cookies: readonly Pair[]
  /** Secrets that only this request knows. */
  readonly secrets: readonly string[]
  readonly presented: boolean
  /** The token of the client credentials grant, when one went along. */
  readonly token: string | undefined
  /** Whatever is sent is signed with it. */
  readonly aws: AwsKey | undefined
}

type Way = Credential | SchemeCredential
/** What of an operation says how it is shown who calls; kinds that are not REST have the same. */
type Operation = {
  readonly plan: Pick<RestPlan, 'security' | 'baseUrl'>
  readonly common: RestCommon
}

const nothing: Placed = {
  headers: {},
  query: [],
  cookies: [],
  secrets: [],
  presented: false,
  token: undefined,
  aws: undefined,
}

export class RestCredentials {
  private readonly credential: Credential | undefined
  private readonly tokens: OAuthTokens

  constructor(credential: Credential | undefined, tokens: OAuthTokens) {
    this.credential = credential
    this.tokens = tokens
  }

  /**
   * `refused` is a token that the API did not take: another one is fetched.
   * @throws GatewayError server_refused_us, server_unavailable, egress_refused
   */
  async place(operation: Operation, refused?: string): Promise<Placed> {
    const { credential } = this
    if (credential === undefined) return nothing
    if (!('schemes' in credential)) {
      // Those that are nothing but headers come with every call already.
      return headersOf(credential) !== undefined
        ? { ...nothing, presented: true }
        : this.one(credential, operation, refused)
    }
    const { schemes } = credential
    const chosen = alternativeOf(operation, schemes, credential.tls !== undefined)
    const placed = await Promise.all(
      chosen.flatMap((name) => {
        const way = schemes[name]
        return way === undefined ? [] : [this.one(way, operation, refused, name)]
      }),
    )
    return placed.reduce(merge, nothing)
  }

  private async one(
    way: Way,
    operation: Operation,
    refused: string | undefined,
    scheme?: string,
  ): Promise<Placed> {
    const base = { ...nothing, presented: true }
    if ('query' in way)
      return { ...base, query: [[escapeAll(way.query.name), escapeAll(way.query.value)]] }
    if ('cookie' in way) return { ...base, cookies: [[way.cookie.name, way.cookie.value]] }
    if ('oauth' in way) {
      const token = await this.tokens.get(clientOf(way, operation, scheme), refused)
      return { ...base, headers: { authorization: `Bearer ${token}` }, secrets: [token], token }
    }
    if ('awsSigV4' in way) return { ...base, aws: awsKeyOf(way, operation) }
    return { ...base, headers: headersOf(way) ?? {} }
  }
}

/** The first alternative that there are credentials for; one that needs none comes last. */
function alternativeOf(
  { plan, common }: Operation,
  schemes: Readonly<Record<string, unknown>>,
  certificate: boolean,
): readonly string[] {
  const have = (name: string): boolean =>
    Object.hasOwn(schemes, name) || (certificate && common.security[name]?.kind === 'mutualTls')
  const full = plan.security.filter((all) => all.length > 0 && all.every(have))
  return full[0] ?? []
}

/** What the configuration does not say the description says, or the address. */
function awsKeyOf(
  { awsSigV4 }: Extract<SchemeCredential, { awsSigV4: unknown }>,
  { plan, common }: Operation,
): AwsKey {
  const { accessKeyId, secretAccessKey, sessionToken } = awsSigV4
  const described = Object.values(common.security).find((scheme) => scheme.kind === 'awsSigV4')
  const address = awsAddress(URL.parse(plan.baseUrl)?.hostname ?? '')
  const region = awsSigV4.region ?? address.region
  const service = awsSigV4.service ?? described?.service ?? address.service
  if (region === undefined || service === undefined)
    throw new GatewayError('server_refused_us', {
      detail: `the address does not say which ${region === undefined ? 'region' : 'service'} it is; set credential.awsSigV4.${region === undefined ? 'region' : 'service'}`,
    })
  return { accessKeyId, secretAccessKey, sessionToken, region, service }
}

function clientOf(
  way: Extract<SchemeCredential, { oauth: unknown }>,
  { plan, common }: Operation,
  scheme: string | undefined,
): ClientCredentials {
  const names =
    scheme === undefined ? [...plan.security.flat(), ...Object.keys(common.security)] : [scheme]
  const described = names
    .map((name) => common.security[name])
    .find((one) => one?.kind === 'clientCredentials')
  const grant = described?.kind === 'clientCredentials' ? described : undefined
  const tokenUrl = way.oauth.tokenUrl ?? grant?.tokenUrl
  if (tokenUrl === undefined)
    throw new GatewayError('server_refused_us', {
      detail: 'the description names no token URL; set credential.oauth.tokenUrl',
    })
  // A description is a stranger's: it must not make the secret travel in the open.
  if (
    way.oauth.tokenUrl === undefined &&
    tokenUrl.startsWith('http:') &&
    plan.baseUrl.startsWith('https:')
  )
    throw new GatewayError('server_refused_us', {
      detail: 'the token URL of the description is not https; set credential.oauth.tokenUrl',
    })
  const { clientId, clientSecret } = way.oauth
  return { tokenUrl, clientId, clientSecret, scopes: way.oauth.scopes ?? grant?.scopes ?? [] }
}

function merge(a: Placed, b: Placed): Placed {
  return {
    headers: { ...a.headers, ...b.headers },
    query: [...a.query, ...b.query],
    cookies: [...a.cookies, ...b.cookies],
    secrets: [...a.secrets, ...b.secrets],
    presented: a.presented || b.presented,
    token: b.token ?? a.token,
    aws: b.aws ?? a.aws,
  }
}
